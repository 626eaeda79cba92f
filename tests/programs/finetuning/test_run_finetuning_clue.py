"""run_finetuning.py by the command lines of CLUE's scripts: run_classifier_clue.sh and the like."""

import json

import numpy as np
import pytest
import script_driver
import tensorflow.compat.v1 as tf
from finetuning_runs import BAD, GOOD, OTHERS, make_task
from script_driver import error_of, out_of

pytestmark = pytest.mark.tf1

# As CLUE's run_task composes them; the second ends with a blank.
COMMON = """--task_name={task} --data_dir={data} --vocab_file={folder}/vocab.txt
--bert_config_file={folder}/config.json --init_checkpoint={start}
--max_seq_length=16 --train_batch_size=8 --learning_rate=1e-3 --num_train_epochs=3
--save_checkpoints_steps=5 --output_dir={output} --keep_checkpoint_max=0 """
TRAIN = "--do_train=true --do_eval=false --do_predict=false"
PREDICT = "--do_train=false --do_eval=true --do_predict=true"


def command(folder, task, output, start, what, data=None):
    text = COMMON.format(
        task=task, data=folder / (data or task), folder=folder, output=output, start=start
    )
    return text.split() + what.split()


def write_lines(folder, make):
    """train, dev and test of 32, 12 and 6 JSON lines."""
    folder.mkdir()
    rng = np.random.RandomState(1)
    for split, count in (("train", 32), ("dev", 12), ("test", 6)):
        rows = [make(rng, i) for i in range(count)]
        if split == "test":
            rows = [{k: v for k, v in row.items() if k != "label"} for row in rows]
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        (folder / (split + ".json")).write_text(text, encoding="utf-8")


def wsc(rng, number):
    """The pronoun means the noun where a good word stands between them."""
    label = rng.randint(2)
    word = rng.choice(list(GOOD if label else BAD))
    target = {"span1_text": "天", "span1_index": 0, "span2_text": "他", "span2_index": 2}
    text = "天{}他{}".format(word, rng.choice(list(OTHERS)))
    return {"target": target, "idx": number, "text": text, "label": ["false", "true"][label]}


def cmnli(rng, number):
    first = "".join(rng.choice(list(OTHERS), 3))
    label = ("contradiction", "entailment", "neutral")[number % 3]
    return {"sentence1": first, "sentence2": GOOD[number % 3] + first, "label": label}


def afqmc(rng, number):
    first = "".join(rng.choice(list(OTHERS), 3))
    return {"sentence1": first, "sentence2": first[::-1], "label": str(number % 2), "id": number}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("clue")
    make_task(path)
    for name, make in (("wsc", wsc), ("CMNLI", cmnli), ("afqmc", afqmc)):
        write_lines(path / name, make)
    return path


@pytest.fixture(scope="module")
def done(folder):
    """name -> [exit code, stdout, stderr]; runs in this order. A model is made first."""
    start = folder / "start"
    names = {"start": command(folder, "CMNLI", start, "", TRAIN)[:]}
    names["start"].append("--num_train_epochs=1")
    for name, task in (("wsc", "wsc"), ("AFQMC", "afqmc")):
        output = folder / (name + "_output")
        names[name + " train"] = command(folder, name, output, start, TRAIN, task)
        names[name + " predict"] = command(folder, name, output, start, PREDICT, task)
    wsc_output = folder / "wsc_output"
    names["wsc again"] = command(folder, "wsc", wsc_output, start, PREDICT)
    only = "--do_train=false --do_eval=false --do_predict=true --predict_batch_size=4"
    names["wsc only predict"] = command(folder, "wsc", wsc_output, start, only)
    # The same training, evaluated as it goes, by which the choice afterwards is checked.
    both = "--do_train=true --do_eval=true --do_predict=true"
    names["wsc at once"] = command(folder, "wsc", folder / "at_once", start, both)
    # A second look at a training that was not evaluated, by training on.
    late = folder / "late"
    names["late train"] = command(folder, "wsc", late, start, TRAIN)
    names["late both"] = command(folder, "wsc", late, start, both)
    names["negative"] = command(folder, "wsc", late, start, TRAIN) + ["--keep_checkpoint_max=-1"]
    names["twice"] = command(folder, "wsc,CLUEWSC2020", late, start, TRAIN, "wsc")
    names["wrong start"] = command(folder, "wsc", folder / "new", start, PREDICT)
    return dict(zip(names, script_driver.run_many("run_finetuning", list(names.values()))))


