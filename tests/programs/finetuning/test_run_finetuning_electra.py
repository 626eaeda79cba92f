"""run_finetuning.py in ELECTRA's way: directories, hyperparameters, results; and several tasks."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
import script_driver
import tensorflow.compat.v1 as tf
from script_driver import error_of, out_of

from cli.pretraining_hparams import model_config
from data.tokenizers.wordpiece import SPECIAL_TOKENS
from modeling.encoder import encode
from modeling.kernels import PlainKernels
from modeling.parameters import ParameterStore

pytestmark = pytest.mark.tf1

PLACES, PEOPLE = "京津沪渝", "张王李赵"
CHARACTERS = PLACES + PEOPLE + "在住于的人天地你我他好坏谁？。"
# The hyperparameters that ymcui/Chinese-ELECTRA prints for CMRC 2018, with its last comma; only
# sizes and numbers are smaller.
PRINTED = """{{
    "task_names": ["{task}"],
    "max_seq_length": 48,
    "vocab_size": {vocab_size},
    "model_size": "small",
    "do_train": true,
    "do_eval": true,
    "write_test_outputs": true,
    "num_train_epochs": 2,
    "learning_rate": 3e-4,
    "train_batch_size": 8,
    "eval_batch_size": 8,
    "embedding_size": 8,
    "model_hparam_overrides": {{"hidden_size": 16, "num_hidden_layers": 2,
        "num_attention_heads": 2, "intermediate_size": 32}},
}}
"""
VOCAB_SIZE = len(SPECIAL_TOKENS) + len(CHARACTERS)


def sentence(rng):
    """(characters, place of the person, place of the place): 王住在京。 and the like."""
    text = list(rng.choice(list("天地你我他好坏"), rng.randint(3, 9)))
    person, place = rng.choice(list(PEOPLE)), rng.choice(list(PLACES))
    return [person, "住", "在", place, "。", *text], 0, 3


def questions(count, seed):
    """CMRC's file of passages with a question each: who lives there?"""
    rng, rows = np.random.RandomState(seed), []
    for i in range(count):
        text, person, place = sentence(rng)
        question = {
            "id": "Q{}".format(i),
            "question": "谁住在{}？".format(text[place]),
            "answers": [{"text": text[person], "answer_start": person}],
        }
        rows.append({"paragraphs": [{"id": str(i), "context": "".join(text), "qas": [question]}]})
    return json.dumps({"version": "v1.0", "data": rows}, ensure_ascii=False)


def tagged(count, seed):
    rng, lines = np.random.RandomState(seed), []
    for _ in range(count):
        text, person, place = sentence(rng)
        tags = ["O"] * len(text)
        tags[person], tags[place] = "B-PER", "B-LOC"
        lines.append("".join("{} {}\n".format(*pair) for pair in zip(text, tags)))
    return "\n".join(lines)


def labelled(count, seed):
    rng, lines = np.random.RandomState(seed), ["label\ttext_a\n"]
    for _ in range(count):
        text = "".join(rng.choice(list("天地你我他"), 5))
        label = rng.randint(2)
        lines.append("{}\t{}{}\n".format(label, text, "坏好"[label]))
    return "".join(lines)


