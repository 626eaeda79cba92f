"""Prediction tasks: lines of text to results by a trained network; no training, no flags."""
