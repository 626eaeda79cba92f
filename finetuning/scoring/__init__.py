"""Figures of predictions, reports of trials, and the files that scorers take."""
