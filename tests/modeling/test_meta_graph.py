"""The .meta file of a checkpoint."""

import golden_cases
import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from checkpoint_files import WORDS, save
from golden_cases import needs_golden

from modeling import checkpoint, meta_graph

tf.disable_v2_behavior()
pytestmark = [pytest.mark.tf1, pytest.mark.tf2_15]

# Operations that TensorFlow 1.15 knows under the same names and attributes.
KNOWN = {"VariableV2", "Assign", "Identity", "Const", "Fill", "NoOp", "PlaceholderWithDefault"}
KNOWN |= {"SaveV2", "RestoreV2"}


def restored(prefix):
    """dict name -> array, by the .meta file alone."""
    with tf.Graph().as_default(), tf.Session() as session:
        saver = tf.train.import_meta_graph(prefix + ".meta")
        saver.restore(session, prefix)
        variables = tf.global_variables()
        return dict(zip([v.op.name for v in variables], session.run(variables)))


def test_a_checkpoint_is_restored_by_its_meta_file(tmp_path):
    """Also where a variable has the name of others' scope, and with slots and a step."""
    prefix = str(tmp_path / "bert_model.ckpt")
    shapes = {WORDS: [9, 4], WORDS + "/adam_m": [9, 4], "cls/bias": [3], "scalar": []}
    save(tmp_path / "bert_model.ckpt", shapes, step=7)
    meta_graph.write(prefix)
    reader = tf.train.NewCheckpointReader(prefix)
    found = restored(prefix)
    assert set(found) == set(reader.get_variable_to_shape_map())
    for name, value in found.items():
        expected = reader.get_tensor(name)
        assert value.dtype == expected.dtype
        np.testing.assert_array_equal(value, expected)
    assert checkpoint.resolve(prefix + ".meta") == prefix
    meta_graph.write(prefix)  # over the one that is there
    assert set(restored(prefix)) == set(found)


def test_it_holds_no_values_and_only_what_old_releases_know(tmp_path):
    save(tmp_path / "model.ckpt", {WORDS: [20000, 64], "cls/bias": [20000]}, step=7)
    meta_graph.write(str(tmp_path / "model.ckpt"))
    content = (tmp_path / "model.ckpt.meta").read_bytes()
    assert len(content) < 20000
    read = tf.MetaGraphDef.FromString(content)
    assert {node.op for node in read.graph_def.node} <= KNOWN
    assert not any(node.device for node in read.graph_def.node)
    assert read.graph_def.versions.min_consumer <= 134  # TensorFlow 1.15


@needs_golden
def test_the_golden_checkpoint_is_restored(tmp_path):
    prefix = checkpoint.resolve(golden_cases.path("bert"))
    reader = tf.train.NewCheckpointReader(prefix)
    names = reader.get_variable_to_shape_map()
    with tf.Graph().as_default(), tf.Session() as session:
        made = [tf.get_variable(n, initializer=reader.get_tensor(n)) for n in sorted(names)]
        session.run(tf.global_variables_initializer())
        copy = str(tmp_path / "bert_model.ckpt")
        tf.train.Saver(made).save(session, copy, write_meta_graph=False)
    meta_graph.write(copy)
    for name, value in restored(copy).items():
        np.testing.assert_array_equal(value, reader.get_tensor(name))
