"""Checkpoints of a run: saving, recovery, the best one, the lock of output_dir, initial weights;
not the format of a checkpoint, which is modeling/checkpoint.py.
"""
