"""task.json beside a fine-tuned checkpoint: the meaning of its outputs, for prediction."""

import json
import os

from common import files
from common.errors import UserError, quoted, some
from common.outputs import write_atomically
from common.validation import is_number, is_object, is_text, is_whole, list_of
from modeling.config import read_json_object

FILE_NAME = "task.json"
SHORTEST_ROW, LONGEST_ROW = 3, 65536
BEST = "best"  # the folder of the best checkpoint, below that of the run


def save(folder, entries, max_seq_length, settings, vocabulary=None):
    """Writes folder/task.json: an object, or a list of them where several tasks are trained at
    once.

    Args:
      folder: directory of the checkpoints.
      entries: list of (task object whose labels are known, dict split -> features.fingerprint of
        its examples).
      max_seq_length: length of rows in training.
      settings: data.tokenizers.text_settings.TextSettings of the tokenizer.
      vocabulary: that of the model; None where it is not known.
    """
    digest = {"vocabulary": vocabulary.sha256} if vocabulary else {}
    values = [
        {
            "task": task.name,
            "kind": task.kind,
            **({"texts": task.texts_per_example} if task.texts_per_example else {}),
            "labels": list(task.labels),
            "max_seq_length": max_seq_length,
            **settings._asdict(),
            "row_options": task.saved_options,
            "head_options": task.head_options,
            "is_one_of_several": len(entries) > 1,
            "fingerprints": fingerprints,
            **digest,
        }
        for task, fingerprints in entries
    ]
    content = values[0] if len(values) == 1 else {"tasks": values}
    text = json.dumps(content, ensure_ascii=False, indent=2) + "\n"
    write_atomically(os.path.join(folder, FILE_NAME), text)


def path_beside(prefix):
    """Path of task.json beside the checkpoint `prefix` or, for a best checkpoint of earlier
    versions, one above; None where there is none."""
    folder = os.path.dirname(prefix)
    above = [os.path.dirname(folder)] if os.path.basename(folder) == BEST else []
    paths = [os.path.join(place, FILE_NAME) for place in (folder, *above)]
    return next(filter(files.exists, paths), None)


def find(prefix, kind, num_labels=None, name=None):
    """The content that `save` wrote for the checkpoint `prefix`.

    Args:
      prefix: checkpoint prefix.
      kind, num_labels, name: see `read`.

    Returns:
      dict.

    Raises:
      UserError: there is no such file, or see `read`.
    """
    path = path_beside(prefix)
    if path is None:
        raise UserError(
            "checkpoint {} has no {} beside it: it was not fine-tuned by run_finetuning.py, or "
            "moved away from its folder".format(prefix, FILE_NAME)
        )
    return read(path, kind, num_labels, name)


def read(path, kind, num_labels=None, name=None):
    """The entry of a task in a task.json.

    Args:
      path: its name.
      kind: of the task, or a tuple of those that it may be of.
      num_labels: classes of the checkpoint, None where they are not known.
      name: of the task; None: the only one of that kind.

    Returns:
      dict.

    Raises:
      UserError: it is damaged, of another kind or of another checkpoint.
    """
    kinds = (kind,) if is_text(kind) else kind
    values = read_json_object(path, "task file")
    if "tasks" in values:
        values = _one_of(path, values["tasks"], kinds, name)
    if values.get("kind") not in kinds:
        raise UserError(
            "{} says that the checkpoint was fine-tuned for {}, not for {}".format(
                path, quoted(values.get("kind")), " or ".join(kinds)
            )
        )
    if name not in (None, values.get("task")):
        raise UserError(
            "{} says that the checkpoint was fine-tuned for task {}, not for {}".format(
                path, quoted(values.get("task"), 40), name
            )
        )
    labels = values.get("labels")
    if not list_of(is_text)(labels):
        raise UserError("{}: labels must be a list of names".format(path))
    if not labels or len(set(labels)) < len(labels):
        raise UserError("{} names no label, or one twice".format(path))
    if num_labels not in (None, len(labels)):
        raise UserError(
            "{} names {} labels, but the checkpoint has {} classes; it belongs to another "
            "one".format(path, len(labels), num_labels)
        )
    _check_settings(path, values)
    _check_heads(path, values)
    return values


