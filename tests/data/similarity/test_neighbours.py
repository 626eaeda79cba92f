"""Neighbours in blocks against every pair of words in plain Python."""

import math

import numpy as np
import pytest

from data.similarity import neighbours


def plain(vectors, groups, top_k, least):
    """[[(similarity, word)]] of every word, by the definition."""
    found = []
    for one, (vector, group) in enumerate(zip(vectors, groups)):
        pairs = []
        for other, (second, its_group) in enumerate(zip(vectors, groups)):
            norms = math.sqrt(sum(x * x for x in vector) * sum(x * x for x in second))
            cosine = round(sum(x * y for x, y in zip(vector, second)) / norms, 3)
            if other != one and group == its_group != -1 and cosine >= least:
                pairs.append((-cosine, other))
        found.append([(-cosine, other) for cosine, other in sorted(pairs)[:top_k]])
    return found


@pytest.mark.parametrize("top_k, least", [(3, 0.2), (50, -1), (1, 0.9), (2, 0.0)])
def test_the_nearest_in_every_group(monkeypatch, top_k, least):
    monkeypatch.setattr(neighbours, "_BLOCK_VALUES", 100)  # three rows at a time
    rng = np.random.default_rng(7)
    # Multiples of an eighth: many words are equally near.
    values = rng.integers(-4, 5, (60, 3)) / 8 + 0.01
    values[41] = values[40]
    groups = rng.integers(-1, 3, 60)
    unit = (values / np.linalg.norm(values, axis=1, keepdims=True)).astype(np.float32)
    done = []
    near, similarities = neighbours.find(unit, groups, top_k, least, done.append)
    made = [
        [(round(float(s), 3), n) for n, s in zip(*row) if n >= 0]
        for row in zip(near.tolist(), similarities.tolist())
    ]
    assert made == plain(values.tolist(), groups.tolist(), top_k, least)
    assert sum(done) == 60 and near.shape == similarities.shape == (60, top_k)


def test_no_group_at_all():
    done = []
    near, _ = neighbours.find(np.eye(3, dtype=np.float32), np.full(3, -1), 2, -1, done.append)
    assert (near == -1).all() and done == [3]
