"""Checks of an LTP directory before LTP reads it: LTP trusts its content.

LTP calls whatever the config names, leaves weights that are missing as they were drawn, searches
without end for the best tree where scores are no numbers, and dies of a legacy file cut short.
"""

import importlib
import os
import re
import subprocess
import sys

from common import bounded_json

_TARGET = "_ltp_target_"
_WEIGHTS = "pytorch_model.bin"
# The weights of LTP's networks are far below; with larger ones sums become infinite.
_LARGEST_WEIGHT = 1e4


def check_directory(path):
    """Raises ValueError for what LTP would not survive, or would take without a word.

    Args:
      path: a local directory with config.json.

    Raises:
      ValueError, UserError, OSError: in short, what is wrong.
    """
    with open(os.path.join(path, "config.json"), "rb") as f:
        config = bounded_json.load(f, "its config.json")
    if not isinstance(config, dict) or "nerual" not in config:  # LTP's spelling
        raise ValueError("its config.json is not LTP's")
    if config["nerual"]:
        _check_neural(path, config)
    else:
        _check_legacy(path, config)


def _check_legacy(path, config):
    tasks = config.get("tasks")
    if not isinstance(tasks, dict) or not all(isinstance(name, str) for name in tasks.values()):
        raise ValueError("its config.json names no files of tasks")
    # A legacy file that is cut short ends the whole process (a Rust panic): try it in another.
    code = "import sys, ltp_extension.perceptron as p; getattr(p, sys.argv[1]).load(sys.argv[2])"
    for task, name in tasks.items():
        model = [task.upper() + "Model", os.path.join(path, name)]
        tried = subprocess.run([sys.executable, "-c", code, *model], capture_output=True)
        if tried.returncode < 0:
            raise ValueError("{} is damaged".format(name))


def _check_neural(path, config):
    import torch
    from ltp_core.models.utils import instantiate

    for labels in _dict_at(config, "vocabs").values():
        if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
            raise ValueError("the vocabs of its config.json are no lists of labels")
    weights = torch.load(os.path.join(path, _WEIGHTS), map_location="cpu", weights_only=True)
    if not isinstance(weights, dict) or not weights:
        raise ValueError("its {} holds no weights".format(_WEIGHTS))
    network = _dict_at(config, "model")
    _check_network(network, len(weights))
    with torch.device("meta"):  # shapes without memory
        shapes = {name: value.shape for name, value in instantiate(network).named_parameters()}
    for name, shape in shapes.items():
        value = weights.get(name)
        if value is None and "pooler" in name:  # LTP does without it
            continue
        if not torch.is_tensor(value) or value.shape != shape or not value.is_floating_point():
            raise ValueError("its {} does not fit its config.json at {}".format(_WEIGHTS, name))
        if not bool((value.abs() <= _LARGEST_WEIGHT).all()):
            raise ValueError("its {} is damaged at {}".format(_WEIGHTS, name))


def _dict_at(config, key):
    if not isinstance(config.get(key), dict):
        raise ValueError("its config.json has no {}".format(key))
    return config[key]


def _check_network(value, most_layers):
    """Raises ValueError where a dict of the network's config names what is no part of LTP, or more
    layers than there are weights."""
    if _TARGET in value and not _is_part(value[_TARGET]):
        raise ValueError("its config.json names {!r}, no part of LTP".format(value[_TARGET]))
    for key, inner in value.items():
        if "layers" in key and isinstance(inner, (int, float)) and inner > most_layers:
            raise ValueError("its config.json has too many layers: {}".format(inner))
        if isinstance(inner, dict):
            _check_network(inner, most_layers)


def _is_part(target):
    """Whether a name is that of a network of LTP's own, or of its function that makes encoders."""
    import torch
    from ltp_core.models.utils import load_transformers

    module, _, name = target.rpartition(".") if isinstance(target, str) else ("", "", "")
    if not re.fullmatch(r"ltp_core\.models(\.\w+)+", module):
        return False
    try:
        named = getattr(importlib.import_module(module), name, None)
    except ImportError:
        return False
    if named is load_transformers:
        return True
    is_network = isinstance(named, type) and issubclass(named, torch.nn.Module)
    return is_network and named.__module__.startswith("ltp_core.")
