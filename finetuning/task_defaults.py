"""configs/finetuning: the usual settings of a task's training, by size of the model."""

import os

from common.errors import UserError
from common.validation import is_number, is_object, is_text, is_whole, list_of
from modeling.config import read_json_object

FOLDER = os.path.join(
    os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "configs", "finetuning"
)
# Flags that a file must set, and those that it may set: key -> check of its value.
FLAGS = {
    "max_seq_length": is_whole,
    "train_batch_size": is_whole,
    "num_train_epochs": is_number,
    "learning_rate": is_number,
}
OPTIONAL = {"layerwise_lr_decay": is_number, "warmup": is_text}
_SIZES = ("tiny", "small", "base", "large")


class TaskDefaults:
    """Flags and their values for one task.

    Attributes:
      source: of the values, a text.
      flags: dict of flag -> value.
      sizes: dict of size -> dict of the flags with other values for it.
      elsewhere: list of (source, dict of flags), what other sources have.
      choice: why those of `source` are taken; "" where there are no others.
    """

    def __init__(self, flags=(), sizes=(), source="", elsewhere=(), choice=""):
        self.flags, self.sizes, self.source = dict(flags), dict(sizes), source
        self.elsewhere, self.choice = list(elsewhere), choice

    def of(self, size):
        """dict of flag -> value for models of a size that `size_of` names."""
        return dict(self.flags, **self.sizes.get(size, {}))


def size_of(config):
    """The size of a model: tiny, small, base or large, with the network before it where that is not
    BERT's: `electra_small`.

    The limits lie between the released models: RoBERTa-tiny-clue (4 layers of 312), LERT-small
    and ELECTRA-small (12 of 256), base (768), RBTL3 and large (1024).
    """
    if config.hidden_size <= 384:
        size = _SIZES[config.num_hidden_layers > 6]
    else:
        size = _SIZES[2 + (config.hidden_size >= 1024)]
    return size if config.network == "bert" else "{}_{}".format(config.network, size)


def read(task_name, folder=FOLDER):
    """TaskDefaults of FOLDER/TASK.json: {"source": text, "flags": {...}, "sizes": {size: {...}}},
    and where sources differ "elsewhere": [{"source": text, "flags": {...}}], "choice": text.

    Raises:
      UserError: the file cannot be read or is not of that form.
    """
    path = os.path.join(folder, task_name + ".json")
    values = read_json_object(path, "settings")
    source, flags, sizes = (values.get(key) for key in ("source", "flags", "sizes"))
    if set(values) - {"source", "flags", "sizes", "elsewhere", "choice"} or not is_text(source):
        raise UserError(
            "settings {}: source (a text), flags and sizes are expected, elsewhere and choice "
            "possible".format(path)
        )
    sizes = {} if sizes is None else sizes
    if not is_object(sizes):
        raise UserError("settings {}: sizes must be an object".format(path))
    for of_size in [flags, *sizes.values()]:
        _check(path, of_size)
    if set(FLAGS) - set(flags):
        raise UserError("settings {}: flags must hold {}".format(path, ", ".join(FLAGS)))
    return TaskDefaults(flags, sizes, source, *_elsewhere(path, values))


def _elsewhere(path, values):
    """([(source, flags)], choice) of other sources, ([], "") where there are none."""
    others, choice = values.get("elsewhere", []), values.get("choice", "")
    is_right = list_of(is_object)(others) and is_text(choice) and bool(others) == bool(choice)
    if not is_right or not all(set(o) == {"source", "flags"} for o in others):
        raise UserError(
            "settings {}: elsewhere must be a list of objects with source and flags, and choice "
            "a text that says why these are not taken".format(path)
        )
    for other in others:
        _check(path, other["flags"])
    return [(other["source"], other["flags"]) for other in others], choice


def _check(path, flags):
    if not is_object(flags):
        raise UserError("settings {}: flags must be an object".format(path))
    known = dict(FLAGS, **OPTIONAL)
    for name, value in flags.items():
        if name not in known:
            raise UserError(
                "settings {}: unknown flag {!r}; known are {}".format(path, name, ", ".join(known))
            )
        if not known[name](value) or (is_number(value) and value <= 0):
            raise UserError("settings {}: {} cannot be {!r}".format(path, name, value))
