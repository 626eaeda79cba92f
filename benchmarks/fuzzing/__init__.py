"""Surfaces that read bytes from outside, and damage done to what they read."""
