"""Distillation in two steps: run_prediction.py --task=teach, then run_pretraining.py
--teacher_records, compared with one graph."""

import json
import os
import shutil

import numpy as np
import pytest
import script_driver
import tensorflow.compat.v1 as tf
from checkpoint_files import save
from pretraining_runs import checkpoint_values, flags_of, run_many
from record_files import (
    PREDICTIONS,
    SEQ,
    TINY_CONFIG,
    VOCAB,
    learnable_records,
    shortened,
    write_json,
    write_records,
)
from script_driver import error_of, out_of

from modeling.config import BertConfig
from modeling.objectives import get_objective
from training.model_fn import model_parameters

pytestmark = pytest.mark.tf1
tf.disable_v2_behavior()

TEACHER = dict(TINY_CONFIG, num_hidden_layers=3)
STUDENT = dict(TINY_CONFIG, num_hidden_layers=2, hidden_size=24, intermediate_size=48)
STEPS = 6
LOSSES = {"hidden_weight": 1.0, "hidden_layers": "0:0,2:3", "distill_temperature": 3.0}
EXACT = {"soft_label_dtype": "float32", "hidden_dtype": "float32"}
# Files of training, by records in each.
COUNTS = {"a.tfrecord": 30, "b.tfrecord": 21}


def save_teacher(folder, kept=""):
    folder.mkdir()
    write_json(folder / "bert_config.json", TEACHER)
    store = model_parameters(BertConfig(TEACHER), get_objective("roberta"), SEQ, PREDICTIONS)
    shapes = {n: list(s) for n, s in store.shapes().items() if n.startswith(kept)}
    save(folder / "bert_model.ckpt", shapes)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("two_steps")
    for seed, (name, count) in enumerate(COUNTS.items()):
        write_records(path / name, shortened(learnable_records(count, seed), 8, 14))
    (path / "elsewhere").mkdir()
    write_records(path / "elsewhere" / "a.tfrecord", learnable_records(30, seed=7))
    write_json(path / "config.json", STUDENT)
    write_json(path / "wide.json", dict(STUDENT, vocab_size=VOCAB + 1))
    save_teacher(path / "teacher")
    save_teacher(path / "other")
    save_teacher(path / "headless", "bert/")
    return path


def teach_flags(folder, name, **changes):
    values = {
        "task": "teach",
        "init_checkpoint": folder / "teacher",
        "input_file": folder / "?.tfrecord",
        "output_dir": folder / name,
        "predict_batch_size": 8,
    }
    values.update(changes)
    return ["--{}={}".format(k, v) for k, v in values.items() if v is not None]


TEACH_FAULTS = {
    "no records": ({"input_file": None}, "--input_file is required"),
    "no folder": ({"output_dir": None}, "--output_dir is required"),
    "nothing there": ({"input_file": "{}/x*"}, "no file matches {}/x* (--input_file)"),
    "lines": (
        {"output_file": "{}/x"},
        "--output_file has no meaning for --task=teach, which reads records; remove it",
    ),
    "of another task": (
        {"top_k": 3},
        "--top_k is for --task=answer or --task=fill_mask and has no meaning for --task=teach",
    ),
    "another task": (
        {"task": "fill_mask", "teacher_layers": "1"},
        "is for --task=teach and has no meaning for --task=fill_mask; remove it",
    ),
    "a file": ({"output_dir": "{}/config.json"}, "is a file; name another directory"),
    "no head": (
        {"init_checkpoint": "{}/headless", "soft_label_top_k": 9},
        "{}/headless/bert_model.ckpt has no masked-LM head (it lacks cls/predictions/",
    ),
}


@pytest.fixture(scope="module")
def taught(folder):
    """name -> result, of the folders of teacher records."""
    every = dict(EXACT, soft_label_top_k=VOCAB, soft_label_temperatures="1,3")
    runs = {
        "masked": teach_flags(folder, "masked", teacher_layers="0,3", **every),
        "all": teach_flags(folder, "all", soft_label_positions="all", **every),
        "other": teach_flags(folder, "other_records", init_checkpoint=folder / "other", **every),
        "small": teach_flags(
            folder, "small", soft_label_top_k=8, teacher_layers="3", hidden_dtype="int8"
        ),
    }
    for name, (changes, _) in TEACH_FAULTS.items():
        filled = {k: v.format(folder) if isinstance(v, str) else v for k, v in changes.items()}
        runs["fault " + name] = teach_flags(folder, "refused", **filled)
    return dict(zip(runs, script_driver.run_many("run_prediction", list(runs.values()))))


