"""Schedules, optimizers, gradients and updates; knows no model."""
