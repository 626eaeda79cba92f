"""Schedules, optimizers, gradients and updates; knows no model, no data and no flags."""
