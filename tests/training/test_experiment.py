"""What a training in the output directory of another one may have changed, and what not."""

import json
import shutil

import pytest
from checkpoint_files import WORDS, save
from record_files import TINY_CONFIG

from common.errors import UserError
from modeling import checkpoint
from modeling.config import BertConfig
from modeling.objectives import get_objective
from optimization.config import OptimizerConfig
from training import experiment, run_config
from training.checkpoints.initial_weights import OWN, digest_of
from training.finetuning_runner import FinetuningRunner
from training.run import Run

pytestmark = pytest.mark.tf1

STEP = 8
TRAINED = {"files": 2, "bytes": 8, "sha256": "a" * 64}
EVALUATED = {"files": 1, "bytes": 4, "sha256": "b" * 64}
RECORDS = {"train": TRAINED, "eval": EVALUATED, "vocab_sha256": "5" * 64}


def run_of(folder, model=None, optimizer=None, objective="bert", **config):
    """A training of ten steps, with some settings of its own."""
    chosen = get_objective(objective).for_run(10)
    settings = {"objective_settings": {"weight": 0.5}, "records": RECORDS, "do_train": True}
    return Run(
        run_config.RunConfig(
            output_dir=str(folder / "out"),
            objective=objective,
            train_files=["a"],
            eval_files=["c"],
            **dict(settings, **config),
        ),
        BertConfig(dict(TINY_CONFIG, **(model or {}))),
        chosen,
        OptimizerConfig(
            **dict({"learning_rate": 1e-3, "num_train_steps": 10}, **(optimizer or {}))
        ),
    )


def save_config(folder, **changes):
    run = run_of(folder, **changes)
    run_config.save(run.config, run.model_config, run.optimizer_config)
    return run


def refusal(folder, *settings, **changes):
    """The differences that are named where a training with these changes is refused."""
    with pytest.raises(UserError) as caught:
        experiment.check_same(run_of(folder, **changes), STEP, *settings)
    begin = "--output_dir {} holds another experiment, trained to step 8: ".format(folder / "out")
    end = "; take another --output_dir for this one, or go on with that one by its own values ({})"
    end = end.format(folder / "out" / "run_config.json")
    text = str(caught.value)
    assert text.startswith(begin) and text.endswith(end), text
    return text[len(begin) : -len(end)]


def test_the_same_experiment(tmp_path):
    run = run_of(tmp_path)
    assert experiment.check_same(run, STEP) == []  # nothing there yet
    save_config(tmp_path)
    assert experiment.check_same(run, STEP) == []
    # What the weights of a step do not depend on.
    other = run_of(
        tmp_path,
        optimizer={"gradient_accumulation_steps": 4},
        save_checkpoints_steps=7,
        eval_batch_size=3,
        keep_checkpoint_max=1,
        do_eval=True,
        stop_step=9,
        num_tpu_cores=4,
    )
    assert experiment.check_same(other, STEP) == []


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"optimizer": {"learning_rate": 2e-3}}, "--learning_rate was 0.001 and is 0.002"),
        ({"optimizer": {"num_warmup_steps": 3}}, "--num_warmup_steps was 0 and is 3"),
        ({"optimizer": {"optimizer": "lamb"}}, "--optimizer was adamw and is lamb"),
        ({"optimizer": {"beta_2": 0.98}}, "--adam_beta_2 was 0.999 and is 0.98"),
        ({"optimizer": {"weight_decay_rate": 0.1}}, "--weight_decay_rate was 0.01 and is 0.1"),
        ({"optimizer": {"num_train_steps": 6}}, "--num_train_steps was 10 and is 6"),
        ({"objective": "roberta"}, "--objective was bert and is roberta"),
        ({"train_batch_size": 64}, "--train_batch_size was 32 and is 64"),
        ({"seed": 1}, "--seed was 12345 and is 1"),
        ({"shuffle_buffer_size": 0}, "--shuffle_buffer_size was 10000 and is 0"),
        ({"init_layers": [0, 2]}, "--init_layers was not given and is 0,2"),
        ({"init_slots": True}, "--init_slots was false and is true"),
        (
            {"init_checkpoint": "b/model.ckpt", "init_digest": "6" * 64},
            "--init_checkpoint was not given and is b/model.ckpt (666666666666...)",
        ),
        ({"objective_settings": {"weight": 0.25}}, "--weight was 0.5 and is 0.25"),
        (
            {"model": {"hidden_dropout_prob": 0.3}},
            "hidden_dropout_prob of the model config was {} and is 0.3".format(
                TINY_CONFIG["hidden_dropout_prob"]
            ),
        ),
        (
            {"model": {"hidden_act": "relu"}},
            "activation of the model config was gelu_erf and is relu",
        ),
        (
            {"records": dict(RECORDS, train=dict(TRAINED, sha256="c" * 64))},
            "--input_file was 2 files of 8 bytes (aaaaaaaaaaaa...) and is 2 files of 8 bytes "
            "(cccccccccccc...)",
        ),
        (
            {"records": dict(RECORDS, vocab_sha256="6" * 64)},
            "the records' vocabulary (SHA-256) was 555555555555... and is 666666666666...",
        ),
    ],
)
def test_another_experiment_is_refused(tmp_path, changes, named):
    save_config(tmp_path)
    assert refusal(tmp_path, **changes) == named
    # And the way back.
    save_config(tmp_path, **changes)
    if "num_train_steps" not in named:
        before, now = named.split(" was ")[1].split(" and is ")
        back = "{} was {} and is {}".format(named.split(" was ")[0], now, before)
        assert refusal(tmp_path) == back


