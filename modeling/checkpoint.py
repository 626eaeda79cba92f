"""TensorFlow checkpoints: finding, checking and loading them."""

import collections
import os
import re

import numpy as np

from common import files
from common.errors import UserError, some
from common.lazy_tensorflow import tf
from modeling import checkpoint_files, checkpoint_index, variable_spellings
from modeling.load_plan import LoadPlan

STEP = "global_step"
WORD_TABLE = "embeddings/word_embeddings"
CLASSIFIER = "output_weights"
MAX_STATE_FILE = 1 << 20  # bytes
_TRAINING_STATE = re.compile(r"(^|/)(global_step|adam_[mv]|lamb_[mv]|beta[12]_power|Adam(_1)?)$")

# --init_layers does not choose the layers of a generator.
_LAYER = re.compile(r"(?<!generator)/encoder/layer_(\d+)/")


def _unreadable():
    """Exceptions of the checkpoint readers of both TensorFlow versions for damaged files."""
    return (OSError, tf.errors.OpError, IndexError, ValueError, RuntimeError)


def initialize(prefix, sources):
    """Initializes variables of the default graph with values of a checkpoint.

    Args:
      prefix: of the checkpoint.
      sources: dict variable name -> name in the checkpoint.
    """
    # Variables, not names: TensorFlow takes a name with slots below it for a scope.
    variables, in_file = variables_by_name(), open_reader(prefix).name_in_file
    # A layer may initialize several others, but a map holds each name once.
    maps = []
    for name, source in sources.items():
        source = in_file(source)
        for chosen in maps:
            if source not in chosen:
                chosen[source] = variables[name]
                break
        else:
            maps.append({source: variables[name]})
    for chosen in maps:
        tf.train.init_from_checkpoint(checkpoint_files.place(prefix), chosen)


def variables_by_name():
    """Global and local variables of the default graph: dict of name -> variable.

    By `name`: under a tf.distribute strategy `op` is that of a replica's copy, with a longer name.
    """
    variables = [*tf.local_variables(), *tf.global_variables()]
    return {variable.name.split(":")[0]: variable for variable in variables}


def resolve(path):
    """The prefix of a checkpoint given in any accepted form.

    resolve("out/model.ckpt-100.index")  # "out/model.ckpt-100"
    resolve("out")  # the latest by the state file out/checkpoint

    Args:
      path: a prefix, an `.index` (or other) file of a checkpoint, or a directory: its state file
        decides, without one its only index.

    Returns:
      The prefix, whose `.index` file exists.

    Raises:
      UserError: there is no such checkpoint, or a directory holds several.
    """
    if files.is_directory(path):
        folder = path.rstrip("/") or path
        return checkpoint_files.chosen_while_it_changes(
            folder, lambda: (_resolve_directory(folder), True)
        )
    prefix = re.sub(r"\.(index|meta|data-\d{5}-of-\d{5})$", "", path)
    if files.exists(prefix + ".index"):
        return prefix
    if files.beginning_with(prefix + ".data-"):
        raise UserError(
            "checkpoint {} is incomplete: its data is there, but {}.index is missing".format(
                path, prefix
            )
        )
    _refuse_other_kind(path)
    folder = os.path.dirname(prefix) or "."
    present = _prefixes(folder)
    hint = "; {} holds {}".format(folder, some(present)) if present else ""
    fault = "{} is no checkpoint" if files.exists(path) else "checkpoint {} does not exist"
    raise UserError((fault + " (no file {}.index){}").format(path, prefix, hint))


def _refuse_other_kind(path):
    """Raises UserError for a file that is not of a checkpoint, such as the archive of a release."""
    try:
        files.refuse_other_kind(path, "a TensorFlow checkpoint")
    except files.failures() as error:
        raise UserError("cannot read {}: {}".format(path, files.reason(error))) from None


def hold(path):
    """The prefix that `resolve` gives, of a checkpoint that from here on stays readable in this
    process: a training may write others there, and remove it.

    Args, Raises: see `resolve`.
    """

    def choose():
        prefix = resolve(path)
        return prefix, checkpoint_files.hold(prefix)

    folder = path if files.is_directory(path) else os.path.dirname(path)
    return checkpoint_files.chosen_while_it_changes(folder, choose)


def latest(output_dir):
    """The first of `candidates`, or None.

    Raises:
      UserError: there are checkpoints, but none that a training wrote there.
    """
    return checkpoint_files.chosen_while_it_changes(output_dir, lambda: (_latest(output_dir), True))


