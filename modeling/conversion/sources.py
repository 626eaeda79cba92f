"""TensorFlow checkpoints as the source of a conversion: their components and values."""

import collections
import re
import typing

import numpy as np

from common.errors import UserError, some
from common.lazy_tensorflow import tf
from modeling import checkpoint
from modeling.conversion import families, family_choice, network
from modeling.load_plan import PROJECTIONS, LoadPlan

# Value of --head: the first head of the family that the checkpoint has.
AUTO = "auto"


class Source(typing.NamedTuple):
    """A checkpoint that was compared with its config.

    Attributes:
      prefix: of the checkpoint.
      shown: name of the checkpoint in messages.
      config: model config.
      family: Family.
      shapes: dict variable name -> list of ints, of all its variables.
      plan: LoadPlan.
    """

    prefix: str
    shown: str
    config: typing.Any
    family: families.Family
    shapes: dict
    plan: LoadPlan

    @property
    def components(self):
        """Names of the components that it has."""
        return [component.name for component in self.family.components_in(self.shapes)]

    @property
    def num_labels(self):
        """Number of labels of its fine-tuned head, 1 if it has none."""
        return self.family.num_labels(self.shapes)


class Selection(typing.NamedTuple):
    """The components of a checkpoint that are converted.

    Attributes:
      components: list of their names, in the order of the family.
      architecture: Architecture, the class of transformers for them.
      skipped: list of the names of the variables that are not converted.
      heads_beside: list of the names of the components that are heads in side files.
    """

    components: list
    architecture: families.Architecture
    skipped: list
    heads_beside: typing.Sequence = ()


def open_checkpoint(prefix, config, family, shown=None):
    """Compares a checkpoint with its config.

    config = read_config("bert_config.json")
    source = open_checkpoint("bert_model.ckpt", config, families.BERT)

    Args:
      prefix: of the checkpoint.
      config: model config as read from its file.
      family: Family.
      shown: name of the checkpoint in messages, where it was made from something else.

    Returns:
      Source.

    Raises:
      UserError: sizes differ, variables are missing, surplus or unreadable.
    """
    shown = shown or prefix
    shapes = checkpoint.read_shapes(prefix)
    components = [component.name for component in family.components_in(shapes)]
    _check_network(shown, shapes, config, family)
    config = family.network_config(config)
    wanted = _wanted(family, config, components, shapes)
    plan = checkpoint.plan_loading(prefix, wanted, config.source, shown=shown)
    source = Source(prefix, shown, config, family, shapes, plan)
    _check_whole(source, components)
    checkpoint.verify(prefix)
    types = checkpoint.open_reader(prefix).get_variable_to_dtype_map()
    for name in plan.loaded:
        if types[name] != tf.float32:
            raise UserError(
                "{} in checkpoint {} holds {} numbers; only float32 can be converted".format(
                    name, shown, types[name].name
                )
            )
    return source


def select(source, head=AUTO):
    """Chooses the components to convert: the pooler and those of one head.

    Args:
      source: Source.
      head: one of families.HEADS, or AUTO.

    Returns:
      Selection.

    Raises:
      UserError: the checkpoint has no such head.
    """
    family, present = source.family, source.components
    if head == AUTO:
        head = next(h for h, p in family.heads.items() if not p or set(p) & set(present))
    of_head = [name for name in present if name in family.heads.get(head, ())]
    if head != families.NONE and not of_head:
        raise UserError(
            "--head={}: checkpoint {} has no such head; use {}".format(
                head, source.shown, " or ".join("--head=" + h for h in _heads_in(family, present))
            )
        )
    heads_beside = family.heads_beside(of_head)
    architecture = family.architecture([n for n in present if n == "pooler" or n in of_head])
    if of_head and not (architecture.components or heads_beside):
        raise UserError(
            "checkpoint {} has a {} head, but not {}; use --head=none".format(
                source.shown,
                head,
                "all that Hugging Face's classes for it need"
                if "pooler" in present
                else "the pooler that it needs",
            )
        )
    components = [name for name in present if name == "pooler" or name in architecture.components]
    beside = family.components_beside(components)
    components = [name for name in components if name not in beside]
    kept = [n for n in source.plan.loaded if family.component_of(n) in [None] + components]
    skipped = [n for n in source.plan.loaded if n not in kept] + source.plan.unused
    return Selection(components, architecture, sorted(skipped), heads_beside)


