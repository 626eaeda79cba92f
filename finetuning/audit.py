"""A report on the data before a model is trained on it."""

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
        cells = features[split].rows * max_seq_length * task.texts_per_row
        padding = 1.0 - features[split].pieces / cells
        lines.append((False, _size(split, examples, features[split], max_seq_length, padding)))
        if examples.skipped:
            text = "{}: {} skipped; they count in no score and no prediction"
            lines.append((True, text.format(split, counted(examples.skipped))))
        if examples.noted:
            lines.append((False, "{}: {} kept as they are".format(split, counted(examples.noted))))
        lines += [*_unscored(task, split, examples), *task.notes(split, examples)]
    return lines + [line for other in ("dev", "test") for line in _overlap(task, splits, other)]


def table(files):
    """Lines of a table: examples of each file, corrections and skipped rows.

    Args:
      files: iterable of Examples.
    """
    rows = [("file", "examples", "mended", "skipped")]
    for examples in files:
        sums = counted(examples.mended), counted(examples.skipped)
        rows.append((examples.path or "-", "{:,}".format(len(examples)), *sums))
    widths = [max(map(len, column)) for column in zip(*rows)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows
    ]


def _size(split, examples, written, max_seq_length, padding):
    text = "{}: {:,} examples, {} ({:.1%}) cut at --max_seq_length={}".format(
        split, len(examples), written.truncated, written.truncated / len(examples), max_seq_length
    )
    if written.rows != len(examples):
        text += ", {:,} rows".format(written.rows)
    text += ", {:.1%} padding".format(padding)
    return text + (" (rows of {} are kept)".format(written.path) if written.is_kept else "")


def _unscored(task, split, examples):
    """Why a split has no figures, or figures without a meaning."""
    word = task.answer_name
    if examples.doubt and split == "dev":
        text = "dev: {}; if these are placeholders, the figures mean nothing"
        yield True, text.format(examples.doubt)
    elif examples.doubt:
        text = (
            "{}: {}; these are taken for placeholders: no score, no test_scores.txt. For figures "
            "give a test file with the right {}s, or these examples as dev file with --do_eval"
        )
        yield True, text.format(split, examples.doubt, word)
    else:
        without = [example for example in examples if not task.is_labelled(example)]
        if without:
            text = "{}: {:,} of {:,} examples have no {} (the first: {}): no score"
            shown = text.format(split, len(without), len(examples), word, without[0].where)
            yield len(without) < len(examples), shown


def _overlap(task, splits, other):
    """A warning where training examples occur in `other`, which raises its score."""
    if "train" not in splits or other not in splits:
        return
    trained = {task.texts(example) for example in splits["train"]}
    shared = sum(task.texts(example) in trained for example in splits[other])
    if shared:
        text = "{:,} of {:,} {} examples are also in train; their score is too good by that"
        yield True, text.format(shared, len(splits[other]), other)
