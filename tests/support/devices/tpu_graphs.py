"""Graphs of a TPU run, built on a machine without one, and what in them a TPU could not run.

TPUEstimator asks for a TPU twice: for its size, which is made up here, and for a session, before
which a hook stops. With TensorFlow 2 behaviour off the device's program lies within the graph: its
operations, those of loop bodies and branches too, carry the attribute _tpu_replicate.
"""

import collections
import contextlib
import functools
import os
import pathlib
from unittest import mock

import numpy as np
import tensorflow.compat.v1 as tf
from record_files import PREDICTIONS, SEQ, TINY_CONFIG, VOCAB, write_json, write_records
from tensorflow.python.framework import kernels

from data.input.drawn_corruption import Drawing
from data.input.pipeline import stored_features
from data.recipes.electra import ELECTRA_REPLACEMENT
from data.records.schema import FEATURES, feature_length
from data.rows.corruptions.corruption import Tokens
from data.rows.corruptions.masking import MaskingSpec, Masks
from modeling.config import BertConfig
from modeling.config_families import AlbertConfig, AlbertZhConfig, ElectraConfig
from optimization.config import OptimizerConfig
from training import estimators, runner
from training.devices.strategies import Devices
from training.distillation import distillation
from training.distillation.distillation import TeacherRequest
from training.pretraining_runner import PretrainingRunner
from training.run import Run
from training.run_config import RunConfig

