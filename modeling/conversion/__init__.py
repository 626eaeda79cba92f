"""Hugging Face directories and TensorFlow checkpoints, one into the other."""
