"""What a program writes is a model by itself: the next one needs --init_checkpoint alone."""

import json
import os
import shutil

import creation_runs
import pytest
import script_driver
from finetuning_runs import BAD, GOOD, OTHERS, flags_of, make_task
from record_files import TINY_CONFIG, write_json
from script_driver import error_of, out_of

from data.tokenizers.wordpiece import SPECIAL_TOKENS

TOKENS = (*SPECIAL_TOKENS, *GOOD, *BAD, *OTHERS, "国", '"', "'", "-", ".")
QUOTED, PLAIN = "天“好”國…", '天"好"国.'


def flags(**values):
    return ["--{}={}".format(name, value) for name, value in values.items() if value is not None]


def run(script, runs, texts=None):
    done = script_driver.run_many(script, list(runs.values()), texts)
    return dict(zip(runs, done))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A task, records of simplified text with ASCII quotes, a model trained on them and moved."""
    path = tmp_path_factory.mktemp("alone")
    make_task(path)
    (path / "vocab.txt").write_text("\n".join(TOKENS) + "\n", encoding="utf-8")
    config = dict(TINY_CONFIG, vocab_size=len(TOKENS), max_position_embeddings=32)
    write_json(path / "config.json", config)
    (path / "corpus.txt").write_text("天地“好”人…\n你我他\n\n大小\n多少\n" * 20, encoding="utf-8")
    creation_runs.make(
        path,
        [str(path / "corpus.txt")],
        vocab_file=str(path / "vocab.txt"),
        normalize_quotes=True,
        t2s=True,
        max_seq_length=16,
        max_predictions_per_seq=4,
        segmenter="none",
    )
    return path


def trained(folder, **changes):
    values = {
        "input_file": folder / "records",
        "do_train": True,
        "max_seq_length": 16,
        "max_predictions_per_seq": 4,
        "train_batch_size": 8,
        "num_train_steps": 2,
        "num_warmup_steps": 1,
    }
    return flags(**dict(values, **changes))


@pytest.fixture(scope="module")
def pretrained(folder):
    """name -> [exit code, stdout, stderr]."""
    config, dev = folder / "config.json", folder / "records"
    runs = {
        "first": trained(
            folder, output_dir=folder / "first", bert_config_file=config, gelu="tanh",
            do_eval=True, eval_file=dev, max_eval_steps=1,
        ),
        "continued": trained(
            folder, output_dir=folder / "second", init_checkpoint=folder / "first" / "best"
        ),
        "resumed": trained(folder, output_dir=folder / "second", num_train_steps=3,
                           init_checkpoint=folder / "first" / "best"),
        "no config": trained(folder, output_dir=folder / "third"),
    }  # fmt: skip
    done = run("run_pretraining", runs)
    shutil.move(str(folder / "second"), str(folder / "moved"))
    return done


@pytest.fixture(scope="module")
def finetuned(folder, pretrained):
    short = {
        "num_train_epochs": 1,
        "do_predict": None,
        "vocab_file": None,
        "bert_config_file": None,
        "init_checkpoint": str(folder / "moved"),
    }
    best = dict(short, do_train=None, init_checkpoint=str(folder / "task" / "best"))
    runs = {
        "task": flags_of(folder, output_dir=str(folder / "task"), **short),
        "again": flags_of(folder, output_dir=str(folder / "task"), **short),
        "as typed": flags_of(
            folder, output_dir=str(folder / "task"), **dict(short, normalize_quotes=False)
        ),
        "best": flags_of(folder, output_dir=str(folder / "evaluated"), **best),
        "resumed": flags_of(folder, output_dir=str(folder / "task"), **dict(short, do_train=None)),
    }
    return run("run_finetuning", runs)


@pytest.fixture(scope="module")
def predicted(folder, finetuned):
    other = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    write_json(folder / "other.json", dict(other, hidden_act="relu"))
    task, words = folder / "task" / "best", folder / "moved"
    runs = {
        "classes": flags(task="classify", init_checkpoint=task),
        "words": flags(task="fill_mask", init_checkpoint=words),
        "as typed": flags(task="fill_mask", init_checkpoint=words, normalize_quotes=False),
        "other": flags(
            task="fill_mask", init_checkpoint=words, bert_config_file=folder / "other.json"
        ),
        "none": flags(task="fill_mask", init_checkpoint=folder / "bare"),
    }
    (folder / "bare").mkdir()
    for path in (folder / "moved").glob("model.ckpt-3.*"):
        shutil.copy(str(path), str(folder / "bare"))
    lines = {"classes": "{}\n{}\n".format(QUOTED, PLAIN)}
    text = "{}[MASK]\n{}[MASK]\n".format(QUOTED, PLAIN)
    return run("run_prediction", runs, [lines.get(name, text) for name in runs])


SETTINGS = {"do_lower_case": True, "normalize_quotes": True, "t2s": True}


def settings_in(path):
    return json.loads((path / "tokenizer_config.json").read_text(encoding="utf-8"))


def test_a_pretraining_leaves_a_model(folder, pretrained):
    """The records' vocabulary and settings, the activation that --gelu chose; also in best."""
    out_of(pretrained, "first")
    for place in (folder / "first", folder / "first" / "best"):
        assert (place / "vocab.txt").read_bytes() == (folder / "vocab.txt").read_bytes()
        assert settings_in(place) == SETTINGS
        assert json.loads((place / "bert_config.json").read_text())["hidden_act"] == "gelu_tanh"
    said = out_of(pretrained, "continued")
    shown = folder / "first" / "best" / "bert_config.json"
    assert "--config_file={}, beside the weights".format(shown) in said
    assert "activation: gelu_tanh" in said
    assert "RESUME: continuing from" in out_of(pretrained, "resumed")
    assert error_of(pretrained, "no config").startswith(
        "error: --config_file is required, or --init_checkpoint=DIR of a model"
    )


