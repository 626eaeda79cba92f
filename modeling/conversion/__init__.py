"""Conversion between Hugging Face directories and TensorFlow checkpoints: names, weights, configs
and comparison of both; no tokenizers, no flags.
"""
