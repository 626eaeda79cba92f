"""Teachers of a training: where their outputs come from, and what must fit."""