def _latest(output_dir):
    """See `latest`, in a folder that nothing changes meanwhile."""
    resumable = candidates(output_dir)
    if resumable:
        return resumable[0]
    in_state, present = listed(output_dir), _prefixes(output_dir)
    if in_state:
        raise UserError(
            "{}/checkpoint names {} as the latest, which does not exist; correct that file or use "
            "an empty --output_dir".format(output_dir, in_state[0])
        )
    if present:
        raise UserError(
            "output_dir {} holds {} but no checkpoint of a training (model.ckpt-STEP); use an "
            "empty --output_dir and give it as --init_checkpoint".format(output_dir, some(present))
        )
    return None


def candidates(output_dir):
    """Checkpoints from which training in `output_dir` can be resumed, the first choice first.

    Those listed in the state file, the latest first, then the others by step, the newest first.

    Returns:
      List of prefixes whose index exists; no checkpoint is read.
    """
    first = [p for p in listed(output_dir) if files.exists(p + ".index")]
    steps = {p: step_in_name(p) for p in _prefixes(output_dir)}
    others = [p for p, step in steps.items() if step is not None and p not in first]
    return first + sorted(others, key=steps.get, reverse=True)


def step_in_name(prefix):
    """The step in the name of a training's checkpoint (model.ckpt-STEP), else None."""
    match = re.search(r"/model\.ckpt-(\d+)$", prefix)
    return int(match.group(1)) if match else None


def listed(folder):
    """Prefixes listed in the state file of a folder: its latest, then the others, newest first."""
    try:
        state_file = os.path.join(folder, "checkpoint")
        is_sane = files.exists(state_file) and files.size(state_file) <= MAX_STATE_FILE
        state = tf.train.get_checkpoint_state(folder) if is_sane else None
    except (*files.failures(), ValueError):  # ValueError: bytes that are no text
        state = None
    if state is None or not state.model_checkpoint_path:
        return []
    paths = [state.model_checkpoint_path] + list(state.all_model_checkpoint_paths)[::-1]
    # A moved or copied folder lists paths of its former place; its own files are meant.
    beside = [os.path.join(folder, os.path.basename(path)) for path in paths]
    chosen = [own if files.exists(own + ".index") else path for own, path in zip(beside, paths)]
    return list(collections.OrderedDict.fromkeys(chosen))


class Reader:
    """TensorFlow's reader of a checkpoint, with its methods, by the released names of variables.

    Attributes:
      renamed: ordered dict released name -> name in the file, of the variables that have another
        one there (module variable_spellings).
    """

    def __init__(self, place):
        """`place`: of checkpoint_files.place."""
        self._reader = tf.train.NewCheckpointReader(place)
        names = variable_spellings.released(self._reader.get_variable_to_shape_map())
        self.renamed = collections.OrderedDict((new, old) for old, new in names.items())
        self._released = names

    def name_in_file(self, name):
        """The name that a variable has in the file."""
        return self.renamed.get(name, name)

    def has_tensor(self, name):
        """Whether there is a variable of that name."""
        return self._reader.has_tensor(self.name_in_file(name))

    def get_tensor(self, name):
        """Array of a variable."""
        return self._reader.get_tensor(self.name_in_file(name))

    def get_variable_to_shape_map(self):
        """dict name -> list of ints."""
        return self._by_released_name(self._reader.get_variable_to_shape_map())

    def get_variable_to_dtype_map(self):
        """dict name -> tf.DType."""
        return self._by_released_name(self._reader.get_variable_to_dtype_map())

    def _by_released_name(self, values):
        return {self._released.get(name, name): value for name, value in values.items()}


def open_reader(prefix):
    """The Reader of a checkpoint; only for one that `read_shapes` has found sound."""
    return Reader(checkpoint_files.place(prefix))


def spelling_lines(prefix):
    """A line for the log on names that a checkpoint spells in another way: a list of none or one
    str."""
    renamed = open_reader(prefix).renamed
    if not renamed:
        return []
    name, in_file = next(iter(renamed.items()))
    return [
        "{} spells {} names of variables in another way, which are read as the released ones: {} "
        "is {}{}".format(
            prefix, len(renamed), in_file, name, " and so on" if len(renamed) > 1 else ""
        )
    ]


