"""The graphs of a TPU run hold nothing that a TPU cannot do; built without one."""

import dataclasses
import functools
import re

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
import tpu_graphs
from record_files import PREDICTIONS, SEQ, write_records
from tpu_graphs import (
    CORES_PER_HOST,
    EVAL_ROWS_PER_CORE,
    ROWS_PER_CORE,
    evaluation_graph,
    host_operations,
    is_on_tpu,
    problems,
    tpu_operations,
    training_graph,
)
from tpu_support import needs_tpu_support

from common.errors import UserError
from data.records.schema import FEATURES, feature_length
from modeling.distillation.options import PretrainingDistillationOptions
from modeling.kernels.bfloat16 import WIDE_SCORES
from modeling.objectives import OBJECTIVES, get_objective
from modeling.objectives.classification import Classification
from modeling.objectives.objective import Objective
from optimization.config import OPTIMIZERS
from training.pretraining_runner import eval_steps

tf.disable_v2_behavior()

pytestmark = [needs_tpu_support, pytest.mark.tf2_15]

# (objective, optimizer, num_micro_batches). Every objective, every optimizer, with and without
# micro-batches; roberta's graphs are below. The slow tests have the other pairs.
TRAINED = [
    ("bert", "adamw", 1),
    ("bert", "lamb", 2),
    ("albert", "lamb_albert", 1),
    ("electra", "adamw", 2),
    ("lert", "lamb", 1),
]


def training_cases():
    """TRAINED and, as slow ones, all others in which two of the three meet."""
    cases = {
        ("bert", optimizer, num_micro_batches)
        for optimizer in OPTIMIZERS
        for num_micro_batches in (1, 2)
    }
    for objective in OBJECTIVES:
        for index, optimizer in enumerate(sorted(OPTIMIZERS)):
            cases.add((objective, optimizer, 1 + index % 2))
    slow = [pytest.param(*case, marks=pytest.mark.slow) for case in sorted(cases - set(TRAINED))]
    return [pytest.param(*case, marks=pytest.mark.tf1) for case in TRAINED] + slow


@pytest.fixture(scope="module")
def graph_of(tmp_path_factory):
    """The training graph of (objective, optimizer, num_micro_batches), built once."""

    @functools.lru_cache(maxsize=1)
    def build(objective, optimizer, num_micro_batches):
        folder = tmp_path_factory.mktemp("graph")
        return training_graph(folder, get_objective(objective), optimizer, num_micro_batches)

    return build


@pytest.fixture
def plain(graph_of):
    """The training graph of bert with AdamW."""
    return graph_of("bert", "adamw", 1)


def on_host(variable, task=0):
    return variable.device == "/job:tpu_worker/task:{}/device:CPU:0".format(task)


def variables_below(graph, prefix):
    """Local variables whose names begin with prefix/."""
    variables = graph.get_collection(tf.GraphKeys.LOCAL_VARIABLES)
    return [v for v in variables if v.op.name.startswith(prefix + "/")]


def assert_sums(graph, cores):
    """Every gradient, numerator and denominator is summed, over all cores in one group."""
    names = {v.op.name for v in graph.get_collection(tf.GraphKeys.GLOBAL_VARIABLES)}
    trained = [
        v.shape.as_list()
        for v in graph.get_collection(tf.GraphKeys.TRAINABLE_VARIABLES)
        if names & {v.op.name + "/adam_m", v.op.name + "/lamb_m"}
    ]
    assert trained
    losses = [v for v in variables_below(graph, "progress") if v.op.name.endswith("_loss")]
    assert losses
    sums = tpu_operations(graph, "CrossReplicaSum")
    shapes = []
    for op in sums:
        assert op.outputs[0].dtype.name == "float32"
        shapes.append(op.outputs[0].shape.as_list())
        groups = tf.get_static_value(op.inputs[1])
        np.testing.assert_array_equal(groups, [list(range(cores))])
    assert sorted(shapes) == sorted(trained + 2 * len(losses) * [[]])


@pytest.mark.tf1
def test_values_leave_a_step_through_the_host_call(plain):
    values = variables_below(plain, "progress")
    names = {v.op.name[len("progress/") :] for v in values}
    assert {"loss", "learning_rate", "gradient_norm"} <= names
    assert_updated_on_the_host(plain, values)


