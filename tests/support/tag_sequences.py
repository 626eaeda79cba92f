"""Strategies for tag sequences of named entities, well-formed or not, for tests."""

from hypothesis import strategies as st


def any_tags(prefixes, types, max_size):
    """Lists of up to `max_size` tags: O, or one of the letters `prefixes` with one of `types`."""
    tags = ["O", *("{}-{}".format(prefix, kind) for prefix in prefixes for kind in types)]
    return st.lists(st.sampled_from(tags), max_size=max_size)


def scored_sentences(tags):
    """Pairs (expected, predicted) of lists of tag lists; both tag lists of a sentence are equally
    long.

    Args:
      tags: strategy for the tags of a sentence.
    """
    pairs = st.lists(st.tuples(tags, tags), min_size=1, max_size=6)
    return pairs.map(lambda pairs: tuple(map(list, zip(*(_padded(*pair) for pair in pairs)))))


def _padded(expected, predicted):
    length = max(len(expected), len(predicted))
    return tuple(tags + ["O"] * (length - len(tags)) for tags in (expected, predicted))
