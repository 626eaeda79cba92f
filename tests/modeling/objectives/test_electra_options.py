"""What ELECTRA's options make of its networks, samples and figures."""

import collections

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from electra_models import TINY, built, tiny_features

from common.errors import UserError
from modeling.config import BertConfig
from modeling.config_families import ElectraConfig
from modeling.kernels import PlainKernels
from modeling.objectives import get_objective
from modeling.objectives.electra import BINS, area_under_curve, write_samples
from modeling.parameters import ParameterStore

tf.disable_v2_behavior()


def scopes(store):
    """Beginnings of the variables' names, in order of creation."""
    return list(collections.OrderedDict.fromkeys(n.split("/")[0] for n in store.shapes()))


def test_options_say_which_networks_there_are():
    cases = {
        (): ["electra", "generator", "generator_predictions", "discriminator_predictions"],
        ("untied_generator=False",): [
            "electra",
            "generator_predictions",
            "discriminator_predictions",
        ],
        ("uniform_generator=True",): ["electra", "discriminator_predictions"],
        ("electra_objective=False",): ["electra", "generator_predictions"],
        ("untied_generator_embeddings=True",): [
            "generator",
            "generator_predictions",
            "electra",
            "discriminator_predictions",
        ],
        ("two_tower_generator=True",): [
            "electra",
            "generator_ltr",
            "generator_rtl",
            "cloze_predictions",
            "discriminator_predictions",
        ],
    }
    for given, expected in cases.items():
        options = {text.split("=")[0]: text.endswith("True") for text in given}
        with tf.Graph().as_default():
            store, output, run = built(options)
            assert scopes(store) == expected, given
            found = run({name: ratio.value() for name, ratio in output.losses.items()})
        assert np.isfinite(list(found.values())).all()
        assert ("disc_loss" in found) == ("electra_objective=False" not in given)
        if "uniform_generator=True" in given:
            assert found["masked_lm_loss"] == pytest.approx(np.log(40), rel=1e-5)


def test_own_embeddings_have_the_generators_width():
    with tf.Graph().as_default():
        store, _, _ = built({"untied_generator_embeddings": True})
        shapes = store.shapes()
    assert shapes["generator/embeddings/word_embeddings"] == [40, 4]
    assert shapes["generator_predictions/dense/kernel"] == [4, 4]
    assert shapes["electra/embeddings/word_embeddings"] == [40, 12]
    assert "generator/embeddings_project/kernel" not in shapes


def test_the_generator_is_the_discriminator_where_they_are_tied():
    with tf.Graph().as_default():
        store, output, run = built({"untied_generator": False})
        assert store.shapes()["generator_predictions/dense/kernel"] == [16, 12]
        gradients = tf.gradients(
            output.losses["masked_lm_loss"].value(),
            [p.tensor for p in store.trainable() if "layer_0/output/dense" in p.variable.name],
        )
        assert np.abs(run(gradients)[0]).max() > 0


def test_sizes_of_a_generator():
    """768 x 0.33333 is 256, 256 x 0.25 is 64, and halves round to the even number."""
    base = ElectraConfig(dict(TINY, hidden_size=768, num_attention_heads=12, num_hidden_layers=5))
    found = base.derived_generator(layers=0.5, hidden_size=0.33333)
    assert (found.hidden_size, found.num_hidden_layers) == (256, 2)
    assert (found.intermediate_size, found.num_attention_heads) == (1024, 4)
    assert (found.embedding_size, found.max_position_embeddings) == (12, 10)
    small = base.derived_generator(hidden_size=0.05)
    assert (small.hidden_size, small.num_attention_heads) == (38, 1)
    with pytest.raises(UserError, match="the generator by config: num_hidden_layers is 0"):
        base.derived_generator(layers=0.05)
    with pytest.raises(UserError, match="hidden_size 200 is not a multiple"):
        base.derived_generator(hidden_size=200 / 768)


def test_samples_follow_the_generators_distribution():
    """10,000 draws from three scores at two temperatures, within 5 standard deviations."""
    rows, scores = 10000, np.array([0.0, 1.0, 2.0], np.float32)
    with tf.Graph().as_default(), tf.Session() as session:
        for temperature in (1.0, 2.0):
            objective = get_objective("electra").for_run(10, temperature=temperature)
            features = {"masked_lm_ids": tf.zeros([rows, 1], tf.int32)}
            logits = tf.constant(np.tile(scores, (rows, 1)))
            drawn = session.run(objective._sample(logits, features, PlainKernels(1, 2)))
            expected = np.exp(scores / temperature)
            expected /= expected.sum()
            found = np.bincount(drawn[:, 0], minlength=3) / rows
            assert np.all(np.abs(found - expected) < 5 * np.sqrt(expected / rows))
        objective = get_objective("electra").for_run(10, disallow_correct=True)
        drawn = session.run(objective._sample(logits, features, PlainKernels(1, 2)))
        assert set(drawn[:, 0]) == {1, 2}


