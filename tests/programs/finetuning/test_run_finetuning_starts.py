"""run_finetuning.py from checkpoints that do not fit, which it says before it writes any row."""

import pytest
import script_driver
import tensorflow.compat.v1 as tf
from finetuning_runs import flags_of, make_task
from record_files import TINY_CONFIG, write_json
from script_driver import error_of

from modeling.config import BertConfig
from modeling.config_families import AlbertConfig
from modeling.objectives.classification import Classification
from modeling.task_heads import GoogleHeads
from training.model_fn import model_parameters

pytestmark = pytest.mark.tf1


def save_encoder(folder, config):
    """A checkpoint without heads, of random weights; returns its prefix."""
    shapes = model_parameters(config, Classification("t", 2, GoogleHeads()), 12).shapes()
    with tf.Graph().as_default(), tf.Session() as session:
        variables = [
            tf.get_variable(name, shape)
            for name, shape in shapes.items()
            if name.startswith("bert/")
        ]
        session.run(tf.global_variables_initializer())
        folder.mkdir()
        return tf.train.Saver(variables).save(session, str(folder / "encoder"))


@pytest.fixture(scope="module")
def refused(tmp_path_factory):
    """(folder, name -> [exit code, stdout, stderr])."""
    folder = tmp_path_factory.mktemp("starts")
    make_task(folder)
    sizes = dict(TINY_CONFIG, vocab_size=len((folder / "vocab.txt").read_bytes().split()))
    albert = dict(sizes, embedding_size=16)
    write_json(folder / "albert.json", dict(albert, model_type="albert"))
    larger = dict(sizes, vocab_size=sizes["vocab_size"] + 7)
    prefix = save_encoder(folder / "bert", BertConfig(sizes))
    of_albert = {
        "bert_config_file": str(folder / "albert.json"),
        "init_checkpoint": save_encoder(folder / "albert", AlbertConfig(albert)),
    }
    changes = {
        "no head": {"init_checkpoint": prefix, "do_train": None},
        "nothing": {"do_train": None},
        "vocabulary": {"init_checkpoint": save_encoder(folder / "larger", BertConfig(larger))},
        "another network": {"init_checkpoint": of_albert["init_checkpoint"]},
        "layer-wise": dict(of_albert, layerwise_lr_decay=0.8),
        "trials": {"init_checkpoint": prefix, "do_train": None, "num_trials": 2},
    }
    lines = [
        flags_of(folder, output_dir=str(folder / "out" / name), **flags)
        for name, flags in changes.items()
    ]
    return folder, dict(zip(changes, script_driver.run_many("run_finetuning", lines)))


@pytest.mark.parametrize(
    "name, message",
    [
        ("no head", "was not fine-tuned for this: it lacks output_weights, output_bias; give --do"),
        ("trials", "was not fine-tuned for this: it lacks output_weights, output_bias; give --do"),
        ("nothing", "nothing to evaluate or predict with: --output_dir"),
        ("vocabulary", "vocabulary sizes differ: checkpoint"),
        (
            "another network",
            "shapes differ: bert/embeddings/word_embeddings is [23, 16] in",
        ),
        ("layer-wise", "layers of the kind albert share their weights"),
    ],
)
def test_refused_before_rows_are_written(refused, name, message):
    folder, done = refused
    assert message in error_of(done, name)
    left = [path for path in (folder / "out" / name).rglob("*") if path.is_file()]
    assert left == []
