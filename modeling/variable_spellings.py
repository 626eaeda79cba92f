"""Other programs' spellings of the variable names of released checkpoints.

Only names whose meaning is certain are mapped; what is left is reported as any other variable that
a model does not have. A matrix that is called `weight` is not: PyTorch's are transposed.
"""

import collections
import re

# Keras' and PyTorch's layer norms; Keras numbers those that have no name of their own.
_NORM = re.compile(r"layer_?norm(?:alization)?(?:_(\d+))?", re.IGNORECASE)
_NORM_VALUES = {"weight": "gamma", "scale": "gamma", "bias": "beta", "offset": "beta"}
_DENSE_VALUES = {"weights": "kernel", "biases": "bias"}  # tf.contrib.layers
_TABLE = re.compile(r"(?:word|token_type|position)_embeddings")
_TABLE_VALUES = ("embeddings", "weight", "weights")  # Keras and PyTorch: one level more
_LAYER = re.compile(r"layer_\._(\d+)")  # transformers' TensorFlow classes
_WORD_TABLE = re.compile(r"(?:(.+?)/)?(?:bert|electra)/embeddings/word_embeddings(?:/.*)?")
# tf.train.Checkpoint
_OBJECT, _OBJECT_SLASH = "/.ATTRIBUTES/VARIABLE_VALUE", ".S"
_OBJECT_GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"


def released(names):
    """The released spellings of the variable names of a checkpoint.

      released(["bert/embeddings/layer_normalization/gamma"])
      # {"bert/embeddings/layer_normalization/gamma": "bert/embeddings/LayerNorm/gamma"}

    Args:
      names: of the variables in the checkpoint.

    Returns:
      Ordered dict name in the checkpoint -> released name, of those that differ. A released name
      that two variables would get is given to none.
    """
    plain = {name: _without_object_suffix(name) for name in names}
    scope = _scope_before(plain.values())
    paths = {name: p[len(scope) :].split("/") for name, p in plain.items() if p.startswith(scope)}
    norms = _norms(paths.values())
    chosen = {name: "/".join(_spelled(path, norms)) for name, path in paths.items()}
    counts = collections.Counter(chosen.get(name, name) for name in names)
    return collections.OrderedDict(
        (name, chosen[name])
        for name in sorted(chosen)
        if chosen[name] != name and counts[chosen[name]] == 1
    )


def foreign(names):
    """Why a checkpoint with variables of these names is of another program altogether, to end a
    sentence; "" where that cannot be told."""
    if _OBJECT_GRAPH in names:
        return (
            "; tf.train.Checkpoint saved it, which keeps no names of variables: save them with "
            "tf.compat.v1.train.Saver under the released names"
        )
    return ""


def _without_object_suffix(name):
    if not name.endswith(_OBJECT):
        return name
    return name[: -len(_OBJECT)].replace(_OBJECT_SLASH, "/")


def _scope_before(names):
    """The scope, with its slash, in which all of a model lies; "" where there is none, or where
    several models have scopes of their own."""
    matches = (_WORD_TABLE.fullmatch(name) for name in names)
    scopes = {match.group(1) or "" for match in matches if match}
    return scopes.pop() + "/" if len(scopes) == 1 and "" not in scopes else ""


def _norms(paths):
    """dict (path of a layer, name of a norm in it) -> LayerNorm, of a second norm LayerNorm_1 and
    so on, in the order of their numbers."""
    beside = collections.defaultdict(set)
    for path in paths:
        for place, part in enumerate(path):
            if _NORM.fullmatch(part):
                beside[tuple(path[:place])].add(part)
    names = {}
    for layer, parts in beside.items():
        ordered = sorted(parts, key=lambda part: int(_NORM.fullmatch(part).group(1) or 0))
        for number, part in enumerate(ordered):
            names[layer, part] = "LayerNorm_{}".format(number) if number else "LayerNorm"
    return names


def _spelled(path, norms):
    """The parts of a released name."""
    result = []
    for place, part in enumerate(path):
        before = path[place - 1] if place else ""
        if _TABLE.fullmatch(before) and part in _TABLE_VALUES:
            continue
        if _NORM.fullmatch(before):
            part = _NORM_VALUES.get(part, part)
        part = norms.get((tuple(path[:place]), part), part)
        layer = _LAYER.fullmatch(part)
        result.append("layer_" + layer.group(1) if layer else _DENSE_VALUES.get(part, part))
    return result