MADE = {
    "cmrc2018": (questions, "{}.json"),
    "peopledaily_ner": (tagged, "{}.txt"),
    "chnsenticorp": (labelled, "{}.tsv"),
}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """ELECTRA's directory: a model's weights and vocabulary in a folder, as its README says, and
    tasks, of which only CMRC has a test file."""
    path = tmp_path_factory.mktemp("electra")
    (path / "models" / "small").mkdir(parents=True)
    vocab = "\n".join(SPECIAL_TOKENS + tuple(CHARACTERS)) + "\n"
    (path / "models" / "small" / "vocab.txt").write_text(vocab, encoding="utf-8")
    for task, (make, name) in MADE.items():
        folder = path / "finetuning_data" / task
        folder.mkdir(parents=True)
        for seed, (split, count) in enumerate((("train", 40), ("dev", 16))):
            (folder / name.format(split)).write_text(make(count, seed), encoding="utf-8")
    test_file = path / "finetuning_data" / "cmrc2018" / "eval.json"
    test_file.write_text(questions(6, seed=2), encoding="utf-8")
    hparams = json.loads(printed("x").replace("}},\n}", "}}\n}").replace("},\n}", "}\n}"))
    with tf.Graph().as_default(), tf.Session() as session:
        config = model_config(hparams, "hparams")
        features = {
            name: tf.placeholder(tf.int32, [None, 24])
            for name in ("input_ids", "input_mask", "segment_ids")
        }
        encode(config, ParameterStore(7), PlainKernels(), features)
        session.run(tf.global_variables_initializer())
        tf.train.Saver(tf.global_variables()).save(
            session, str(path / "models" / "small" / "electra_small"), write_state=False
        )
    config = dict(config.to_dict(), model_type="electra")
    (path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return path


def printed(task):
    return PRINTED.format(task=task, vocab_size=VOCAB_SIZE)


def command(root, hparams, *more):
    """The printed command line."""
    where = ["--data-dir", str(root), "--model-name", "small"]
    return [*where, "--hparams", str(hparams), *more]


@pytest.fixture(scope="module")
def done(root):
    """name -> [exit code, stdout, stderr]; runs in this order."""
    (root / "params_cmrc2018.json").write_text(printed("cmrc2018"), encoding="utf-8")
    several = json.loads(printed("x").replace("},\n}", "}\n}"))
    several["task_names"] = list(MADE)
    several.update(num_trials=2, num_train_epochs=1)
    google = [
        "--task_name=cmrc2018",
        "--data_dir={}".format(root / "finetuning_data" / "cmrc2018"),
        "--bert_config_file={}".format(root / "config.json"),
        "--vocab_file={}".format(root / "models" / "small" / "vocab.txt"),
        "--init_checkpoint={}".format(root / "models" / "small"),
    ]
    result = root / "models" / "small" / "finetuning_models" / "cmrc2018_model"
    runs = {
        "printed": command(root, root / "params_cmrc2018.json"),
        "several": command(root, json.dumps(several)),
        "flags": [
            *google,
            "--output_dir={}".format(root / "flags"),
            "--do_train",
            "--max_seq_length=24",
            "--train_batch_size=8",
            "--num_train_epochs=1",
            "--nojoint_prediction",
            "--noanswerable_classifier",
            "--beam_size=3",
            "--n_best_size=2",
            "--doc_stride=4",
            "--max_query_length=9",
            "--max_answer_length=5",
        ],
        "evaluated": [
            *google[:-1],
            "--init_checkpoint={}".format(result / "best"),
            "--output_dir={}".format(root / "evaluated"),
            "--do_eval",
        ],
    }
    results = script_driver.run_many("run_finetuning", list(runs.values()))
    return dict(zip(runs, results))


def results_of(path):
    lines = (path / "eval_results.txt").read_text(encoding="utf-8").splitlines()
    return {name: float(value) for name, value in (line.split(" = ") for line in lines)}


def test_the_printed_command(root, done):
    """Directories, results and their names are ELECTRA's; eval.json is the test file."""
    out = out_of(done, "printed")
    model = root / "models" / "small"
    assert "--layerwise_lr_decay=0.8" in out and "--warmup=multiply" in out
    assert "--task_name=cmrc2018 " in out
    assert "the vocabulary is {}\n".format(model / "vocab.txt") in out
    answered = model / "results" / "cmrc2018_qa"
    assert "answers to dev questions are in {}".format(answered / "cmrc2018_dev_preds.json") in out
    tested = json.loads((answered / "cmrc2018_eval_preds.json").read_text(encoding="utf-8"))
    assert sorted(tested) == ["Q{}".format(i) for i in range(6)]
    result = model / "finetuning_models" / "cmrc2018_model"
    saved = results_of(result)
    predictions = json.loads(
        (model / "results" / "cmrc2018_qa" / "cmrc2018_dev_preds.json").read_text(encoding="utf-8")
    )
    assert sorted(predictions) == sorted("Q{}".format(i) for i in range(16))
    shown = (model / "results" / "cmrc2018_results.txt").read_text(encoding="utf-8")
    figures = {name: 100 * saved["eval_" + name] for name in ("em", "f1", "average")}
    parts = ["{}: {:.4g}".format(*figure) for figure in figures.items()]
    assert shown.startswith("cmrc2018: ") and shown.count("\n") == 1
    assert all(part in shown for part in parts)
    names = tf.train.NewCheckpointReader(tf.train.latest_checkpoint(str(result)))
    heads = [n for n in names.get_variable_to_shape_map() if n.startswith("task_specific")]
    layers = {n.split("/")[2] for n in heads}
    assert layers == {"dense", "qa_hidden", "dense_1", "dense_2", "dense_3"}
    config = json.loads((result / "run_config.json").read_text(encoding="utf-8"))["optimizer"]
    assert (config["layerwise_lr_decay"], config["warmup"]) == (0.8, "multiply")


def test_dev_predictions_are_those_of_the_figures(root, done):
    """The file that other scorers read is of the checkpoint whose figures are reported."""
    folder = root / "finetuning_data" / "cmrc2018"
    result = root / "models" / "small" / "finetuning_models" / "cmrc2018_model"
    files = [str(folder / "dev.json"), str(result / "cmrc2018_dev_preds.json")]
    program = os.path.join(script_driver.ROOT, "cmrc2018_drcd_evaluate.py")
    official = json.loads(subprocess.check_output([sys.executable, program, *files]))
    saved = results_of(result)
    assert float(official["F1"]) == pytest.approx(100 * saved["eval_f1"], abs=1e-3)
    assert float(official["EM"]) == pytest.approx(100 * saved["eval_em"], abs=1e-3)


def test_a_checkpoint_is_evaluated_with_the_options_it_was_trained_with(root, done):
    out_of(done, "evaluated")
    result = root / "models" / "small" / "finetuning_models" / "cmrc2018_model"
    expected = results_of(result)
    assert results_of(root / "evaluated") == pytest.approx(expected, rel=1e-4)


def test_several_tasks_and_trials(root, done):
    out = out_of(done, "several")
    assert len([line for line in out.splitlines() if "no predictions" in line]) == 2
    model = root / "models" / "small"
    folder = model / "finetuning_models" / "cmrc2018_peopledaily_ner_chnsenticorp_model"
    trials = json.loads((folder / "trials.json").read_text(encoding="utf-8"))
    assert len(trials) == 2
    figures = "cmrc2018_eval_average", "peopledaily_ner_eval_f1", "chnsenticorp_eval_accuracy"
    for number, trial in enumerate(trials):
        mean = sum(trial[name] for name in figures) / 3
        assert trial["eval_mean"] == pytest.approx(mean)
        made = folder / "trial_{}".format(number)
        assert results_of(made)["eval_mean"] == pytest.approx(mean)
        for task, name in zip(MADE, ("cmrc2018_dev_preds.json", "dev_predictions.txt")):
            assert (made / task / name).exists()
        published = model / "results" / "cmrc2018,peopledaily_ner,chnsenticorp_qa"
        numbered = published / "cmrc2018_dev_{}_preds.json".format(number + 1)
        own = made / "cmrc2018" / "cmrc2018_dev_preds.json"
        assert numbered.read_bytes() == own.read_bytes()
        saved = json.loads((made / "task.json").read_text(encoding="utf-8"))["tasks"]
        assert [entry["task"] for entry in saved] == list(MADE)
    values = [100 * trial["chnsenticorp_eval_accuracy"] for trial in trials]
    shown = "chnsenticorp dev accuracy: {:.1f} ({:.1f})".format(max(values), np.mean(values))
    assert shown in out
    assert "cmrc2018 dev em / f1: " in out
    name = "cmrc2018,peopledaily_ner,chnsenticorp_results.txt"
    lines = (model / "results" / name).read_text(encoding="utf-8").splitlines()
    assert [line.split(":")[0] for line in lines] == ["trial 1", *MADE, "trial 2", *MADE]


def test_each_of_several_tasks_is_asked_by_its_name(root, done, tmp_path):
    """The same predictions as in training; without a name where the kind says it."""
    out_of(done, "several")
    name = "cmrc2018_peopledaily_ner_chnsenticorp_model"
    made = root / "models" / "small" / "finetuning_models" / name / "trial_0"
    folder = root / "finetuning_data"
    rows = (folder / "chnsenticorp" / "dev.tsv").read_text(encoding="utf-8").splitlines()[1:]
    passages = json.loads((folder / "cmrc2018" / "dev.json").read_text(encoding="utf-8"))["data"]
    asked = [
        {"id": q["id"], "question": q["question"], "context": paragraph["context"]}
        for entry in passages
        for paragraph in entry["paragraphs"]
        for q in paragraph["qas"]
    ]
    base = [
        "--bert_config_file={}".format(root / "config.json"),
        "--vocab_file={}".format(root / "models" / "small" / "vocab.txt"),
        "--init_checkpoint={}".format(made / "best"),
    ]
    runs = script_driver.run_many(
        "run_prediction",
        [
            [*base, "--task=classify", "--task_name=chnsenticorp"],
            [*base, "--task=answer"],
            [*base, "--task=ner", "--task_name=msra_ner"],
            [*base, "--task=features", "--task_name=msra_ner"],
        ],
        texts=[
            "".join(row.split("\t")[1] + "\n" for row in rows),
            "".join(json.dumps(question) + "\n" for question in asked),
            "天\n",
            "天\n",
        ],
    )
    classified = [json.loads(line) for line in runs[0][1].splitlines()]
    expected = np.loadtxt(str(made / "chnsenticorp" / "dev_results.tsv"), delimiter="\t")
    probabilities = [[line["probabilities"][label] for label in "01"] for line in classified]
    np.testing.assert_allclose(probabilities, expected, atol=1e-5)
    answers = {line["id"]: line["answer"] for line in map(json.loads, runs[1][1].splitlines())}
    path = made / "cmrc2018" / "cmrc2018_dev_preds.json"
    assert answers == json.loads(path.read_text(encoding="utf-8"))
    assert "holds 0 tasks that fit (msra_ner), among cmrc2018, peopledaily_ner" in runs[2][2]
    assert "--task_name is for --task=" in runs[3][2] and runs[3][0] == 1


def test_flags_of_reading_comprehension(root, done):
    """Without joint prediction and answerable classifier there are two layers of one row each."""
    out_of(done, "flags")
    reader = tf.train.NewCheckpointReader(tf.train.latest_checkpoint(str(root / "flags")))
    shapes = reader.get_variable_to_shape_map()
    heads = {n: s for n, s in shapes.items() if n.startswith("task_") and n.endswith("kernel")}
    assert heads == {
        "task_specific/cmrc2018/dense/kernel": [16, 1],
        "task_specific/cmrc2018/dense_1/kernel": [16, 1],
    }
    saved = json.loads((root / "flags" / "task.json").read_text(encoding="utf-8"))
    assert saved["head_options"] == {
        "joint_prediction": False,
        "answerable_classifier": False,
        "beam_size": 3,
    }
    assert saved["row_options"]["doc_stride"] == 4


def test_refusals(root, tmp_path):
    shutil.copy(str(root / "config.json"), str(tmp_path / "config.json"))
    bert = {"vocab_size": VOCAB_SIZE, "hidden_size": 16, "num_attention_heads": 2}
    bert.update(num_hidden_layers=1, intermediate_size=16, type_vocab_size=2)
    (tmp_path / "bert.json").write_text(json.dumps(bert), encoding="utf-8")
    base = {
        "task_name": "cmrc2018",
        "data_dir": str(root / "finetuning_data" / "cmrc2018"),
        "bert_config_file": str(tmp_path / "bert.json"),
        "vocab_file": str(root / "models" / "small" / "vocab.txt"),
        "output_dir": str(tmp_path / "o"),
        "do_train": True,
        "max_seq_length": 48,
        "max_answer_length": 5,
    }
    google = [
        ({"data-dir": str(root)}, "give one of them"),
        ({"model_name": "x"}, "--data-dir and --model-name belong together"),
        ({"hparams": '{"task_name": "x"}'}, "unknown key 'task_name'; did you mean task_names or"),
        ({"hparams": '{"debug": true}'}, "debug cannot be used here; give a small model_size"),
        ({"task_name": "cmrc2018,cmrc2018"}, "names a task twice"),
        ({"task_name": "cmrc2018,drcd"}, "does not exist; give the folder that holds"),
        ({"task_name": "cmrc2018,tsv", "labels": "a,b"}, "--labels is for one task"),
        ({"labels": "a,b"}, "the answers of task cmrc2018 are parts of the passage"),
        ({"layerwise_lr_decay": 1.5}, "--layerwise_lr_decay=1.5 must be above 0 and at most 1"),
        ({"joint_prediction": True}, "--joint_prediction is for ELECTRA models"),
        ({"answerable_weight": -1}, "--answerable_weight=-1.0 must not be negative"),
        ({"doc_stride": 0}, "--doc_stride=0 must be positive"),
        ({"max_answer_length": 50}, "answers may have 50; raise --max_seq_length"),
        ({"max_seq_length": 12, "max_query_length": None}, "answers may have 5"),
        (
            {
                "task_name": "chnsenticorp",
                "data_dir": str(root / "finetuning_data" / "chnsenticorp"),
            },
            "--max_answer_length is for reading comprehension and has no meaning for --task_name",
        ),
    ]
    lines = []
    for changes, _ in google:
        values = dict(base, **changes)
        lines.append(["--{}={}".format(k, v) for k, v in values.items() if v is not None])
    electra = [
        (command(root, tmp_path / "none.json"), "is no file, and no JSON object either"),
        (command(root, printed("cmrc2018"))[2:], "belong together"),
        (command(root, printed("xyz")), "task 'xyz' is not known"),
        (["--data-dir", str(tmp_path), "--model-name", "m", "--hparams", printed("drcd")], "m"),
    ]
    runs = script_driver.run_many("run_finetuning", lines + [line for line, _ in electra])
    for run, (_, message) in zip(runs, google + electra):
        assert message in error_of({"run": run}, "run")