def test_all_differences_are_named(tmp_path):
    save_config(tmp_path)
    text = refusal(tmp_path, seed=1, optimizer={"learning_rate": 2e-3}, train_batch_size=8)
    assert text == (
        "--train_batch_size was 32 and is 8, --seed was 12345 and is 1, --learning_rate was 0.001 "
        "and is 0.002"
    )


def test_more_steps_go_on_in_pretraining_alone(tmp_path):
    """And take along what follows from their number: LERT's steps of full weight."""

    def of_lert(steps):
        optimizer = {"num_train_steps": steps}
        settings = get_objective("lert").for_run(steps).settings(None)
        return {"objective": "lert", "objective_settings": settings, "optimizer": optimizer}

    save_config(tmp_path, **of_lert(10))
    more = of_lert(20)
    assert experiment.check_same(run_of(tmp_path, **more), STEP) == [
        "the steps before had --num_train_steps=10, from here on it is 20"
    ]
    given = dict(more, optimizer=None)
    assert refusal(tmp_path, **given).startswith("--lip_steps was 1.665,3.33,5.0 and is 3.33,")
    flags, may_extend = FinetuningRunner.FLAGS, FinetuningRunner.MAY_EXTEND
    save_config(tmp_path)
    assert refusal(
        tmp_path, flags, may_extend, objective="roberta", optimizer={"num_train_steps": 20}
    ) == (
        "the number of steps (--num_train_epochs, --num_train_steps) was 10 and is 20, --task_name "
        "was bert and is roberta"
    )


def test_what_may_change_is_said(tmp_path):
    save_config(tmp_path)
    changed = {"pack": True, "precision": "bf16", "kernels": "fused"}
    records = dict(RECORDS, eval=dict(EVALUATED, files=2, bytes=6, sha256="d" * 64))
    assert experiment.check_same(run_of(tmp_path, records=records, **changed), STEP) == [
        "the steps before had --pack=False, from here on it is True",
        "the steps before had --precision='fp32', from here on it is bf16",
        "the steps before had --kernels='plain', from here on it is fused",
        "the steps before were evaluated on other records (1 files of 4 bytes (bbbbbbbbbbbb...)), "
        "from here on it is 2 files of 6 bytes (dddddddddddd...); their figures cannot be compared "
        "with that of the best checkpoint",
    ]


def test_weights_are_known_by_their_content(tmp_path):
    """Wherever they lie; those in the output directory itself are always its own."""
    for name in "ab":
        save(tmp_path / name / "model.ckpt-1", {WORDS: [9, 4]}, step=1 if name == "a" else 2)
    for name in ("moved", "out"):
        shutil.copytree(str(tmp_path / "a"), str(tmp_path / name))
    prefixes = (str(tmp_path / name / "model.ckpt-1") for name in ("a", "moved", "b", "out"))
    first, moved, other, own = map(checkpoint.hold, prefixes)
    out = str(tmp_path / "out")
    assert digest_of(first, out) == digest_of(moved, out) != digest_of(other, out)
    assert digest_of(own, out) == OWN and digest_of(None, out) is None

    def starting_from(path):
        return {"init_checkpoint": path, "init_digest": digest_of(path, out)}

    save_config(tmp_path, **starting_from(first))
    for same in (moved, own):
        assert experiment.check_same(run_of(tmp_path, **starting_from(same)), STEP) == []
    assert refusal(tmp_path, **starting_from(other)) == (
        "--init_checkpoint was {} ({}...) and is {} ({}...)".format(
            first, digest_of(first, out)[:12], other, digest_of(other, out)[:12]
        )
    )
    assert " and is not given" in refusal(tmp_path)


def test_hugging_face_directories_are_known_by_their_weights(tmp_path):
    digests = []
    for name, content in (("a", b"x" * 9), ("moved", b"x" * 9), ("b", b"y" * 9)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text("{}")
        (tmp_path / name / "model.safetensors").write_bytes(content)
        digests.append(digest_of(str(tmp_path / name), str(tmp_path / "out")))
    assert digests[0] == digests[1] != digests[2]


def test_a_record_of_an_earlier_version(tmp_path):
    """It says which weights a training started from by their path alone."""
    save_config(tmp_path, init_checkpoint="a/model.ckpt", init_digest="6" * 64)
    path = tmp_path / "out" / "run_config.json"
    content = json.loads(path.read_text())
    del content["run"]["init_digest"], content["run"]["records"], content["model"]
    path.write_text(json.dumps(content))
    start = {"init_checkpoint": "b/model.ckpt", "init_digest": "7" * 64}
    assert experiment.check_same(run_of(tmp_path, **start), STEP) == []
    assert refusal(tmp_path) == "--init_checkpoint was a/model.ckpt and is not given"


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"run": 3}', "[" * 5000, '{"run": {}}', "\x00"]
)
def test_a_damaged_record_is_passed_over(tmp_path, content):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "run_config.json").write_text(content)
    (note,) = experiment.check_same(run_of(tmp_path), STEP)
    assert "run_config.json is damaged: settings of the steps before are not compared" in note


@pytest.mark.parametrize("damage", [[], {"train": 3}, {"train": {"sha256": [1]}}, {"eval": None}])
def test_damaged_entries_on_records(tmp_path, damage):
    save_config(tmp_path, records=damage)
    try:
        assert len(experiment.check_same(run_of(tmp_path), STEP)) <= 1
    except UserError as error:
        assert "--input_file was None files of None bytes ([1]...)" in str(error)
