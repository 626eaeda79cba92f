"""From the request of a pre-training run to the Run.

records = find_records(request)
run = build(request, records, devices)
PretrainingRunner(run).train()
"""

import dataclasses
from typing import Any, Dict, List, Optional

from common import files
from common.errors import UserError, some
from common.log import log, warn
from data.records.checks import record_contents
from data.records.checks.completeness import check_complete
from data.records.manifest import find_manifests
from data.tokenizers.vocabularies import read_vocabulary
from training import run_numerics
from training.checkpoints.initial_weights import digest_of
from training.devices.strategies import check_batch
from training.distillation import distillation, recorded
from training.records import (
    evaluation_sets,
    manifest_agreement,
    masking_choice,
    objective_choice,
    predictions,
    record_files,
    record_identity,
)
from training.row_use import check_packing
from training.run import Run
from training.run_config import RunConfig
from training.schedule import Schedule, warn_of_many_epochs


@dataclasses.dataclass(frozen=True)
class PretrainingRequest:
    """The request of a pre-training run: its flags, and the configs that they name.

    Attributes:
      config: RunConfig as far as flags decide it: without files; objective, kernels and precision
        may be "auto", max_predictions_per_seq None.
      model_config: model config.
      optimizer_config: OptimizerConfig; its steps are those of `schedule` where that counts in
        steps.
      schedule: Schedule.
      is_room_given: whether max_predictions_per_seq is the user's own, with which records must
        agree.
      input_file, eval_file: names or globs of record files, eval_file also with the names of sets
        (evaluation_sets.find); no eval_file: those of input_file, no input_file: nothing is
        trained.
      options: dict option -> value, None where the user gave none; of all families.
      options_beside: dict option -> model config of a file beside the weights; of all families.
      vocab_file: path or None.
      vocab_beside: the vocabulary beside the weights, for masks that are drawn in training where
        there is no vocab_file; path or None.
      mask_prob: share of the pieces that are masked, None: as the manifests state.
      do_predict: whether the evaluation files are read for predictions.
      verify_records, skip_damaged_records: see record_files.
      dry_run: nothing may be written to output_dir.
      teacher: distillation.TeacherRequest, or recorded.RecordsRequest of one whose outputs are in
        records; None without a teacher.
    """

    config: RunConfig
    model_config: Any
    optimizer_config: Any
    schedule: Schedule
    is_room_given: bool
    input_file: Optional[str]
    eval_file: Optional[str]
    options: Dict[str, Any]
    options_beside: Dict[str, Any]
    vocab_file: Optional[str]
    vocab_beside: Optional[str]
    mask_prob: Optional[float]
    do_predict: bool
    verify_records: bool
    skip_damaged_records: bool
    dry_run: bool
    teacher: Any = None


@dataclasses.dataclass(frozen=True)
class Records:
    """The record files of a run, of which only names and manifests were looked at.

    Attributes:
      train_files: paths.
      eval_sets: dict name -> paths, see evaluation_sets.find.
      deciding_manifests: {path: manifest} of train_files, without them of eval_files: what decides
        the objective where flags do not.
      manifests: {path: manifest} of all files.
      stated_corruption: masking_choice.StatedCorruption or None.
    """

    train_files: List[str]
    eval_sets: Dict[Optional[str], List[str]]
    deciding_manifests: Dict[str, Any]
    manifests: Dict[str, Any]
    stated_corruption: Any

    @property
    def eval_files(self):
        """Paths of all sets."""
        return evaluation_sets.every_file(self.eval_sets)


def find_records(request):
    """The record files that a request names; checks what takes no time.

    Args:
      request: PretrainingRequest.

    Returns:
      Records.

    Raises:
      UserError: a pattern matches no file; shards are unfinished or missing; manifests contradict
        each other, the model or the flags; a batch does not divide over devices.
    """
    config = request.config
    train_files, eval_sets = [], {}
    if request.input_file:
        train_files = files.matching(request.input_file, "--input_file")
    if config.do_eval or request.do_predict:
        eval_sets = {None: train_files}
        if request.eval_file:
            eval_sets = evaluation_sets.find(request.eval_file)
            evaluation_sets.warn_of_shared(eval_sets)
    eval_files = evaluation_sets.every_file(eval_sets)
    deciding_manifests = find_manifests(train_files or eval_files)
    if config.do_train:
        manifest_agreement.refuse_held_out(deciding_manifests)
        if request.eval_file:
            _warn_of_trained(train_files, eval_files)
    manifests = {**deciding_manifests, **find_manifests(eval_files)}
    check_complete(
        train_files + eval_files,
        manifests,
        warn,
        request.skip_damaged_records,
        ", or train without it: --skip_damaged_records",
    )
    room = config.max_predictions_per_seq if request.is_room_given else None
    manifest_agreement.check_manifests(manifests, request.model_config, config.max_seq_length, room)
    check_batch(config, request.optimizer_config.gradient_accumulation_steps)
    stated = masking_choice.stated_by_manifests(manifests, request.vocab_file, request.vocab_beside)
    return Records(train_files, eval_sets, deciding_manifests, manifests, stated)


