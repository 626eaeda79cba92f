"""Files of sentence pairs: two sentences a line, and whether they are similar, parted by tabs."""

from typing import List, NamedTuple

from common.errors import UserError
from data.text import privacy

# Labels of pairs, those of a next sentence: 0 for what belongs together. NOT_SAID: no third column.
SIMILAR, OTHER, NOT_SAID = 0, 1, -1
# The third column, as the files of LCQMC, BQ and AFQMC have it.
_LABELS = {"1": SIMILAR, "0": OTHER}
_FORM = "two sentences and, where it is known, 1 (similar) or 0 (not similar), parted by tabs"


class SentencePairs(NamedTuple):
    """The pairs of a text.

    Attributes:
      text: str, a sentence a line and a blank line between pairs.
      labels: list of SIMILAR, OTHER or NOT_SAID, one a pair.
    """

    text: str
    labels: List[int]


def read(text, line_name):
    """The pairs of a text.

        read("怎么开户\t如何开户\t1", str).text  # "怎么开户\n如何开户"

    Args:
      text: str; empty lines are skipped.
      line_name: function that names a line, counted from 1, for messages.

    Raises:
      UserError: a line is no pair.
    """
    pairs, labels = [], []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        columns = [column.strip() for column in line.split("\t")]
        fault = _fault(columns)
        if fault:
            raise UserError(
                "{} {}; --input_format=pairs is {}".format(line_name(number), fault, _FORM)
            )
        pairs.append("\n".join(columns[:2]))
        labels.append(_LABELS[columns[2]] if len(columns) == 3 else NOT_SAID)
    return SentencePairs("\n\n".join(pairs), labels)


def _fault(columns):
    """What is wrong with the columns of a line; "" for a pair."""
    if len(columns) not in (2, 3):
        return "has {} column{}".format(len(columns), "s"[: len(columns) != 1])
    if not columns[0] or not columns[1]:
        return "has an empty sentence"
    if len(columns) == 3 and columns[2] not in _LABELS:
        return "has {} as its label (remove a line of headings)".format(
            privacy.shown(columns[2], 40)
        )
    return ""