@pytest.mark.tf1
def test_every_core_is_fed_batches_of_its_own(plain):
    """PER_HOST_V2: an iterator on the host, and a get_next for each core."""
    assert len(host_operations(plain, "IteratorGetNext")) == CORES_PER_HOST
    fed = host_operations(plain, "InfeedEnqueueTuple")
    assert sorted(op.get_attr("device_ordinal") for op in fed) == list(range(CORES_PER_HOST))
    assert {op.device for op in fed} == {"/job:tpu_worker/task:0/device:CPU:0"}
    (taken,) = tpu_operations(plain, "InfeedDequeueTuple")
    expected = [
        (
            "float32" if FEATURES[name].dtype == "float32" else "int32",
            [ROWS_PER_CORE, feature_length(name, SEQ, PREDICTIONS)],
        )
        for name in sorted(get_objective("bert").feature_names)
    ]
    assert [(x.dtype.name, x.shape.as_list()) for x in taken.outputs] == expected
    for op in fed:
        assert [(x.dtype.name, x.shape.as_list()) for x in op.inputs] == expected


@pytest.mark.parametrize("objective,optimizer,num_micro_batches", training_cases())
def test_training_can_run_on_a_tpu(graph_of, objective, optimizer, num_micro_batches):
    graph = graph_of(objective, optimizer, num_micro_batches)
    assert len(tpu_operations(graph)) > 500
    assert problems(graph) == []
    (metadata,) = tpu_operations(graph, "TPUReplicateMetadata")
    assert metadata.get_attr("num_replicas") == CORES_PER_HOST
    assert tpu_operations(graph, "StatelessRandomUniform") or tpu_operations(
        graph, "StatelessRandomUniformV2"
    )
    # The training loop, and the one over the micro-batches.
    assert len(tpu_operations(graph, "LoopCond")) >= num_micro_batches
    assert_sums(graph, CORES_PER_HOST)


@pytest.mark.parametrize(
    "options",
    [
        {"two_tower_generator": True, "electric_objective": True, "disallow_correct": True},
        {"untied_generator": False, "temperature": 0.5},
    ],
)
def test_electra_can_run_on_a_tpu(tmp_path, options):
    """With masks that the host draws."""
    objective = get_objective("electra").for_run(20, **options)
    graph = training_graph(tmp_path, objective, drawing=tpu_graphs.electra_drawing())
    assert problems(graph) == []
    assert_sums(graph, CORES_PER_HOST)


def test_albert_zh_can_run_on_a_tpu(tmp_path):
    """Its network with the norms before the layers; Google's is the objective's own."""
    graph = training_graph(tmp_path, get_objective("albert"), "lamb", 2, network="albert_zh")
    assert problems(graph) == []
    names = {v.op.name for v in graph.get_collection(tf.GraphKeys.GLOBAL_VARIABLES)}
    assert "bert/embeddings/word_embeddings_2/lamb_m" in names
    assert_sums(graph, CORES_PER_HOST)


def test_a_teacher_can_run_on_a_tpu(tmp_path):
    """Its variables are where the student's are, and nothing updates them."""
    options = PretrainingDistillationOptions(hidden_weight=1.0, attention_weight=1.0)
    narrow = {"hidden_size": 16, "intermediate_size": 32}
    objective = get_objective("roberta")
    graph = training_graph(tmp_path, objective, num_micro_batches=2, teacher=options, **narrow)
    assert problems(graph) == []
    variables = variables_below(graph, "teacher")
    trained = {v.device for v in graph.get_collection(tf.GraphKeys.TRAINABLE_VARIABLES)}
    assert len(variables) > 20 and {v.device for v in variables} == trained
    names = {v.op.name for v in variables}
    writers = [op for op in graph.get_operations() if "Assign" in op.type]
    writers = [op for op in writers if op.inputs[0].op.name in names]
    assert writers and not any(map(is_on_tpu, writers))  # their initialisation alone


def test_bfloat16_can_run_on_a_tpu(tmp_path):
    """Products in bfloat16, each weight cast once for all micro-batches; sums and variables of
    float32."""
    wide = {"vocab_size": WIDE_SCORES}
    graph = training_graph(tmp_path, get_objective("lert"), "adamw", 2, precision="bf16", **wide)
    assert problems(graph) == []
    assert_sums(graph, CORES_PER_HOST)
    products = tpu_operations(graph, "MatMul") + tpu_operations(graph, "BatchMatMulV2")
    kinds = [op.outputs[0].dtype for op in products]
    # Scores of few classes, and rows looked up, are products in float32.
    assert kinds.count(tf.bfloat16) > kinds.count(tf.float32) > 0
    variables = graph.get_collection(tf.GraphKeys.GLOBAL_VARIABLES)
    assert {v.dtype.base_dtype for v in variables} == {tf.float32, tf.int64}
    words = [v for v in variables if v.op.name == "bert/embeddings/word_embeddings"]
    shape = words[0].shape.as_list()
    casts = [
        op
        for op in tpu_operations(graph, "Cast")
        if op.outputs[0].dtype == tf.bfloat16 and op.outputs[0].shape.as_list() == shape
    ]
    assert len(casts) == 1


