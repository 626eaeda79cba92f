"""What run_pretraining.py offers beyond a plain run: stopping and resuming, choosing the start,
evaluation while training, accumulation, presets and plans."""

import os
import re

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from fake_tpu_api import PROJECT, ZONE, FakeTpuApi, node
from pretraining_runs import checkpoint_values, flags_of, results_of, run_many
from record_files import (
    PREDICTIONS,
    SEQ,
    TINY_CONFIG,
    learnable_records,
    tagged_records,
    write_json,
    write_records,
)
from script_driver import out_of
from tpu_support import needs_tpu_support, said_of_a_tpu

# What of the runs TensorFlow 1.15 makes, too.
TF1_RUNS = ("straight", "stopped", "stopped again", "best", "best again", "best once more")

TWO_LAYERS = dict(TINY_CONFIG, num_hidden_layers=2)
DROPOUT = dict(TINY_CONFIG, hidden_dropout_prob=0.1, attention_probs_dropout_prob=0.1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Records and configs."""
    path = tmp_path_factory.mktemp("options")
    write_records(path / "train.tfrecord", learnable_records(50))
    write_records(path / "dev.tfrecord", learnable_records(16, seed=9))
    write_json(path / "config.json", TINY_CONFIG)
    write_json(path / "two.json", TWO_LAYERS)
    write_json(path / "dropout.json", DROPOUT)
    shards = {"train.tfrecord": {"records": 50}}
    write_json(path / "_train.manifest.json", {"objective": "bert", "shards": shards})
    return path


@pytest.fixture(scope="module")
def done(folder):
    """name -> [exit code, standard output, standard error] of all runs, in one process."""
    runs = {}

    def add(name, **changes):
        settings = {"output_dir": str(folder / name), "num_train_steps": 6, "num_warmup_steps": 1}
        runs[name] = flags_of(folder, **dict(settings, **changes))

    dropout = {"bert_config_file": str(folder / "dropout.json"), "num_train_steps": 12}
    add("straight", **dropout)
    add("stopped", stop_step=5, **dropout)
    add("stopped again", **dict(dropout, output_dir=str(folder / "stopped")))
    add("two", bert_config_file=str(folder / "two.json"))
    start = {"init_checkpoint": str(folder / "two"), "stop_step": 1, "num_warmup_steps": 0}
    frozen = dict(start, learning_rate=1e-12)
    add("layers", init_layers="1", **frozen)
    add("swapped", init_layers="1,0", bert_config_file=str(folder / "two.json"), **frozen)
    add("stacked", init_layers="0,0", bert_config_file=str(folder / "two.json"), **frozen)
    add("slots", init_slots=True, bert_config_file=str(folder / "two.json"), **frozen)
    add("no slots", bert_config_file=str(folder / "two.json"), **frozen)
    best = {"do_eval": True, "eval_file": str(folder / "dev.tfrecord")}
    add("best", save_checkpoints_steps=2, **best)
    add(
        "best again",
        save_checkpoints_steps=1,
        output_dir=str(folder / "best"),
        **dict(best, num_train_steps=8),
    )
    add(
        "best once more",
        save_checkpoints_steps=1,
        output_dir=str(folder / "best"),
        **dict(best, num_train_steps=8),
    )
    add("lamb", optimizer="lamb", warmup="multiply")
    add("beyond", num_train_steps=2, stop_step=3, do_eval=True, max_eval_steps=1)
    preset = {"source": "made up", "flags": {"learning_rate": 0.5, "num_train_steps": 2}}
    add(
        "preset",
        preset=write_json(folder / "preset.json", preset),
        learning_rate=None,
        num_train_steps=3,
    )
    add("plan", dry_run=True, gradient_accumulation_steps=2)
    add(
        "plan epochs",
        dry_run=True,
        max_predictions_per_seq=None,
        num_train_steps=None,
        num_warmup_steps=None,
        num_train_epochs=2,
        eval_file=str(folder / "train.tfrecord"),
    )
    schedule = {"source": "made up", "flags": {"num_train_steps": 100, "num_warmup_steps": 20}}
    add(
        "plan of a share",
        dry_run=True,
        preset=write_json(folder / "schedule.json", schedule),
        num_train_steps=300,
        num_warmup_steps=None,
    )
    add("plan tpu", dry_run=True, use_tpu=True, num_tpu_cores=4)
    add("plan unknown", dry_run=True, input_file=str(folder / "dev.tfrecord"))
    runs["lert's script"] = lerts_command(folder)
    for index, (changes, _) in enumerate(refusals(folder)):
        settings = dict({"output_dir": str(folder / "refused")}, **changes)
        runs["refusal", index] = flags_of(folder, **settings)
    if tf.__version__.startswith("1."):
        runs = {name: runs[name] for name in TF1_RUNS}
    return dict(zip(runs, run_many(list(runs.values()))))


def newest(folder, step):
    return checkpoint_values(folder / "model.ckpt-{}".format(step))


@pytest.mark.tf1
def test_a_stopped_and_resumed_run_is_the_straight_one(folder, done):
    """Rows, dropout, schedule and moments go on as if nothing had happened."""
    out_of(done, "straight")
    out = out_of(done, "stopped")
    assert "training: steps 0 to 5 (the schedule's end is 12)" in out
    assert "trained to step 5" in out
    assert "RESUME: continuing from" in out_of(done, "stopped again")
    straight, resumed = newest(folder / "straight", 12), newest(folder / "stopped", 12)
    assert set(straight) == set(resumed)
    for name in straight:
        np.testing.assert_allclose(straight[name], resumed[name], atol=1e-6, err_msg=name)


def layer(values, index):
    start = "bert/encoder/layer_{}/".format(index)
    return {
        name[len(start) :]: value
        for name, value in values.items()
        if name.startswith(start) and "adam" not in name
    }


def assert_same(first, second, atol=1e-6):
    assert set(first) == set(second) and first
    for name in first:
        np.testing.assert_allclose(first[name], second[name], atol=atol, err_msg=name)


def test_chosen_layers(folder, done):
    source = newest(folder / "two", 6)
    for name, layers in (("layers", [1]), ("swapped", [1, 0]), ("stacked", [0, 0])):
        out_of(done, name)
        values = newest(folder / name, 1)
        for index, chosen in enumerate(layers):
            assert_same(layer(values, index), layer(source, chosen))
    assert "16 unused" in out_of(done, "layers")
    assert np.max(np.abs(layer(source, 0)["output/dense/kernel"])) > 0


def test_optimizer_state_is_left_or_taken(folder, done):
    assert "optimizer state: starts at 0, as does the step (--init_slots" in out_of(
        done, "no slots"
    )
    out = out_of(done, "slots")
    assert "slots taken over, the step starts at 0" in out
    source = newest(folder / "two", 6)
    taken, left = newest(folder / "slots", 1), newest(folder / "no slots", 1)
    assert taken["global_step"] == left["global_step"] == 1
    name = "cls/predictions/output_bias/adam_v"
    gradient_part = left[name]  # (1 - beta_2) g^2 of the same first batch
    np.testing.assert_allclose(taken[name], 0.999 * source[name] + gradient_part, rtol=1e-4)
    assert np.max(source[name]) > 0


@pytest.mark.tf1
def test_every_checkpoint_is_evaluated_and_the_best_kept(folder, done):
    out = out_of(done, "best")
    assert out.count("evaluating ") == 4 and "evaluating random weights (step 0" in out
    assert out.count("the best so far (loss") >= 1
    best = folder / "best" / "best"
    kept = dict(results_of(best))
    again = out_of(done, "best again")  # which evaluates step 6 once more
    assert again.count("evaluating ") == 3
    assert "not better than the best so far (loss " in again.split("step 7/8")[0]
    more = out_of(done, "best once more")
    assert "nothing to train: step 8 of 8 is done" in more and more.count("evaluating ") == 1
    assert dict(results_of(folder / "best"))["global_step"] == 8
    files = sorted(os.listdir(str(best)))
    assert (
        len(files) == 5
        and "bert_config.json" in files
        and not [name for name in files if name.endswith(".tmp")]
    )
    values = checkpoint_values(tf.train.latest_checkpoint(str(best)))
    assert values["global_step"] == kept["global_step"]


def test_lamb_writes_its_slots(folder, done):
    out_of(done, "lamb")
    names = set(newest(folder / "lamb", 6))
    assert "bert/embeddings/word_embeddings/lamb_m" in names
    assert not [name for name in names if "adam" in name]


def test_what_is_seldom_meant_is_said(folder, done):
    out = out_of(done, "beyond")
    assert "note: --stop_step=3 is above --num_train_steps=2, where training ends" in out
    assert "note: without --eval_file the training records are evaluated, at most " in out
    assert "--max_eval_steps=1 batches" in out and "steps 0 to 2," in out
    assert "  rows = 8\n" in re.sub(r"\d\d:\d\d:\d\d", "", out) and "all_rows_read = no" in out
    assert out.count("note: ") == 2
    for name in ("straight", "best", "stopped"):
        assert "note: " not in out_of(done, name)


def test_a_preset_gives_way_to_the_line(folder, done):
    out = out_of(done, "preset")
    assert "preset source: made up" in out
    assert "--learning_rate=0.5" in out and "learning_rate 0.333" in out
    assert "steps 0 to 3," in out


def test_plans(folder, done):
    out = out_of(done, "plan")
    assert "8 rows or 128 tokens a step, 768 tokens in all" in out
    assert "50 records, so 0.96 epochs" in out
    assert "GB of memory" in out and "tokens/s" in out
    assert "dry run: nothing was written" in out
    assert not (folder / "plan").exists()
    assert "plan: TensorFlow {}, device: CPU, ".format(tf.__version__) in out
    on_tpu = out_of(done, "plan tpu")
    assert "no estimate of the time for a TPU" in on_tpu and "device: CPU" not in on_tpu
    assert (said_of_a_tpu("plan") in on_tpu) and ("WARNING" in on_tpu) == (said_of_a_tpu("") != "")
    assert "their number is not known" in out_of(done, "plan unknown")


def test_numbers_that_follow_from_others(done):
    out = out_of(done, "plan epochs")
    assert "--num_train_steps=13 (2 epochs of 50 rows in batches of 8)" in out
    assert "--num_warmup_steps=1 (10% of the steps, as no flag says it)" in out
    assert "13 steps (1 of them warm-up)" in out
    assert "--max_predictions_per_seq={} (as ".format(PREDICTIONS) in out
    # An evaluation was not asked for otherwise, and would be of rows that are trained on.
    assert "--eval_file is given, so the training is evaluated on it" in out
    assert "train.tfrecord of --eval_file is trained on, too" in out
    out = out_of(done, "plan of a share")
    assert "--num_warmup_steps=60 (of the steps, the share that 20 are of 100)" in out
    # 48 epochs of 50 rows.
    assert "WARNING: each of the 50 rows is read 48 times, with the same masks" in out


def refusals(folder):
    """(changed flags, what the one line on standard error must hold)."""
    two = str(folder / "two")
    write_json(folder / "bad_preset.json", {"source": "x", "flags": {"learning_rat": 1}})
    for name, changes in (
        ("long", {"max_seq_length": 512}),
        ("other", {"vocab_sha256": "b"}),
        ("first", {"vocab_sha256": "a"}),
        ("kept", {"held_out": {"side": "held out"}}),
    ):
        (folder / name).mkdir(exist_ok=True)
        write_records(folder / name / "r", learnable_records(3))
        manifest = dict({"objective": "bert", "shards": {"r": {}}}, **changes)
        write_json(folder / name / "_r.manifest.json", manifest)
    mixed = "{},{}".format(folder / "first" / "r", folder / "other" / "r")
    return [
        ({"init_layers": "0,1"}, "--init_layers needs --init_checkpoint"),
        ({"init_slots": True}, "--init_slots needs --init_checkpoint"),
        ({"init_layers": "a", "init_checkpoint": two}, "--init_layers=a must be layer numbers"),
        (
            {"init_layers": "0,1", "init_checkpoint": two},
            "--init_layers names 2 layers, but num_hidden_layers in",
        ),
        (
            {"init_layers": "7", "init_checkpoint": two},
            "--init_layers asks for bert/encoder/layer_7/",
        ),
        (
            {"init_slots": True, "init_checkpoint": two, "optimizer": "lamb"},
            "holds no optimizer state of lamb (lamb_m, lamb_v)",
        ),
        (
            {
                "output_dir": two,
                "bert_config_file": str(folder / "two.json"),
                "optimizer": "lamb",
            },
            "trained to step 6: --optimizer was adamw and is lamb, --num_warmup_steps was 1 and is",
        ),
        ({"gradient_accumulation_steps": 0}, "--gradient_accumulation_steps=0 must be positive"),
        (
            {"gradient_accumulation_steps": 3},
            "--train_batch_size=8 is not a multiple of 3 (--gradient_accumulation_steps)",
        ),
        ({"num_warmup_steps": 20}, "--num_warmup_steps=20 is not below the run's 20 steps"),
        ({"num_train_epochs": 2}, "--num_train_steps and --num_train_epochs both say how long"),
        ({"warmup_proportion": 0.1}, "--num_warmup_steps and --warmup_proportion both say how"),
        ({"eval_file": two, "do_eval": False}, "--eval_file is not read with --do_eval=false"),
        ({"compare": "a,b"}, "--compare does nothing else; remove --do_train"),
        ({"compare": "a", "do_train": None}, "--compare takes two output folders or"),
        ({"input_file": str(folder / "kept" / "r")}, "--input_file reads r, whose documents are"),
        ({"stop_step": -1}, "--stop_step=-1 must be positive"),
        ({"num_tpu_cores": 0}, "--num_tpu_cores=0 must be positive"),
        (
            {"use_tpu": True, "num_tpu_cores": 3, "tpu_name": "grpc://10.0.0.1:8470"},
            said_of_a_tpu("--train_batch_size=8 is not a multiple of 3 (--num_tpu_cores)"),
        ),
        ({"distribution": "mirrored"}, "--distribution=mirrored needs GPUs"),
        ({"distribution": "mirrored", "use_tpu": True}, "exclude each other"),
        ({"preset": "no_such"}, "no_such"),
        ({"preset": str(folder / "bad_preset.json")}, "learning_rat"),
        ({"input_file": str(folder / "long" / "r")}, "--max_seq_length=16, but manifest"),
        ({"input_file": mixed}, "were made with different vocabularies"),
        (
            {
                "input_file": str(folder / "first" / "r"),
                "do_eval": True,
                "eval_file": str(folder / "other" / "r"),
            },
            "were made with different vocabularies",
        ),
    ]


def test_every_refusal_is_one_line(folder, done):
    cases = refusals(folder)
    refused = [done["refusal", index] for index in range(len(cases))]
    wrong = [
        (changes, message, code, err)
        for (changes, message), (code, _, err) in zip(cases, refused)
        if code != 1 or err.count("\n") != 1 or not err.startswith("error: ") or message not in err
    ]
    assert not wrong, "\n\n".join(str(w) for w in wrong)
    assert not (folder / "refused").exists()


def lerts_command(folder):
    """As its run.pretrain.sh prints it, but for paths and the TPU; two small steps of it."""
    records = folder / "lert"
    records.mkdir()
    for index in range(2):
        name = "tf_examples.tfrecord.{:05d}".format(index)
        write_records(records / name, tagged_records(8, seed=index))
    write_json(records / "_tf_examples.tfrecord.manifest.json", {"shards": {}})
    command = (
        "--input_file={data}/tf_examples.tfrecord.* --output_dir={model} --do_train=True "
        "--bert_config_file={config} --train_batch_size=1024 --eval_batch_size=1024 "
        "--max_seq_length=512 --max_predictions_per_seq=75 --num_train_steps=2000000 "
        "--num_warmup_steps=10000 --save_checkpoints_steps=50000 --learning_rate=1e-4 "
        "--do_lower_case=True --use_tpu=False --tpu_name=tpu --tpu_zone=zone"
    ).format(data=records, model=folder / "lert_model", config=folder / "config.json")
    return command.split() + [
        "--max_seq_length={}".format(SEQ),
        "--max_predictions_per_seq={}".format(PREDICTIONS),
        "--train_batch_size=4",
        "--stop_step=2",
    ]


def test_the_command_of_lerts_script(folder, done):
    out = out_of(done, "lert's script")
    assert "step 2/2000000" in out and "objective: lert" in out
    assert newest(folder / "lert_model", 2)["global_step"] == 2


@needs_tpu_support
def test_a_tpu_that_is_not_ready(folder, monkeypatch):
    """Through the script, against a local stand-in of Google's API."""
    with FakeTpuApi({"mine": node("PREEMPTED")}) as api:
        monkeypatch.setenv("TPU_API_DISCOVERY_URL", api.url)
        tpu = {"use_tpu": True, "tpu_zone": ZONE, "gcp_project": PROJECT}
        names = ("mine", "yours", "grpc://127.0.0.1:1")
        done = run_many([flags_of(folder, tpu_name=name, **tpu) for name in names])
    assert [code for code, _, _ in done] == [1, 1, 1], done
    assert all(err.count("\n") == 1 for _, _, err in done)
    place = "(zone {}, project {})".format(ZONE, PROJECT)
    assert "TPU mine {} is PREEMPTED, not READY".format(place) in done[0][2]
    assert "there is no TPU yours {}".format(place) in done[1][2]
    assert "no TPU answers at grpc://127.0.0.1:1; check" in done[2][2]