def _warn_of_trained(train_files, eval_files):
    both = [path for path in eval_files if path in set(train_files)]
    if both:
        warn(
            "{} of --eval_file {} trained on, too: the figures tell how well these rows are known "
            "by heart, not how good the model is".format(some(both), "are" if both[1:] else "is")
        )


def build(request, records, devices):
    """Builds the Run; reads record files as far as the request wants them verified.

    Args:
      request: PretrainingRequest.
      records: Records.
      devices: Devices.

    Returns:
      Run.

    Raises:
      UserError: a file is damaged; records, manifests and flags do not determine the objective,
        or do not agree, or rows cannot be packed; kernels or precision cannot be had.
    """
    config, model_config = request.config, request.model_config
    readable = _readable_files(request, records)
    train_files, train_records = readable.of(records.train_files)
    deciding_files = train_files or readable.of(records.eval_files)[0]
    optimizer = _with_steps(request, train_files, train_records)
    objective = objective_choice.choose_objective(
        config.objective, deciding_files, records.deciding_manifests
    )
    objective_choice.warn_of_other_pairs(objective, model_config)
    given = objective_choice.with_options_beside(request.options, objective, request.options_beside)
    if not config.do_train:
        given = objective_choice.with_options_of_training(given, objective, config.output_dir)
    objective = objective.for_run(optimizer.num_train_steps, **given)
    if config.pack:
        check_packing(objective, "--objective")
    room = predictions.settle(
        config.max_predictions_per_seq,
        records.manifests,
        records.stated_corruption and records.stated_corruption.corruption,
        deciding_files,
        config.max_seq_length,
    )
    config = dataclasses.replace(config, max_predictions_per_seq=room)
    drawing = masking_choice.choose_drawing(
        records.stated_corruption,
        objective,
        deciding_files,
        request.vocab_file,
        model_config,
        config,
        request.mask_prob,
        request.vocab_beside,
    )
    if drawing:
        room = drawing.spec.max_predictions
        objective = objective.for_masks(drawing.spec.probability, drawing.special_ids)
    elif request.mask_prob is not None:
        raise UserError(
            "--masked_lm_prob cannot be combined with records that hold their masks; remove it"
        )
    config = dataclasses.replace(
        config,
        objective=objective.name,
        objective_settings=objective.settings(model_config),
        init_digest=digest_of(config.init_checkpoint, config.output_dir),
        max_predictions_per_seq=room,
        records=record_identity.describe(
            records.train_files,
            evaluation_sets.deciding_files(records.eval_sets),
            records.manifests,
        ),
        train_files=train_files,
        train_records=train_records,
        **evaluation_sets.settings(records.eval_sets, readable, records.manifests),
    )
    if config.do_train:
        warn_of_many_epochs(
            config.train_records, config.train_batch_size, optimizer.num_train_steps, bool(drawing)
        )
    networks = objective.networks(model_config)
    config = run_numerics.settle(config, networks, optimizer.num_train_steps)
    teaching = _distillation(request, objective, config, bool(drawing))
    if teaching:
        config = dataclasses.replace(config, **teaching.settings())
    return Run(
        config,
        model_config,
        objective,
        optimizer,
        drawing,
        devices,
        request.dry_run,
        scratch=readable.scratch,
        distillation=teaching,
    )


def _distillation(request, objective, config, draws_masks):
    """Distillation or RecordedDistillation, None without a teacher."""
    teacher = request.teacher
    if not teacher:
        return None
    if isinstance(teacher, recorded.RecordsRequest):
        return recorded.settle(teacher, objective, request.model_config, config, draws_masks)
    digest = config.records["vocab_sha256"]
    if not digest and request.vocab_file:
        digest = read_vocabulary(request.vocab_file).sha256
    parts = objective, request.model_config, config, digest, request.dry_run
    settled = distillation.settle(teacher, *parts)
    return distillation.settle_numerics(settled, config, teacher.precision)


def _with_steps(request, train_files, rows):
    """The OptimizerConfig with its steps; counts the training records where epochs decide and
    `rows`, their number, is None."""
    if request.schedule.epochs is None or not train_files:
        return request.optimizer_config
    if rows is None:
        log("no manifest counts the records of --input_file, so they are counted")
        rows = record_contents.count_rows(train_files, None)
    return request.schedule.apply(request.optimizer_config, rows, request.config.train_batch_size)


def _readable_files(request, records):
    """record_files.RecordFiles, checked as far as the request asks for it."""
    paths = records.train_files + records.eval_files
    if request.skip_damaged_records:
        return record_files.mend(
            paths, records.manifests, request.config.output_dir, request.dry_run
        )
    return record_files.check(paths, records.manifests, request.verify_records)