def cut(folder, name, source="masked"):
    """A copy of teacher records without one shard, and one with a damaged byte."""
    shutil.copytree(str(folder / source), str(folder / name))
    shard = folder / name / "b.tfrecord.teacher-00000-of-00001"
    content = bytearray(shard.read_bytes())
    if name == "unfinished":
        shard.unlink()
    elif name == "shorter":
        shard.write_bytes(content[:-1])
    else:
        content[-100] ^= 1
        shard.write_bytes(content)


FAULTS = {
    "both": (
        {"teacher_checkpoint": "{}/teacher"},
        "--teacher_records and --teacher_checkpoint exclude each other",
    ),
    "precision": (
        {"teacher_precision": "fp32"},
        "are computed already; remove --teacher_precision",
    ),
    "packed": ({"pack": True}, "--pack cannot be combined with --teacher_records: their rows lie"),
    "skipping": (
        {"skip_damaged_records": True},
        "--skip_damaged_records cannot be combined with --teacher_records: they are of all rows",
    ),
    "evaluated": (
        {"do_train": False, "do_eval": True},
        "--teacher_records is read in training alone; give --do_train, too",
    ),
    "nowhere": (
        {"teacher_records": "{}/teacher"},
        "--teacher_records={}/teacher is no folder of teacher records: it has no _teacher.manifest",
    ),
    "words": (
        {"bert_config_file": "{}/wide.json"},
        "the teacher has another vocabulary: {}/masked/_teacher.manifest.json says 40 tokens",
    ),
    "other content": (
        {"input_file": "{}/elsewhere/a.tfrecord"},
        "teacher records {}/masked were made for another a.tfrecord, of 30 records",
    ),
    "other file": (
        {"input_file": "{}/c.tfrecord"},
        "teacher records {}/masked hold nothing for {}/c.tfrecord, but for a.tfrecord, b.tfrecord",
    ),
    "unfinished": (
        {"teacher_records": "{}/unfinished"},
        "teacher records {}/unfinished are unfinished: b.tfrecord.teacher-00000-of-00001 is not "
        "there (1 of 2 are missing); run --task=teach again with the same command",
    ),
    "shorter": (
        {"teacher_records": "{}/shorter"},
        "b.tfrecord.teacher-00000-of-00001 has ",
    ),
    "damaged": (
        {"teacher_records": "{}/damaged", "dry_run": False},
        "b.tfrecord.teacher-00000-of-00001 is damaged: record 20 ",
    ),
    "verified": (
        {"teacher_records": "{}/damaged", "verify_records": True},
        "does not match its checksum; remove it, and run --task=teach again",
    ),
    "attention": (
        {"attention_weight": 1.0},
        "--attention_weight needs a teacher that computes, and --teacher_records hold no attention",
    ),
    "positions": (
        {"soft_label_positions": "all"},
        "soft labels at all tokens are asked for, and {}/masked/_teacher.manifest.json has soft "
        "labels at masked tokens alone; give --soft_label_positions=masked",
    ),
    "temperature": (
        {"distill_temperature": 2.0},
        "--distill_temperature=2 is none of those that {}/masked/_teacher.manifest.json has: 1, 3;",
    ),
    "layer": (
        {"hidden_layers": "2:2"},
        "hidden states of layer 2 of the teacher are asked for, and {}/masked/_teacher.manifest."
        "json has those of: 0, 3; give others with --hidden_layers",
    ),
    "no layer": (
        {"hidden_layers": "2:4"},
        "--hidden_layers asks for 2:4, but the teacher has layers 0 to 3 ({}/masked/_teacher",
    ),
}


@pytest.fixture(scope="module")
def done(folder, taught):
    """name -> [exit code, standard output, standard error] of all trainings, in one process."""
    for name in (name for name in taught if not name.startswith("fault")):
        out_of(taught, name)
    write_records(folder / "c.tfrecord", learnable_records(8))
    for name in ("unfinished", "shorter", "damaged"):
        cut(folder, name)
    runs = {}

    def add(name, teacher, **changes):
        settings = {
            "input_file": ",".join(str(folder / n) for n in COUNTS),
            "output_dir": str(folder / name.split()[0]),
            "num_train_steps": STEPS,
            "train_batch_size": 10,
            "save_checkpoints_steps": 100,
            "kernels": "plain",
            "objective": "roberta",
        }
        if teacher:
            settings["teacher_records"] = str(folder / teacher)
        settings.update(LOSSES)
        runs[name] = flags_of(folder, **dict(settings, **changes))

    network = {"teacher_checkpoint": str(folder / "teacher")}
    alone = {"hidden_weight": None, "hidden_layers": None}
    add("one", None, **network)
    add("two", "masked")
    add("micro", "masked", gradient_accumulation_steps=2)
    add("part", "masked", stop_step=4)
    add("part again", "masked")
    add("part network", None, **network)
    add("part other", "other_records", **alone)
    in_order = dict(alone, shuffle_buffer_size=0, num_train_steps=4)
    add("one_all", None, soft_label_positions="all", **network, **in_order)
    add("two_all", "all", soft_label_positions="all", **in_order)
    add("picked", "all", **alone)
    add("unpicked", "masked", **alone)
    add("small", "small", hidden_layers="2:3", distill_temperature=2.0, num_train_steps=2)
    for name, (changes, _) in FAULTS.items():
        filled = {k: v.format(folder) if isinstance(v, str) else v for k, v in changes.items()}
        add("fault " + name, "masked", **dict({"dry_run": True}, **filled))
    return dict(zip(runs, run_many(list(runs.values()))))