def test_fine_tuning_can_run_on_a_tpu(tmp_path):
    graph = training_graph(tmp_path, Classification("task", 3))
    assert problems(graph) == []
    assert_sums(graph, CORES_PER_HOST)


@pytest.mark.parametrize(
    "objective",
    [
        pytest.param(name, marks=[pytest.mark.tf1] if name in ("bert", "electra") else [])
        for name in sorted(OBJECTIVES)
    ],
)
def test_evaluation_can_run_on_a_tpu(tmp_path, objective):
    """With an initial checkpoint, so that scaffold_fn has work."""
    graph = evaluation_graph(tmp_path, get_objective(objective))
    assert len(tpu_operations(graph)) > 100
    assert problems(graph) == []
    variables = graph.get_collection(tf.GraphKeys.METRIC_VARIABLES)
    sums = [v for v in variables if v.op.name.endswith("_sum")]  # TensorFlow has two of its own
    (fed,) = tpu_operations(graph, "OutfeedEnqueueTuple")
    # Beside the sums a weight for each loss that is trained on; weights that are not 1 have sums.
    losses = {v.op.name.split("/")[0] for v in sums if "_loss/" in v.op.name}
    weights = [v for v in sums if "_weight/" in v.op.name]
    assert len(sums) - len(weights) + len(losses) == len(fed.inputs) > len(losses) > 0
    assert {x.shape.as_list()[0] for x in fed.inputs} == {1}
    assert all(len(x.shape.as_list()) <= 2 for x in fed.inputs)
    # A weight is divided by the number of its values, which is a constant.
    counts = [v for v in weights if "/denominator" in v.op.name]
    assert_updated_on_the_host(graph, [v for v in sums if all(v is not c for c in counts)])
    assert host_operations(graph, "RestoreV2")
    (taken,) = tpu_operations(graph, "InfeedDequeueTuple")
    assert {x.shape.as_list()[0] for x in taken.outputs} == {EVAL_ROWS_PER_CORE}


def assert_updated_on_the_host(graph, variables):
    """No operation of the device touches them; what they are set to comes through the outfeed."""
    kinds = ("AssignVariableOp", "AssignAddVariableOp")
    for variable in variables:
        assert on_host(variable) and not is_on_tpu(variable.op)
        users = variable.handle.consumers()
        assert not any(is_on_tpu(op) for op in users)
        updates = [op for op in users if op.type in kinds]
        assert any("OutfeedDequeueTuple" in origins(op.inputs[1]) for op in updates)
    assert len(host_operations(graph, "OutfeedDequeueTuple")) == CORES_PER_HOST


def origins(tensor):
    """The types of all operations that a tensor is computed from."""
    seen, waiting = set(), [tensor.op]
    while waiting:
        op = waiting.pop()
        if op not in seen:
            seen.add(op)
            waiting.extend(x.op for x in op.inputs)
    return {op.type for op in seen}


def test_hosts_share_the_rows_and_draw_masks(tmp_path):
    """Two hosts with 8 cores each, masks drawn in the input pipeline."""
    drawing = tpu_graphs.dynamic_drawing()
    graph = training_graph(tmp_path, get_objective("roberta"), hosts=2, drawing=drawing)
    assert problems(graph) == []
    assert_sums(graph, 2 * CORES_PER_HOST)
    shards = host_operations(graph, "ShardDataset")
    shares = [[int(tf.get_static_value(x)) for x in op.inputs[1:3]] for op in shards]
    assert sorted(shares) == [[2, 0], [2, 1]]
    for op, (_, host) in zip(shards, shares):
        assert on_host(op, task=host)
    fed = host_operations(graph, "InfeedEnqueueTuple")
    assert len(fed) == 2 * CORES_PER_HOST
    shapes = {tuple(x.shape.as_list()) for op in fed for x in op.inputs}
    assert shapes == {(ROWS_PER_CORE, SEQ), (ROWS_PER_CORE, PREDICTIONS)}