def test_samples_are_a_function_of_seed_and_step():
    found = []
    for seed in (1, 1, 2):
        with tf.Graph().as_default():
            _, output, run = built({}, step_seed=seed)
            found.append(run(output.tensors["sampled_ids"]))
    np.testing.assert_array_equal(found[0], found[1])
    assert (found[0] != found[2]).any()


def test_no_gradient_passes_the_samples():
    with tf.Graph().as_default():
        store, output, _ = built({})
        generator = [p for p in store.trainable() if p.variable.name.startswith("generator")]
        loss = output.losses["disc_loss"].value()
        assert tf.gradients(loss, [p.tensor for p in generator]) == [None] * len(generator)


def test_what_is_written_by_hand():
    ids = np.array([[2, 10, 11, 12, 3]], np.int32)
    positions = np.array([[1, 3, 1, 0, 0]], np.int32)
    sampled = np.array([[20, 12, 15, 30, 31]], np.int32)
    with tf.Graph().as_default(), tf.Session() as session:
        new, written = session.run(
            write_samples(tf.constant(ids), tf.constant(positions), tf.constant(sampled))
        )
    assert new.tolist() == [[2, 17, 11, 12, 3]]
    assert written.tolist() == [[False, True, False, True, False]]


def test_a_sample_that_hits_is_no_fake_and_metrics_count_tokens_alone():
    features = tiny_features()
    with tf.Graph().as_default():
        _, output, run = built({}, features)
        found = run(
            {
                "fake": output.tensors["is_fake"],
                "ids": output.tensors["fake_ids"],
                "logits": output.tensors["disc_logits"],
                "counts": output.counts,
                "metrics": {n: (r.numerator, r.denominator) for n, r in output.metrics.items()},
            }
        )
    fake = found["ids"] != features["input_ids"]
    np.testing.assert_array_equal(found["fake"], fake)
    real, says = features["input_mask"] > 0, found["logits"] > 0
    right = (says == fake) & real
    metrics = found["metrics"]
    assert metrics["disc_accuracy"] == (right.sum(), real.sum())
    assert metrics["disc_precision"] == ((right & says).sum(), (says & real).sum())
    assert metrics["disc_recall"] == ((right & fake).sum(), fake.sum())
    assert found["counts"]["disc_replaced_scores"].sum() == fake.sum()
    assert found["counts"]["disc_original_scores"].sum() == (real & ~fake).sum()


def test_the_area_under_the_curve_is_scikit_learns():
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.RandomState(0)
    labels = rng.rand(4000) < 0.1
    logits = rng.randn(4000) * 2 - 3 + 2 * labels
    bins = np.clip((logits / 20 + 1) * BINS / 2, 0, BINS - 1).astype(int)
    counts = [np.bincount(bins[labels == kind], minlength=BINS) for kind in (True, False)]
    expected = metrics.roc_auc_score(labels, logits)
    assert area_under_curve(*counts) == pytest.approx(expected, abs=1e-3)
    assert area_under_curve([0, 0], [1, 2]) is None
    assert get_objective("electra").figures({}) == {}