def check_vocabulary(entry, vocabulary, model):
    """Refuses another vocabulary than the model's, even one of the same size.

    Args:
      entry: dict, see `read`; {} without one, and older ones do not name their vocabulary.
      vocabulary: of --vocab_file.
      model: folder or checkpoint of the model, for messages.

    Raises:
      UserError: it is another one.
    """
    if entry.get("vocabulary", vocabulary.sha256) != vocabulary.sha256:
        raise UserError(
            "{} is not the vocabulary that the model in {} was fine-tuned with; give that one as "
            "--vocab_file".format(vocabulary.path, model)
        )


def entries_of(folder):
    """List of the dicts in the task.json of a folder, not checked; empty where there is none.

    Raises:
      UserError: it is damaged.
    """
    path = os.path.join(folder, FILE_NAME)
    if not files.exists(path):
        return []
    values = read_json_object(path, "task file")
    entries = values.get("tasks", [values])
    if not list_of(is_object)(entries):
        raise UserError("{}: tasks must be a list of objects".format(path))
    return entries


def check_options(path, entry, task):
    """Refuses what are no options of a task's rows or heads, and values out of range.

    Args:
      path: of the task.json.
      entry: dict, see `read`.
      task: task object or its class.

    Raises:
      UserError: naming the option.
    """
    kept = task.saved_option_names()
    of_rows = [o for o in task.option_class.declared() if o.name in kept]
    of_heads = task.head_option_class.declared()
    for key, declared in (("row_options", of_rows), ("head_options", of_heads)):
        known = {option.name: option for option in declared}
        if set(entry[key]) - set(known):
            allowed = some(list(known)) if known else "nothing for this task"
            raise UserError("{}: {} may have {}".format(path, key, allowed))
        for name, value in entry[key].items():
            if not _is_value_of(known[name], value):
                raise UserError("{}: {} cannot be {}".format(path, name, quoted(value, 40)))


def _is_value_of(option, value):
    """Whether a value from JSON is one of an option (common.options.Option)."""
    return option.accepts(value) and not (is_number(value) and value > LONGEST_ROW)


def _one_of(path, entries, kinds, name):
    """The entry of a task among those that were trained at once."""
    if not list_of(is_object)(entries):
        raise UserError("{}: tasks must be a list of objects".format(path))
    fitting = [e for e in entries if e.get("kind") in kinds and name in (None, e.get("task"))]
    if len(fitting) == 1:
        return fitting[0]
    raise UserError(
        "{} holds {} tasks that fit ({}), among {}; say which one with --task_name".format(
            path,
            len(fitting),
            " or ".join(kinds) if name is None else name,
            ", ".join(str(e.get("task")) for e in entries),
        )
    )


def _check_heads(path, values):
    """Checks the keys that determine the heads; files of older versions lack them."""
    if values.get("texts") not in (None, 1, 2):
        raise UserError("{}: texts must be 1 or 2".format(path))
    if not is_text(values.get("task")):
        raise UserError("{}: task must be a name".format(path))
    if not isinstance(values.setdefault("is_one_of_several", False), bool):
        raise UserError("{}: is_one_of_several must be true or false".format(path))
    for key in ("row_options", "head_options"):
        if not is_object(values.setdefault(key, {})):
            raise UserError("{}: {} must be an object".format(path, key))
    if not is_object(values.get("fingerprints", {})):
        raise UserError("{}: fingerprints must be an object".format(path))
    if not is_text(values.get("vocabulary", "")):
        raise UserError("{}: vocabulary must be a checksum".format(path))


def _check_settings(path, values):
    length, is_lower = values.get("max_seq_length"), values.get("do_lower_case")
    # Earlier versions did not say, and did not simplify.
    quotes, simple = values.setdefault("normalize_quotes", None), values.setdefault("t2s", False)
    for key, value, is_right, what in (
        ("max_seq_length", length, is_whole(length), "a whole number"),
        ("do_lower_case", is_lower, isinstance(is_lower, bool), "true or false"),
        ("normalize_quotes", quotes, quotes is None or isinstance(quotes, bool), "true or false"),
        ("t2s", simple, isinstance(simple, bool), "true or false"),
    ):
        if not is_right:
            raise UserError("{}: {} is {}, but must be {}".format(path, key, quoted(value), what))
    if not SHORTEST_ROW <= length <= LONGEST_ROW:
        raise UserError(
            "{}: max_seq_length is {}, but must be from {} to {}".format(
                path, length, SHORTEST_ROW, LONGEST_ROW
            )
        )
