"""What only programs use: flags by topic, presets and hyperparameters, release folders; nothing
below imports it.
"""
