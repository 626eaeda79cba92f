"""run_pretraining.py from the command line: a tiny run, its resumption, and every refusal."""

import os
import subprocess
import sys

import golden_cases
import numpy as np
import pytest
from golden_cases import needs_golden
from places import ROOT
from pretraining_runs import checkpoint_values, flags_of, results_of, run_many
from record_files import (
    TINY_CONFIG,
    learnable_records,
    write_json,
    write_records,
)
from tpu_support import said_of_a_tpu

pytestmark = pytest.mark.tf1


def run_script(*arguments):
    """(exit code, stdout, stderr) of the script."""
    # As in the script, and not what the test session may have set.
    env = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    done = subprocess.run(
        [sys.executable, os.path.join(ROOT, "run_pretraining.py")] + list(arguments),
        capture_output=True,
        text=True,
        env=env,
        timeout=300,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("run")
    write_records(path / "train.tfrecord", learnable_records(64))
    write_records(path / "dev.tfrecord", learnable_records(13, seed=9))
    write_json(path / "config.json", TINY_CONFIG)
    return path


def losses_in(output):
    lines = [line for line in output.splitlines() if "step " in line and "  loss " in line]
    return [float(line.split("  loss ")[1].split()[0]) for line in lines]


def test_train_resume_evaluate(folder):
    code, out, err = run_script(*flags_of(folder, do_eval=True, do_lower_case=True))
    assert (code, err) == (0, ""), err
    assert "INIT: a new model with random weights (seed 12345)" in out
    assert "objective: bert (no manifest, and" in out
    assert "step 20/20" in out and "tokens/s" in out
    losses = losses_in(out)
    assert losses[-1] < losses[0] - 0.3
    first = results_of(folder / "out")
    assert [name for name, _ in first] == [
        "global_step",
        "loss",
        "masked_lm_loss",
        "masked_lm_perplexity",
        "masked_lm_accuracy",
        "next_sentence_loss",
        "next_sentence_accuracy",
    ]
    first = dict(first)
    assert first["global_step"] == 20
    total = first["masked_lm_loss"] + first["next_sentence_loss"]
    assert first["loss"] == pytest.approx(total, rel=1e-6)
    assert os.path.exists(str(folder / "out" / "run_config.json"))
    assert [n for n in os.listdir(str(folder / "out")) if n.startswith("events.out")]

    changes = {"num_train_steps": 30, "do_eval": True, "eval_file": str(folder / "d*.tfrecord")}
    code, out, err = run_script(*flags_of(folder, **changes))
    assert (code, err) == (0, ""), err
    assert "RESUME: continuing from" in out and "(step 20)" in out
    assert "step 21/30" in out and "step 20/30" not in out and "step 30/30" in out
    assert losses_in(out)[0] < losses[0] - 0.3
    assert dict(results_of(folder / "out"))["global_step"] == 30


def test_figures_that_cannot_be_written_are_shown(folder):
    out = folder / "full"
    (out / "eval_results.txt").mkdir(parents=True)
    flags = flags_of(folder, output_dir=out, num_train_steps=2, do_eval=True)
    ((code, shown, err),) = run_many([flags])
    assert code == 1 and err.startswith("error: ") and err.count("\n") == 1
    assert "eval_results.txt" in err and "  global_step = 2\n" in shown and "  loss = " in shown


def test_same_seed_same_weights_and_manifest_decides(folder):
    """Runs in one process; the second is a repetition, the third has another seed."""
    shards = folder / "shards"
    shards.mkdir()
    for index in range(3):
        name = "t-{:05d}-of-00003".format(index)
        write_records(shards / name, learnable_records(10, seed=index))
    listed = {"t-{:05d}-of-00003".format(index): {} for index in range(3)}
    manifest = write_json(
        shards / "_t.manifest.json", {"objective": "roberta", "vocab_size": 40, "shards": listed}
    )
    common = {"input_file": str(shards / "t-*"), "num_train_steps": 4, "num_warmup_steps": 0}
    done = run_many(
        [
            flags_of(folder, output_dir=str(folder / name), seed=seed, **common)
            for name, seed in (("s1", 1), ("s2", 1), ("s3", 2))
        ]
        + [flags_of(folder, output_dir=str(folder / "s1"), objective="bert", **common)]
    )
    assert [code for code, _, _ in done] == [0, 0, 0, 1], done
    assert "objective: roberta (manifest {} says so)".format(manifest) in done[0][1]
    refused = "another experiment, trained to step 4: --objective was roberta and is bert"
    assert refused in done[3][2]
    log = (folder / "s1" / "log.txt").read_text(encoding="utf-8")
    assert log.count(" started: ") == 1 and " step 4/4  loss " in log
    assert "another experiment" not in log
    a, b, c = [checkpoint_values(folder / name / "model.ckpt-4") for name in ("s1", "s2", "s3")]
    for name in a:
        np.testing.assert_allclose(a[name], b[name], atol=1e-6, err_msg=name)
    words = "bert/embeddings/word_embeddings"
    assert np.max(np.abs(a[words] - c[words])) > 1e-3
    assert not [n for n in a if n.startswith(("bert/pooler", "cls/seq")) and "adam" in n]


@needs_golden
def test_evaluates_an_initial_checkpoint(tmp_path):
    """Four golden records, no training: the original program's losses."""
    bert = golden_cases.path("bert")
    code, out, err = run_script(
        "--input_file=" + os.path.join(bert, "pretrain.tfrecord"),
        "--bert_config_file=" + os.path.join(bert, "bert_config.json"),
        "--init_checkpoint=" + bert,
        "--output_dir={}".format(tmp_path / "out"),
        "--max_seq_length=48",
        "--max_predictions_per_seq=8",
        "--do_eval",
        "--eval_batch_size=2",
        "--max_eval_steps=2",
        "--gelu=tanh",
    )
    assert (code, err) == (0, ""), err
    assert "INIT: a new run, weights from" in out
    assert "variables loaded, 0 new, 0 unused" in out
    assert "activation: gelu_tanh" in out and "overridden by --gelu=tanh" in out
    expected = golden_cases.arrays("bert", "pretrain_first4_losses.npz")
    results = dict(results_of(tmp_path / "out"))
    assert results["global_step"] == 0
    np.testing.assert_allclose(results["masked_lm_loss"], expected["masked_lm_loss"], atol=1e-5)
    np.testing.assert_allclose(
        results["next_sentence_loss"], expected["next_sentence_loss"], atol=1e-5
    )


def damaged_copy(folder, name, keep):
    with open(str(folder / "train.tfrecord"), "rb") as reader:
        content = reader.read()
    (folder / name).write_bytes(content[:keep] + b"\x00" * 40)


def refusals(folder):
    """(changed flags, what the one line on standard error must hold)."""
    none = str(folder / "none")
    write_json(folder / "big_words.json", dict(TINY_CONFIG, vocab_size=41))
    write_json(folder / "small_words.json", dict(TINY_CONFIG, vocab_size=20))
    write_json(folder / "deep.json", dict(TINY_CONFIG, hidden_size=31))
    (folder / "broken.json").write_text('{"vocab_size": 40\n')
    records = learnable_records(300)
    write_records(folder / "untold", [{"input_ids": r["input_ids"]} for r in records])
    records[250]["input_ids"][3] = 77
    write_records(folder / "late_id", records)
    damaged_copy(folder, "damaged", 9000)
    damaged_copy(folder, "damaged_start", 20)
    (folder / "manifest").mkdir()
    write_records(folder / "manifest" / "m.tfrecord", records[:3])
    shards = {"m.tfrecord": {}}
    write_json(folder / "manifest" / "_m.manifest.json", {"vocab_size": 21128, "shards": shards})
    (folder / "mixed").mkdir()
    for name in ("bert", "roberta"):
        write_records(folder / "mixed" / name, records[:3])
        write_json(
            folder / "mixed" / "_{}.manifest.json".format(name),
            {"objective": name, "shards": {name: {}}},
        )
    (folder / "foreign").mkdir()
    (folder / "foreign" / "bert_model.ckpt.index").write_bytes(b"")
    short = {"num_train_steps": 200, "num_warmup_steps": 0}
    return [
        ({"do_train": False}, "nothing to do; give --do_train, --do_eval, --do_predict or"),
        ({"input_file": none}, "no file matches " + none),
        ({"input_file": None}, "--input_file is required"),
        ({"output_dir": None}, "--output_dir is required"),
        ({"bert_config_file": None, "output_dir": none}, "--config_file is required"),
        ({"bert_config_file": none}, "model config {} does not exist".format(none)),
        ({"bert_config_file": str(folder / "broken.json")}, "broken.json, line 2: not valid JSON"),
        ({"bert_config_file": str(folder / "deep.json")}, "hidden_size 31 is not a multiple"),
        ({"max_seq_length": 17}, "--max_seq_length=17 is more than max_position_embeddings 16"),
        ({"max_seq_length": 8}, "input_ids has 16 values, but --max_seq_length is 8"),
        ({"max_predictions_per_seq": 4}, "has 3 values, but --max_predictions_per_seq is 4"),
        ({"bert_config_file": str(folder / "small_words.json")}, "but vocab_size of the model"),
        ({"init_checkpoint": none}, "checkpoint {} does not exist".format(none)),
        ({"num_train_steps": 0}, "--num_train_steps=0 must be positive"),
        ({"num_warmup_steps": -1}, "--num_warmup_steps=-1 must not be negative"),
        ({"learning_rate": 0}, "--learning_rate=0.0 must be positive"),
        ({"objective": "gpt"}, "objective 'gpt' is not known; known are albert, bert, electra"),
        ({"input_file": str(folder / "untold")}, "cannot tell the objective"),
        (
            {"input_file": str(folder / "untold"), "objective": "bert"},
            "feature input_mask is missing",
        ),
        (
            {"input_file": str(folder / "manifest" / "m*")},
            "vocabulary sizes differ: manifest {} says 21128".format(
                folder / "manifest" / "_m.manifest.json"
            ),
        ),
        ({"input_file": str(folder / "mixed" / "*")}, "made for different objectives: bert in"),
        ({"use_tpu": True}, said_of_a_tpu("--use_tpu=True needs --tpu_name=NAME")),
        ({"do_eval": True, "do_train": False, "output_dir": none}, "nothing to evaluate"),
        ({"do_eval": True, "eval_file": none}, "no file matches {} (--eval_file)".format(none)),
        ({"input_file": str(folder / "damaged_start")}, "damaged_start is damaged"),
        (
            dict(short, input_file=str(folder / "damaged"), output_dir=str(folder / "of_damaged")),
            "damaged is damaged: record ",
        ),
        (
            dict(short, input_file=str(folder / "late_id"), output_dir=str(folder / "of_late_id")),
            "late_id, record 250: input_ids holds 77, but vocab_size of the model config is 40",
        ),
        (
            dict(short, learning_rate=1e9, output_dir=str(folder / "fault")),
            "the gradient was not finite in 5 steps in a row",
        ),
        (
            {"output_dir": str(folder / "foreign")},
            "but no checkpoint of a training (model.ckpt-STEP)",
        ),
        ({"output_dir": "/proc/nothing/x"}, "cannot write to --output_dir /proc/nothing/x"),
        (
            {"eval_file": str(folder / "manifest" / "m*"), "do_eval": True},
            "vocabulary sizes differ",
        ),
    ]


def resume_refusals(folder):
    """Refusals that need a trained output_dir."""
    big = str(folder / "big_words.json")
    trained = str(folder / "base")
    return [
        (
            {"bert_config_file": big, "output_dir": trained},
            "--output_dir {} holds another experiment, trained to step 2: ".format(trained),
        ),
        (
            {"bert_config_file": big, "output_dir": str(folder / "x"), "init_checkpoint": trained},
            "vocabulary sizes differ: checkpoint {}/model.ckpt-2".format(trained),
        ),
        (
            {
                "init_checkpoint": trained,
                "output_dir": os.path.join(trained, "", "model.ckpt-2", ""),
            },
            "has the name of the checkpoint {}/model.ckpt-2; give another".format(trained),
        ),
    ]


def test_every_refusal_is_one_line(folder):
    cases = refusals(folder)
    base = flags_of(folder, output_dir=str(folder / "base"), num_train_steps=2, num_warmup_steps=0)
    lines = [base] + [flags_of(folder, **changes) for changes, _ in cases]
    lines += [flags_of(folder, **changes) for changes, _ in resume_refusals(folder)]
    lines.append(base)
    lines.append([*base, "stray.tfrecord"])
    done = run_many(lines)
    assert done[0][0] == 0, done[0]
    cases += resume_refusals(folder)
    wrong = []
    for (changes, message), (code, _, err) in zip(cases, done[1:]):
        one = err.count("\n") == 1 and err.startswith("error: ")
        if code != 1 or not one or message not in err:
            wrong.append((changes, message, code, err))
    assert not wrong, "\n\n".join(str(w) for w in wrong)
    assert "nothing to train: step 2 of 2 is done" in done[-2][1]
    assert "unexpected argument stray.tfrecord" in done[-1][2]


def test_exit_code_and_streams_of_the_script(folder):
    code, out, err = run_script(*flags_of(folder, input_file=str(folder / "none")))
    assert code == 1 and out == ""
    assert err == "error: no file matches {} (--input_file)\n".format(folder / "none")
