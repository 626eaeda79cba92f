"""What a further family takes: one recipe, one objective and a registry line for each."""

import json
import os
import shutil
import subprocess
import sys

from conftest import ROOT

RECIPE = '''"""A made-up family: all masks are [MASK], on full pairs."""

from data.rows import pairs
from data.recipes import BERT_FEATURES, Recipe


def _pairs(unit, settings, seed):
    return pairs.full_pairs(unit, settings.max_seq_length, seed)


RECIPE = Recipe("sided", _pairs, "word", (1.0, 0.0, 0.0), BERT_FEATURES)
'''

OBJECTIVE = '''"""Masked LM, and whether a masked piece lies in the second segment."""

import tensorflow.compat.v1 as tf

from modeling import heads, losses
from modeling.objectives.masked_lm import MaskedLm


class Sided(MaskedLm):
    def _add_heads(self, config, store, kernels, features, output):
        vectors = output.tensors["masked_lm_transformed"]
        logits = heads.tag_logits(config, store, kernels, vectors, "side", 2)
        positions = features["masked_lm_positions"]
        sides = tf.gather(features["segment_ids"], positions, batch_dims=1)
        sides, weights = tf.reshape(sides, [-1]), tf.reshape(features["masked_lm_weights"], [-1])
        nll = losses.cross_entropy(logits, sides)
        output.losses["side_loss"] = losses.weighted_ratio(nll, weights, 1e-5)
        output.metrics["side_accuracy"] = losses.accuracy_ratio(logits, sides, weights)
'''
# File -> (a line of it, the lines that stand in its place).
REGISTRIES = {
    "data/recipes/__init__.py": ('"lert")', '"lert", "sided")'),
    "modeling/objectives/__init__.py": (
        '    "electra": Electra("electra"),',
        '    "electra": Electra("electra"),\n    "sided": Sided("sided", sentence_pair=None),',
    ),
}


def copy_with_family(folder):
    """The project in `folder` with the family in it."""
    for name in os.listdir(ROOT):
        path = os.path.join(ROOT, name)
        if name in ("data", "modeling"):
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(path, os.path.join(folder, name), ignore=ignored)
        elif name.endswith(".py") or os.path.isfile(os.path.join(path, "__init__.py")):
            os.symlink(path, os.path.join(folder, name))
    for name, content in (("data/recipes", RECIPE), ("modeling/objectives", OBJECTIVE)):
        with open(os.path.join(folder, name, "sided.py"), "w", encoding="utf-8") as f:
            f.write(content)
    for name, (before, after) in REGISTRIES.items():
        path = os.path.join(folder, name)
        with open(path, encoding="utf-8") as f:
            text = f.read()
        assert text.count(before) == 1
        text = text.replace(before, after)
        if name.startswith("modeling"):
            first = "from modeling.objectives.masked_lm import MaskedLm\n"
            text = text.replace(first, first + "from modeling.objectives.sided import Sided\n")
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)


def run(folder, script, *flags):
    # A script takes its modules from where it really lies, unless told otherwise.
    code = "import runpy, sys; sys.path[:0] = ['.']; sys.argv[0] = {0!r}; "
    code += "runpy.run_path({0!r}, run_name='__main__')"
    done = subprocess.run(
        [sys.executable, "-c", code.format(script), *flags],
        cwd=folder,
        env=dict(os.environ, PYTHONPATH=folder),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def test_a_made_up_family_is_two_files_and_two_lines(tmp_path):
    folder = str(tmp_path / "project")
    os.mkdir(folder)
    copy_with_family(folder)
    sample = os.path.join(ROOT, "sample")
    run(
        folder,
        "create_pretraining_data.py",
        "--objective=sided",
        "--input_file={}/corpus/news.txt".format(sample),
        "--input_format=raw",
        "--vocab_file={}/vocab.txt".format(sample),
        "--output_file={}/a.tfrecord".format(tmp_path),
        "--dupe_factor=1",
        "--num_workers=1",
        "--max_seq_length=64",
        "--max_predictions_per_seq=10",
    )
    with open(str(tmp_path / "_a.tfrecord.manifest.json"), encoding="utf-8") as f:
        assert json.load(f)["objective"] == "sided"
    log = run(
        folder,
        "run_pretraining.py",
        "--input_file={}/a.tfrecord".format(tmp_path),
        "--output_dir={}/model".format(tmp_path),
        "--bert_config_file={}/bert_config.json".format(sample),
        "--do_train",
        "--do_eval",
        "--max_seq_length=64",
        "--max_predictions_per_seq=10",
        "--num_train_steps=12",
        "--num_warmup_steps=2",
        "--learning_rate=1e-3",
        "--train_batch_size=8",
        "--max_eval_steps=2",
    )
    assert "objective: sided (manifest" in log
    with open(str(tmp_path / "model" / "eval_results.txt"), encoding="utf-8") as f:
        results = dict(line.split(" = ") for line in f.read().splitlines())
    assert float(results["side_loss"]) < 0.8 and "side_accuracy" in results
    total = float(results["masked_lm_loss"]) + float(results["side_loss"])
    assert abs(float(results["loss"]) - total) < 1e-4
