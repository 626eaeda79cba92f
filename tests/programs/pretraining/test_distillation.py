"""Distillation through run_pretraining.py: checkpoints, resuming, micro-batches, teachers that do
not fit."""

import json

import numpy as np
import pytest
import script_driver
import tensorflow.compat.v1 as tf
from checkpoint_files import save
from pretraining_runs import checkpoint_values, flags_of, results_of, run_many
from record_files import (
    PREDICTIONS,
    SEQ,
    TINY_CONFIG,
    VOCAB,
    learnable_records,
    write_json,
    write_records,
)
from script_driver import error_of, out_of

from modeling.config import BertConfig
from modeling.objectives import get_objective
from training.model_fn import model_parameters

tf.disable_v2_behavior()

TEACHER = dict(TINY_CONFIG, num_hidden_layers=3)
STEPS = 8
LOSSES = {
    "hidden_weight": 1.0,
    "hidden_layers": "0:0,2:3",
    "hidden_loss": "mse",
    "attention_weight": 0.5,
    "distill_temperature": 3.0,
}


def save_model(path, config, kept=lambda name: True):
    store = model_parameters(BertConfig(config), get_objective("roberta"), SEQ, PREDICTIONS)
    shapes = {n: list(s) for n, s in store.shapes().items() if kept(n)}
    save(path, shapes)


def vocabulary(first):
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokens += [chr(first + i) for i in range(VOCAB - len(tokens))]
    return "\n".join(tokens) + "\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("distillation")
    write_records(path / "train.tfrecord", learnable_records(80))
    write_records(path / "dev.tfrecord", learnable_records(16, 5))
    student = dict(TINY_CONFIG, num_hidden_layers=2, hidden_size=24, intermediate_size=48)
    write_json(path / "config.json", dict(student, hidden_dropout_prob=0.1))
    write_json(path / "still.json", student)
    write_json(path / "chosen.json", TINY_CONFIG)
    (path / "vocab.txt").write_text(vocabulary(0x4E00), encoding="utf-8")
    for name, config in (("teacher", TEACHER), ("other", TEACHER), ("half", TEACHER)):
        (path / name).mkdir()
        write_json(path / name / "bert_config.json", config)
    save_model(path / "teacher" / "bert_model.ckpt", TEACHER)
    save_model(path / "other" / "bert_model.ckpt", TEACHER)
    save_model(path / "half" / "bert_model.ckpt", TEACHER, lambda n: "predictions" not in n)
    for name in ("no_config", "foreign"):
        (path / name).mkdir()
        save_model(path / name / "bert_model.ckpt", TEACHER)
    write_json(path / "foreign" / "bert_config.json", TEACHER)
    (path / "foreign" / "vocab.txt").write_text(vocabulary(0x5E00), encoding="utf-8")
    write_json(path / "wide.json", dict(TEACHER, vocab_size=VOCAB + 1))
    write_json(path / "short.json", dict(TEACHER, max_position_embeddings=SEQ - 1))
    write_json(path / "types.json", dict(TEACHER, type_vocab_size=1))
    write_json(path / "deep.json", dict(TEACHER, num_hidden_layers=4))
    return path


