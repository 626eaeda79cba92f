"""run_finetuning.py from the command line: a tiny task, its resumption, trials, every refusal."""

import importlib.util
import json
import shutil

import numpy as np
import pytest
import script_driver
import tensorflow.compat.v1 as tf
from finetuning_runs import EXAMPLES, flags_of, make_examples, make_task
from record_files import TINY_CONFIG, write_json
from script_driver import out_of
from tpu_support import said_of_a_tpu

pytestmark = pytest.mark.tf1


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A task, a vocabulary and a config."""
    path = tmp_path_factory.mktemp("finetuning")
    make_task(path)
    return path


def run_many(command_lines):
    return script_driver.run_many("run_finetuning", command_lines)


@pytest.fixture(scope="module")
def done(folder):
    """name -> [exit code, stdout, stderr]; runs in this order."""
    only = {"do_train": None, "do_predict": None}
    best = str(folder / "straight" / "best")
    runs = {
        "straight": flags_of(folder, output_dir=str(folder / "straight")),
        "again": flags_of(folder, output_dir=str(folder / "straight")),
        "evaluated": flags_of(folder, output_dir=str(folder / "e"), init_checkpoint=best, **only),
        "trials": flags_of(
            folder, output_dir=str(folder / "trials"), num_trials=2, num_train_epochs=1
        ),
        "same start": flags_of(
            folder,
            output_dir=str(folder / "same"),
            num_trials=2,
            num_train_epochs=1,
            init_checkpoint=best,
            do_eval=None,
            do_predict=None,
        ),
        "no dev": flags_of(
            folder,
            output_dir=str(folder / "plain"),
            do_eval=None,
            init_checkpoint=best,
            optimizer="lamb",
            gradient_accumulation_steps=2,
            num_train_epochs=1,
        ),
    }
    plain = {"output_dir": str(folder / "plain"), "do_train": None, "do_eval": None}
    runs["predicted"] = flags_of(folder, max_seq_length=None, **plain)
    runs["secret"] = flags_of(
        folder,
        data_dir=str(folder / "secret"),
        output_dir=str(folder / "s"),
        init_checkpoint=best,
        do_train=None,
        do_eval=None,
    )
    (folder / "secret").mkdir()
    lines = ["0\t{}\n".format(text) for _, text in make_examples(9, 5)]
    test_file = folder / "secret" / "test.tsv"
    test_file.write_text("label\ttext_a\n" + "".join(lines), encoding="utf-8")
    results = run_many(list(runs.values()))
    return dict(zip(runs, results))


def test_placeholders_are_predicted_and_not_scored(folder, done):
    """test.tsv with 0 in place of each label, as CLUE's programs fill it."""
    out = out_of(done, "secret")
    path = folder / "secret" / "test.tsv"
    assert "all 9 examples of {} have the same label, '0'; these are taken".format(path) in out
    assert "test_accuracy" not in out and not list(folder.glob("s/**/test_scores.txt"))
    assert len(list(folder.glob("s/**/test_labels.txt"))) == 1


def results_of(folder):
    with open(str(folder / "eval_results.txt"), encoding="utf-8") as reader:
        return {k: float(v) for k, v in (line.rstrip("\n").split(" = ") for line in reader)}


def labels_of(folder, split):
    lines = (folder / "data" / (split + ".tsv")).read_text(encoding="utf-8").split("\n")[1:-1]
    return [int(line[0]) for line in lines]


def predictions_of(folder):
    return np.loadtxt(str(folder / "test_results.tsv"), delimiter="\t")


def scores_in_tensorboard(folder):
    """{step: accuracy on the dev examples}."""
    (path,) = (folder / "eval").glob("events.*")
    return {
        event.step: value.simple_value
        for event in tf.train.summary_iterator(str(path))
        for value in event.summary.value
        if value.tag == "eval_accuracy"
    }