def read_shapes(prefix):
    """The shapes of a checkpoint's variables, by their released names: ordered dict name -> list
    of ints.

    Raises:
      UserError: the index is damaged or a data file is missing.
    """
    place = checkpoint_files.place(prefix)
    for ending in _missing_shards(place):
        raise UserError(
            "checkpoint {} is incomplete: {}{} is missing".format(prefix, prefix, ending)
        )
    try:
        checkpoint_index.check(place)
        shapes = Reader(place).get_variable_to_shape_map()
    except checkpoint_index.Damaged as error:
        raise UserError(
            "checkpoint {} is damaged: {}.index ({})".format(prefix, prefix, error)
        ) from error
    except _unreadable() as error:
        raise UserError("checkpoint {} is damaged: {}.index".format(prefix, prefix)) from error
    return collections.OrderedDict((name, list(shapes[name])) for name in sorted(shapes))


def verify(prefix, hint="take another copy of it"):
    """Reads every tensor of a checkpoint against its checksum.

    Raises:
      UserError: a file is missing, cut short or damaged; ends with `hint`.
    """
    shapes = read_shapes(prefix)
    reader = open_reader(prefix)
    types = reader.get_variable_to_dtype_map()
    for name in shapes:
        if types[name] == tf.string:
            continue  # no model has any, and TensorFlow does not check their lengths
        try:
            reader.get_tensor(name)
        except _unreadable() as error:
            raise UserError(
                "checkpoint {} is damaged: {} cannot be read from {}.data-*; {}".format(
                    prefix, name, prefix, hint
                )
            ) from error


def plan_loading(
    prefix, model_shapes, config_source, init_layers=None, shown=None, is_replaceable=None
):
    """Compares a checkpoint with a model.

    plan = plan_loading("bert_model.ckpt", store.shapes(), config.source)
    initialize(plan.prefix, plan.loaded)

    Args:
      prefix: checkpoint prefix.
      model_shapes: dict variable name -> list of ints (ParameterStore.shapes()).
      config_source: file name of the model config, for messages.
      init_layers: list of ints; entry i is the layer of the checkpoint that initializes layer i of
        the model. None = layer i.
      shown: name of the checkpoint in messages, where it was made from something else.
      is_replaceable: function of a variable's name, whether it starts at random values where its
        size differs; None: none does.

    Returns:
      LoadPlan.

    Raises:
      UserError: sizes differ, a layer is missing, or the checkpoint has no variable of this model.
    """
    shapes, shown = read_shapes(prefix), shown or prefix
    state = [name for name in shapes if _TRAINING_STATE.search(name)]
    sources = {name: _source(name, init_layers) for name in model_shapes}
    loaded = [name for name in model_shapes if sources[name] in shapes]
    replaced = collections.OrderedDict()
    for name in filter(is_replaceable, loaded) if is_replaceable else ():
        sizes = shapes[sources[name]], list(model_shapes[name])
        if sizes[0] != sizes[1]:
            replaced[name] = sizes
    loaded = [name for name in loaded if name not in replaced]
    # The word table first: a wrong vocabulary is the usual cause of different sizes.
    for name in sorted(loaded, key=lambda n: not n.endswith(WORD_TABLE)):
        shape = shapes[sources[name]]
        _check_shape(shown, name, shape, list(model_shapes[name]), config_source)
    if not loaded:
        raise UserError(
            "checkpoint {} holds no variable of this model ({}, ...), only {}{}".format(
                shown,
                next(iter(model_shapes)),
                some(list(shapes), 3),
                variable_spellings.foreign(shapes),
            )
        )
    if init_layers:
        _check_layers_exist(shown, shapes, model_shapes, sources)
    known = {sources[name] for name in (*loaded, *replaced)} | set(state)
    return LoadPlan(
        prefix=prefix,
        shown=shown,
        loaded=collections.OrderedDict((name, sources[name]) for name in loaded),
        new=[name for name in model_shapes if sources[name] not in shapes or name in replaced],
        unused=[name for name in shapes if name not in known],
        training_state=state,
        replaced=replaced,
        config_source=config_source,
        spellings=spelling_lines(prefix),
    )


def _source(name, init_layers):
    """The name in the checkpoint of a variable's source."""
    match = _LAYER.search(name)
    if not init_layers or not match:
        return name
    return "{}{}{}".format(
        name[: match.start(1)], init_layers[int(match.group(1))], name[match.end(1) :]
    )


