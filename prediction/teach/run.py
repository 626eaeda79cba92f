"""The work of --task=teach: shard after shard, each complete under its name or not there."""

import itertools
import os

from common import files, outputs
from common.errors import Stopped, UserError
from common.features import MASKED_LM, ROW
from common.log import log
from common.progress import Progress
from data.records.checks import record_contents
from data.records.schema import value_ranges
from data.records.teacher_outputs import MASKED
from prediction.predictor import Predictor
from prediction.teach.network import PLACES, TeacherNetwork
from training.failures import output_errors

# Rows held in memory at a time, with their outputs; they are sorted by length among them.
_WINDOW_ROWS = 256
_POSITIONS, _, _WEIGHTS = MASKED_LM


def teach(plan, config, path, batch_size, numerics):
    """Writes the shards of a plan that are not there yet.

    Args:
      plan: plan.Plan.
      config: model config of the teacher.
      path: its checkpoint's prefix, or Hugging Face directory.
      batch_size: rows computed at a time.
      numerics: Numerics.

    Raises:
      UserError: the checkpoint is not whole, a record does not fit, or output_dir cannot be
        written to.
    """
    records = plan.records
    total, due = plan.rows_of(records.shards), plan.rows_of(plan.missing)
    if not due:
        log("all {:,} shards are there: {}".format(len(records.shards), records.folder))
        return
    network = TeacherNetwork(records.layout)
    with Predictor(config, network, path, batch_size, numerics) as predictor:
        with output_errors(records.folder):
            files.make_directories(records.folder)
            outputs.remove_debris(records.folder)
            records.write()
        if due < total:
            log("{:,} of {:,} records are there, and kept".format(total - due, total))
        try:
            _teach_files(plan, predictor, config, total - due)
        except Stopped as stopped:
            there = sum(map(records.is_there, records.shards))
            text = "{:,} of {:,} shards are finished and kept; the same command goes on"
            raise stopped.with_text(text.format(there, len(records.shards))) from None
    log("teacher records: {}".format(records.folder))


def _teach_files(plan, predictor, config, done):
    """Writes the missing shards; `done`: records that are there."""
    total = plan.rows_of(plan.records.shards)
    with Progress("teaching", total, log, "records", done=done) as progress:
        for name, entry in plan.records.files.items():
            _teach_file(plan, plan.paths[name], entry["shards"], predictor, config, progress)


def _teach_file(plan, path, shards, predictor, config, progress):
    """Writes the missing ones of a record file's shards."""
    missing = set(plan.missing)
    if not missing & set(shards):
        return
    rows = _rows(path, plan.records.layout, config)
    for shard in shards:
        listed = plan.records.shards[shard]
        of_shard = itertools.islice(rows, listed["records"])
        if shard not in missing:
            for _ in of_shard:
                pass
            continue
        target, written = os.path.join(plan.records.folder, shard), 0
        with output_errors(plan.records.folder), outputs.replacing(target) as f:
            for content in _encoded(of_shard, plan.records.layout, predictor):
                f.write(content)
                written += 1
                progress(1)
            if written != listed["records"]:
                raise UserError(
                    "{} holds fewer records than there were at the start; start the same command "
                    "again".format(path)
                )


def _encoded(rows, layout, predictor):
    """Yields the bytes of each row's record."""
    while True:
        window = list(itertools.islice(rows, _WINDOW_ROWS))
        if not window:
            return
        results = predictor.run([row for _, row in window])
        for (where, row), result in zip(window, results):
            yield layout.encode(_of_row(result, row, layout), where)


def _of_row(result, row, layout):
    """A row's own part of its outputs, which may be longer."""
    length = len(row["input_ids"])
    places = len(row[PLACES]) if layout.soft_label_positions == MASKED else length
    own = {name: result[name][:places] for name in layout.label_fields()}
    own.update((name, result[name][:length]) for name in layout.states())
    return own


def _rows(path, layout, config):
    """Yields (name in messages, row for the predictor) of each record of a file."""
    is_masked = layout.soft_label_positions == MASKED
    names = (*ROW, _POSITIONS, _WEIGHTS) if is_masked else ROW
    length, room = layout.max_seq_length, layout.max_predictions_per_seq
    ranges = value_ranges(names, length, config.vocab_size, config.type_vocab_size, {})
    for number, record in enumerate(record_contents.read_features(path)):
        where = "{}, record {}".format(path, number)
        record_contents.check_record(where, record, ranges, length, room)
        tokens = sum(record["input_mask"])
        if not tokens:
            raise UserError("{} is empty; write the records anew".format(where))
        row = {name: list(record[name][:tokens]) for name in ("input_ids", "segment_ids")}
        if is_masked:
            pairs = zip(record[_POSITIONS], record[_WEIGHTS])
            row[PLACES] = [place if weight > 0 else 0 for place, weight in pairs]
            if max(row[PLACES]) >= tokens:
                raise UserError(
                    "{}: masked place {} lies behind its {} tokens; write the records anew".format(
                        where, max(row[PLACES]), tokens
                    )
                )
        yield where, row