def test_a_run_learns_and_leaves_its_files(folder, done):
    out, made = out_of(done, "straight"), folder / "straight"
    assert "task: chnsenticorp, labels 0, 1 (of the task)" in out
    assert "train: 96 examples, 0 (0.0%) cut at --max_seq_length=12, 33.3% padding" in out
    for step in (12, 24, 36):
        assert (
            "predicting 24 examples of {} with {}".format(
                folder / "straight" / "eval.tf_record", made / "model.ckpt-{}".format(step)
            )
            in out
        )
    results = results_of(made)
    assert sorted(results) == [
        "eval_accuracy",
        "eval_loss",
        "eval_macro_f1",
        "eval_mcc",
        "eval_micro_f1",
        "global_step",
    ]
    assert results == results_of(made / "best")
    assert results["eval_accuracy"] > 0.9
    probabilities = predictions_of(made)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, atol=1e-5)
    right = np.mean(probabilities.argmax(axis=1) == labels_of(folder, "test"))
    assert right > 0.9 and "test_accuracy = {}".format(right) in out
    assert "test_accuracy = {}\n".format(right) in (made / "test_scores.txt").read_text()
    assert "WARNING: no --init_checkpoint: fine-tuning starts from random weights" in out
    # The same lines, with their date, after the command line.
    started, *logged = (made / "log.txt").read_text(encoding="utf-8").splitlines()
    assert " started: " in started
    assert [line.split(" ", 2)[2] for line in logged] == [
        line.split(" ", 1)[1] for line in out.splitlines()
    ]
    assert scores_in_tensorboard(made)[36] == pytest.approx(results["eval_accuracy"])
    assert sorted(scores_in_tensorboard(made)) == [12, 24, 36]
    shown = (made / "test_labels.txt").read_text().split()
    assert shown == [str(label) for label in probabilities.argmax(axis=1)]
    saved = json.loads((made / "task.json").read_text())
    assert (saved["labels"], saved["max_seq_length"]) == (["0", "1"], 12)


def test_a_finished_run_is_not_trained_again(folder, done):
    out = out_of(done, "again")
    assert "nothing to train: step 36 of 36 is done" in out
    assert "the best checkpoint, of step" in out


def test_an_initial_checkpoint_is_evaluated(folder, done):
    out_of(done, "evaluated")
    expected, results = results_of(folder / "straight"), results_of(folder / "e")
    assert results == pytest.approx(expected, rel=1e-6)


def test_a_killed_run_goes_on(folder, done):
    """Killed after the first epoch's checkpoint, before its evaluation."""
    straight, killed = folder / "straight", folder / "killed"
    shutil.copytree(str(straight), str(killed))
    shutil.rmtree(str(killed / "best"))
    for path in list(killed.glob("model.ckpt-24*")) + list(killed.glob("model.ckpt-36*")):
        path.unlink()
    (killed / "eval_results.txt").unlink()
    (killed / "checkpoint").write_text('model_checkpoint_path: "model.ckpt-12"\n')
    ((code, out, err),) = run_many([flags_of(folder, output_dir=str(killed))])
    assert (code, err) == (0, ""), err
    assert "RESUME: continuing from {}".format(killed / "model.ckpt-12") in out
    readers = [tf.train.NewCheckpointReader(str(f / "model.ckpt-36")) for f in (straight, killed)]
    names = readers[0].get_variable_to_shape_map()
    for name in names:
        np.testing.assert_array_equal(*[r.get_tensor(name) for r in readers], err_msg=name)
    assert results_of(killed) == results_of(straight)
    np.testing.assert_array_equal(predictions_of(killed), predictions_of(straight))


def test_predicting_alone_takes_what_training_had(folder, done):
    """Length and case from task.json, which stays as it is."""
    out = out_of(done, "predicted")
    assert "--do_lower_case=True --max_seq_length=12" in out
    assert json.loads((folder / "plain" / "task.json").read_text())["max_seq_length"] == 12


def run_again(folder, output_dir, **changes):
    ((code, out, err),) = run_many([flags_of(folder, output_dir=str(output_dir), **changes)])
    assert (code, err) == (0, ""), err
    return out


def test_a_run_killed_behind_its_last_checkpoint_is_evaluated(folder, done):
    """Before its evaluation, and between that and the copy of the best checkpoint."""
    straight, killed = folder / "straight", folder / "killed last"
    shutil.copytree(str(straight), str(killed))
    shutil.rmtree(str(killed / "best"))
    (killed / "eval_results.txt").unlink()
    out = run_again(folder, killed, do_predict=None)
    assert "predicting 24 examples" in out and "kept in {}".format(killed / "best") in out
    assert results_of(killed)["global_step"] == 36
    shutil.rmtree(str(killed / "best"))
    # No file says that an evaluation was finished: it is made again.
    assert "predicting 24 examples" in run_again(folder, killed, do_predict=None)
    assert results_of(killed / "best")["global_step"] == 36


