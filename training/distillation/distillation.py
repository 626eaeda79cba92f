"""The teacher of a run, and what must fit between it and the student."""

import dataclasses
import os
from typing import Any, Callable, Optional

from common.errors import UserError
from common.log import log, log_lines
from modeling import checkpoint
from modeling.config_families import read_config
from modeling.distillation.distilled import Distilled, check_objective
from modeling.distillation.teacher import SCOPE, NetworkTeacher
from training.checkpoints.initial_weights import OWN, InitialWeights, digest_of
from training.devices import numerics

# Below output_dir, of a TPU: a teacher that was converted.
FOLDER = "teacher"


@dataclasses.dataclass(frozen=True)
class TeacherRequest:
    """The teacher that flags name.

    Attributes:
      path: a checkpoint's prefix that is held (checkpoint.hold), or a Hugging Face directory.
      config_file: its model config.
      gelu: see BertConfig.
      options: DistillationOptions.
      precision: of the teacher's products, of numerics.PRECISIONS.
      vocabulary: of data.tokenizers.vocabularies, that beside the teacher; None: there is none.
      make_heads: of a fine-tuned teacher, function (its model config, its checkpoint's shapes) ->
        its heads of modeling.task_heads; None: it has none, or they are not asked for.
      task_name: see InitialWeights.
    """

    path: str
    config_file: str
    gelu: str
    options: Any
    precision: str
    vocabulary: Any = None
    make_heads: Optional[Callable] = None
    task_name: Optional[str] = None


@dataclasses.dataclass(frozen=True)
class Distillation:
    """A teacher that was checked, and what is learned from it.

    Attributes:
      options: DistillationOptions.
      teacher: NetworkTeacher.
      weights: InitialWeights of the teacher.
      digest: see initial_weights.digest_of.
      numerics: training.devices.numerics.Numerics that the teacher computes with.
      shards: None: its outputs are not in records, see RecordedDistillation.
    """

    options: Any
    teacher: Any
    weights: Any
    digest: Optional[str]
    numerics: Any
    shards = None

    def distilled(self, objective):
        """modeling.distillation.distilled.Distilled of the student's objective."""
        return Distilled(objective, self.options, self.teacher)

    def settings(self):
        """Fields of RunConfig."""
        return {
            "teacher_checkpoint": self.weights.path,
            "teacher_digest": self.digest,
            "teacher_precision": self.numerics.precision,
            "distillation": self.options.to_dict(),
        }

    def plan(self, shapes):
        """The LoadPlan of the teacher's variables in the student's graph.

        Args:
          shapes: dict name -> list of ints, of the teacher under its own names.

        Raises:
          UserError: the teacher's weights are not whole, or of other sizes than its config says.
        """
        plan, config = self.check_weights(shapes), self.teacher.config
        log(
            "TEACHER: {}, {} layers, hidden {}, frozen, products in {}".format(
                plan.shown, config.num_hidden_layers, config.hidden_size, self.numerics.precision
            )
        )
        log_lines([(False, line) for line in plan.spellings])
        return plan.below(SCOPE)

    def check_weights(self, shapes):
        """The same plan, under the teacher's own names, without a word in the log."""
        objective, config = self.teacher.objective, self.teacher.config
        plan = self.weights.plan(shapes, config.source)
        plan.check_complete(config, objective.head, objective.optional)
        return plan


def settle(request, objective, model_config, config, vocab_sha256=None, dry_run=False):
    """Checks a teacher against the student.

    Args:
      request: TeacherRequest.
      objective: the student's.
      model_config: of the student.
      config: RunConfig.
      vocab_sha256: of the records' vocabulary, None where it is not known.
      dry_run: nothing may be written to output_dir.

    Returns:
      Distillation; its numerics are those that were asked for, precision perhaps "auto".

    Raises:
      UserError: the objective takes no teacher; the teacher cannot be read, has another vocabulary
        or heads that cannot be compared; or the options ask for what one of the two does not have.
    """
    check_objective(objective, request.options)
    digest = digest_of(request.path, config.output_dir)
    if digest == OWN:
        raise UserError(
            "--teacher_checkpoint={} lies in --output_dir, where the student is trained; give "
            "another --output_dir".format(request.path)
        )
    folder = None
    if config.use_tpu and not dry_run:
        folder = os.path.join(config.output_dir, FOLDER)
    weights = InitialWeights(request.path, folder, request.task_name)
    shapes = checkpoint.read_shapes(weights.prefix)
    has_soft_labels = bool(request.options.soft_label_weight)
    of_teacher = objective.of_teacher()
    read = read_config(request.config_file, request.gelu, shapes)
    if request.make_heads:
        of_teacher = of_teacher.with_heads(request.make_heads(read, shapes))
    teacher_config = of_teacher.network_config(read, shapes, request.path, has_soft_labels)
    check_vocabulary_size(teacher_config, model_config)
    _check_vocabulary_file(request, vocab_sha256)
    _check_tables(teacher_config, model_config, config.max_seq_length)
    distillation = Distillation(
        request.options, NetworkTeacher(of_teacher, teacher_config), weights, digest, None
    )
    distillation.distilled(objective).check(model_config)
    return distillation


def check_vocabulary_size(teacher, model_config):
    """Compares the sizes of two vocabularies.

    Args:
      teacher: its model config, or an object with its `vocab_size` and `source`.
      model_config: of the student.

    Raises:
      UserError: they differ.
    """
    if teacher.vocab_size != model_config.vocab_size:
        raise UserError(
            "the teacher has another vocabulary: {} says {} tokens, the student's {} says {}; "
            "teacher and student must share one".format(
                teacher.source, teacher.vocab_size, model_config.source, model_config.vocab_size
            )
        )


def _check_vocabulary_file(request, vocab_sha256):
    own = request.vocabulary
    if own and vocab_sha256 and own.sha256 != vocab_sha256:
        raise UserError(
            "the teacher has another vocabulary: {} (SHA-256 {}...) is not that of the records "
            "({}...); teacher and student must share one".format(
                own.path, own.sha256[:12], vocab_sha256[:12]
            )
        )


def _check_tables(teacher_config, model_config, max_seq_length):
    for what, wanted, key in (
        ("--max_seq_length={}".format(max_seq_length), max_seq_length, "max_position_embeddings"),
        (
            "type_vocab_size {} of the student".format(model_config.type_vocab_size),
            model_config.type_vocab_size,
            "type_vocab_size",
        ),
    ):
        if wanted > getattr(teacher_config, key):
            raise UserError(
                "{} is more than {} {} of the teacher, in {}".format(
                    what, key, getattr(teacher_config, key), teacher_config.source
                )
            )


def settle_numerics(distillation, config, precision):
    """The Distillation with what its teacher computes with: the kernels of the run, and the
    precision that was asked for; "auto": bfloat16 where this machine multiplies it faster, unless
    the run has plain kernels, the reference.

    Args:
      distillation: Distillation.
      config: RunConfig whose numerics are settled.
      precision: of numerics.PRECISIONS.

    Raises:
      UserError: the precision cannot be had here.
    """
    place = numerics.place_of(config.use_tpu)
    if precision == numerics.AUTO and config.kernels == "plain" and place != "TPU":
        precision = "fp32"
    chosen = numerics.choose(config.kernels, precision, place, logs=False)
    return dataclasses.replace(distillation, numerics=chosen)