FAULTS = {
    "words": (
        {"teacher_config_file": "{}/wide.json"},
        "the teacher has another vocabulary: {}/wide.json says 41 tokens, the student's {}/config",
    ),
    "tokens": (
        {"vocab_file": "{}/vocab.txt", "teacher_checkpoint": "{}/foreign"},
        "the teacher has another vocabulary: {}/foreign/vocab.txt (SHA-256",
    ),
    "positions": (
        {"teacher_config_file": "{}/short.json"},
        "--max_seq_length=16 is more than max_position_embeddings 15 of the teacher, in {}/short",
    ),
    "types": (
        {"teacher_config_file": "{}/types.json"},
        "type_vocab_size 2 of the student is more than type_vocab_size 1 of the teacher",
    ),
    "deep": (
        {"teacher_config_file": "{}/deep.json"},
        "is not whole, it lacks bert/encoder/layer_3/",
    ),
    "half": (
        {"teacher_checkpoint": "{}/half"},
        "{}/half/bert_model.ckpt has no masked-LM head (it lacks cls/predictions/",
    ),
    "no config": (
        {"teacher_checkpoint": "{}/no_config"},
        "--teacher_config_file is required; none, or more than one, lies in {}/no_config",
    ),
    "nowhere": (
        {"teacher_checkpoint": "{}/nowhere"},
        "checkpoint {}/nowhere does not exist",
    ),
    "no layer": (
        {"hidden_weight": 1.0, "hidden_layers": "3:3"},
        "--hidden_layers asks for 3:3, but the student has layers 0 to 2 ({}/config.json)",
    ),
    "idle": (
        {"teacher_checkpoint": None, "soft_label_weight": 1.0},
        "--soft_label_weight is for a training with a teacher; give --teacher_checkpoint",
    ),
    "precise": (
        {"teacher_checkpoint": None, "teacher_precision": "fp32"},
        "--teacher_precision is for a training with a teacher; give --teacher_checkpoint",
    ),
    "evaluated": (
        {"do_train": False, "do_eval": True},
        "--teacher_checkpoint is read in training alone; give --do_train, too",
    ),
    "itself": (
        {"output_dir": "{}/one", "teacher_checkpoint": "{}/one"},
        "--teacher_checkpoint={}/one/model.ckpt-8 lies in --output_dir",
    ),
}


@pytest.fixture(scope="module")
def done(folder):
    """name -> [exit code, standard output, standard error] of all runs, in one process."""
    runs = {}

    def add(name, **changes):
        settings = {
            "output_dir": str(folder / name.split()[0]),
            "num_train_steps": STEPS,
            "teacher_checkpoint": str(folder / "teacher"),
            "kernels": "plain",
            "save_checkpoints_steps": 4,
        }
        runs[name] = flags_of(folder, **dict(settings, **changes))

    dev = {"do_eval": True, "eval_file": str(folder / "dev.tfrecord")}
    add("straight", **LOSSES, **dev)
    add("stopped", stop_step=3, **LOSSES)
    add("stopped again", **LOSSES)
    add("stopped other", teacher_checkpoint=str(folder / "other"), **LOSSES)
    add("stopped alone", teacher_checkpoint=None)
    add("stopped warmer", **dict(LOSSES, distill_temperature=4.0))
    still = {"bert_config_file": str(folder / "still.json"), "objective": "roberta"}
    add("one", **LOSSES, **still)
    add("micro", gradient_accumulation_steps=2, pack=True, **LOSSES, **still)
    chosen = {"bert_config_file": str(folder / "chosen.json"), "init_layers": "2"}
    add("chosen", num_train_steps=1, **chosen)
    add("soft", hard_label_weight=0.0, num_train_steps=1)
    add("dry", dry_run=True)
    for name, (changes, _) in FAULTS.items():
        filled = {k: v.format(folder) if isinstance(v, str) else v for k, v in changes.items()}
        add("fault " + name, dry_run=True, **filled)
    return dict(zip(runs, run_many(list(runs.values()))))


def newest(folder, step=STEPS):
    return checkpoint_values(folder / "model.ckpt-{}".format(step))


def weights_in(values):
    """Names of variables that are no slots."""
    return {name for name in values if not name.endswith(("adam_m", "adam_v"))}


@pytest.mark.tf1
def test_checkpoints_hold_the_student_and_its_projections(folder, done):
    said = out_of(done, "straight")
    assert "TEACHER: {}/teacher/bert_model.ckpt, 3 layers, hidden 32, frozen".format(folder) in said
    assert "soft_label_loss 0." in said and " x 0.5  hidden_loss" in said
    config = BertConfig.from_json_file(str(folder / "config.json"))
    store = model_parameters(config, get_objective("bert"), SEQ, PREDICTIONS)
    own = {
        "distillation/hidden_{}/{}".format(pair, part)
        for pair in ("0_to_0", "2_to_3")
        for part in ("kernel", "bias")
    }
    values = newest(folder / "straight")
    assert weights_in(values) == {*store.shapes(), *own, "global_step"}
    assert values["distillation/hidden_2_to_3/kernel"].shape == (24, 32)
    assert not np.all(values["distillation/hidden_2_to_3/bias/adam_m"] == 0)