def test_releases_and_hugging_face_directories_are_evaluated(folder, done):
    """Neither holds a step."""
    best = str(folder / "straight" / "best")
    config, vocab = str(folder / "config.json"), str(folder / "vocab.txt")
    source = ["--tf_checkpoint_path=" + best, "--config_file=" + config, "--vocab_file=" + vocab]
    starts = [str(folder / "release")]
    commands = [source + ["--strip_optimizer=" + starts[0]]]
    if importlib.util.find_spec("torch"):
        starts.append(str(folder / "hf"))
        commands.append(source + ["--pytorch_dump_path=" + starts[1]])
    for code, _, err in script_driver.run_many("convert_checkpoint", commands):
        assert code == 0, err
    for start in starts:
        output_dir = folder / ("from " + start.split("/")[-1])
        run_again(folder, output_dir, do_train=None, max_seq_length=None, init_checkpoint=start)
        expected = dict(results_of(folder / "straight"), global_step=0)
        assert results_of(output_dir) == pytest.approx(expected, rel=1e-5)
        np.testing.assert_allclose(
            predictions_of(output_dir), predictions_of(folder / "straight"), atol=1e-6
        )


def test_trials(folder, done):
    out = out_of(done, "trials")
    trials = json.loads((folder / "trials" / "trials.json").read_text())
    assert len(trials) == 2
    for number, trial in enumerate(trials):
        results = results_of(folder / "trials" / "trial_{}".format(number))
        assert {name: trial[name] for name in results} == results
    accuracies = [trial["eval_accuracy"] for trial in trials]
    shown = "chnsenticorp eval_accuracy: {:.1f} ({:.1f})".format(
        100 * max(accuracies), 100 * np.mean(accuracies)
    )
    assert shown in out
    weights = [
        tf.train.NewCheckpointReader(str(folder / "trials" / name / "model.ckpt-12")).get_tensor(
            "bert/pooler/dense/kernel"
        )
        for name in ("trial_0", "trial_1")
    ]
    assert np.abs(weights[0] - weights[1]).max() > 0.01


def test_seeds_change_more_than_the_first_weights(folder, done):
    """The order of the examples and dropout."""
    out_of(done, "same start")
    weights = [
        tf.train.NewCheckpointReader(str(folder / "same" / name / "model.ckpt-12")).get_tensor(
            "output_weights"
        )
        for name in ("trial_0", "trial_1")
    ]
    assert np.abs(weights[0] - weights[1]).max() > 1e-4


def test_without_dev_examples_the_last_checkpoint_predicts(folder, done):
    out = out_of(done, "no dev")
    assert "with {}".format(folder / "plain" / "model.ckpt-12") in out
    assert not (folder / "plain" / "best").exists()
    assert len(predictions_of(folder / "plain")) == EXAMPLES["test"]
    assert "WARNING: the task's head of {}".format(folder / "straight" / "best") in out
    slots = tf.train.NewCheckpointReader(str(folder / "plain" / "model.ckpt-12"))
    assert slots.has_tensor("output_weights/lamb_m")


