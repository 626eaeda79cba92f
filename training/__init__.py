"""Runs on TPUEstimator: what a run consists of, model functions, hooks and evaluations; no flags,
no tasks.
"""
