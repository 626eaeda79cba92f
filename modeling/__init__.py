"""Networks, losses and checkpoints: configs, layers, heads, objectives; reads no files but configs,
weights and checkpoints.
"""
