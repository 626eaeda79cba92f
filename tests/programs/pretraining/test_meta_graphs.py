"""--write_meta_graph in training: a .meta file beside every checkpoint and in best/."""

import os

import pytest
import tensorflow.compat.v1 as tf
from pretraining_runs import flags_of, run_many
from record_files import TINY_CONFIG, learnable_records, write_json, write_records

pytestmark = pytest.mark.tf1


def test_every_checkpoint_has_its_meta_file(tmp_path):
    write_records(tmp_path / "train.tfrecord", learnable_records(32))
    write_json(tmp_path / "config.json", TINY_CONFIG)
    changes = {"objective": "bert", "num_train_steps": 3, "save_checkpoints_steps": 1}
    changes.update(do_eval=True, eval_file=str(tmp_path / "train.tfrecord"), keep_checkpoint_max=2)
    lines = [
        flags_of(tmp_path, output_dir=str(tmp_path / "with"), write_meta_graph=True, **changes),
        flags_of(tmp_path, output_dir=str(tmp_path / "without"), **changes),
    ]
    for code, _, err in run_many(lines):
        assert (code, err) == (0, "")
    kept = sorted(n for n in os.listdir(str(tmp_path / "with")) if n.endswith(".meta"))
    assert kept == ["model.ckpt-2.meta", "model.ckpt-3.meta"]
    (best,) = [n for n in os.listdir(str(tmp_path / "with" / "best")) if n.endswith(".meta")]
    assert not [n for n in os.listdir(str(tmp_path / "without")) if n.endswith(".meta")]
    prefix = str(tmp_path / "with" / "best" / best)[: -len(".meta")]
    with tf.Graph().as_default(), tf.Session() as session:
        tf.train.import_meta_graph(prefix + ".meta").restore(session, prefix)
        found = {v.op.name for v in tf.global_variables()}
        assert session.run("global_step:0") == int(prefix.rsplit("-", 1)[1])
    assert found == set(tf.train.NewCheckpointReader(prefix).get_variable_to_shape_map())
