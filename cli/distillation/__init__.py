"""The teacher of a training, on the command line."""
