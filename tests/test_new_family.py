"""What a further family takes: one recipe, one objective and a registry line for each, although it
has options and a corruption of its own."""

import json
import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
from conftest import ROOT
from pretraining_runs import results_of
from record_checks import read_shard

from data.tokenizers.wordpiece import Vocabulary

RECIPE = '''"""A made-up family: chosen words become others further down the vocabulary."""

import dataclasses

import numpy as np

from common.errors import UserError
from common.features import MASKED_LM, ROW
from common.options import FamilyOptions, option
from data.recipes import Recipe
from data.rows import pairs
from data.rows.corruptions import sampling
from data.rows.corruptions.corruption import Corrupted, Corruption


@dataclasses.dataclass(frozen=True)
class Options(FamilyOptions):
    title = "SIDED"

    sided_shift: int = option(1, "How far down the vocabulary other words lie.", low=1)


@dataclasses.dataclass(frozen=True)
class ShiftSpec:
    probability: float = 0.15
    max_predictions: int = 20
    shift: int = 1
    unit = "word"


class Shift(Corruption):
    targets = MASKED_LM

    def for_settings(self, settings):
        for name in ("masking_unit", "ngram_probs"):
            if getattr(settings, name) is not None:
                raise UserError(
                    "--{} cannot be combined with --objective=sided: remove it".format(name)
                )
        share, room = settings.masked_lm_prob, settings.max_predictions_per_seq
        share = self.spec.probability if share is None else share
        return Shift(ShiftSpec(share, room, settings.family_options.sided_shift))

    def describe(self):
        return "{:.0%} shifted by {}".format(self.spec.probability, self.spec.shift)

    def corrupt(self, instances, tokens, rng):
        chosen, ngrams = sampling.choose_pieces(instances, self.spec, rng)
        places = np.searchsorted(tokens.random_ids, instances.ids) + self.spec.shift
        shifted = tokens.random_ids[places % len(tokens.random_ids)]
        targets = sampling.predictions(instances, chosen, self.spec.max_predictions)
        return Corrupted(np.where(chosen, shifted, instances.ids), chosen, targets, ngrams)

    def draw(self, features, tokens, uniform):
        import tensorflow.compat.v1 as tf

        from data.rows.corruptions import graph_sampling

        ids, table = features["input_ids"], tf.constant(tokens.random_ids, tf.int32)
        chosen = graph_sampling.choose_pieces(features, self.spec, uniform)
        places = tf.reshape(tf.searchsorted(table, tf.reshape(ids, [-1])), tf.shape(ids))
        shifted = tf.gather(table, (places + self.spec.shift) % len(tokens.random_ids))
        positions, real = graph_sampling.true_columns(chosen, self.spec.max_predictions)
        return tf.where(chosen, shifted, ids), graph_sampling.predictions(ids, positions, real)


def _pairs(unit, settings, seed):
    return pairs.full_pairs(unit, settings.max_seq_length, seed)


RECIPE = Recipe("sided", _pairs, ROW + MASKED_LM, Shift(ShiftSpec()), Options)
'''

