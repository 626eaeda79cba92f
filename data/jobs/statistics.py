"""Counts of what was read and written: one dict per unit, added up for shards and the manifest.

Numbers, dicts of numbers and of texts, of which the first is kept, and lists of texts, of which a
few are kept.
"""

from common.validation import is_count, is_text
from data.text.fingerprints import sample
from data.text.words import EXAMPLES

# A long corpus has no end of rare unknown words and of changes of rare words; the frequent ones are
# what matters. Only these counts have no end.
_MOST_ENDLESS = 20000
_ENDLESS = ("unknown", "changes")
# Texts by name, the first of each: of this many names.
_TEXTS, _MOST_TEXTS = "change_examples", 2000
_SAMPLE = "sampled_documents"


def are_statistics(value, empty):
    """Whether a value from a file has the entries of `empty`, with counts of their kinds."""
    return (
        isinstance(value, dict)
        and value.keys() == empty.keys()
        and all(_is_like(name, value[name], empty[name]) for name in empty)
    )


def _is_like(name, value, empty):
    if isinstance(empty, dict):
        is_entry = is_text if name == _TEXTS else is_count
        return isinstance(value, dict) and all(map(is_entry, value.values()))
    if isinstance(empty, list):
        return isinstance(value, list) and all(map(is_text, value))
    return is_count(value)


def add_statistics(total, more):
    """Adds the statistics `more`, or some of their entries, to `total`."""
    for name, value in more.items():
        if name == _TEXTS:
            texts = total[name]
            for key, text in value.items():
                if len(texts) < _MOST_TEXTS:
                    texts.setdefault(key, text)
        elif isinstance(value, dict):
            counter = total[name]
            for key, count in value.items():
                counter[key] = counter.get(key, 0) + count
            if len(counter) > _MOST_ENDLESS and name.startswith(_ENDLESS):
                total[name] = dict(top_counts(counter, _MOST_ENDLESS // 2))
            elif name == _SAMPLE:
                total[name] = sample(counter)
        elif isinstance(value, list):
            total[name] = (total[name] + value)[:EXAMPLES]
        else:
            total[name] += value


def top_counts(counts, most):
    """The largest entries of a dict of counts; equal ones in the order of their names."""
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:most]