CORES_PER_HOST, ROWS_PER_CORE, EVAL_ROWS_PER_CORE = 8, 4, 2
RECORDS = 64
TOKENS = Tokens(4, list(range(5, VOCAB)), (2, 3, 4))
DROPOUT = {"hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1}
# Network, or objective that has one of its own -> (class of its configs, further values).
CONFIGS = {
    "albert": (AlbertConfig, {"embedding_size": 16, "num_hidden_layers": 2}),
    "albert_zh": (
        AlbertZhConfig,
        {"embedding_size": 16, "num_hidden_layers": 2, "ln_type": "preln"},
    ),
    "electra": (ElectraConfig, {"embedding_size": 16}),
}

# What arrays on a TPU may be. tensorflow/core/tpu/tpu_defs.h (kTpuAllTypes) lists 64-bit types as
# well, but the hardware has none: XLA makes pairs of 32-bit numbers of them, so only the step, the
# keys of random numbers and shapes may have them. Strings and variants do not exist in XLA.
ARRAY_TYPES = {"float32", "bfloat16", "int32", "bool"}
SMALL_TYPES = {"int64", "uint64"}
SMALL_SIZE = 4
# Handles of variables, which live outside.
HANDLE_TYPES = {"resource"}

# Registered for TPUs alone, so not among the kernels of XLA for CPUs.
TPU_OPS = {"CrossReplicaSum", "InfeedDequeueTuple", "OutfeedEnqueueTuple", "TPUReplicateMetadata"}
# Turned into While and If before XLA sees the graph.
CONTROL_FLOW = {"Enter", "Exit", "LoopCond", "Merge", "NextIteration", "Switch"}
# Computed from static shapes while compiling; TensorFlow 1.15 does not say how many axes come out.
OF_SHAPES = {"BroadcastGradientArgs"}


class GraphBuilt(Exception):
    """Ends a run when its graph is complete; args[0] is the graph."""


class StopWithGraph(tf.train.SessionRunHook):
    """The last hook of a run: those before it have added their operations."""

    def begin(self):
        raise GraphBuilt(tf.get_default_graph())


def training_graph(
    folder,
    objective,
    optimizer="adamw",
    num_micro_batches=1,
    hosts=1,
    drawing=None,
    cores=8,
    precision="fp32",
    teacher=None,
    **changes,
):
    """The graph in which PretrainingRunner would train on a TPU, dropout on.

    Args:
      folder: a new directory.
      objective: an object of modeling.objectives.
      optimizer: name of an optimizer.
      num_micro_batches: gradient_accumulation_steps.
      hosts: machines of the TPU, with 8 cores each.
      drawing: Drawing or None.
      cores: cores of each host.
      precision: of RunConfig.
      teacher: DistillationOptions of a teacher of TINY_CONFIG, which computes in bfloat16; None.
      changes: see model_config.
    """
    run = run_config(folder, objective, hosts * cores, drawing, do_train=True, precision=precision)
    pretraining = make_pretraining(
        run, objective, optimizer, num_micro_batches, drawing, teacher, **changes
    )
    return _graph_of(pretraining.train, hosts, cores)


def evaluation_graph(folder, objective):
    """The graph in which an initial checkpoint would be evaluated on a TPU with 8 cores."""
    prefix = write_checkpoint(folder, objective)
    run = run_config(folder, objective, CORES_PER_HOST, do_eval=True, init_checkpoint=prefix)
    return _graph_of(make_pretraining(run, objective).evaluate, 1, CORES_PER_HOST)


def run_config(folder, objective, cores, drawing=None, **changes):
    """RunConfig of a small run on a TPU, with its records in `folder`."""
    names = stored_features(objective.feature_names, drawing)
    rows = random_records(names, labels=objective.label_counts())
    files = [write_records(folder / "rows", rows)]
    settings = {
        "output_dir": str(folder / "out"),
        "objective": objective.name,
        "train_files": files,
        "eval_files": files,
        "max_seq_length": SEQ,
        "max_predictions_per_seq": PREDICTIONS,
        "train_batch_size": cores * ROWS_PER_CORE,
        "eval_batch_size": cores * EVAL_ROWS_PER_CORE,
        "iterations_per_loop": 10,
        "use_tpu": True,
        "num_tpu_cores": cores,
    }
    return RunConfig(**dict(settings, **changes))


def make_pretraining(
    run, objective, optimizer="adamw", num_micro_batches=1, drawing=None, teacher=None, **changes
):
    """The project's own run on a TPU at an address where there is none."""
    config = OptimizerConfig(
        learning_rate=0.01,
        num_train_steps=20,
        num_warmup_steps=2,
        optimizer=optimizer,
        gradient_accumulation_steps=num_micro_batches,
    )
    devices = Devices(master="grpc://127.0.0.1:8470")
    model = model_config(dict(DROPOUT, **changes), objective)
    teaching = distillation_by(teacher, run, objective, model) if teacher else None
    parts = run, model, objective, config, drawing, devices
    return PretrainingRunner(Run(*parts, distillation=teaching))


def distillation_by(options, run, objective, model):
    """A teacher with random weights, beside output_dir."""
    folder = os.path.dirname(run.output_dir)
    write_json(pathlib.Path(folder, "teacher.json"), TINY_CONFIG)
    prefix = write_checkpoint(pathlib.Path(folder), objective)
    request = TeacherRequest(prefix, folder + "/teacher.json", "auto", options, "bf16")
    settled = distillation.settle(request, objective, model, run)
    return distillation.settle_numerics(settled, run, "bf16")


def model_config(changes, objective=None):
    """Config of a small model, of the network that `changes` names or an objective trains."""
    changes = dict(changes)
    network = changes.pop("network", objective and objective.name)
    kind, further = CONFIGS.get(network, (BertConfig, {}))
    return kind(dict(TINY_CONFIG, **dict(further, **changes)))


def random_records(names, count=RECORDS, labels=None):
    """Rows of random values within their limits, for any features of data.records.

    Args:
      names: features.
      count: rows.
      labels: see Objective.label_counts.
    """
    rng = np.random.RandomState(1)
    limits = {"V": VOCAB, "S": SEQ}
    records = []
    for _ in range(count):
        record = {}
        for name in names:
            feature, length = FEATURES[name], feature_length(name, SEQ, PREDICTIONS, labels)
            if feature.dtype == "float32":
                record[name] = np.ones(length, np.float32)
            else:
                limit = limits.get(feature.limit, feature.limit)
                if feature.shape != "L":
                    limit = (labels or {}).get(name, limit)
                record[name] = rng.randint(limit, size=length)
        records.append(record)
    return records


def dynamic_drawing():
    """Drawing for random_records."""
    return Drawing(Masks(MaskingSpec(max_predictions=PREDICTIONS)), TOKENS, 7)


def electra_drawing():
    """Drawing for random_records of unmasked rows, as ELECTRA draws."""
    spec = MaskingSpec(
        max_predictions=PREDICTIONS,
        unit="wordpiece",
        replacement=ELECTRA_REPLACEMENT,
        with_replacement=True,
    )
    return Drawing(Masks(spec), TOKENS, 7, keeps_original=True)


def write_checkpoint(folder, objective):
    """A checkpoint of a model with random weights; returns its prefix."""
    model = model_config({}, objective)
    shapes = runner.model_parameters(model, objective, SEQ, PREDICTIONS).shapes()
    with tf.Graph().as_default(), tf.Session() as session:
        variables = [tf.get_variable(name, shape) for name, shape in shapes.items()]
        session.run(tf.global_variables_initializer())
        return tf.train.Saver(variables).save(session, str(folder / "initial"))


def _graph_of(work, hosts, cores):
    """The graph that `work` builds before it asks for a session."""
    with _tpu_system(hosts, cores), mock.patch.object(
        runner, "make_model_fn", _with_hook(runner.make_model_fn)
    ):
        try:
            work()
        except GraphBuilt as built:
            return built.args[0]
    raise AssertionError("no graph was built")


@contextlib.contextmanager
def _tpu_system(hosts, cores):
    estimators.load()
    from tensorflow_estimator.python.estimator.tpu import tpu_context

    library = tpu_context.tpu_system_metadata_lib
    # TensorFlow 1.15 has the class under a private name.
    kind = getattr(library, "TPUSystemMetadata", None) or library._TPUSystemMetadata
    system = kind(
        num_cores=hosts * cores,
        num_hosts=hosts,
        num_of_cores_per_host=cores,
        topology=None,
        devices=[],
    )
    with mock.patch.object(library, "_query_tpu_system_metadata", lambda *_, **__: system):
        yield


def _with_hook(make_model_fn):
    def make(*args):
        inner = make_model_fn(*args)

        def model_fn(features, labels, mode, params):
            spec = inner(features, labels, mode, params)
            hook = StopWithGraph()
            return spec._replace(
                training_hooks=tuple(spec.training_hooks) + (hook,),
                evaluation_hooks=tuple(spec.evaluation_hooks) + (hook,),
            )

        return model_fn

    return make


def is_on_tpu(op):
    """Whether an operation belongs to the device's program."""
    return "_tpu_replicate" in op.node_def.attr


def tpu_operations(graph, kind=None):
    """The operations of the device's program, or those of one type."""
    return [op for op in graph.get_operations() if is_on_tpu(op) and kind in (None, op.type)]


def host_operations(graph, kind):
    """The operations of a type outside of the device's program."""
    return [op for op in graph.get_operations() if not is_on_tpu(op) and op.type == kind]


def problems(graph):
    """What a TPU could not run: list of lines `name (type): reason`, empty if it can."""
    lines = []
    for op in tpu_operations(graph):
        reasons = [_reason_against(op)] + [_reason_against_tensor(op, x) for x in _tensors(op)]
        # Once each: a tensor may be read twice.
        for reason in collections.OrderedDict.fromkeys(r for r in reasons if r):
            lines.append("{} ({}): {}".format(op.name, op.type, reason))
    return lines


def _tensors(op):
    """What an operation makes, and what it takes from outside of the device's program."""
    return list(op.outputs) + [x for x in op.inputs if not is_on_tpu(x.op)]


def _reason_against(op):
    attributes = op.node_def.attr
    if "_xla_outside_compilation" in attributes:
        return "would run on the host in every step"
    if any(value.HasField("func") for value in attributes.values()):
        return "calls a function, into which this check does not look"
    if op.type in TPU_OPS | CONTROL_FLOW:
        return None
    if op.type.startswith("Random") or "RandomUniformInt" in op.type:
        return "draws random numbers that a resumed run does not draw again"
    constraints = xla_kernels(op.type)
    if not constraints:
        return "XLA has no kernel for it"
    if not any(_fits(op, constraint) for constraint in constraints):
        return "XLA has no kernel of these types for it"
    return None


def _fits(op, constraint):
    """Whether an operation has only types that a kernel allows."""
    for name, allowed in constraint.items():
        types = op.get_attr(name)
        types = types if isinstance(types, list) else [types]
        if not {tf.as_dtype(each).as_datatype_enum for each in types} <= allowed:
            return False
    return True


def _reason_against_tensor(op, tensor):
    kind = tensor.dtype.name
    if kind in HANDLE_TYPES:
        return None
    if not tensor.shape.is_fully_defined():
        return None if op.type in OF_SHAPES else "{} has shape {}".format(kind, tensor.shape)
    if kind in SMALL_TYPES and tensor.shape.num_elements() > SMALL_SIZE:
        return "{} of shape {}; TPUs compute with 32 bits".format(kind, tensor.shape)
    if kind not in ARRAY_TYPES | SMALL_TYPES:
        return "TPUs do not take {}".format(kind)
    return None


@functools.lru_cache(maxsize=None)
def xla_kernels(op_type):
    """The kernels that XLA has for an operation, as a list of {attribute: allowed types}."""
    _load_xla()
    kernels_of_type = kernels.get_registered_kernels_for_op(op_type).kernel
    return [
        {c.name: set(c.allowed_values.list.type) for c in kernel.constraint}
        for kernel in kernels_of_type
        if kernel.device_type == "XLA_CPU_JIT"
    ]


@functools.lru_cache(maxsize=None)
def _load_xla():
    """XLA makes its kernels known when it first compiles."""
    with tf.Graph().as_default(), tf.Session() as session:
        session.run(tf.xla.experimental.compile(lambda: tf.ones([2]) + 1.0))
