"""TensorFlow checkpoints as the conversion sees them: which parts there are, and their values."""

import collections
import re

import numpy as np
import tensorflow.compat.v1 as tf

from common.errors import UserError, some
from modeling import checkpoint
from modeling.conversion import families, family_choice, network

# Choice of --head: the first of the family's heads that is there.
AUTO = "auto"


class Source(
    collections.namedtuple("Source", ["prefix", "shown", "config", "family", "shapes", "plan"])
):
    """A checkpoint that was compared with its config.

    prefix: of the checkpoint; shown: what messages call it; config: model config; family: Family;
    shapes: dict variable name -> list of ints, of all that is in it; plan: LoadPlan.
    """

    __slots__ = ()

    @property
    def parts(self):
        """Names of the parts that are there."""
        return [part.name for part in self.family.parts_in(self.shapes)]

    @property
    def num_labels(self):
        """Number of the labels of its fine-tuned head, if it has one."""
        return self.family.num_labels(self.shapes)


# What is converted. parts: names of the parts, in the family's order; architecture: the class of
# transformers they make; left_out: names of variables that stay behind.
Selection = collections.namedtuple("Selection", ["parts", "architecture", "left_out"])


def open_checkpoint(prefix, config, family, shown=None):
    """Checks a checkpoint against its config.

    Args:
      prefix: the checkpoint's.
      config: model config as its file has it.
      family: Family.
      shown: what messages call the checkpoint, where it was made from something else.

    Returns:
      Source.

    Raises:
      UserError: sizes differ, variables are missing, too many, or cannot be read.
    """
    shown = shown or prefix
    shapes = checkpoint.read_shapes(prefix)
    parts = [part.name for part in family.parts_in(shapes)]
    _check_network(shown, shapes, config, family)
    config = family.network_config(config)
    wanted = _wanted(family, config, parts, shapes)
    plan = checkpoint.plan_loading(prefix, wanted, config.source, shown=shown)
    source = Source(prefix, shown, config, family, shapes, plan)
    _check_whole(source, parts)
    checkpoint.verify(prefix)
    types = tf.train.NewCheckpointReader(prefix).get_variable_to_dtype_map()
    for name in plan.loaded:
        if types[name] != tf.float32:
            raise UserError(
                "{} in checkpoint {} holds {} numbers; only float32 can be converted".format(
                    name, shown, types[name].name
                )
            )
    return source


def select(source, head=AUTO):
    """Chooses what is converted: encoder, pooler and the parts of one head.

    Args:
      source: Source.
      head: one of families.HEADS, or AUTO.

    Returns:
      Selection.

    Raises:
      UserError: there is no such head, or not in this checkpoint.
    """
    family, there = source.family, source.parts
    if head == AUTO:
        head = next(h for h, p in family.heads.items() if not p or set(p) & set(there))
    of_head = [name for name in there if name in family.heads.get(head, ())]
    if head != families.NONE and not of_head:
        raise UserError(
            "--head={}: checkpoint {} has no such head; use {}".format(
                head, source.shown, " or ".join("--head=" + h for h in _heads_in(family, there))
            )
        )
    architecture = family.architecture([n for n in there if n == "pooler" or n in of_head])
    if of_head and not architecture.parts:
        raise UserError(
            "checkpoint {} has a {} head, but not {}; use --head=none".format(
                source.shown,
                head,
                "all that Hugging Face's classes for it need"
                if "pooler" in there
                else "the pooler on which it stands",
            )
        )
    parts = [name for name in there if name == "pooler" or name in architecture.parts]
    beside = family.parts_beside(parts)
    parts = [name for name in parts if name not in beside]
    kept = [n for n in source.plan.loaded if family.part_of(n) in [None] + parts]
    left_out = [n for n in source.plan.loaded if n not in kept] + source.plan.unused
    return Selection(parts, architecture, sorted(left_out))


def everything(source):
    """Selection of all parts that a checkpoint has, on whatever head they stand."""
    beside = source.family.parts_beside(source.parts)
    parts = [name for name in source.parts if name not in beside]
    return Selection(parts, source.family.architecture(source.parts), [])