def results_of(folder):
    with open(str(folder / "eval_results.txt"), encoding="utf-8") as reader:
        return {k: float(v) for k, v in (line.rstrip("\n").split(" = ") for line in reader)}


def test_every_checkpoint_is_kept(folder, done):
    """--keep_checkpoint_max=0: 12 updates, one checkpoint in 5."""
    assert "task: cluewsc2020, labels true, false" in out_of(done, "wsc train")
    names = sorted(path.name for path in (folder / "wsc_output").glob("model.ckpt-*.index"))
    steps = [0, 5, 10, 12]
    assert names == sorted("model.ckpt-{}.index".format(step) for step in steps)


def test_a_later_evaluation_chooses_the_best(folder, done):
    """As an evaluation during training does; predictions are the best checkpoint's."""
    out = out_of(done, "wsc predict")
    assert "comparing 4 checkpoints by eval_accuracy" in out
    figures = [
        float(line.rsplit(" ", 1)[1]) for line in out.split("\n") if " eval_accuracy = " in line
    ]
    best = results_of(folder / "wsc_output")
    assert best["eval_accuracy"] == max(figures) and len(set(figures)) > 1
    assert best == results_of(folder / "wsc_output" / "best")
    out_of(done, "wsc at once")
    assert best["eval_accuracy"] >= results_of(folder / "at_once")["eval_accuracy"]
    prefix = tf.train.latest_checkpoint(str(folder / "wsc_output" / "best"))
    assert "predicting 6 examples" in out and "with {}".format(prefix) in out
    rows = (folder / "wsc_output" / "cluewsc2020_predict.json").read_text().splitlines()
    assert [json.loads(row)["id"] for row in rows] == list(range(6))


def test_the_choice_stays(folder, done):
    """Of a second evaluation, and of a prediction alone, with another size of its batches."""
    assert "comparing 4 checkpoints" in out_of(done, "wsc again")
    out = out_of(done, "wsc only predict")
    prefix = tf.train.latest_checkpoint(str(folder / "wsc_output" / "best"))
    assert "with {}".format(prefix) in out and "comparing" not in out


def test_a_training_that_evaluates_afterwards_looks_at_all(folder, done):
    out = out_of(done, "late both")
    assert "nothing to train: step 12 of 12 is done" in out
    assert out.count("predicting 12 examples") == 4
    best = results_of(folder / "late" / "best")
    assert best["eval_accuracy"] == results_of(folder / "wsc_output")["eval_accuracy"]


def test_a_classifier_of_another_task_starts_without_its_output_layer(folder, done):
    out = out_of(done, "AFQMC train")
    start = tf.train.latest_checkpoint(str(folder / "start"))
    assert "the output layer of {} is of another size (".format(start) in out
    assert "output_bias [3], here [2]" in out
    assert "WARNING: the task's head" not in out
    out_of(done, "AFQMC predict")
    assert (folder / "AFQMC_output" / "afqmc_predict.json").exists()
    # Without training there is nothing to make the new layer with.
    assert "was trained with contradiction, entailment, neutral" in error_of(done, "wrong start")


def test_refusals(done):
    assert "--keep_checkpoint_max=-1 must not be negative" in error_of(done, "negative")
    assert "names a task twice" in error_of(done, "twice")
