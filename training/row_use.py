"""How much of a run's rows is padding, and how many rows its batches take if they are packed."""

from typing import NamedTuple

import numpy as np

from common.errors import UserError
from data.input import packing
from data.records.checks import record_contents
from data.records.schema import FEATURES, Range

SAMPLE_RECORDS = 1000
# Packing is proposed where it takes at most this share of the rows.
_WORTH_WHILE = 0.8
_MASK = {"input_mask": Range(FEATURES["input_mask"].low, FEATURES["input_mask"].limit)}


class RowUse(NamedTuple):
    """Figures of the first records of a run.

    Attributes:
      records: how many were read.
      padding: share of padding in them.
      rows: how many a batch takes if it is packed, on average.
      packed_padding: share of padding in those.
    """

    records: int
    padding: float
    rows: float
    packed_padding: float

    def shown_packing(self, config):
        """The packing of a RunConfig's batches: "32 texts of a batch in about 11.1 rows ..."."""
        return (
            "the {:,} texts of a batch in about {:.1f} rows of {}, {:.1%} padding in place of "
            "{:.1%} (of the first {:,} records)".format(
                config.train_batch_size,
                self.rows,
                config.max_seq_length,
                self.packed_padding,
                self.padding,
                self.records,
            )
        )

    def shown(self, config, objective):
        """The padding in rows that are not packed, with a hint where packing would pay."""
        hint = ""
        can_pack = not objective.packing_fault() and not config.use_tpu
        if can_pack and self.rows <= _WORTH_WHILE * config.train_batch_size:
            hint = "; --pack lays the {:,} texts of a batch in about {:.1f} rows".format(
                config.train_batch_size, self.rows
            )
        return "{:.1%} of the rows is padding (of the first {:,} records){}".format(
            self.padding, self.records, hint
        )


def check_packing(objective, flag):
    """Refuses to pack what an objective reads as rows.

    Args:
      objective: an object of modeling.objectives, with the options of the run.
      flag: that chooses it, for the message: "--objective".

    Raises:
      UserError: its rows cannot hold several texts.
    """
    fault = objective.packing_fault()
    if fault:
        raise UserError(
            "--pack does not fit {}={}: {}; remove --pack".format(flag, objective.name, fault)
        )


def measure(config, num_micro_batches=1, replicas=1):
    """The RowUse of the first training records, in batches of their order.

    Args:
      config: RunConfig, with train_files.
      num_micro_batches: gradient_accumulation_steps.
      replicas: parts of a batch that are packed by themselves.

    Raises:
      UserError: a file is damaged, or holds other records than the first one.
    """
    lengths, width = _lengths(config.train_files)
    size = max(1, min(config.train_batch_size // replicas, len(lengths)))
    multiple = packing.row_multiple(size, num_micro_batches)
    counts = [
        -(-packing.place(np.maximum(1, lengths[at : at + size]), width).count // multiple)
        * multiple
        for at in range(0, len(lengths) - size + 1, size)
    ]
    texts = lengths[: size * len(counts)]
    return RowUse(
        len(lengths),
        1.0 - lengths.mean() / width,
        config.train_batch_size * sum(counts) / len(texts),
        1.0 - texts.sum() / (sum(counts) * width),
    )


def _lengths(files):
    """(int [records], pieces of the first records of all files together; places of a row)."""
    lengths, width = [], None
    for path in files:
        for number, record in enumerate(record_contents.read_features(path)):
            if len(lengths) == SAMPLE_RECORDS:
                return np.array(lengths), width
            width = width or len(record.get("input_mask", ()))
            where = "{}, record {}".format(path, number)
            record_contents.check_record(where, record, _MASK, width, None)
            lengths.append(sum(record["input_mask"]))
    return np.array(lengths), width
