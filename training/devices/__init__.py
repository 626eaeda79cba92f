"""Where a run computes: strategies, and how a Cloud TPU is found."""