OBJECTIVE = '''"""Masked LM, and whether a masked piece lies in the second segment."""

import dataclasses
from typing import Optional, Tuple

import tensorflow.compat.v1 as tf

from common.options import STEPS, FamilyOptions, option
from modeling import heads, losses
from modeling.objectives.masked_lm import MaskedLm


@dataclasses.dataclass(frozen=True)
class Options(FamilyOptions):
    title = "SIDED"

    side_weight: float = option(
        1.0, "Weight of the loss of the sides.", low=0, from_training=True
    )
    side_steps: Optional[Tuple[int, ...]] = option(
        None, "Steps from and until which the sides count.", STEPS, length=2, from_training=True
    )


class Sided(MaskedLm):
    options = Options()

    def _add_heads(self, config, store, kernels, features, output):
        vectors = output.tensors["masked_lm_transformed"]
        logits = heads.tag_logits(config, store, kernels, vectors, "side", 2)
        positions = features["masked_lm_positions"]
        sides = tf.gather(features["segment_ids"], positions, batch_dims=1)
        sides, weights = tf.reshape(sides, [-1]), tf.reshape(features["masked_lm_weights"], [-1])
        nll = losses.cross_entropy(logits, sides)
        weight = self.options.side_weight
        output.losses["side_loss"] = losses.weighted_ratio(nll, weights, 1e-5, weight)
        output.metrics["side_accuracy"] = losses.accuracy_ratio(logits, sides, weights)
'''
# File -> (a line of it, the lines that stand in its place).
REGISTRIES = {
    "data/recipes/__init__.py": ("FAMILIES = (", 'FAMILIES = ("sided", '),
    "modeling/objectives/__init__.py": (
        '    "electra": Electra("electra"),',
        '    "electra": Electra("electra"),\n    "sided": Sided("sided", sentence_pair=None),',
    ),
}
# A batch as a training reads it: prints its features as JSON.
DRAW = """
import json, sys
import tensorflow.compat.v1 as tf
from data.input import pipeline
from data.input.drawn_corruption import Drawing
from data.recipes import get_recipe, stated_corruption
from data.records.manifest import find_manifests
from data.rows.corruptions.corruption import tokens_of
from data.tokenizers.wordpiece import Vocabulary

path, vocab_file = sys.argv[1:]
((manifest_path, manifest),) = find_manifests([path]).items()
corruption = stated_corruption(manifest_path, manifest).for_run(10)
drawing = Drawing(corruption, tokens_of(Vocabulary(vocab_file), True), 5)
names = get_recipe("sided").features
make_input = pipeline.make_input_fn([path], names, 64, 10, drawing=drawing)
with tf.Graph().as_default(), tf.Session() as session:
    batch = tf.data.make_one_shot_iterator(make_input({"batch_size": 100})).get_next()
    print(json.dumps({name: value.tolist() for name, value in session.run(batch).items()}))
"""
SAMPLE = os.path.join(ROOT, "sample")
VOCAB = os.path.join(SAMPLE, "vocab.txt")
SHIFT = 3


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """The project in a folder of its own with the family in it."""
    folder = str(tmp_path_factory.mktemp("project"))
    for name in os.listdir(ROOT):
        path = os.path.join(ROOT, name)
        if name in ("data", "modeling"):
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(path, os.path.join(folder, name), ignore=ignored)
        elif name.endswith(".py") or os.path.isfile(os.path.join(path, "__init__.py")):
            os.symlink(path, os.path.join(folder, name))
    for name, content in (
        ("data/recipes/sided.py", RECIPE),
        ("modeling/objectives/sided.py", OBJECTIVE),
        ("draw.py", DRAW),
    ):
        with open(os.path.join(folder, name), "w", encoding="utf-8") as f:
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
    return folder


