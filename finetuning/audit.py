"""What is worth knowing of the data before a model is trained on it."""

from finetuning.examples import counted


def describe(task, splits, features, max_seq_length):
    """Lines for the log.

    Args:
      task: task object, whose labels are known.
      splits: dict split -> Examples.
      features: dict split -> FeatureFile.
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
        lines += task.notes(split, examples)
    return lines + [line for other in ("dev", "test") for line in _overlap(task, splits, other)]


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


def _size(split, examples, found, max_seq_length):
    text = "{}: {:,} examples, {} ({:.1%}) cut at --max_seq_length={}".format(
        split, len(examples), found.truncated, found.truncated / len(examples), max_seq_length
    )
    if found.rows != len(examples):
        text += ", {:,} rows".format(found.rows)
    return text + (" (rows of {} are still good)".format(found.path) if found.is_kept else "")


def _overlap(task, splits, other):
    """A warning where texts of the training examples come up in `other`, which flatters it."""
    if "train" not in splits or other not in splits:
        return
    trained = {task.texts(example) for example in splits["train"]}
    shared = sum(task.texts(example) in trained for example in splits[other])
    if shared:
        text = "{:,} of {:,} {} examples are also in train; their score is too good by that"
        yield True, text.format(shared, len(splits[other]), other)
