"""The project's version, which setup.py repeats."""

VERSION = "0.1.0"