def test_a_release_leaves_the_projections_out(folder, done):
    out_of(done, "straight")
    release = folder / "release"
    flags = [
        "--tf_checkpoint_path={}".format(folder / "straight"),
        "--strip_optimizer=" + str(release),
    ]
    (result,) = script_driver.run_many("convert_checkpoint", [flags])
    said = out_of({"strip": result}, "strip")
    assert "skipped: distillation/hidden_0_to_0/bias, " in said and ", of a distillation" in said
    names = checkpoint_values(release / "bert_model.ckpt")
    assert names and not [name for name in names if "distillation" in name]


@pytest.mark.tf1
def test_evaluations_are_of_the_student_alone(folder, done):
    """So that they compare with those of a training without a teacher."""
    out_of(done, "straight")
    names = [name for name, _ in results_of(folder / "straight")]
    assert "masked_lm_loss" in names and not [n for n in names if "soft" in n or "hidden" in n]


@pytest.mark.tf1
def test_resumed_it_is_the_same_training_to_the_last_bit(folder, done):
    assert "RESUME" in out_of(done, "stopped again")
    straight, resumed = newest(folder / "straight"), newest(folder / "stopped")
    assert set(resumed) == set(straight)
    for name, value in straight.items():
        np.testing.assert_array_equal(resumed[name], value, err_msg=name)


def test_another_teacher_or_none_is_another_experiment(folder, done):
    message = error_of(done, "stopped other")
    assert "--teacher_checkpoint was {}/teacher/bert_model.ckpt (".format(folder) in message
    assert "and is {}/other/bert_model.ckpt (".format(folder) in message
    message = error_of(done, "stopped alone")
    assert "--teacher_checkpoint was" in message and "and is not given" in message
    assert "--distill_temperature was 3.0 and is 4.0" in error_of(done, "stopped warmer")


@pytest.mark.tf1
def test_micro_batches_and_packed_rows_train_like_one_batch(folder, done):
    out_of(done, "one"), out_of(done, "micro")
    one, micro = newest(folder / "one"), newest(folder / "micro")
    assert set(one) == set(micro)
    for name, value in one.items():
        np.testing.assert_allclose(micro[name], value, atol=3e-5, err_msg=name)


def test_the_student_starts_from_layers_of_the_teacher(folder, done):
    said = out_of(done, "chosen")
    assert "--init_layers are those of the teacher: --init_checkpoint=" in said
    start, teacher = (
        newest(folder / "chosen", 0),
        checkpoint_values(folder / "teacher/bert_model.ckpt"),
    )
    for name in ("attention/self/query/kernel", "output/dense/bias"):
        layer = "bert/encoder/layer_{}/" + name
        np.testing.assert_array_equal(start[layer.format(0)], teacher[layer.format(2)])


def test_without_labels_heads_that_only_they_need_are_not_trained(folder, done):
    out_of(done, "soft")
    with open(str(folder / "soft" / "run_config.json"), encoding="utf-8") as reader:
        run = json.load(reader)["run"]
    assert run["distillation"]["hard_label_weight"] == 0.0
    assert run["teacher_precision"] == "fp32" and len(run["teacher_digest"]) == 64
    slots = {name for name in newest(folder / "soft", 1) if name.endswith("adam_m")}
    assert "bert/encoder/layer_0/output/dense/bias/adam_m" in slots
    assert not [name for name in slots if "seq_relationship" in name or "pooler" in name]


def test_the_plan_counts_the_teacher(done):
    said = out_of(done, "dry")
    assert "plan: a teacher of 3 layers x 32 and " in said and "dry run: nothing was" in said


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_what_does_not_fit_is_refused(folder, done, name):
    message = FAULTS[name][1].replace("{}", str(folder))
    assert message in error_of(done, "fault " + name)