def test_a_tower_does_not_see_what_it_predicts():
    """Scores of a place change with every token but its own; Electric's loss is by hand."""
    features = tiny_features(rows=1)
    changed = {name: value.copy() for name, value in features.items()}
    changed["input_ids"][0, 4] = 30
    options = {"two_tower_generator": True, "electric_objective": True}
    results = []
    for each in (features, changed):
        with tf.Graph().as_default():
            objective = get_objective("electra").for_run(10, **options).for_masks(0.2, ())
            store = ParameterStore(3)
            inputs = {n: tf.constant(v) for n, v in each.items()}
            cloze = []
            kept = objective._cloze
            objective._cloze = lambda *a, kept=kept, cloze=cloze: cloze.append(kept(*a)) or cloze[0]
            output = objective.build(ElectraConfig(TINY), store, PlainKernels(), inputs, False)
            with tf.Session() as session:
                session.run(tf.global_variables_initializer())
                results.append(
                    session.run(
                        {
                            "cloze": cloze[0],
                            "fake": output.tensors["is_fake"],
                            "loss": output.losses["cloze_loss"].value(),
                        }
                    )
                )
    differs = np.abs(results[0]["cloze"] - results[1]["cloze"]).max(axis=(0, 2)) > 1e-6
    # The ends wrap around, as in the original.
    assert differs.tolist() == [True] * 4 + [False] + [True] * 5
    # Electric takes a sample for one wherever it was written.
    np.testing.assert_array_equal(np.flatnonzero(results[0]["fake"][0]), [2, 5])
    log_probs = results[0]["cloze"] - np.log(np.exp(results[0]["cloze"]).sum(-1, keepdims=True))
    chosen = np.take_along_axis(log_probs, features["input_ids"][:, :, None], axis=2)
    mean = chosen[features["input_mask"] > 0].mean()
    assert results[0]["loss"] == pytest.approx(-mean, rel=1e-5)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"uniform_generator": True, "electra_objective": False}, "--electra_objective only"),
        ({"uniform_generator": True, "untied_generator": False}, "--untied_generator only"),
        ({"two_tower_generator": True, "electra_objective": False}, "--electra_objective only"),
        ({"two_tower_generator": True, "untied_generator": False}, "--untied_generator only"),
        ({"two_tower_generator": True, "uniform_generator": True}, "--nouniform_generator only"),
        ({"electric_objective": True}, "--two_tower_generator only"),
        ({"gen_weight": -1.0}, "--gen_weight=-1.0 must not be negative"),
        ({"disc_weight": -1.0}, "--disc_weight=-1.0 must not be negative"),
        ({"temperature": 0.0}, "--temperature=0.0 must be positive"),
        ({"generator_layers": 0.0}, "--generator_layers=0.0 must be positive"),
        ({"generator_hidden_size": -0.5}, "--generator_hidden_size=-0.5 must be positive"),
        ({"generator_layers": 0.5, "untied_generator": False}, "--generator_layers cannot be used"),
        (
            {"generator_config_file": ElectraConfig(TINY), "generator_layers": 0.5},
            "--generator_config_file and --generator_layers both say",
        ),
        (
            {"generator_config_file": ElectraConfig(TINY), "electra_objective": False},
            "--generator_config_file cannot be used",
        ),
        ({"lip_steps": [1, 2, 3]}, "--lip_steps cannot be combined with the objective electra"),
    ],
)
def test_refused_options(options, words):
    with pytest.raises(UserError, match=words):
        get_objective("electra").for_run(10, **options)


def test_other_objectives_refuse_its_options():
    for name in ("bert", "lert"):
        with pytest.raises(
            UserError, match="--temperature cannot be combined with the objective " + name
        ):
            get_objective(name).for_run(10, temperature=2.0, gen_weight=None)


def test_a_generator_must_share_the_embeddings():
    generator = ElectraConfig(dict(TINY, embedding_size=8), "generator.json")
    objective = get_objective("electra").for_run(10, generator_config_file=generator)
    with pytest.raises(
        UserError, match=r"embedding_size is 8 in generator\.json, but 12 in config"
    ):
        objective.networks(ElectraConfig(TINY))
    objective = get_objective("electra").for_run(
        10, generator_config_file=generator, untied_generator_embeddings=True
    )
    assert objective.networks(ElectraConfig(TINY))["generator"].embedding_size == 16
    bert = {key: value for key, value in TINY.items() if key != "embedding_size"}
    with pytest.raises(UserError, match="trains ELECTRA's network, and config has none"):
        get_objective("electra").networks(BertConfig(bert))


def test_the_layers_that_start_glorot_uniform():
    """The original leaves two layers to TensorFlow's default (golden README, M12)."""
    config = ElectraConfig(dict(TINY, initializer_range=1e-4, hidden_size=64))
    with tf.Graph().as_default():
        store, _, run = built({}, config=config)
        found = run({p.variable.op.name: p.tensor for p in store.trainable()})
    wide = {n for n, v in found.items() if n.endswith("kernel") and np.abs(v).max() > 1e-2}
    assert wide == {
        "generator/embeddings_project/kernel",
        "electra/embeddings_project/kernel",
        "discriminator_predictions/dense_1/kernel",
    }
    limit = np.sqrt(6 / (64 + 1))
    last = np.abs(found["discriminator_predictions/dense_1/kernel"])
    assert limit * 0.8 < last.max() <= limit