def test_a_single_core(tmp_path):
    graph = training_graph(tmp_path, get_objective("roberta"), cores=1)
    assert problems(graph) == []
    assert_sums(graph, 1)


def test_a_tpu_is_asked_for_no_more_batches_than_there_are(tmp_path):
    """It takes them in one call, and would wait for the missing ones until it fails."""
    objective = get_objective("roberta")
    run = tpu_graphs.run_config(tmp_path, objective, CORES_PER_HOST, do_eval=True)
    batches = tpu_graphs.RECORDS // run.eval_batch_size
    assert eval_steps(run) == batches == 4
    assert eval_steps(dataclasses.replace(run, max_eval_steps=3)) == 3
    records = tpu_graphs.random_records(objective.feature_names, run.eval_batch_size - 1)
    write_records(run.eval_files[0], records)
    with pytest.raises(UserError, match="hold 15 rows, and a TPU takes full batches"):
        eval_steps(run)


def printed(x):
    with tf.control_dependencies([tf.print(x)]):
        return tf.reduce_sum(x)


def asserted(x):
    with tf.control_dependencies([tf.Assert(tf.reduce_all(x >= 0.0), ["text", x])]):
        return tf.reduce_sum(x)


def summarised(x):
    tf.summary.scalar("mean", tf.reduce_mean(x))
    return tf.constant(0.0)


def long_numbers(x):
    return tf.cast(tf.reduce_sum(tf.cast(x, tf.int64)), tf.float32)


def double_precision(x):
    return tf.cast(tf.reduce_sum(tf.cast(x, tf.float64)), tf.float32)


def called(x):
    return tf.function(lambda y: tf.reduce_sum(y) * 2.0)(x)


# Name -> (function of float32 [rows, seq] that gives a scalar, what must be said of it).
FAULTS = {
    "py_func": (lambda x: tf.py_func(np.sum, [x], tf.float32), r"PyFunc\): XLA has no kernel"),
    "summary": (summarised, r"ScalarSummary\): XLA has no kernel"),
    "dynamic_shape": (
        lambda x: tf.reduce_sum(tf.boolean_mask(x, x > 3.0)),
        r"GatherV2\): float32 has shape \((\?|None),\)",
    ),
    "print": (printed, r"(PrintV2|StringFormat)\): "),
    "assert": (asserted, "TPUs do not take string"),
    "random": (lambda x: tf.reduce_sum(tf.random.uniform([2])), r"RandomUniform\): draws random"),
    "double": (double_precision, "TPUs do not take float64"),
    "long": (long_numbers, r"int64 of shape .*; TPUs compute with 32 bits"),
    "no_kernel": (lambda x: tf.cast(tf.size(tf.unique(tf.range(3))[0]), tf.float32), "Unique"),
    "types": (lambda x: tf.cast(tf.size(tf.as_string(x)), tf.float32), r"AsString\): XLA has no"),
    "function": (called, "calls a function"),
}


class Faulty(Objective):
    """An objective with every fault in it."""

    def __init__(self, objective):
        self._objective = objective
        self.name, self.feature_names = objective.name, objective.feature_names

    def build(self, config, store, kernels, features, is_training):
        output = self._objective.build(config, store, kernels, features, is_training)
        name, ratio = next(iter(output.losses.items()))
        numerator, ids = ratio.numerator, tf.cast(features["input_ids"], tf.float32)
        for fault, (make, _) in sorted(FAULTS.items()):
            with tf.name_scope("fault_" + fault):
                added = make(ids)
                added.set_shape([])
                numerator += added
        output.losses[name] = ratio._replace(numerator=numerator)
        return output


@pytest.fixture(scope="module")
def faulty(tmp_path_factory):
    """The problems of training with accumulation, where every fault lies in a loop, too."""
    objective = Faulty(get_objective("roberta"))
    return problems(
        training_graph(tmp_path_factory.mktemp("faulty"), objective, num_micro_batches=2)
    )


@pytest.mark.tf1
@pytest.mark.parametrize("fault", sorted(FAULTS))
def test_what_a_tpu_cannot_do_is_found(faulty, fault):
    here = [line for line in faulty if "fault_{}/".format(fault) in line]
    outside = [line for line in here if not line.startswith("while")]
    inside = [line for line in here if line.startswith("while")]
    for lines in (outside, inside):
        assert any(re.search(FAULTS[fault][1], line) for line in lines), here


@pytest.mark.tf1
def test_nothing_else_is_found(faulty):
    assert [line for line in faulty if "fault_" not in line] == []
