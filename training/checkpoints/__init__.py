"""Checkpoints of a run: saving, recovery, the best one, the lock of output_dir, initial weights."""
