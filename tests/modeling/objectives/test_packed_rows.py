"""Rows that hold several texts give the losses, figures and gradients of a text a row."""

import functools

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from kernel_kinds import needs_compiler
from task_models import CONFIGS, SIZES

from common.features import TEXT_STARTS
from common.tags import KINDS, TAGS
from data.input.packing import pack
from modeling import losses
from modeling.kernels import PlainKernels
from modeling.kernels.fused import FusedKernels
from modeling.objectives import get_objective
from modeling.objectives.choices import MultipleChoice
from modeling.objectives.classification import Classification
from modeling.objectives.multi_label import MultiLabel
from modeling.objectives.questions import Questions
from modeling.objectives.several import Several
from modeling.objectives.tagging import Tagging
from modeling.parameters import ParameterStore
from modeling.task_heads import ElectraHeads, GoogleHeads
from optimization.gradients import Forward, joint_gradients
from optimization.replicas import OneReplica

tf.disable_v2_behavior()
pytestmark = pytest.mark.tf1

SEQ, PREDICTIONS, TEXTS = 20, 6, 12


class EvenKernels(PlainKernels):
    """Kernels whose draws are all alike: packed rows have other shapes, and so other draws."""

    def uniform(self, shape):
        return tf.fill(shape, 0.5)


def texts():
    """Features of short texts, of pairs too, with all that an objective may read."""
    rng = np.random.RandomState(5)
    lengths = rng.randint(4, SEQ // 2 + 4, size=TEXTS)
    lengths[3] = SEQ
    mask = (np.arange(SEQ) < lengths[:, None]).astype(np.int32)
    counts = rng.randint(0, 4, TEXTS)
    real = np.arange(PREDICTIONS) < counts[:, None]
    positions = np.stack([rng.permutation(np.arange(1, 4))[[0, 1, 2, 0, 1, 2]] for _ in counts])
    features = {
        "input_ids": rng.randint(5, SIZES["vocab_size"], (TEXTS, SEQ)) * mask,
        "masked_input_ids": rng.randint(4, SIZES["vocab_size"], (TEXTS, SEQ)) * mask,
        "input_mask": mask,
        "segment_ids": mask * (np.arange(SEQ) >= 3),
        "masked_lm_positions": positions * real,
        "masked_lm_ids": rng.randint(5, SIZES["vocab_size"], real.shape) * real,
        "masked_lm_weights": real.astype(np.float32),
        "permuted_positions": positions * real,
        "permuted_labels": np.roll(positions, 1, axis=1) * real,
        "permuted_weights": real.astype(np.float32),
        "label_ids": rng.randint(0, 3, (TEXTS, 1)),
        "label_indicators": rng.randint(0, 2, (TEXTS, 4)),
        "tag_ids": np.where(mask, rng.randint(-1, 3, mask.shape), -1),
    }
    for kind in KINDS:
        labels = rng.randint(-1, len(TAGS[kind]), real.shape)
        features[kind + "_labels"] = np.where(real, labels, -1)
    return {
        name: value.astype(np.float32 if name.endswith("_weights") else np.int32)
        for name, value in features.items()
    }


def alike(first, second):
    """Asserts that two trees of values differ by rounding in float32 only."""
    tf.nest.map_structure(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-5, atol=1e-5), first, second
    )


def near(first, second):
    """Asserts that two trees of values differ by rounding in bfloat16 only."""
    for one, other in zip(tf.nest.flatten(first), tf.nest.flatten(second)):
        assert np.linalg.norm(other - one) < 0.03 * np.linalg.norm(one) + 0.01


def compare(objective, config, num_micro_batches=1, kernels=EvenKernels, is_exact=True):
    """Asserts that a text a row with EvenKernels and packed rows with `kernels`, a function that
    makes them, agree; returns the packed number of rows."""
    with tf.Graph().as_default(), tf.Session() as session:
        features = {name: tf.constant(texts()[name]) for name in objective.feature_names}
        rows = pack(features, num_micro_batches)
        store = ParameterStore(seed=1)
        results = []
        cases = ((features, 1, EvenKernels), (rows, num_micro_batches, kernels))
        for fed, micro_batches, kind in cases:
            outputs = []

            def forward(fed, outputs=outputs, kind=kind):
                mine = store.again() if store.shapes() else store
                built = objective.build(config, mine, kind(), fed, is_training=True)
                outputs.append(built)
                return Forward(built.losses, mine.trainable())

            joint = joint_gradients(forward, fed, micro_batches, OneReplica())
            figures = {}
            for name, ratio in [*outputs[0].losses.items(), *outputs[0].metrics.items()]:
                figures[name] = [ratio.numerator, ratio.denominator]
            counts = dict(outputs[0].counts)
            total = losses.total(outputs[0].losses.values())
            gradients = {v.op.name: g for v, g in zip(joint.variables, joint.gradients)}
            results.append([gradients, joint.losses, joint.loss, total, figures, counts])
        count = tf.shape(rows["input_ids"])[0]
        session.run(tf.global_variables_initializer())
        (plain, packed), count = session.run([results, count])
    if is_exact:
        alike(plain, packed)
    else:  # rounding changes which piece is the likeliest, and so how many are right
        near(plain[:-2], packed[:-2])
    assert any(np.abs(g).max() > 1e-3 for g in plain[0].values())
    return count


