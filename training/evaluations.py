"""Figures of evaluations: the rows that they are of, and two of them side by side.

Losses of different rows say nothing about the models, so only those of the same ones are compared.
"""

import hashlib
import json
import os

from common import files
from common.errors import UserError, some
from training.checkpoints.best import RESULTS_FILE, TEXTS, read_results

STEP, LOSS = "global_step", "loss"
# About the rows of an evaluation, beside its figures; TEXTS has those that are no numbers.
ROWS, FILES = "rows", "files"
ALL_READ, RECORDS, ROWS_ID = TEXTS
_NO_FIGURES = {STEP, ROWS, FILES, *TEXTS}
_ID_DIGITS = 16
_LARGE, _HUGE = 100, 1000000


def rows_read(config, drawing, count, is_all):
    """The rows of an evaluation, for its results.

    Args:
      config: RunConfig.
      drawing: Drawing of masks, or None where the records hold them.
      count: rows that were read.
      is_all: whether these are all rows of config.eval_files.

    Returns:
      dict name -> number or text. rows_id is equal for the same rows with the same masks alone.
    """
    records = (config.records or {}).get("eval")
    masks = None
    if drawing:  # a function of the seed and the batch's number
        masks = [drawing.corruption.to_manifest(), config.seed, config.eval_batch_size]
    content = json.dumps([records and records["sha256"], count, masks], sort_keys=True)
    return {
        ROWS: count,
        FILES: len(config.eval_files),
        ALL_READ: "yes" if is_all else "no",
        RECORDS: some([os.path.basename(path) for path in config.eval_files]),
        ROWS_ID: hashlib.sha256(content.encode("utf-8")).hexdigest()[:_ID_DIGITS],
    }


def describe_rows(results):
    """The rows of an evaluation: "512 rows of dev.tfrecord (all of them)"."""
    return "{:,} rows of {} ({})".format(
        int(results[ROWS]),
        results[RECORDS],
        "all of them" if results[ALL_READ] == "yes" else "not all of them",
    )


def are_comparable(*results):
    """Whether evaluations are of the same rows, with the same masks."""
    ids = {r.get(ROWS_ID) for r in results}
    return len(ids) == 1 and None not in ids


def compare(first, second):
    """Two evaluations side by side.

    Args:
      first, second: eval_results.txt files, or folders that hold one.

    Returns:
      list of lines.

    Raises:
      UserError: there are no such figures, or they are of different rows.
    """
    paths = [_results_path(name) for name in (first, second)]
    both = [_complete_results(path) for path in paths]
    if not are_comparable(*both):
        shown = [describe_rows(results) for results in both]
        if shown[0] == shown[1]:
            shown[1] += " that have other content or other masks"
        raise UserError(
            "no comparison: {} is of {}, {} of {}; evaluate both on the same rows with --do_eval "
            "--eval_file=..., a checkpoint as --init_checkpoint".format(
                paths[0], shown[0], paths[1], shown[1]
            )
        )
    titles = [
        "{} (step {:,})".format(name, results[STEP]) for name, results in zip((first, second), both)
    ]
    return ["on the same {}:".format(describe_rows(both[0])), *table(zip(titles, both))]


def _results_path(name):
    return os.path.join(name, RESULTS_FILE) if files.is_directory(name) else name


def _complete_results(path):
    results = read_results(path)
    if not results:
        raise UserError(
            "{} does not exist or is empty; --do_eval --eval_file=... writes one".format(path)
        )
    if not results.keys() >= _NO_FIGURES:
        raise UserError(
            "{} does not say which rows it is of; evaluate again with --do_eval "
            "--eval_file=...".format(path)
        )
    return results


def table(columns):
    """Figures of evaluations of the same rows.

    Args:
      columns: (title, results of an evaluation) each, the first one that from which the others
        came.

    Returns:
      list of lines, the titles first.
    """
    titles, columns = zip(*columns)
    names = [name for name in columns[0] if all(name in column for column in columns)]
    names = [name for name in names if name not in _NO_FIGURES]
    notes = []
    if _other_weights(names, columns):
        names.remove(LOSS)
        notes.append(
            "loss is left out: its parts have other weights, so that their sum says nothing"
        )
    rows = [["", *titles]]
    rows += [[name, *(_number(column[name]) for column in columns)] for name in names]
    widths = [max(map(len, cells)) for cells in zip(*rows)]
    lines = []
    for number, row in enumerate(rows):
        arrow = "  ->  " if number else "      "
        cells = [cell.rjust(width) for cell, width in zip(row[1:], widths[1:])]
        first = row[0].ljust(widths[0]) + "  " + cells[0]
        lines.append("  ".join(["  " + first + arrow + cells[1], *cells[2:]]).rstrip())
    return lines + ["  " + note for note in notes]


def _other_weights(names, columns):
    """Whether the loss is the sum of parts that have not the same weights in all columns."""
    weights = [name for name in names if name.endswith("_weight")]
    return LOSS in names and any(len({c[name] for c in columns}) > 1 for name in weights)


def _number(value):
    if abs(value) < _LARGE:
        return "{:.4f}".format(value)
    return "{:,.1f}".format(value) if abs(value) < _HUGE else "{:.3g}".format(value)
