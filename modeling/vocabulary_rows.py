"""Tables of a checkpoint that have a row for each token of the vocabulary."""

import re

import numpy as np

from modeling.checkpoint import WORD_TABLE

# google-research/bert, albert, electra: the embeddings (of a generator of its own, too) and the
# biases of masked-LM heads, whose other weights are the embeddings.
_TABLE = re.compile(r"(.*/)?({}|(generator_)?predictions/output_bias)".format(WORD_TABLE))


def is_table(name):
    """Whether a variable has a row for each token."""
    return bool(_TABLE.fullmatch(name))


def remake(table, copied, means):
    """The table of another vocabulary.

    Args:
      table: float32 [old size, ...].
      copied: int [size]: the old row that each row is.
      means: {row: old rows whose mean it is instead}.

    Returns:
      float32 [size, ...]; copied rows are those of before, bit for bit.
    """
    remade = table[np.asarray(copied, dtype=np.int64)]
    for row, of in means.items():
        remade[row] = table[list(of)].mean(axis=0, dtype=np.float64)
    return remade
