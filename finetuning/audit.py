"""What is worth knowing of the data before a model is trained on it."""

import collections

from errors import quoted
from finetuning.examples import counted

# A label in one example only is a surprise where there are so many examples for each.
_EXAMPLES_PER_LABEL = 5


# What stands where a character was lost before.
_LOST_CHARACTER = "\ufffd"


def describe(splits, features, labels, max_seq_length):
    """Lines for the log.

    Args:
      splits: dict split -> Examples.
      features: dict split -> FeatureFile.
      labels: list of str.
      max_seq_length: length of rows.

    Returns:
      List of (is_warning, text).
    """
    lines = [(False, line) for line in table(splits.values())]
    for split, examples in splits.items():
        lines.append((False, _size(split, examples, features[split], max_seq_length)))
        if examples.skipped:
            text = "{}: {} passed over; they count in no score and no prediction"
            lines.append((True, text.format(split, counted(examples.skipped))))
        if examples.noted:
            lines.append((False, "{}: {} left as they are".format(split, counted(examples.noted))))
        lines += _texts(split, examples)
        classes = collections.Counter(e.label for e in examples if e.label is not None)
        if classes:
            lines.append((False, "{}: {}".format(split, _classes(classes, labels))))
            lines += _header(examples, classes)
    lines += [line for line in (_overlap(splits, other) for other in ("dev", "test")) if line]
    return lines


def table(files):
    """Lines of a table: examples of each file, what was mended and what left out.

    Args:
      files: iterable of Examples.
    """
    rows = [("file", "examples", "mended", "skipped")]
    for found in files:
        sums = counted(found.mended), counted(found.skipped)
        rows.append((found.path or "-", "{:,}".format(len(found)), *sums))
    widths = [max(map(len, column)) for column in zip(*rows)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows
    ]


def _texts(split, examples):
    """Warnings of texts that are empty or damaged."""
    texts = [(e.text_a, e.text_b or "") for e in examples]
    empty = sum(not e.text_a or e.text_b == "" for e in examples)
    damaged = sum(any(_LOST_CHARACTER in text for text in pair) for pair in texts)
    lines = []
    if empty:
        lines.append((True, "{}: {:,} examples have an empty text".format(split, empty)))
    if damaged:
        text = "{}: {:,} examples hold U+FFFD, which stands for characters that were lost"
        lines.append((True, text.format(split, damaged)))
    return lines


def _size(split, examples, found, max_seq_length):
    return "{}: {:,} examples, {} ({:.1%}) cut at --max_seq_length={}".format(
        split, len(examples), found.truncated, found.truncated / len(examples), max_seq_length
    )


def _classes(classes, labels, limit=20):
    total = sum(classes.values())
    parts = ["{} {:,} ({:.1%})".format(k, classes[k], classes[k] / total) for k in labels[:limit]]
    if len(labels) > limit:
        parts.append("{} more labels".format(len(labels) - limit))
    never = sum(1 for label in labels if not classes[label])
    if never:
        parts.append("{} of {} labels do not occur".format(never, len(labels)))
    return ", ".join(parts)


def _header(examples, classes):
    """A warning where the first line of a file may name the columns in words that are not known."""
    first = examples[0]
    is_rare = classes.get(first.label) == 1
    if not is_rare or len(classes) < 3 or len(examples) < _EXAMPLES_PER_LABEL * len(classes):
        return []
    text = "{}: label {} (column {}) is in no other line; if this line names the columns, write {}"
    names = "label, text_a" if first.text_b is None else "label, text_a, text_b"
    shown = quoted(first.label, 40)
    return [(True, text.format(first.where, shown, examples.label_column, names))]


def _overlap(splits, other):
    """A warning where texts of the training examples come up in `other`, which flatters it."""
    if "train" not in splits or other not in splits:
        return None
    trained = {(e.text_a, e.text_b) for e in splits["train"]}
    shared = sum((e.text_a, e.text_b) in trained for e in splits[other])
    if not shared:
        return None
    return (
        True,
        "{:,} of {:,} {} examples are also in train; their score is too good by that".format(
            shared, len(splits[other]), other
        ),
    )
