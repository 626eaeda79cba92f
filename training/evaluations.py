"""Figures of evaluations: the rows that they are of, and two of them side by side.

Losses of different rows say nothing about the models, so only those of the same ones are compared.
"""

import hashlib
import json
import os

from common import files
from common.errors import UserError, some
from training.checkpoints.best import OF_SET, RESULTS_FILE, TEXTS, read_results

STEP, LOSS = "global_step", "loss"
# About the rows of an evaluation, beside its figures; TEXTS has those that are no numbers.
ROWS, FILES = "rows", "files"
ALL_READ, RECORDS, ROWS_ID, SET = TEXTS
_OF_ROWS = {STEP, ROWS, FILES, ALL_READ, RECORDS, ROWS_ID}
_NO_FIGURES = {*_OF_ROWS, SET}
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


def joined(parts):
    """The figures of all sets of an evaluation, as eval_results.txt has them.

    Args:
      parts: list of (name of the set, its figures), the one that decides first; one without a name
        (None) is alone.

    Returns:
      dict name -> number or text: the figures of the first under their own names, with its name
      as "set"; of the others as NAME.loss and so on.
    """
    (first, results), *others = parts
    results = dict(results, **({SET: first} if first else {}))
    for name, figures in others:
        own = {key: value for key, value in figures.items() if key != STEP}  # one checkpoint's
        results.update({name + OF_SET + key: value for key, value in own.items()})
    return results


def parted(results):
    """The opposite of `joined`: dict name of the set, or None -> its figures; {} of no figures."""
    parts = {results.get(SET): {}} if results else {}
    for key, value in results.items():
        name, _, figure = key.rpartition(OF_SET)
        part = parts.setdefault(name or results.get(SET), {STEP: results.get(STEP)})
        if figure != SET:
            part[figure] = value
    return parts


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
    sets = [parted(results) for results in both]
    pairs = same_rows(*sets)
    if not pairs:
        raise _other_rows(paths, both)
    titles = [
        "{} (step {:,})".format(name, results[STEP]) for name, results in zip((first, second), both)
    ]
    lines = []
    for names in pairs:
        figures = [part[name] for part, name in zip(sets, names)]
        shown = _shown_names(names)
        shown = shown + ", on" if shown else "on"
        lines.append("{} the same {}:".format(shown, describe_rows(figures[0])))
        lines += table(zip(titles, figures))
    for path, part, used in zip(paths, sets, zip(*pairs)):
        lines += [
            "{} alone has {}{}".format(path, name + ", " if name else "", describe_rows(figures))
            for name, figures in part.items()
            if name not in used
        ]
    return lines


def same_rows(first, second):
    """The sets of two evaluations that are of the same rows.

    Args:
      first, second: see `parted`.

    Returns:
      list of pairs of names, in the order of `first`; a set is in one pair at most.
    """
    pairs, left = [], list(second)
    for name, figures in first.items():
        same = [other for other in left if are_comparable(figures, second[other])]
        # Two sets of one evaluation may have the same rows: then their names tell.
        same.sort(key=lambda other: other != name)
        if same:
            pairs.append((name, same[0]))
            left.remove(same[0])
    return pairs


def _shown_names(names):
    return " and ".join(name for name in dict.fromkeys(names) if name)


def _other_rows(paths, both):
    shown = [describe_rows(results) for results in both]
    if shown[0] == shown[1]:
        shown[1] += " that have other content or other masks"
    return UserError(
        "no comparison: {} is of {}, {} of {}; evaluate both on the same rows with --do_eval "
        "--eval_file=..., a checkpoint as --init_checkpoint".format(
            paths[0], shown[0], paths[1], shown[1]
        )
    )


def _results_path(name):
    return os.path.join(name, RESULTS_FILE) if files.is_directory(name) else name


def _complete_results(path):
    results = read_results(path)
    if not results:
        raise UserError(
            "{} does not exist or is empty; --do_eval --eval_file=... writes one".format(path)
        )
    if not results.keys() >= _OF_ROWS:
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
