"""Presets: the flags of a known recipe in a JSON file, with the source of its numbers."""

import collections
import os
from typing import Any, Dict, NamedTuple

from cli import family_flags, flag_defaults
from common.errors import UserError
from common.options import MODEL_CONFIG
from modeling.config import read_json_object
from modeling.objectives import option_classes

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FOLDER = os.path.join(ROOT, "configs", "pretraining")

# A preset is a recipe for any corpus on any machine: it must not name files, devices or actions.
NOT_IN_PRESETS = {
    "preset": "a preset cannot name another",
    "dry_run": "actions belong on the command line",
    "compare": "actions belong on the command line",
    "do_train": "actions belong on the command line",
    "do_eval": "actions belong on the command line",
    "hparams": "it replaces a preset",
    "albert_config_file": "a preset calls it config_file",
    "spm_model_file": "your own files belong on the command line",
    "data_dir": "your own files belong on the command line",
    "data-dir": "your own files belong on the command line",
    "model_name": "your own files belong on the command line",
    "model-name": "your own files belong on the command line",
    "input_file": "your own files belong on the command line",
    "eval_file": "your own files belong on the command line",
    "output_dir": "your own files belong on the command line",
    "use_tpu": "the machine belongs on the command line",
    "tpu_name": "the machine belongs on the command line",
    "tpu_zone": "the machine belongs on the command line",
    "gcp_project": "the machine belongs on the command line",
    "master": "the machine belongs on the command line",
    "num_tpu_cores": "the machine belongs on the command line",
}
_SHOWN_SOURCE = 100  # characters
# Flags whose value may be a file of the project, named from its root.
PROJECT_FILES = (
    "config_file",
    "bert_config_file",
    "teacher_config_file",
    *(o.name for o in family_flags.declared(option_classes()) if o.kind == MODEL_CONFIG),
)


class Preset(NamedTuple):
    """A preset.

    Attributes:
      name: as given.
      path: its file.
      source, note: texts, "" where there is none.
      flags: ordered dict name of a flag -> number, text or bool.
    """

    name: str
    path: str
    source: str
    note: str
    flags: Dict[str, Any]


def apply(flags, name_or_path, folder=FOLDER, in_full=False):
    """Makes a preset's values the defaults of `flags`; values from the command line stay.

    Args:
      flags: absl FlagValues, parsed.
      name_or_path: a preset of `folder` by its bare name, or the path of a JSON file.
      folder: where the named presets lie, at ROOT/configs/KIND.
      in_full: bool, whether to log the whole source, and the note.

    Returns:
      Lines for the log: name, source, values in effect, values overridden by the command line.

    Raises:
      UserError: see `load`; a flag of the preset is unknown, may not be in one, or refuses its
        value.
    """
    preset = load(name_or_path, folder)
    root = os.path.dirname(os.path.dirname(os.path.abspath(folder)))
    known = _script_flags(flags)
    for name in preset.flags:
        _check_name(preset, name, known)
    values = collections.OrderedDict(
        (name, _project_file(value, root) if name in PROJECT_FILES else value)
        for name, value in preset.flags.items()
    )
    applied = flag_defaults.apply(flags, values, "preset " + preset.path, "preset")
    return _lines(preset, applied, in_full)


def load(name_or_path, folder=FOLDER):
    """Reads a preset.

    Args:
      name_or_path, folder: see `apply`.

    Returns:
      Preset.

    Raises:
      UserError: there is no such preset, or its file is not of the form
        {"source": text, "note": text, "flags": {flag: value}}, the first two optional.
    """
    path = _find(name_or_path, folder)
    values = read_json_object(path, "preset")
    for key in values:
        if key not in ("source", "note", "flags"):
            raise UserError(
                "preset {}: unknown key {!r}; known are source, note and flags{}".format(
                    path, key, "" if "flags" in values else ", and flags go into the last"
                )
            )
    if not isinstance(values.get("flags"), dict):
        raise UserError('preset {}: "flags" must hold an object of flags and values'.format(path))
    for key in ("source", "note"):
        if not isinstance(values.get(key, ""), str):
            raise UserError('preset {}: "{}" must be a text'.format(path, key))
    return Preset(
        name_or_path, path, values.get("source", ""), values.get("note", ""), values["flags"]
    )


def names(folder=FOLDER):
    """Sorted names of the presets in `folder`."""
    if not os.path.isdir(folder):
        return []
    return sorted(name[: -len(".json")] for name in os.listdir(folder) if name.endswith(".json"))


def _find(name_or_path, folder):
    # A separator or the ending makes it a path, whatever the current folder contains.
    if os.path.basename(name_or_path) != name_or_path or name_or_path.endswith(".json"):
        return name_or_path
    known = names(folder)
    if name_or_path not in known:
        raise UserError(
            "--preset={}: there is no such preset; known are {} (a file of your own is given by a "
            "path that ends in .json)".format(name_or_path, ", ".join(known) or "none")
        )
    return os.path.join(folder, name_or_path + ".json")


def _check_name(preset, name, known):
    if name in NOT_IN_PRESETS:
        raise UserError(
            "preset {}: {} must not be in a preset ({}); remove it".format(
                preset.path, name, NOT_IN_PRESETS[name]
            )
        )
    if name not in known:
        raise UserError(
            "preset {}: there is no flag {!r}; {}".format(
                preset.path, name, flag_defaults.advice(name, known - set(NOT_IN_PRESETS))
            )
        )


def _script_flags(flags):
    """Names of the flags that a script defines; absl's own act only while it parses."""
    modules = {name: str(flags.find_module_defining_flag(name)) for name in flags}
    return {name for name, module in modules.items() if module.split(".")[0] != "absl"}


def _project_file(value, root):
    """`value`, or the file of that name below `root` where the current folder has none."""
    if not isinstance(value, str) or "://" in value or os.path.exists(value):
        return value
    path = os.path.join(root, value)
    return path if os.path.exists(path) else value


def _lines(preset, applied, in_full):
    where = "" if preset.path == preset.name else " ({})".format(preset.path)
    lines = ["preset: {}{}".format(preset.name, where)]
    for what, text in (
        ("source", (preset.source if in_full else _beginning(preset.source)) or "not given"),
        ("note", preset.note if in_full else ""),
        ("sets", " ".join(applied.in_effect)),
        ("overridden by the command line", " ".join(applied.overridden)),
    ):
        if text:
            lines.append("preset {}: {}".format(what, text))
    return lines


def _beginning(text):
    """The first words of a text, which may fill a page of the log."""
    if len(text) <= _SHOWN_SOURCE:
        return text
    return text[:_SHOWN_SOURCE].rsplit(" ", 1)[0] + " ..."