@pytest.mark.parametrize(
    ("name", "network"),
    [("lert", "bert"), *((name, net) for name in ("roberta", "pert") for net in sorted(CONFIGS))],
)
def test_language_models(name, network):
    objective = get_objective(name)
    assert objective.packing_fault() is None
    assert compare(objective, CONFIGS[network]) < TEXTS


@pytest.mark.parametrize(
    "options",
    [
        {"generator_hidden_size": 0.5},
        {"electra_objective": False},
        {"uniform_generator": True},
        {"untied_generator": False, "disallow_correct": True},
    ],
)
def test_electra(options):
    objective = get_objective("electra").for_run(10, **options)
    assert objective.packing_fault() is None
    assert compare(objective, CONFIGS["electra"]) < TEXTS


def heads_of(network):
    return ElectraHeads("t") if network == "electra" else GoogleHeads()


@pytest.mark.parametrize("network", sorted(CONFIGS))
@pytest.mark.parametrize("kind", [Classification, MultiLabel, Tagging])
def test_tasks(kind, network, monkeypatch):
    """Dropout before a classifier draws once for each text, in the order of the rows."""
    monkeypatch.setattr("modeling.task_heads.DROPOUT", 0.0)
    objective = kind("t", 4 if kind is MultiLabel else 3, heads_of(network))
    assert objective.packing_fault() is None
    assert compare(objective, CONFIGS[network]) < TEXTS


@pytest.mark.parametrize(
    "objective", [*map(get_objective, ("lert", "pert")), Classification("t", 3)]
)
def test_micro_batches_of_packed_rows(objective, monkeypatch):
    monkeypatch.setattr("modeling.task_heads.DROPOUT", 0.0)
    for number in (2, 5):  # of five the last has no text
        assert compare(objective, CONFIGS["bert"], number) % number == 0


@pytest.mark.tf2_15
@needs_compiler
@pytest.mark.parametrize(("dtype", "micro_batches"), [(tf.float32, 2), (tf.bfloat16, 1)])
def test_fused_kernels(dtype, micro_batches, monkeypatch):
    """Sizes of packed rows are not known before they are there; with the fused cross entropy."""
    monkeypatch.setattr("modeling.kernels.fused.WIDE_SCORES", SIZES["vocab_size"])
    fused = functools.partial(FusedKernels, dtype=dtype)
    for name in ("lert", "pert"):
        compare(get_objective(name), CONFIGS["bert"], micro_batches, fused, dtype == tf.float32)


def test_what_a_head_says_of_each_text(monkeypatch):
    """Logits of texts and of their tokens are those of a text a row."""
    plain = texts()
    kinds = {"logits": Classification("t", 3), "tag_logits": Tagging("t", 3, GoogleHeads())}
    for name, objective in kinds.items():
        with tf.Graph().as_default(), tf.Session() as session:
            features = {n: tf.constant(plain[n]) for n in objective.feature_names}
            rows, store = pack(features, 1), ParameterStore(seed=1)
            kernels = PlainKernels()
            tensors = [
                objective.build(CONFIGS["bert"], s, kernels, f, False).tensors[name]
                for s, f in ((store, features), (store.again(), rows))
            ]
            session.run(tf.global_variables_initializer())
            (alone, together), rows = session.run([tensors, rows])
        found = 0
        starts = [(r, s) for r, row in enumerate(rows[TEXT_STARTS]) for s in row if s >= 0]
        for number, (row, start) in enumerate(starts):
            end = start + np.sum(
                rows["row_segment_ids"][row] == rows["row_segment_ids"][row][start]
            )
            ids = rows["input_ids"][row][start:end]
            matches = (plain["input_ids"][:, : len(ids)] == ids).all(axis=1)
            (text,) = np.flatnonzero(matches & (plain["input_mask"].sum(axis=1) == len(ids)))
            ours = together[number] if name == "logits" else together[row, start:end]
            theirs = alone[text] if name == "logits" else alone[text, : len(ids)]
            np.testing.assert_allclose(ours, theirs, rtol=2e-5, atol=1e-5)
            found += 1
        assert found == TEXTS


@pytest.mark.parametrize(
    ("objective", "reason"),
    [
        (get_objective("bert"), "its rows are pairs of sentences"),
        (get_objective("albert"), "its rows are pairs of sentences"),
        (
            get_objective("electra").for_run(10, two_tower_generator=True),
            "a token of the two-tower generator reads the states beside it in the row",
        ),
        (Questions("t", GoogleHeads()), "its losses are computed of a row as a whole"),
        (MultipleChoice("t", 4), "its losses are computed of a row as a whole"),
        (Several([Classification("t", 3)]), "rows of several tasks are mixed"),
    ],
)
def test_objectives_that_read_rows_as_a_whole(objective, reason):
    assert objective.packing_fault() == reason
