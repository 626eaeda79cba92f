"""Documents held out for evaluation.

Which they are follows from their own text alone: neither other documents, nor the order of files,
nor the number of workers, nor the tokenizer change it, and of equal documents (but for blanks) all
or none are.
"""

import dataclasses

import numpy as np

from data.text.fingerprints import fingerprint, solid

# The two sides of a corpus, as the manifest has them.
HELD_OUT, REST = "held out", "rest"
_BITS = 64  # of a fingerprint
_BETWEEN = "\n\n"  # documents


@dataclasses.dataclass(frozen=True)
class Side:
    """One side of a corpus that is divided by documents.

    Attributes:
      fraction: share of the documents that is held out.
      held_out: whether this is their side, or that of the rest.
    """

    fraction: float
    held_out: bool

    @property
    def name(self):
        return HELD_OUT if self.held_out else REST

    def has(self, text):
        """Whether a document is on this side.

        Args:
          text: str, of a document.
        """
        number = fingerprint(solid(text))
        return (number < self.fraction * 2**_BITS) == self.held_out


def choose(side, text, starts, ends, borders):
    """The documents of a text that are on a side.

    Args:
      side: Side, or None: all.
      text: str.
      starts, ends: int64 [sentences], character offsets.
      borders: int64 [documents + 1], see documents.Documents.

    Returns:
      bool [documents].
    """
    if side is None:
        return np.ones(len(borders) - 1, dtype=bool)
    spans = zip(starts[borders[:-1]].tolist(), ends[borders[1:] - 1].tolist())
    return np.array([side.has(text[start:end]) for start, end in spans], dtype=bool)


def only(chosen, text, starts, ends, borders):
    """A text with nothing but the chosen documents: text, starts, ends and borders.

    Args:
      chosen: bool [documents].
      text, starts, ends, borders: see `choose`.
    """
    kept, new_starts, new_ends, new_borders, length = [], [], [], [0], 0
    for document in np.flatnonzero(chosen).tolist():
        first, last = borders[document], borders[document + 1]
        begin, end = int(starts[first]), int(ends[last - 1])
        new_starts.append(starts[first:last] - begin + length)
        new_ends.append(ends[first:last] - begin + length)
        new_borders.append(new_borders[-1] + int(last - first))
        kept.append(text[begin:end])
        length += end - begin + len(_BETWEEN)
    empty = [np.zeros(0, dtype=np.int64)]
    return (
        _BETWEEN.join(kept),
        np.concatenate(empty + new_starts),
        np.concatenate(empty + new_ends),
        np.array(new_borders, dtype=np.int64),
    )
