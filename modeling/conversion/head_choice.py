"""The fine-tuned head of a model, and whether Hugging Face has one like it."""

import re
import typing

from common.errors import UserError
from common.validation import is_text
from modeling.conversion.families import (
    CHOICES,
    CLASSIFICATION,
    DISCRIMINATOR,
    GENERATOR,
    HEADS,
    LIKE_CLASSIFIERS,
    NONE,
    PRETRAINING,
    QUESTIONS,
    TAGGING,
    Family,
    electra_task,
    google_task,
    scope_of,
)
from modeling.conversion.sources import AUTO

_SCOPE = re.compile(r"task_specific/([^/]+)/.+")
# Variables of ELECTRA's heads that Hugging Face's classes lack.
_LAYER_MORE = "transformers' {} has one layer more than ELECTRA's classifier"
_CLASSES_OF_ELECTRA = {
    CLASSIFICATION: "ElectraForSequenceClassification",
    CHOICES: "ElectraForMultipleChoice",
}
_JOINT = (
    "ends that depend on starts; transformers' ElectraForQuestionAnswering predicts both apart, as "
    "run_finetuning.py does with --joint_prediction=false"
)
_KINDS = "they tell kinds of answers apart, which transformers' class does not"


class HeadChoice(typing.NamedTuple):
    """The head that is converted.

    Attributes:
      family: Family with that head.
      head: for sources.select.
      task: name of the task in task.json, None where it is not known or its head is not converted.
      reasons: for sources.skipped_lines.
      notes: list of sentences for the log.
    """

    family: Family
    head: str
    task: typing.Optional[str]
    reasons: list
    notes: list


def task_names(variables):
    """Names of the tasks that have heads among `variables` (names)."""
    matches = (_SCOPE.fullmatch(name) for name in variables)
    return sorted({match.group(1) for match in matches if match})


def choose(family, shapes, shown, known, head=AUTO, task_name=None):
    """Chooses the head of a checkpoint that is converted.

    Args:
      family: Family of the checkpoint.
      shapes: dict variable name -> list of ints.
      shown: name of the checkpoint in messages.
      known: dict task -> one of HEADS, by the task.json beside the checkpoint.
      head: --head.
      task_name: --task_name or None.

    Returns:
      HeadChoice.

    Raises:
      UserError: there is no such task, or no such head in Hugging Face's classes.
    """
    scoped = task_names(shapes)
    _check_name(shown, scoped, known, task_name)
    if head in (PRETRAINING, NONE) or family.network == GENERATOR:
        return HeadChoice(family, head, None, [], [])
    if task_name is None and len(scoped) > 1:
        return _of_several(family, scoped, shown, head)
    name = task_name or (
        scoped[0] if scoped else next(iter(known), None) if len(known) == 1 else None
    )
    scope = name if name in scoped else None
    kind = head if head in HEADS else known.get(name) or _kind_of(family, scope, shapes)
    if task_name:
        head = kind
    if family.network == DISCRIMINATOR:
        return _of_electra(family, shapes, shown, head, kind, scope)
    family = google_task(family, scope, kind)
    reasons = [(re.escape(scope_of(scope)) + "output_(weights|bias)", _KINDS, "answers")]
    return HeadChoice(family, head, name, reasons, [])


def of_directory(family, values, tensors, task_name=None):
    """The Family of a Hugging Face directory with its fine-tuned head.

    Args:
      family: Family of the directory.
      values: dict, content of its config.json.
      tensors: names of its tensors.
      task_name: which names the variables of ELECTRA's heads; None: `finetuning_task` of
        config.json. Without either the head is not part of the model.
    """
    if family.network is None:
        head = _head_of_google(values, tensors)
        return google_task(family, None, head) if head else family
    name = task_name or values.get("finetuning_task")
    head = head_of_electra(tensors)
    if family.network == GENERATOR or not head or not is_task_name(name):
        return family
    return electra_task(head, name)


def head_of_electra(tensors):
    """TAGGING or QUESTIONS if an ELECTRA directory has such a head, else None."""
    if "qa_outputs.weight" in tensors:
        return QUESTIONS
    # With a summary before it, it chooses between texts.
    has_tags = "classifier.weight" in tensors and "sequence_summary.summary.weight" not in tensors
    return TAGGING if has_tags else None


def is_task_name(name):
    """Whether variables can be named by it."""
    return is_text(name) and bool(re.fullmatch(r"\w[\w.-]*", name, re.ASCII))


def _check_name(shown, scoped, known, task_name):
    if task_name and scoped and task_name not in scoped:
        raise UserError(
            "--task_name={}, but checkpoint {} has the heads of {}".format(
                task_name, shown, ", ".join(scoped)
            )
        )
    if task_name and not scoped and task_name not in known:
        raise UserError(
            "--task_name={}, but checkpoint {} has no head that is named by a task; remove "
            "it".format(task_name, shown)
        )


def _of_several(family, scoped, shown, head):
    names = ", ".join(scoped)
    if head != AUTO:
        raise UserError(
            "--head={}: checkpoint {} has the heads of {}; say which with --task_name".format(
                head, shown, names
            )
        )
    reason = "the heads of {}; --task_name converts one".format(names)
    return HeadChoice(family, head, None, [(_SCOPE.pattern, reason, None)], [])


def _kind_of(family, scope, shapes):
    """The head by the names of its variables, where tagging cannot be told from classification."""
    names = ("dense_1/kernel",) if family.network else ("cls/squad/output_weights",)
    has_answers = any(scope_of(scope) + name in shapes for name in names)
    return QUESTIONS if has_answers else CLASSIFICATION


def _of_electra(family, shapes, shown, head, kind, scope):
    if scope is None:
        return HeadChoice(family, head, None, [], [])
    first = scope_of(scope)
    reason = None
    if kind in _CLASSES_OF_ELECTRA:
        reason = _LAYER_MORE.format(_CLASSES_OF_ELECTRA[kind])
    elif kind == QUESTIONS and first + "qa_hidden/kernel" in shapes:
        reason = _JOINT
    if reason:
        if head != AUTO:
            raise UserError(
                "--head={}: the head in checkpoint {} cannot be converted: {}; use "
                "--head=none".format(head, shown, reason)
            )
        return HeadChoice(family, head, None, [(re.escape(first) + ".*", reason, None)], [])
    reasons, notes = [], []
    if kind == QUESTIONS:
        reasons = [(re.escape(first) + "(dense_[23]|answer_kind)/.*", _KINDS, "answers")]
        notes = [
            "ELECTRA looks for answers in the passage alone; transformers' class scores the "
            "question's tokens, too (its question-answering pipeline drops them)"
        ]
    return HeadChoice(electra_task(kind, scope), head, scope, reasons, notes)


def _head_of_google(values, tensors):
    """TAGGING or CHOICES where classifier.weight of a BERT or ALBERT directory is of such a head,
    else None."""
    names = [name.split(".", 1)[-1] for name in tensors]
    classes = values.get("architectures")
    if isinstance(classes, list) and classes:
        for head, (_, ending, _) in LIKE_CLASSIFIERS.items():
            if str(classes[0]).endswith(ending):
                return head
        return None
    has_tags = "classifier.weight" in tensors and not any(n.startswith("pooler") for n in names)
    return TAGGING if has_tags else None