def _check_layers_exist(shown, shapes, model_shapes, sources):
    for name in model_shapes:
        if _LAYER.search(name) and sources[name] not in shapes:
            raise UserError(
                "--init_layers asks for {}, which checkpoint {} does not hold".format(
                    sources[name], shown
                )
            )


def check_resumable(prefix, model_shapes, config_source, slot_names=()):
    """Checks that the checkpoint `prefix` belongs to this model.

    Args:
      prefix, model_shapes, config_source: as for plan_loading.
      slot_names: suffixes of the names of optimizer slots that it must hold.

    Raises:
      UserError: a variable is missing or has another shape, or the slots are missing.
    """
    plan = plan_loading(prefix, model_shapes, config_source)
    for line in plan.spellings:
        raise UserError(
            "checkpoint {} in --output_dir is of another program ({}); use another --output_dir "
            "and give it as --init_checkpoint".format(prefix, line)
        )
    if plan.new:
        raise UserError(
            "checkpoint {} in --output_dir belongs to another model: it lacks {}; use another "
            "--output_dir".format(prefix, some(plan.new, 3))
        )
    if slot_names and not plan.slots(slot_names):
        raise UserError(
            "checkpoint {} in --output_dir holds no optimizer state of this run ({}); use another "
            "--output_dir and give it as --init_checkpoint".format(prefix, ", ".join(slot_names))
        )


def saved_step(prefix):
    """The global step stored in a checkpoint, 0 if there is none.

    Raises:
      UserError: it is no step.
    """
    reader = open_reader(prefix)
    if not reader.has_tensor(STEP):
        return 0
    step = reader.get_tensor(STEP)
    if np.ndim(step) or not np.issubdtype(np.asarray(step).dtype, np.integer) or step < 0:
        raise UserError("checkpoint {} is damaged: its global_step is no step".format(prefix))
    return int(step)


def has_step(prefix):
    """Whether a checkpoint holds a step in the form of the trainings' own counter."""
    reader = open_reader(prefix)
    shape = reader.get_variable_to_shape_map().get(STEP)
    return shape == [] and reader.get_variable_to_dtype_map()[STEP] == tf.int64


def digest(prefix):
    """A checksum of the variables of a checkpoint: its index holds one of each."""
    return files.sha256(checkpoint_files.place(prefix) + ".index")


def _resolve_directory(path):
    in_state, present = listed(path), _prefixes(path)
    if in_state:
        if in_state[0] in present:
            return in_state[0]
        raise UserError(
            "{}/checkpoint names {}, which is not in that directory; it holds {}".format(
                path, os.path.basename(in_state[0]), some(present) if present else "no checkpoint"
            )
        )
    if len(present) == 1:
        return present[0]
    if present:
        raise UserError(
            "directory {} holds several checkpoints and no file `checkpoint` to choose: {}; name "
            "one of them".format(path, some(present))
        )
    raise UserError("directory {} holds no checkpoint (no *.index file)".format(path))


def _prefixes(folder):
    names = (name for name in files.names_in(folder) if name.endswith(".index"))
    return [os.path.join(folder, name[: -len(".index")]) for name in names]


def _missing_shards(place):
    """Endings of the data files that a checkpoint lacks."""
    present = [path[len(place) :] for path in checkpoint_files.data_files(place)]
    total = int(present[0][-5:]) if present else 1
    wanted = [".data-{:05d}-of-{:05d}".format(i, total) for i in range(total)]
    return [ending for ending in wanted if ending not in present]


def _check_shape(shown, name, in_checkpoint, in_model, config_source):
    if in_checkpoint == in_model:
        return
    if name.endswith(WORD_TABLE) and in_checkpoint[1:] == in_model[1:]:
        raise UserError(
            "vocabulary sizes differ: checkpoint {} has {} word vectors, config {} says "
            "vocab_size {}".format(shown, in_checkpoint[0], config_source, in_model[0])
        )
    if name == CLASSIFIER and in_checkpoint[1:] == in_model[1:]:
        raise UserError(
            "checkpoint {} was fine-tuned for {} classes, and here are {}; start from the "
            "pre-trained checkpoint".format(shown, in_checkpoint[0], in_model[0])
        )
    raise UserError(
        "shapes differ: {} is {} in checkpoint {}, but {} by config {}".format(
            name, in_checkpoint, shown, in_model, config_source
        )
    )
