"""Names of variables as other programs spell them, and checkpoints that are read by them."""

import glob
import os

import golden_cases
import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from checkpoint_files import WORDS, save

from common.errors import UserError
from modeling import checkpoint, variable_spellings
from modeling.conversion import huggingface

tf.disable_v2_behavior()
pytestmark = pytest.mark.tf1

LAYER = "bert/encoder/layer_3/"
GROUP = "bert/encoder/transformer/group_0/inner_group_0/"


@pytest.mark.parametrize(
    ("other", "released"),
    [
        (LAYER + "output/layer_normalization/gamma", LAYER + "output/LayerNorm/gamma"),
        (LAYER + "output/layer_normalization_7/beta", LAYER + "output/LayerNorm/beta"),
        (LAYER + "output/layer_norm/gamma", LAYER + "output/LayerNorm/gamma"),
        (LAYER + "output/LayerNormalization/beta", LAYER + "output/LayerNorm/beta"),
        (LAYER + "output/layernorm/gamma/adam_m", LAYER + "output/LayerNorm/gamma/adam_m"),
        (LAYER + "output/LayerNorm_1/gamma", LAYER + "output/LayerNorm/gamma"),
        (LAYER + "output/LayerNorm/weight", LAYER + "output/LayerNorm/gamma"),
        (LAYER + "output/layer_norm/bias", LAYER + "output/LayerNorm/beta"),
        (LAYER + "output/LayerNorm/scale", LAYER + "output/LayerNorm/gamma"),
        (LAYER + "output/LayerNorm/offset", LAYER + "output/LayerNorm/beta"),
        (LAYER + "output/dense/weights", LAYER + "output/dense/kernel"),
        (LAYER + "output/dense/biases", LAYER + "output/dense/bias"),
        ("bert/encoder/layer_._3/output/dense/kernel", LAYER + "output/dense/kernel"),
        (WORDS + "/embeddings", WORDS),
        ("bert/embeddings/position_embeddings/weight", "bert/embeddings/position_embeddings"),
        (
            "bert.Sembeddings.SLayerNorm.Sgamma/.ATTRIBUTES/VARIABLE_VALUE",
            "bert/embeddings/LayerNorm/gamma",
        ),
        (
            "cls/predictions/transform/layer_normalization_25/gamma",
            "cls/predictions/transform/LayerNorm/gamma",
        ),
        ("generator_predictions/layer_norm/beta", "generator_predictions/LayerNorm/beta"),
    ],
)
def test_known_spellings(other, released):
    assert variable_spellings.released([other]) == {other: released}


def test_a_scope_around_the_whole_model():
    names = ["module/" + WORDS, "module/cls/predictions/output_bias", "global_step"]
    assert variable_spellings.released(names) == {
        "module/" + WORDS: WORDS,
        "module/cls/predictions/output_bias": "cls/predictions/output_bias",
    }
    two = ["teacher/" + WORDS, "student/" + WORDS]
    assert not variable_spellings.released(two)
    assert not variable_spellings.released([WORDS, "teacher/" + WORDS])


def test_two_norms_of_one_layer_keep_their_order():
    """As google-research/albert has them, where Keras numbers all norms of a graph."""
    names = [GROUP + "layer_normalization_{}/gamma".format(n) for n in (10, 9)]
    assert variable_spellings.released(names) == {
        names[1]: GROUP + "LayerNorm/gamma",
        names[0]: GROUP + "LayerNorm_1/gamma",
    }
    assert not variable_spellings.released([GROUP + "LayerNorm/beta", GROUP + "LayerNorm_1/beta"])


def test_what_is_not_certain_is_left():
    # PyTorch's matrices are transposed; a name that is there already has its variable
    kept = [LAYER + "output/dense/weight", LAYER + "output/LayerNorm/gamma"]
    assert not variable_spellings.released(kept)
    both = [LAYER + "output/LayerNorm/gamma", LAYER + "output/LayerNorm/weight"]
    assert not variable_spellings.released(both)


@golden_cases.needs_golden
@pytest.mark.parametrize("case", ["bert", "lert", "albert_google", "albert_zh", "electra"])
def test_released_names_stay(case):
    (index,) = glob.glob(os.path.join(golden_cases.path(case), "*.index"))
    names = [name for name, _ in tf.train.list_variables(index[: -len(".index")])]
    assert not variable_spellings.released(names)


def test_a_checkpoint_is_read_by_released_names(tmp_path):
    other = "bert/embeddings/layer_normalization/gamma"
    prefix = save(tmp_path / "x", {WORDS: [9, 4], other: [4], other + "/adam_m": [4]})
    released = "bert/embeddings/LayerNorm/gamma"
    assert list(checkpoint.read_shapes(prefix)) == [released, released + "/adam_m", WORDS]
    plan = checkpoint.plan_loading(prefix, {WORDS: [9, 4], released: [4]}, "c.json")
    assert not plan.new and not plan.unused and not plan.gaps()
    assert plan.training_state == [released + "/adam_m"]
    assert plan.slots(["adam_m"]) == {released + "/adam_m": released + "/adam_m"}
    (line,) = [text for warns, text in plan.lines() if "spells" in text and not warns]
    assert "spells 2 names of variables in another way" in line
    assert other + " is " + released in line
    checkpoint.verify(prefix)
    expected = tf.train.NewCheckpointReader(prefix).get_tensor(other)
    with tf.Graph().as_default(), tf.Session() as session:
        variable = tf.get_variable(released, [4])
        checkpoint.initialize(prefix, {released: released})
        session.run(tf.global_variables_initializer())
        np.testing.assert_array_equal(session.run(variable), expected)
    with pytest.raises(UserError, match="is of another program"):
        checkpoint.check_resumable(prefix, {WORDS: [9, 4], released: [4]}, "c.json")


def test_checkpoints_of_objects_are_told(tmp_path):
    prefix = str(tmp_path / "x")
    arrays = ("a/.ATTRIBUTES/VARIABLE_VALUE", "_CHECKPOINTABLE_OBJECT_GRAPH")
    huggingface.write_checkpoint(prefix, {name: np.zeros(2, np.float32) for name in arrays})
    with pytest.raises(UserError, match=r"tf\.train\.Checkpoint saved it"):
        checkpoint.plan_loading(prefix, {WORDS: [9, 4]}, "c.json")
