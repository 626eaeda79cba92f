"""One checkpoint with other spellings and one with a gap, in every program."""

import pytest
import script_driver
import tensorflow.compat.v1 as tf
from checkpoint_files import save
from pretraining_runs import flags_of
from record_files import (
    PREDICTIONS,
    SEQ,
    TINY_CONFIG,
    learnable_records,
    write_json,
    write_records,
)
from script_driver import error_of, out_of

from modeling import checkpoint
from modeling.config import BertConfig
from modeling.objectives import get_objective
from training.model_fn import model_parameters

tf.disable_v2_behavior()

GAP = "bert/encoder/layer_0/output/dense/kernel"
OTHER = "bert/embeddings/layer_normalization/beta is bert/embeddings/LayerNorm/beta and so on"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("starts")
    write_records(path / "train.tfrecord", learnable_records(24))
    write_json(path / "config.json", TINY_CONFIG)
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokens += [chr(0x4E00 + i) for i in range(TINY_CONFIG["vocab_size"] - len(tokens))]
    (path / "vocab.txt").write_text("\n".join(tokens) + "\n", encoding="utf-8")
    store = model_parameters(BertConfig(TINY_CONFIG), get_objective("bert"), SEQ, PREDICTIONS)
    shapes = {name: list(shape) for name, shape in store.shapes().items()}
    other = {name.replace("LayerNorm", "layer_normalization"): s for name, s in shapes.items()}
    save(path / "other.ckpt", other)
    save(path / "gap.ckpt", {name: shape for name, shape in shapes.items() if name != GAP})
    (path / "lora").mkdir()
    (path / "lora" / "adapter_config.json").write_text("{}")
    return path


@pytest.fixture(scope="module")
def trained(folder):
    """name -> [exit code, standard output, standard error] of run_pretraining.py."""
    runs = {
        "other": {"init_checkpoint": folder / "other.ckpt"},
        "gap": {"init_checkpoint": folder / "gap.ckpt"},
        "allowed": {"init_checkpoint": folder / "gap.ckpt", "allow_partial_init": True},
        "lora": {"init_checkpoint": folder / "lora"},
        "idle": {"allow_partial_init": True},
        "no TPU": {"master": "grpc://127.0.0.1:1"},
    }
    lines = [
        flags_of(folder, dry_run=True, output_dir=str(folder / name), **changes)
        for name, changes in runs.items()
    ]
    return dict(zip(runs, script_driver.run_many("run_pretraining", lines)))


def test_pretraining(folder, trained):
    out = out_of(trained, "other")
    assert "variables loaded, 0 new, 0 unused" in out and OTHER in out and "WARNING" not in out
    message = error_of(trained, "gap")
    assert "gap.ckpt is not whole: it lacks {}, by config".format(GAP) in message
    out = out_of(trained, "allowed")
    assert "WARNING: {}/gap.ckpt is not whole".format(folder) in out and GAP in out
    assert "lora holds adapter_config.json, an adapter" in error_of(trained, "lora")
    assert "--allow_partial_init needs --init_checkpoint" in error_of(trained, "idle")
    assert "WARNING: --master has no effect without --use_tpu" in out_of(trained, "no TPU")


def test_conversion(folder):
    lines = [
        [
            "--tf_checkpoint_path={}/{}.ckpt".format(folder, name),
            "--config_file={}/config.json".format(folder),
            "--strip_optimizer={}/release_{}".format(folder, name),
        ]
        for name in ("other", "gap")
    ]
    done = dict(zip(("other", "gap"), script_driver.run_many("convert_checkpoint", lines)))
    assert OTHER in out_of(done, "other")
    names = checkpoint.read_shapes(str(folder / "release_other" / "bert_model.ckpt"))
    released = tf.train.list_variables(str(folder / "release_other" / "bert_model.ckpt"))
    assert sorted(names) == sorted(name for name, _ in released)
    assert "bert/embeddings/LayerNorm/beta" in names
    assert "gap.ckpt is not whole: it lacks " + GAP in error_of(done, "gap")


def test_prediction(folder):
    lines = [
        [
            "--task=features",
            "--init_checkpoint={}/{}.ckpt".format(folder, name),
            "--bert_config_file={}/config.json".format(folder),
            "--vocab_file={}/vocab.txt".format(folder),
            "--output_file={}/{}.jsonl".format(folder, name),
            "--max_seq_length={}".format(SEQ),
        ]
        for name in ("other", "gap")
    ]
    texts = ["一丁\n"] * 2
    done = dict(zip(("other", "gap"), script_driver.run_many("run_prediction", lines, texts)))
    assert OTHER in out_of(done, "other")
    assert "is not whole, it lacks " + GAP in error_of(done, "gap")


def test_finetuning(folder):
    data = folder / "task"
    data.mkdir()
    for split in ("train", "dev"):
        (data / (split + ".tsv")).write_text("一丁\ta\n丁七\tb\n" * 4, encoding="utf-8")
    lines = [
        [
            "--task_name=tsv",
            "--data_dir={}".format(data),
            "--init_checkpoint={}/{}.ckpt".format(folder, name),
            "--bert_config_file={}/config.json".format(folder),
            "--vocab_file={}/vocab.txt".format(folder),
            "--output_dir={}/tuned_{}".format(folder, name),
            "--max_seq_length={}".format(SEQ),
            "--train_batch_size=4",
            "--num_train_epochs=1",
            "--do_train",
        ]
        for name in ("other", "gap")
    ]
    lines.append([*lines[1][:-1], "--do_train", "--allow_partial_init"])
    names = ("other", "gap", "allowed")
    done = dict(zip(names, script_driver.run_many("run_finetuning", lines)))
    assert OTHER in out_of(done, "other")
    assert "gap.ckpt is not whole: it lacks " + GAP in error_of(done, "gap")
    assert "WARNING: {}/gap.ckpt is not whole".format(folder) in out_of(done, "allowed")
