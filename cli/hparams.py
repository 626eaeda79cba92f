"""Hyperparameters as a JSON object, ELECTRA's form of the settings of a run.

Source: google-research/electra, configure_pretraining.py and configure_finetuning.py. Each key
becomes the value of a flag, so that the rest of the program has one form of settings.
"""

import collections
import re
from typing import Any, Dict, NamedTuple, Optional

from absl import flags

from cli import flag_defaults, original_names
from cli.help import topics
from common import bounded_json, files
from common.errors import UserError, quoted

# The flags belong to the module of flags that calls `define_hparams_flags`.
flags.disclaim_key_flags()


class Key(NamedTuple):
    """A hyperparameter.

    Attributes:
      kind: type of its values.
      default: the original's; None: the flag's own default applies.
      flag: name of the flag that it sets; None for a key of the model.
    """

    kind: type
    default: Any
    flag: Optional[str]


class Table(NamedTuple):
    """The hyperparameters of one of the original programs.

    Attributes:
      keys: ordered dict name -> Key.
      refused: dict name -> what to do instead.
      ignored: dict name -> why it has no effect here.
    """

    keys: Dict[str, Key]
    refused: Dict[str, str]
    ignored: Dict[str, str]


# Keys that define the model; no flags.
MODEL_KEYS = ("model_size", "model_hparam_overrides", "embedding_size", "vocab_size")
# Keys of both programs -> the original's default, or the type of their values: then the default of
# the flag applies.
_SHARED = {
    "model_size": "small",
    "model_hparam_overrides": dict,
    "embedding_size": int,
    "vocab_size": 30522,
    "do_train": True,
    "weight_decay_rate": 0.01,
    "max_seq_length": 128,
    "vocab_file": str,
    "model_dir": str,
    "use_tpu": bool,
    "num_tpu_cores": int,
    "tpu_name": str,
    "tpu_zone": str,
    "gcp_project": str,
}
# Keys that have another name than their flag.
_FLAGS = {"model_dir": "output_dir", **dict.fromkeys(MODEL_KEYS)}
# Keys of both programs that are refused -> what to do instead.
REFUSED = {
    "tpu_job_name": "TPUs are found by tpu_name",
    "model_name": "it is --model-name",
    "data_dir": "it is --data-dir",
}

_KINDS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
    dict: "an object",
    list: "a list",
}
# A text, or a comma before a closing bracket.
_TRAILING_COMMA = re.compile(r'("(?:[^"\\]|\\.)*")|,(?=\s*[}\]])')


def define_hparams_flags():
    """--hparams and --model_name; each program defines --data-dir itself."""
    topics.begin("ELECTRA's own command line")
    flags.DEFINE_string(
        "hparams", None, "Hyperparameters of ELECTRA: a JSON file, or the JSON object itself."
    )
    flags.DEFINE_string("model_name", None, "Name of the model's directory in DATA_DIR/models.")
    original_names.add_names("model_name", "model-name")


def make_keys(own, renamed):
    """The keys of a program.

    Args:
      own: dict key -> default, or type of its values, beside those of both programs.
      renamed: dict key -> flag, of those whose names differ.

    Returns:
      Ordered dict of Key.
    """
    names = dict(_FLAGS, **renamed)
    keys = collections.OrderedDict()
    for name, value in dict(own, **_SHARED).items():
        is_type = isinstance(value, type)
        kind, default = (value, None) if is_type else (type(value), value)
        keys[name] = Key(kind, default, names.get(name, name))
    return keys


def read(text, table):
    """The hyperparameters of --hparams.

    Args:
      text: the name of a JSON file, or the JSON itself; trailing commas are accepted.
      table: Table of the keys that there are.

    Returns:
      (dict key -> value, name of the source in messages).

    Raises:
      UserError: there is no such file, it is no JSON object, or a key or its value is wrong.
    """
    where = "--hparams"
    if not text.lstrip().startswith("{"):
        where, text = "hparams " + text, _content(text)
    text = _TRAILING_COMMA.sub(lambda match: match.group(1) or "", text)
    values = bounded_json.parse(text, where)
    if not isinstance(values, dict):
        raise UserError("{} must hold one JSON object".format(where))
    for key, value in values.items():
        _check(key, value, where, table)
    # An embedding_size of null has a meaning: the hidden size, even in a small model.
    kept = {k: v for k, v in values.items() if v is not None or k == "embedding_size"}
    return kept, where


def _content(path):
    try:
        if not files.exists(path) or files.is_directory(path):
            raise UserError(
                "--hparams={} is no file, and no JSON object either, which begins with {{".format(
                    path
                )
            )
        with files.open_file(path, "rb") as reader:
            content = bounded_json.read(reader, "hparams " + path, bounded_json.CONFIG_BYTES)
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UserError("hparams {} is not UTF-8 text".format(path)) from None
    except files.failures() as error:
        raise UserError(
            "hparams {} cannot be read: {}".format(path, files.reason(error))
        ) from error


def _check(key, value, where, table):
    if key in table.refused:
        if value not in (None, False):
            raise UserError("{}: {} cannot be used here; {}".format(where, key, table.refused[key]))
        return
    if key in table.ignored:
        return
    if key not in table.keys:
        raise unknown(where, key, table.keys)
    kind = table.keys[key].kind
    accepted = (int, float) if kind is float else (kind,)
    is_right = isinstance(value, accepted) and (kind is bool or not isinstance(value, bool))
    if value is not None and not is_right:
        raise UserError("{}: {} must be {}, not {}".format(where, key, _KINDS[kind], quoted(value)))


def unknown(where, key, known, place=""):
    """UserError for a key that is not one of `known`; names the nearest."""
    return UserError(
        "{}: unknown key {}{}; {}".format(
            where, quoted(key), place, flag_defaults.advice(key, known)
        )
    )


def apply(flags, table, values, where, chosen):
    """Makes hyperparameters, and the original's defaults of the others, the defaults of `flags`;
    values from the command line stay.

    Args:
      flags: absl FlagValues, parsed.
      table: Table.
      values, where: see `read`.
      chosen: ordered dict flag -> value of flags that have no key.

    Returns:
      Lines for the log: values in effect, and values overridden by the command line.

    Raises:
      UserError: a flag refuses its value.
    """
    given = {table.keys[key].flag for key in values if key in table.keys}
    applied = flag_defaults.apply(
        flags, settings(table, values, chosen), where, "hparams", given, lists=True
    )
    lines = ["{} sets: {}".format(where, " ".join(applied.in_effect))]
    if applied.overridden:
        lines.append(
            "{} overridden by the command line: {}".format(where, " ".join(applied.overridden))
        )
    for key in table.ignored:
        if key in values:
            lines.append("{}: {} is not used; {}".format(where, key, table.ignored[key]))
    return lines


def without_default(table, key):
    """The table without the original's default of one key."""
    keys = collections.OrderedDict(table.keys)
    keys[key] = keys[key]._replace(default=None)
    return table._replace(keys=keys)


def settings(table, values, chosen):
    """Ordered dict flag -> value: `chosen`, then the keys of `values`, then the defaults."""
    flag_values = collections.OrderedDict(chosen)
    for key, entry in table.keys.items():
        if entry.flag and values.get(key, entry.default) is not None:
            flag_values[entry.flag] = values.get(key, entry.default)
    return flag_values
