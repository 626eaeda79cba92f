"""Building blocks of programs: flags by topic, presets and hyperparameters, release folders;
nothing below imports it.
"""