def test_refusals(folder, done, tmp_path):
    (tmp_path / "wrong").mkdir()
    (tmp_path / "wrong" / "train.tsv").write_text("0\tx\n", encoding="utf-8")
    for name, label in (("unknown", "3"), ("unlabelled", None)):
        (tmp_path / name).mkdir()
        for split in ("train", "dev"):
            line = "好" if label is None and split == "dev" else "好\t{}".format(label or 0)
            (tmp_path / name / (split + ".tsv")).write_text((line + "\n") * 8, encoding="utf-8")
    pairs = tmp_path / "pairs"
    pairs.mkdir()
    (tmp_path / "other").mkdir()
    for split in ("train", "dev", "test"):
        lines = "".join("好{0}\t坏{0}\t{1}\n".format(i, i % 3) for i in range(9))
        (pairs / (split + ".tsv")).write_text(lines, encoding="utf-8")
        (tmp_path / "other" / (split + ".tsv")).write_text("好\t1\n" * 9, encoding="utf-8")
    write_json(tmp_path / "config.json", dict(TINY_CONFIG, vocab_size=99))
    one_type = dict(TINY_CONFIG, vocab_size=23, type_vocab_size=1)
    write_json(tmp_path / "one_type.json", one_type)
    best = str(folder / "nothing")
    cases = [
        ({"do_train": None, "do_eval": None, "do_predict": None}, "nothing to do; give --do_train"),
        ({"task_name": None}, "--task_name is required"),
        ({"data_dir": None}, "--data_dir is required"),
        ({"vocab_file": None}, "--vocab_file is required"),
        ({"task_name": "xyz"}, "task 'xyz' is not known (--task_name); known are"),
        ({"num_trials": 0}, "--num_trials=0 must be positive"),
        ({"num_train_epochs": 0}, "--num_train_epochs=0.0 must be positive"),
        ({"warmup_proportion": 1}, "--warmup_proportion=1.0 must be below 1"),
        ({"warmup_proportion": -1}, "--warmup_proportion=-1.0 must not be negative"),
        ({"max_seq_length": 4}, "--max_seq_length=4 is below 8"),
        ({"max_seq_length": 99}, "--max_seq_length=99 is more than max_position_embeddings 16"),
        ({"train_batch_size": 100}, "--train_batch_size=100 is more than the 96 training examples"),
        ({"labels": "a,b"}, "--labels=a,b, but task chnsenticorp has the labels 0,1"),
        ({"data_dir": str(tmp_path / "none")}, "none does not exist; give the folder that holds"),
        ({"data_dir": str(pairs / "dev.tsv")}, "dev.tsv is a file; give the folder that holds tra"),
        ({"data_dir": str(tmp_path)}, "holds no train.tsv or train.txt or train.csv"),
        ({"data_dir": str(tmp_path / "wrong")}, "holds no dev.tsv or dev.txt or dev.csv"),
        ({"data_dir": str(tmp_path / "unknown")}, "line 1: unknown label '3'; known are 0, 1"),
        ({"data_dir": str(tmp_path / "unlabelled")}, "dev.tsv, line 1 has no label"),
        (
            {"bert_config_file": str(tmp_path / "config.json")},
            "vocabulary sizes differ: {} holds 23 tokens".format(folder / "vocab.txt"),
        ),
        ({"do_train": None}, "nothing to evaluate or predict with: --output_dir"),
        ({"init_checkpoint": best}, "checkpoint {} does not exist".format(best)),
        (
            {"output_dir": str(folder / "plain"), "data_dir": str(tmp_path / "other")},
            "was trained with other train examples than are in",
        ),
        (
            {"output_dir": str(folder / "plain"), "max_seq_length": 14},
            "is trained with --max_seq_length=12, not 14; use another --output_dir, or remove",
        ),
        (
            {
                "init_checkpoint": str(folder / "straight"),
                "task_name": "tsv",
                "labels": "1,0",
                "do_train": None,
            },
            "the model in {} was trained with 0, 1; give one that has".format(folder / "straight"),
        ),
        (
            {"output_dir": str(folder / "plain"), "task_name": "tsv", "labels": "1,0"},
            "--task_name was chnsenticorp and is tsv; take another --output_dir",
        ),
        (
            {
                "bert_config_file": str(tmp_path / "one_type.json"),
                "data_dir": str(pairs),
                "task_name": "tsv",
            },
            "line 1 is a pair of texts, but {} has token types for one".format(
                tmp_path / "one_type.json"
            ),
        ),
        ({"distribution": "mirrored", "use_tpu": True}, "exclude each other"),
        (
            {"use_tpu": True, "tpu_name": "grpc://127.0.0.1:1"},
            said_of_a_tpu("no TPU answers at grpc://127.0.0.1"),
        ),
    ]
    results = run_many(
        [
            flags_of(folder, **dict({"output_dir": str(tmp_path / "refused")}, **changes))
            for changes, _ in cases
        ]
    )
    for (code, _, err), (_, message) in zip(results, cases):
        assert code == 1 and err.startswith("error: ") and err.count("\n") == 1, err
        assert message in err
    assert not list((tmp_path / "refused").glob("model.ckpt*"))


def test_predictions_are_hugging_faces(folder, done):
    """The probabilities of the test examples, by BertForSequenceClassification."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    from modeling.conversion.name_tables import BERT

    prefix = tf.train.latest_checkpoint(str(folder / "straight" / "best"))
    reader = tf.train.NewCheckpointReader(prefix)
    names = reader.get_variable_to_shape_map()
    arrays = {n: reader.get_tensor(n) for n in names}
    state = BERT.to_huggingface(arrays).tensors
    with open(str(folder / "config.json"), encoding="utf-8") as f:
        config = transformers.BertConfig(**json.load(f), num_labels=2)
    model = transformers.BertForSequenceClassification(config).eval()
    loaded = model.load_state_dict({n: torch.tensor(v) for n, v in state.items()}, strict=False)
    assert not loaded.unexpected_keys
    tokenizer = transformers.BertTokenizer(str(folder / "vocab.txt"))
    text = (folder / "data" / "test.tsv").read_text(encoding="utf-8").split("\n")[1:-1]
    batch = tokenizer([t.split("\t")[1] for t in text], padding=True, return_tensors="pt")
    with torch.no_grad():
        expected = torch.softmax(model(**batch).logits, dim=-1).numpy()
    np.testing.assert_allclose(predictions_of(folder / "straight"), expected, atol=1e-5)
