"""run_pretraining.py on ELECTRA: its own command line, Google's, checkpoints both ways."""

import glob
import json
import os
import pathlib
import shutil

import golden_cases
import numpy as np
import pytest
import script_driver
import tensorflow.compat.v1 as tf
from golden_cases import needs_golden
from pretraining_runs import results_of
from record_files import copy_without, write_json, write_records
from script_driver import error_of

pytestmark = needs_golden
# What of the runs TensorFlow 1.15 makes, too.
TF1_RUNS = ("custom", "original", "evaluated")

FIGURES = [
    "global_step",
    "loss",
    "disc_loss",
    "disc_weight",
    "disc_accuracy",
    "disc_auc",
    "disc_precision",
    "disc_recall",
    "masked_lm_loss",
    "masked_lm_perplexity",
    "masked_lm_accuracy",
    "sampled_masked_lm_accuracy",
]
STEPS = {"num_train_steps": 4, "num_warmup_steps": 1, "save_checkpoints_steps": 2}


def results(folder):
    """The figures of eval_results.txt as a dict, in its order."""
    return dict(results_of(pathlib.Path(folder)))


def variables(prefix):
    return dict(tf.train.list_variables(prefix))


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Command lines and what came of them: (folder, {name: [code, stdout, stderr]})."""
    folder = tmp_path_factory.mktemp("electra")
    golden = golden_cases.path("electra")
    records = folder / "D" / "pretrain_tfrecords"
    records.mkdir(parents=True)
    for path in glob.glob(os.path.join(golden, "records_google", "*tfrecord*")):
        shutil.copy(path, str(records))
    shutil.copy(os.path.join(golden, "vocab.txt"), str(folder / "D"))
    # What came with a released model: weights and both configs, no state file.
    (folder / "release").mkdir()
    for path in glob.glob(os.path.join(golden, "electra_model.ckpt.*")):
        name = os.path.basename(path).replace("electra_model.ckpt", "electra_small")
        shutil.copy(path, str(folder / "release" / name))
    shutil.copytree(str(folder / "release"), str(folder / "folder"))
    shutil.copy(os.path.join(golden, "vocab.txt"), str(folder / "folder"))
    for network in ("discriminator", "generator"):
        path = os.path.join(golden, network + "_config.json")
        shutil.copy(path, str(folder / "folder" / (network + ".json")))
    alone = str(folder / "alone")
    os.mkdir(alone)
    copy_without(os.path.join(golden, "electra_model.ckpt"), alone + "/electra_small", "generator")
    with open(os.path.join(golden, "hparams.json"), encoding="utf-8") as reader:
        hparams = dict(json.load(reader), train_batch_size=4, eval_batch_size=4, **STEPS)
    text = json.dumps(hparams)
    (folder / "h.json").write_text(text[:-1] + ",\n}", encoding="utf-8")
    custom = ["--data-dir", str(folder / "D"), "--hparams", str(folder / "h.json")]
    google = [
        "--input_file={}/pretrain_data.tfrecord*".format(records),
        "--bert_config_file={}/discriminator_config.json".format(golden),
        "--generator_config_file={}/generator_config.json".format(golden),
        "--vocab_file={}/D/vocab.txt".format(folder),
        "--objective=electra",
        "--max_seq_length=24",
        "--mask_prob=0.25",
        "--train_batch_size=4",
        "--eval_batch_size=4",
        "--warmup=multiply",
        "--learning_rate=5e-4",
    ] + ["--{}={}".format(*item) for item in STEPS.items()]
    # The original's own checkpoint of a training, to go on with.
    resumed = folder / "D" / "models" / "resumed"
    resumed.mkdir(parents=True)
    for path in glob.glob(golden_cases.path("electra_pretrain_adam", "model.ckpt-3.*")):
        shutil.copy(path, str(resumed))
    other = dict(hparams, **golden_cases.settings("electra_pretrain_adam", "hparams.json"))

    def out(name):
        return "--output_dir={}".format(folder / name)

    init = ["--init_checkpoint={}/release".format(folder)]
    bert = {
        name: np.zeros(size, float if name == "masked_lm_weights" else int)
        for name, size in (("input_ids", 24), ("input_mask", 24), ("segment_ids", 24))
        + (("masked_lm_positions", 6), ("masked_lm_ids", 6), ("masked_lm_weights", 6))
        + (("next_sentence_labels", 1),)
    }
    masked = write_records(folder / "masked.tfrecord", [bert] * 8)
    small = write_json(folder / "small.json", dict(other, vocab_size=239))
    narrow = write_json(
        folder / "narrow.json",
        dict(golden_cases.settings("electra", "generator_config.json"), embedding_size=16),
    )
    cases = {
        "custom": [*custom, "--model-name", "M", "--do_train", "--do_eval"],
        "again": [*custom, "--model-name=M", "--num_train_steps=6"],
        "faster": [*custom, "--model-name=M", "--learning_rate=1e-3"],
        "google": [*google, out("google"), "--do_train"],
        "original": [
            "--data-dir=" + str(folder / "D"),
            "--model-name=resumed",
            "--hparams=" + json.dumps(other),
        ],
        "warm": [*google, out("warm"), *init, "--do_train", "--dry_run"],
        "alone": [
            *(*google, out("warm"), "--do_train", "--dry_run"),
            "--init_checkpoint={}/alone/electra_small.index".format(folder),
        ],
        # The folder of a training is all that a start from it needs.
        "beside": [
            *("--input_file={}/pretrain_data.tfrecord*".format(records), out("beside")),
            *("--init_checkpoint={}/folder".format(folder), "--objective=electra", "--do_train"),
            *("--max_seq_length=24", "--train_batch_size=4", "--num_train_steps=2"),
            *("--num_warmup_steps=0", "--dry_run"),
        ],
        "evaluated": [*google, out("evaluated"), *init, "--do_eval"],
        "tied": [*google[:2], *google[3:], out("tied"), "--do_train", "--dry_run"]
        + ["--untied_generator=false"],
        "overridden": [
            *(*custom, "--model-name=N", "--dry_run", google[1], google[2]),
            "--hparams=" + json.dumps(dict(hparams, generator_layers=0.5)),
        ],
        "auto": [*google[:4], out("x"), "--do_train", "--max_seq_length=24"],
        "no vocabulary": [*google[:3], *google[4:], out("x"), "--do_train"],
        "wrong vocabulary": [*custom[:2], "--model-name=x", "--hparams=" + small],
        "narrow": [*google, out("x"), "--do_train", "--generator_config_file=" + narrow],
        "both sizes": [*google, out("x"), "--do_train", "--generator_layers=0.5"],
        "preset": [*custom, "--model-name=x", "--preset=electra_tiny"],
        "no model name": custom,
        "unknown key": [*custom[:2], "--model-name=x", '--hparams={"temprature": 1}'],
        "share": [*google, out("x"), "--do_train", "--mask_prob=1.5"],
        "masked": [*google, out("x"), "--do_train", "--input_file=" + masked],
        "share of masked": [
            *(*google, out("x"), "--do_train", "--input_file=" + masked),
            *("--objective=bert", "--max_predictions_per_seq=6", "--generator_config_file="),
        ],
        "no electra": [*google, out("x"), "--do_train", "--objective=bert"],
    }
    if tf.__version__.startswith("1."):
        cases = {name: cases[name] for name in TF1_RUNS}
    done = script_driver.run_many("run_pretraining", list(cases.values()), timeout=1200)
    return str(folder), dict(zip(cases, done))


def output_of(runs, name):
    code, output, error = runs[1][name]
    assert code == 0, output + error
    return output


@pytest.mark.tf1
def test_its_own_command_line_trains_and_evaluates(runs):
    output = output_of(runs, "custom")
    assert "objective: electra (by --objective)" in output and "step 4/4" in output
    assert "generator: 2 layers, hidden 16, 1 heads" in output
    model = os.path.join(runs[0], "D", "models", "M")
    found = results(model)
    assert list(found) == FIGURES and found["global_step"] == 4
    assert found["loss"] == pytest.approx(found["masked_lm_loss"] + 50 * found["disc_loss"])
    assert 0 < found["disc_auc"] < 1
    with open(os.path.join(model, "run_config.json"), encoding="utf-8") as reader:
        saved = json.load(reader)
    assert saved["optimizer"]["warmup"] == "multiply"
    assert saved["model"]["embedding_size"] == 32
    settings = saved["run"]["objective_settings"]
    assert settings["mask_prob"] == 0.25
    assert settings["disc_weight"] == 50 and settings["generator"]["hidden_size"] == 16


@pytest.mark.tf1
def test_the_checkpoint_is_the_originals(runs):
    """The same names and shapes, slots and step included."""
    found = variables(os.path.join(runs[0], "D", "models", "M", "model.ckpt-4"))
    expected = {}
    for variable in golden_cases.settings("electra", "variables.json"):
        for slot in ("", "/adam_m", "/adam_v"):
            expected[variable["name"] + slot] = variable["shape"]
    assert {n: list(s) for n, s in found.items()} == dict(expected, global_step=[])


def test_both_front_ends_train_the_same_model(runs):
    """The weights of equal runs are equal, whoever named the settings."""
    output_of(runs, "google")
    custom = os.path.join(runs[0], "D", "models", "M", "model.ckpt-4")
    first = tf.train.NewCheckpointReader(custom)
    second = tf.train.NewCheckpointReader(os.path.join(runs[0], "google", "model.ckpt-4"))
    for name in variables(custom):
        np.testing.assert_array_equal(first.get_tensor(name), second.get_tensor(name), name)


def test_going_on_for_longer_is_said(runs):
    output = output_of(runs, "again")
    assert "num_train_steps=6 (hparams: 4)" in output and "step 6/6" in output
    assert "RESUME: continuing from" in output
    assert "the steps before had --num_train_steps=4, from here on it is 6" in output
    code, _, err = runs[1]["faster"]
    assert code == 1 and "--learning_rate was 0.0005 and is 0.001" in err


@pytest.mark.tf1
def test_going_on_from_an_original_checkpoint(runs):
    output = output_of(runs, "original")
    assert "model.ckpt-3 (step 3)" in output and "step 4/4" in output
    there = os.path.join(runs[0], "D", "models", "resumed", "model.ckpt-")
    assert variables(there + "4") == variables(there + "3")


def test_warm_starts_tell_what_is_missing(runs):
    output = output_of(runs, "warm")
    count = len(golden_cases.settings("electra", "variables.json"))
    assert "{} variables loaded, 0 new, 0 unused".format(count) in output
    assert "WARNING" not in output
    output = output_of(runs, "alone")
    assert "the generator is not in" in output and "start at random values" in output
    assert "the encoder in" not in output and "masked-LM head" not in output


@pytest.mark.tf1
def test_a_release_is_evaluated(runs):
    output_of(runs, "evaluated")
    assert list(results(os.path.join(runs[0], "evaluated"))) == FIGURES


def test_the_plan_has_both_networks(runs):
    output = output_of(runs, "warm")
    assert "discriminator: 2 layers, hidden 64" in output and "generator: 2 layers" in output
    assert "plan: 82,817 parameters" in output
    output = output_of(runs, "tied")
    assert "generator: 2 layers, hidden 64" in output


def test_what_lies_beside_the_weights_is_taken(runs):
    output = output_of(runs, "beside")
    for flag, name in (
        ("config_file", "discriminator.json"),
        ("generator_config_file", "generator.json"),
        ("vocab_file", "vocab.txt"),
    ):
        assert "--{}={}/folder/{}, beside the weights".format(flag, runs[0], name) in output
    assert "generator: 2 layers, hidden 16, 1 heads" in output


def test_files_of_sizes_win_over_hparams(runs):
    output = output_of(runs, "overridden")
    assert "model_size, vocab_size, embedding_size, model_hparam_overrides (by --config" in output
    assert "generator_layers=0.5 of --hparams overridden by the command line" in output


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("auto", ["cannot tell the objective", "input_ids", "give --objective"]),
        ("no vocabulary", ["--objective=electra draws masks in training: give --vocab_file"]),
        ("wrong vocabulary", ["vocabulary sizes differ", "240 tokens", "small.json is 239"]),
        ("narrow", ["embedding_size is 16 in", "narrow.json, but 32 in", "share"]),
        ("both sizes", ["--generator_config_file and --generator_layers both say"]),
        ("preset", ["--preset and --hparams both define the run; give one"]),
        ("no model name", ["--data-dir and --model-name belong together"]),
        ("unknown key", ["unknown key 'temprature'; did you mean temperature?"]),
        ("share", ["--masked_lm_prob=1.5 must lie between 0 and 1"]),
        ("masked", ["masked.tfrecord holds masked rows", "--objective=electra"]),
        (
            "share of masked",
            ["--masked_lm_prob cannot be combined with records that hold their masks"],
        ),
        ("no electra", ["--generator_config_file cannot be combined with the objective bert"]),
    ],
)
def test_errors(runs, name, words):
    error = error_of(runs[1], name)
    for word in words:
        assert word in error, error
    assert not os.path.exists(os.path.join(runs[0], "x"))