def scalars_of(folder, name):
    """(step, tag) -> value, of what TensorBoard shows."""
    values = {}
    for path in (folder / name).glob("events.out.*"):
        for event in tf.train.summary_iterator(str(path)):
            values.update(((event.step, v.tag), v.simple_value) for v in event.summary.value)
    return {key: value for key, value in values.items() if key[1].endswith("loss")}


def newest(folder, name, step=STEPS):
    return checkpoint_values(folder / name / "model.ckpt-{}".format(step))


def assert_same_losses(folder, one, other, *names):
    one, other = scalars_of(folder, one), scalars_of(folder, other)
    assert {tag for _, tag in one} == {"loss", *names} and one.keys() == other.keys()
    for key, value in one.items():
        assert other[key] == pytest.approx(value, abs=1e-5), key


def test_it_trains_as_with_the_teacher_in_the_graph(folder, done):
    """Rows of two files, shuffled, more than an epoch; every piece of the vocabulary is kept."""
    out_of(done, "one")
    said = out_of(done, "two")
    assert "TEACHER: records {}/masked of {}/teacher/bert_model.ckpt".format(folder, folder) in said
    assert "the 40 likeliest pieces at masked tokens (float32, temperatures 1, 3); hidden" in said
    names = ("masked_lm_loss", "soft_label_loss", "hidden_loss")
    assert_same_losses(folder, "one", "two", *names)
    one, two = newest(folder, "one"), newest(folder, "two")
    assert one.keys() == two.keys()
    for name, value in one.items():
        np.testing.assert_allclose(two[name], value, atol=3e-5, err_msg=name)


def test_at_all_tokens_in_the_order_of_the_files(folder, done):
    out_of(done, "one_all"), out_of(done, "two_all")
    assert_same_losses(folder, "one_all", "two_all", "masked_lm_loss", "soft_label_loss")


def test_masked_tokens_are_taken_from_all(folder, done):
    out_of(done, "picked"), out_of(done, "unpicked")
    assert_same_losses(folder, "unpicked", "picked", "masked_lm_loss", "soft_label_loss")


def test_micro_batches_train_like_one_batch(folder, done):
    out_of(done, "micro")
    two, micro = newest(folder, "two"), newest(folder, "micro")
    for name, value in two.items():
        np.testing.assert_allclose(micro[name], value, atol=3e-5, err_msg=name)


def test_resumed_it_is_the_same_training_to_the_last_bit(folder, done):
    assert "RESUME" in out_of(done, "part again")
    two, resumed = newest(folder, "two"), newest(folder, "part")
    for name, value in two.items():
        np.testing.assert_array_equal(resumed[name], value, err_msg=name)
    run = json.loads((folder / "two" / "run_config.json").read_text(encoding="utf-8"))["run"]
    assert run["teacher_records"] == str(folder / "masked") and len(run["teacher_digest"]) == 64


def test_another_teacher_is_another_experiment(done):
    """So is the same one in the graph, whose labels may be others."""
    assert "--teacher_checkpoint was {}".format("") in error_of(done, "part other")
    message = error_of(done, "part network")
    assert "--teacher_records was the 40 likeliest pieces" in message and "not given" in message


def test_few_pieces_and_states_in_int8_come_near(folder, done):
    """The states to half a scale; eight pieces of forty are a part of the divergence."""
    said = out_of(done, "small")
    assert "hidden states of layers 3 (int8)" in said
    layout_bytes = int(said.split("teacher records: ")[1].split(" bytes each")[0].replace(",", ""))
    sizes = [p.stat().st_size for p in (folder / "small").glob("*.teacher-*")]
    assert sum(sizes) == layout_bytes * sum(COUNTS.values())


@pytest.mark.parametrize("name", sorted(TEACH_FAULTS))
def test_what_cannot_be_taught_is_refused(folder, taught, name):
    message = TEACH_FAULTS[name][1].replace("{}", str(folder))
    assert message in error_of(taught, "fault " + name)
    assert not (folder / "refused").exists()


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_what_does_not_fit_is_refused(folder, done, name):
    message = FAULTS[name][1].replace("{}", str(folder))
    assert message in error_of(done, "fault " + name)
    assert os.path.exists(str(folder / "masked"))