def run(folder, script, *words, code=0):
    """What a program prints and says; `script` is a file, or the name of a module."""
    # A script takes its modules from where it really lies, unless told otherwise.
    program = "import runpy, sys; sys.path[:0] = ['.']; sys.argv[0] = {0!r}; "
    call = "run_path" if script.endswith(".py") else "run_module"
    program += "runpy." + call + "({0!r}, run_name='__main__')"
    done = subprocess.run(
        [sys.executable, "-c", program.format(script), *words],
        cwd=folder,
        env=dict(os.environ, PYTHONPATH=folder),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == code, done.stderr
    return done.stdout + done.stderr


def create(folder, output, *flags, code=0):
    """Makes records; returns what was said."""
    return run(
        folder,
        "create_pretraining_data.py",
        "--input_file={}/corpus/news.txt".format(SAMPLE),
        "--input_format=raw",
        "--vocab_file=" + VOCAB,
        "--output_file={}".format(output),
        "--dupe_factor=1",
        "--num_workers=1",
        "--max_seq_length=64",
        "--max_predictions_per_seq=10",
        *flags,
        code=code,
    )


def train(folder, records, output, *flags, code=0):
    """What a short training and its evaluation said, and its results."""
    return run_on(folder, records, output, "--do_train", *flags, code=code)


def run_on(folder, records, output, *flags, code=0):
    """What run_pretraining.py said, and the results of its evaluation."""
    said = run(
        folder,
        "run_pretraining.py",
        "--input_file={}".format(records),
        "--output_dir={}".format(output),
        "--bert_config_file={}/bert_config.json".format(SAMPLE),
        "--vocab_file=" + VOCAB,
        "--do_eval",
        "--max_seq_length=64",
        "--max_predictions_per_seq=10",
        "--num_train_steps=12",
        "--num_warmup_steps=2",
        "--learning_rate=1e-3",
        "--train_batch_size=8",
        "--max_eval_steps=2",
        *flags,
        code=code,
    )
    # Beside a training that evaluates, an evaluation alone has a file of its own.
    own = re.search(r"the figures are in (\S+\.txt)", said)
    path = output / (own.group(1) if own else "eval_results.txt")
    return said, dict(results_of(output, path.name))


def manifest_of(records):
    with open(str(records.parent / "_{}.manifest.json".format(records.name))) as f:
        return json.load(f)


def assert_shifted(rows):
    """Predicted pieces, and no others, are SHIFT further down than their originals."""
    ring = Vocabulary(VOCAB).random_replacements(True).tolist()
    row, rank = np.nonzero(rows["masked_lm_weights"])
    places = rows["masked_lm_positions"][row, rank]
    originals = rows["masked_lm_ids"][row, rank].tolist()
    known = [i for i, piece in enumerate(originals) if piece in ring]
    assert len(known) > 0.95 * len(originals) > 100
    for i in known:
        shifted = ring[(ring.index(originals[i]) + SHIFT) % len(ring)]
        assert rows["input_ids"][row[i], places[i]] == shifted


def test_a_made_up_family_is_two_files_and_two_lines(project, tmp_path):
    records, unmasked = tmp_path / "a.tfrecord", tmp_path / "b.tfrecord"
    flags = ["--objective=sided", "--sided_shift={}".format(SHIFT)]
    create(project, records, *flags)
    create(project, unmasked, *flags, "--masking=dynamic")
    static, dynamic = manifest_of(records), manifest_of(unmasked)
    assert static["objective"] == "sided" and static["flags"]["sided_shift"] == SHIFT
    assert 0.1 < static["masked_share"] < 0.2
    described = {"probability": 0.15, "shift": SHIFT}
    assert static["masking"] == dict(described, max_predictions=10, kind="static")
    assert dynamic["masking"] == dict(described, kind="dynamic")
    rows = read_shard(str(records), 64, 10, static["features"])
    assert_shifted(rows)
    original = read_shard(str(unmasked), 64, 10, dynamic["features"])
    assert sorted(original) == ["input_ids", "input_mask", "segment_ids", "word_groups"]
    restored = rows["input_ids"].copy()
    row, rank = np.nonzero(rows["masked_lm_weights"])
    restored[row, rows["masked_lm_positions"][row, rank]] = rows["masked_lm_ids"][row, rank]
    assert sorted(restored.tolist()) == sorted(original["input_ids"].tolist())
    shown = run(project, "data.inspect", "--input_file={}".format(records), "--vocab_file=" + VOCAB)
    assert "<-" in shown and "another piece" in shown

    drawn = json.loads(run(project, "draw.py", str(unmasked), VOCAB).splitlines()[0])
    drawn = {name: np.array(value) for name, value in drawn.items()}
    assert sorted([*drawn, "word_starts"]) == sorted(static["features"])
    assert_shifted(drawn)

    options = ["--side_weight=0.5", "--side_steps=2,8"]
    said, results = train(project, records, tmp_path / "model", *options)
    assert "objective: sided (manifest" in said
    assert results["side_loss"] < 0.8 and "side_accuracy" in results
    total = results["masked_lm_loss"] + 0.5 * results["side_loss"]
    assert abs(results["loss"] - total) < 1e-4
    with open(str(tmp_path / "model" / "run_config.json"), encoding="utf-8") as f:
        settings = json.load(f)["run"]["objective_settings"]
    assert settings == {"side_weight": 0.5, "side_steps": [2, 8]}
    # Resumed, with what it had and with something else; evaluated alone, as it was trained.
    again, _ = train(project, records, tmp_path / "model", *options)
    assert "RESUME" in again and "nothing to train: step 12 of 12" in again
    preset = tmp_path / "preset.json"
    preset.write_text(json.dumps({"flags": {"side_weight": 0.25, "side_steps": "2,8"}}))
    preset = "--preset={}".format(preset)
    again, _ = train(project, records, tmp_path / "model", preset, code=1)
    assert "another experiment, trained to step 12: --side_weight was 0.5 and is 0.25;" in again
    _, alone = run_on(project, records, tmp_path / "model")
    assert alone == results
    said, results = train(project, unmasked, tmp_path / "drawn")
    assert "drawn anew for every batch, 15% shifted by {}, at most 10".format(SHIFT) in said
    assert abs(results["loss"] - results["masked_lm_loss"] - results["side_loss"]) < 1e-4


def test_the_options_of_a_made_up_family_are_flags_of_its_alone(project, tmp_path):
    output = tmp_path / "a.tfrecord"
    said = create(project, output, "--objective=bert", "--sided_shift=2", code=1)
    assert "--sided_shift cannot be combined with --objective=bert" in said
    said = create(project, output, "--objective=sided", "--ngram_probs=1", code=1)
    assert "--ngram_probs cannot be combined with --objective=sided: remove it" in said
    said = " ".join(run(project, "create_pretraining_data.py", "--help").split())
    assert (
        "SIDED: --sided_shift=N How far down the vocabulary other words lie. (default: 1)" in said
    )
    said = " ".join(run(project, "run_pretraining.py", "--help").split())
    assert "--side_weight=X Weight of the loss of the sides. (default: 1.0)" in said