def left_out_lines(source, selection, reasons=()):
    """What stays behind, for the log: a list of str.

    Args:
      source: Source.
      selection: Selection.
      reasons: list of (pattern of names, why these have no place, name of the part beside which
        they have none or None).
    """
    beside = [name for aside in _asides(source, selection) for name in aside.of(selection.left_out)]
    rest = [name for name in selection.left_out if name not in beside]
    lines = []
    for pattern, reason, part in reasons:
        if part not in (None, *selection.parts):
            continue
        found = [name for name in rest if re.fullmatch(pattern, name)]
        rest = [name for name in rest if name not in found]
        if found:
            lines.append("left out: {} ({})".format(some(found, 12), reason))
    return lines + (["left out: " + some(rest, 12)] if rest else [])


def read_asides(source, selection):
    """What Hugging Face's models have no place for: list of (Aside, dict variable -> array)."""
    found = ((aside, aside.of(source.shapes)) for aside in _asides(source, selection))
    return [(aside, _read(source.prefix, names)) for aside, names in found if names]


def _asides(source, selection):
    return [a for a in source.family.asides if set(a.needs) & set(selection.parts)]


def read_variables(source, selection):
    """Ordered dict variable name -> float32 array of what was selected."""
    names = [n for n in source.plan.loaded if n not in selection.left_out]
    return _read(source.prefix, names)


def read_release(source):
    """Ordered dict variable name -> array of everything but the optimizer's state and the step."""
    state = set(source.plan.training_state)
    return _read(source.prefix, [name for name in source.shapes if name not in state])


def _wanted(family, config, parts, shapes):
    """What network.shapes says of the network with the labels of a checkpoint's shapes."""
    fine_tuned = family.task.network if family.task else None
    return network.shapes(config, parts, family.num_labels(shapes), fine_tuned)


def _read(prefix, names):
    reader = tf.train.NewCheckpointReader(prefix)
    return collections.OrderedDict((name, np.asarray(reader.get_tensor(name))) for name in names)


def _heads_in(family, parts):
    return [h for h, of_head in family.heads.items() if not of_head or set(of_head) & set(parts)]


def _check_network(shown, shapes, config, family):
    """Refuses the config of the other of ELECTRA's networks."""
    other = family_choice.other_network(family, shapes)
    if other and not fits(config, family, shapes) and fits(config, other, shapes):
        raise UserError(
            "config {} has the sizes of the {} in {}, not of the {}: give the {}'s config, or "
            "--discriminator_or_generator={}".format(
                config.source, other.network, shown, family.network, family.network, other.network
            )
        )


def fits(config, family, shapes):
    """Whether a network of this config has all of its variables among `shapes`, and no more layers
    are there.

    Args:
      config: model config as its file has it.
      family: Family.
      shapes: dict variable name -> list of ints of a checkpoint.
    """
    parts = [part.name for part in family.parts_in(shapes)]
    wanted = _wanted(family, family.network_config(config), parts, shapes)
    there = [name for name in shapes if family.names.huggingface_name(name)]
    return set(there) <= set(wanted) and all(shapes.get(n) == wanted[n] for n in wanted)


def _check_whole(source, parts):
    """Refuses a checkpoint that lacks variables of the parts it has, or has further layers."""
    family, plan = source.family, source.plan
    missing = [n for n in plan.new if family.part_of(n) in [None] + parts]
    if missing:
        raise UserError(
            "{} is not whole: it lacks {}, by config {}; take another copy of it, or its own "
            "config".format(source.shown, some(missing, 3), source.config.source)
        )
    further = [n for n in plan.unused if family.names.huggingface_name(n)]
    if further:
        raise UserError(
            "{} holds more than config {} says (num_hidden_layers {}): {}; use its own "
            "config".format(
                source.shown,
                source.config.source,
                source.config.num_hidden_layers,
                some(further, 3),
            )
        )
