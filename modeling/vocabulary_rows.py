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


def extend(table, rows, size):
    """A table with new rows, each the mean of others.

    Args:
      table: float32 [old size, ...].
      rows: {new row: rows of the old table}; a row below the old size is overwritten.
      size: rows of the result.

    Returns:
      float32 [size, ...]; rows that are not new are those of before, bit for bit.

    Raises:
      ValueError: there are rows of neither.
    """
    if any(row not in rows for row in range(len(table), size)):
        raise ValueError("rows from {} to {} must be new".format(len(table), size - 1))
    extended = np.zeros((size, *table.shape[1:]), table.dtype)
    extended[: len(table)] = table
    for row, of in rows.items():
        extended[row] = table[list(of)].mean(axis=0, dtype=np.float64)
    return extended