def test_a_fine_tuning_starts_from_it(folder, finetuned):
    said = out_of(finetuned, "task")
    for flag, name in (("config_file", "bert_config.json"), ("vocab_file", "vocab.txt")):
        assert "--{}={}, beside the weights".format(flag, folder / "moved" / name) in said
    assert "quotes, dashes and ellipses are read as their ASCII forms (--normalize_quotes)" in said
    assert "traditional characters are read as simplified ones (--t2s)" in said
    for place in (folder / "task", folder / "task" / "best"):
        assert settings_in(place) == SETTINGS
        assert json.loads((place / "task.json").read_text()).items() >= SETTINGS.items()
        assert {"bert_config.json", "vocab.txt"} <= set(os.listdir(str(place)))
    assert "nothing to train" in out_of(finetuned, "again")
    assert "is trained with --normalize_quotes=True, not False" in error_of(finetuned, "as typed")
    for name, place in (("best", folder / "task" / "best"), ("resumed", folder / "task")):
        assert "--vocab_file={}, beside".format(place / "vocab.txt") in out_of(finetuned, name)


def lines_of(predicted, name):
    code, out, err = predicted[name]
    assert code == 0, out + err
    return [json.loads(line) for line in out.splitlines()], err


def test_predictions_read_texts_as_the_training_did(folder, predicted):
    (quoted, plain), said = lines_of(predicted, "classes")
    assert quoted["probability"] == plain["probability"]
    assert "quotes, dashes and ellipses are read as their ASCII forms" in said
    (quoted, plain), _ = lines_of(predicted, "words")
    assert quoted["masks"][0]["top"] == plain["masks"][0]["top"]
    (quoted, plain), said = lines_of(predicted, "as typed")
    assert quoted["masks"][0]["top"] != plain["masks"][0]["top"]
    stated = folder / "moved" / "tokenizer_config.json"
    assert "WARNING: normalize_quotes is true in {}, but here it is false".format(stated) in said


def test_other_files_than_the_models_are_told(folder, predicted):
    _, said = lines_of(predicted, "other")
    assert (
        "WARNING: --config_file={} differs from {}, beside the weights: ".format(
            folder / "other.json", folder / "moved" / "bert_config.json"
        )
        in said
    )
    assert "hidden_act relu, not gelu_tanh" in said
    assert error_of(predicted, "none") == (
        "error: --config_file is required; none, or more than one, lies in {}\n".format(
            folder / "bare"
        )
    )


def test_a_release_is_a_model_too(folder, finetuned):
    weights = folder / "task" / "best"
    runs = {
        "release": flags(tf_checkpoint_path=weights, strip_optimizer=folder / "release"),
        "bare": flags(tf_checkpoint_path=folder / "task" / "nothing", strip_optimizer=folder / "x"),
    }
    done = run("convert_checkpoint", runs)
    out_of(done, "release")
    names = {"bert_config.json", "vocab.txt", "tokenizer_config.json", "task.json"}
    assert names <= set(os.listdir(str(folder / "release")))
    assert settings_in(folder / "release") == SETTINGS
