"""The teacher of a run whose outputs were written before, and what must fit."""

import dataclasses
from typing import Any

from common.errors import UserError
from common.log import log
from common.progress import size as shown_size
from data.input.pipeline import TeacherShards
from data.records import teacher_manifest
from data.records.checks import verification
from modeling.distillation.distilled import Distilled
from modeling.distillation.recorded import RecordedSizes, RecordedTeacher
from training.distillation.distillation import check_vocabulary_size


@dataclasses.dataclass(frozen=True)
class RecordsRequest:
    """The teacher records that flags name.

    Attributes:
      folder: that run_prediction.py --task=teach wrote.
      options: DistillationOptions.
      verify: whether its shards are read completely before the training.
    """

    folder: str
    options: Any
    verify: bool = False


@dataclasses.dataclass(frozen=True)
class RecordedDistillation:
    """The Distillation whose teacher is in records.

    Attributes:
      options: DistillationOptions.
      teacher: RecordedTeacher.
      records: TeacherRecords.
      shards: TeacherShards, of the files that are trained on.
      numerics: None: the teacher computes nothing, and has no weights.
    """

    options: Any
    teacher: Any
    records: Any
    shards: Any
    numerics: Any = None

    def distilled(self, objective):
        """See Distillation."""
        return Distilled(objective, self.options, self.teacher)

    def settings(self):
        """See Distillation."""
        teacher, layout = self.records.teacher, self.records.layout
        return {
            "teacher_checkpoint": teacher["checkpoint"],
            "teacher_digest": teacher["digest"],
            "teacher_precision": teacher["precision"],
            "teacher_records": self.records.folder,
            "teacher_outputs": layout.describe(),
            "distillation": self.options.to_dict(),
        }


def settle(request, objective, model_config, config, draws_masks):
    """Checks teacher records against the student and its records.

    Args:
      request: RecordsRequest.
      objective: the student's.
      model_config: of the student.
      config: RunConfig.
      draws_masks: whether masks are drawn in training.

    Returns:
      RecordedDistillation.

    Raises:
      UserError: they are unfinished, damaged, of other record files or of another vocabulary, or
        the options ask for what they do not hold.
    """
    records = teacher_manifest.read(request.folder)
    if not records:
        raise UserError(
            "--teacher_records={} is no folder of teacher records: it has no {}; write them with "
            "run_prediction.py --task=teach".format(request.folder, teacher_manifest.FILE_NAME)
        )
    if draws_masks:
        raise UserError(
            "--teacher_records are of rows whose masks stay, and those of this training are drawn "
            "anew for every batch; give --teacher_checkpoint"
        )
    sizes = RecordedSizes(
        *(records.teacher[name] for name in RecordedSizes._fields[:-1]), source=records.path
    )
    check_vocabulary_size(sizes, model_config)
    layout = records.layout
    teacher = RecordedTeacher(
        sizes,
        layout.soft_label_positions,
        layout.teacher_layers,
        layout.soft_label_temperatures,
        request.options.distill_temperature,
    )
    shards = TeacherShards(records.shards_of(config.train_files), layout)
    if request.verify:
        _verify(records, shards)
    settled = RecordedDistillation(request.options, teacher, records, shards)
    teacher.check(request.options, model_config)
    settled.distilled(objective).check(model_config)
    _log(records, config)
    return settled


def _verify(records, shards):
    paths = [path for of_file in shards.paths for path in of_file]
    for report in verification.verify(paths, {records.path: records.to_json()}, log):
        if report.faults:
            raise UserError("{}; {}".format(report.sentence(), teacher_manifest.ADVICE))


def _log(records, config):
    layout, teacher = records.layout, records.teacher
    log(
        "TEACHER: records {} of {}, {} layers, hidden {}: {}".format(
            records.folder,
            teacher["checkpoint"],
            teacher["num_blocks"],
            teacher["hidden_size"],
            layout.describe(),
        )
    )
    rows = config.shuffle_buffer_size
    if config.train_records is not None:
        rows = min(rows, config.train_records)
    size = layout.record_bytes()
    log(
        "teacher records: {:,} bytes each; shuffling {:,} holds {} in memory".format(
            size, rows, shown_size(size * rows)
        )
    )
