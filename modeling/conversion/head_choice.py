"""Which head a fine-tuned model has, and whether Hugging Face has it, too."""

import collections
import re

from common.errors import UserError
from modeling.conversion.families import (
    CLASSIFICATION,
    DISCRIMINATOR,
    GENERATOR,
    HEADS,
    NONE,
    PRETRAINING,
    QUESTIONS,
    TAGGING,
    electra_task,
    google_task,
    scope_of,
)
from modeling.conversion.sources import AUTO

# What is converted. family: Family with the head; head: for sources.select; task: name of the task
# by what lies beside the checkpoint, None where that is not known or its head is not converted;
# reasons: for sources.left_out_lines; notes: sentences for the log.
Choice = collections.namedtuple("Choice", ["family", "head", "task", "reasons", "notes"])

_SCOPE = re.compile(r"task_specific/([^/]+)/.+")
# Variables of ELECTRA's heads that Hugging Face's classes lack.
_CLASSIFIER_OF_ELECTRA = (
    "transformers' ElectraForSequenceClassification has one layer more than ELECTRA's classifier"
)
_JOINT = (
    "ends that depend on starts; transformers' ElectraForQuestionAnswering predicts both apart, as "
    "run_finetuning.py does with --joint_prediction=false"
)
_KINDS = "they tell kinds of answers apart, which transformers' class does not"


def task_names(variables):
    """Names of the tasks by which heads among `variables` (names) are called."""
    matches = (_SCOPE.fullmatch(name) for name in variables)
    return sorted({match.group(1) for match in matches if match})


def choose(family, shapes, shown, known, head=AUTO, task_name=None):
    """Settles which head of a checkpoint is converted.

    Args:
      family: Family of the checkpoint.
      shapes: dict variable name -> list of ints.
      shown: what messages call the checkpoint.
      known: dict task -> one of HEADS, what lies beside the checkpoint says of its tasks.
      head: --head.
      task_name: --task_name or None.

    Returns:
      Choice.

    Raises:
      UserError: there is no such task, or no such head in Hugging Face's classes.
    """
    scoped = task_names(shapes)
    _check_name(shown, scoped, known, task_name)
    if head in (PRETRAINING, NONE) or family.network == GENERATOR:
        return Choice(family, head, None, [], [])
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
    family = google_task(family, scope, kind == TAGGING)
    reasons = [(re.escape(scope_of(scope)) + "output_(weights|bias)", _KINDS, "answers")]
    return Choice(family, head, name, reasons, [])


def of_directory(family, values, tensors, task_name=None):
    """The Family of a Hugging Face directory with the head that was fine-tuned.

    Args:
      family: Family of the directory.
      values: dict, content of its config.json.
      tensors: names of its tensors.
      task_name: by which ELECTRA's variables are to be called; None: `finetuning_task` of
        config.json. Without either that head is no part of the model.
    """
    if family.network is None:
        return google_task(family, None, True) if _has_tags(values, tensors) else family
    name = task_name or values.get("finetuning_task")
    head = head_of_electra(tensors)
    if family.network == GENERATOR or not head or not is_task_name(name):
        return family
    return electra_task(head, name)


def head_of_electra(tensors):
    """TAGGING or QUESTIONS, where that is the head in an ELECTRA directory; else None."""
    if "qa_outputs.weight" in tensors:
        return QUESTIONS
    # With a summary before it, it is a choice between texts.
    has_tags = "classifier.weight" in tensors and "sequence_summary.summary.weight" not in tensors
    return TAGGING if has_tags else None


def is_task_name(name):
    """Whether variables can be called by it."""
    return isinstance(name, str) and bool(re.fullmatch(r"\w[\w.-]*", name, re.ASCII))


def _check_name(shown, scoped, known, task_name):
    if task_name and scoped and task_name not in scoped:
        raise UserError(
            "--task_name={}, but checkpoint {} has the heads of {}".format(
                task_name, shown, ", ".join(scoped)
            )
        )
    if task_name and not scoped and task_name not in known:
        raise UserError(
            "--task_name={}, but checkpoint {} has no head that is called by a task; leave it "
            "out".format(task_name, shown)
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
    return Choice(family, head, None, [(_SCOPE.pattern, reason, None)], [])


def _kind_of(family, scope, shapes):
    """The head that variables look like; tags look like classes."""
    names = ("dense_1/kernel",) if family.network else ("cls/squad/output_weights",)
    found = any(scope_of(scope) + name in shapes for name in names)
    return QUESTIONS if found else CLASSIFICATION


def _of_electra(family, shapes, shown, head, kind, scope):
    if scope is None:
        return Choice(family, head, None, [], [])
    first = scope_of(scope)
    reason = None
    if kind == CLASSIFICATION:
        reason = _CLASSIFIER_OF_ELECTRA
    elif kind == QUESTIONS and first + "qa_hidden/kernel" in shapes:
        reason = _JOINT
    if reason:
        if head != AUTO:
            raise UserError(
                "--head={}: the head in checkpoint {} cannot be converted: {}; use "
                "--head=none".format(head, shown, reason)
            )
        return Choice(family, head, None, [(re.escape(first) + ".*", reason, None)], [])
    reasons, notes = [], []
    if kind == QUESTIONS:
        reasons = [(re.escape(first) + "(dense_[23]|answer_kind)/.*", _KINDS, "answers")]
        notes = [
            "ELECTRA looks for answers in the passage alone; transformers' class scores the "
            "question's tokens, too (its question-answering pipeline leaves them out)"
        ]
    return Choice(electra_task(kind, scope), head, scope, reasons, notes)


def _has_tags(values, tensors):
    """Whether classifier.weight of a BERT or ALBERT directory stands on tokens."""
    names = [name.split(".", 1)[-1] for name in tensors]
    classes = values.get("architectures")
    if isinstance(classes, list) and classes:
        return str(classes[0]).endswith("ForTokenClassification")
    return "classifier.weight" in tensors and not any(n.startswith("pooler") for n in names)
