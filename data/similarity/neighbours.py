"""The nearest words of each word by the cosine of their vectors, exact, in blocks."""

import numpy as np

# Similarities at a time, 4 bytes each: 64 MB.
_BLOCK_VALUES = 1 << 24
DIGITS = 3  # of a similarity; what is nearer is a tie, so that rounding decides nothing
MOST = 1000  # neighbours of a word


def find(vectors, groups, top_k, min_similarity, progress):
    """The nearest words of each word.

    Args:
      vectors: float32 [words, values], of the length 1.
      groups: int64 [words], -1 or more; only words of one group are neighbours, those of -1 have
        none.
      top_k: most neighbours of a word, from 1 to MOST.
      min_similarity: least cosine, from -1 to 1.
      progress: called with the number of words done.

    Returns:
      (near int32 [words, top_k], similarities float32 [words, top_k] rounded to DIGITS), the
      nearest first, of equal ones the earlier word; near is -1 where there are less.
    """
    near = np.full((len(vectors), top_k), -1, np.int32)
    similarities = np.zeros((len(vectors), top_k), np.float32)
    order = np.argsort(groups, kind="stable")
    borders = np.flatnonzero(np.diff(groups[order], prepend=-1, append=np.iinfo(np.int64).max))
    progress(int(borders[0]))  # those of -1
    for first, end in zip(borders, borders[1:]):
        members = order[first:end]
        of_group = vectors[members]
        rows = max(1, _BLOCK_VALUES // len(members))
        for at in range(0, len(members), rows):
            cosines = of_group[at : at + rows] @ of_group.T
            for row, values in enumerate(cosines, at):
                chosen, rounded = _nearest(values, row, top_k, min_similarity)
                near[members[row], : len(chosen)] = members[chosen]
                similarities[members[row], : len(chosen)] = rounded
            progress(len(cosines))
    return near, similarities


def _nearest(values, own, top_k, least):
    """(places of the largest values, the values rounded), that of the word itself left out."""
    step = 10.0**-DIGITS
    places = np.flatnonzero(values >= least - step)
    places = places[places != own]
    rounded = np.clip(np.round(values[places].astype(np.float64), DIGITS), -1.0, 1.0)
    fits = rounded >= least
    places, rounded = places[fits], rounded[fits]
    if len(places) > top_k:
        fits = rounded >= np.partition(rounded, -top_k)[-top_k]
        places, rounded = places[fits], rounded[fits]
    order = np.lexsort((places, -rounded))[:top_k]
    return places[order], rounded[order]