def everything(source):
    """Selection of all components that a checkpoint has, whichever head they belong to."""
    beside = source.family.components_beside(source.components)
    components = [name for name in source.components if name not in beside]
    architecture = source.family.architecture(source.components)
    return Selection(components, architecture, [], source.family.heads_beside(beside))


def skipped_lines(source, selection, reasons=()):
    """The variables that are not converted, for the log: a list of str.

    Args:
      source: Source.
      selection: Selection.
      reasons: list of (pattern of names, why they are skipped, name of the component whose
        selection is the reason or None).
    """
    held = {name for f in _side_files(source, selection) for name in f.of(selection.skipped)}
    rest = [name for name in selection.skipped if name not in held]
    lines = []
    for pattern, reason, component in reasons:
        if component not in (None, *selection.components):
            continue
        matching = [name for name in rest if re.fullmatch(pattern, name)]
        rest = [name for name in rest if name not in matching]
        if matching:
            lines.append("skipped: {} ({})".format(some(matching, 12), reason))
    return lines + (["skipped: " + some(rest, 12)] if rest else [])


def read_side_files(source, selection):
    """The side files to write: list of (SideFile, dict variable name -> array)."""
    names = [(file, file.of(source.shapes)) for file in _side_files(source, selection)]
    return [(file, _read(source.prefix, of_file)) for file, of_file in names if of_file]


def _side_files(source, selection):
    converted = {*selection.components, *selection.heads_beside}
    return [f for f in source.family.side_files if set(f.needs) & converted]


def read_variables(source, selection):
    """The selected variables: ordered dict variable name -> float32 array."""
    names = [n for n in source.plan.loaded if n not in selection.skipped]
    return _read(source.prefix, names)


def read_release(source):
    """All variables but the optimizer state, the step and `projections`: ordered dict name ->
    array."""
    left_out = {*source.plan.training_state, *projections(source)}
    return _read(source.prefix, [name for name in source.shapes if name not in left_out])


def projections(source):
    """Names of the layers from a student's width to its teacher's: of use in training alone."""
    state = set(source.plan.training_state)
    return [name for name in source.shapes if name.startswith(PROJECTIONS) and name not in state]


def _wanted(family, config, components, shapes):
    """network.shapes with as many labels as a checkpoint with these `shapes` has."""
    fine_tuned = family.task.network if family.task else None
    return network.shapes(config, components, family.num_labels(shapes), fine_tuned)


def _read(prefix, names):
    reader = checkpoint.open_reader(prefix)
    return collections.OrderedDict((name, np.asarray(reader.get_tensor(name))) for name in names)


def _heads_in(family, components):
    return [
        h for h, of_head in family.heads.items() if not of_head or set(of_head) & set(components)
    ]


def _check_network(shown, shapes, config, family):
    """Refuses the config of ELECTRA's other network."""
    other = family_choice.other_network(family, shapes)
    if other and not fits(config, family, shapes) and fits(config, other, shapes):
        raise UserError(
            "config {} has the sizes of the {} in {}, not of the {}: give the {}'s config, or "
            "--discriminator_or_generator={}".format(
                config.source, other.network, shown, family.network, family.network, other.network
            )
        )


def fits(config, family, shapes):
    """Whether `shapes` hold exactly the variables of a network of this config.

    Args:
      config: model config as read from its file.
      family: Family.
      shapes: dict variable name -> list of ints of a checkpoint; variables of no network of the
        family do not count.
    """
    components = [component.name for component in family.components_in(shapes)]
    wanted = _wanted(family, family.network_config(config), components, shapes)
    present = [name for name in shapes if family.names.huggingface_name(name)]
    return set(present) <= set(wanted) and all(shapes.get(n) == wanted[n] for n in wanted)


def _check_whole(source, components):
    """Refuses a checkpoint with incomplete components or further layers."""
    family, plan = source.family, source.plan
    missing = [n for n in plan.new if family.component_of(n) in [None] + components]
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
