"""run_finetuning.py and run_prediction.py on texts with any number of labels."""

import filecmp
import json
import os
import shutil

import medical_tags
import numpy as np
import pytest
import script_driver
from finetuning_runs import make_examples
from medical_tags import TAGS, flags_of, indicators_of
from record_files import TINY_CONFIG, write_json
from script_driver import error_of, out_of

pytestmark = pytest.mark.tf1


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("tags")


@pytest.fixture(scope="module")
def made(folder):
    """dict split -> (text, tags)."""
    made = medical_tags.make_files(folder)
    (folder / "both" / "multi_label").mkdir(parents=True)
    (folder / "both" / "tsv").mkdir()
    for split in made:
        source = folder / "data" / (split + ".tsv")
        shutil.copy(str(source), str(folder / "both" / "multi_label"))
        lines = ["{1}\t{0}\n".format(*row) for row in make_examples(40, len(split))]
        path = folder / "both" / "tsv" / (split + ".tsv")
        path.write_text("".join(lines), encoding="utf-8")
    vocab_size = len((folder / "vocab.txt").read_text(encoding="utf-8").split())
    electra = {"vocab_size": vocab_size, "model_type": "electra", "embedding_size": 8}
    write_json(folder / "electra.json", dict(TINY_CONFIG, **electra))
    return made


@pytest.fixture(scope="module")
def done(folder, made):
    """name -> [exit code, stdout, stderr]; runs in this order."""
    no_train = {"do_train": None, "do_predict": None}
    short = {"num_train_epochs": 0.3, "do_eval": None}
    straight = str(folder / "straight")
    runs = {
        "straight": {},
        "json": dict(no_train, place="json", init_checkpoint=straight + "/best"),
        "bars": dict(short, place="bars", label_separator="|"),
        "asked": {"place": "bars"},
        "electra": {
            "num_train_epochs": 1,
            "bert_config_file": str(folder / "electra.json"),
            "layerwise_lr_decay": 0.8,
            "do_eval": None,
        },
        "trials": dict(short, num_trials=2),
        "both": {
            "num_train_epochs": 0.1,
            "do_predict": None,
            "place": "both",
            "task_name": "multi_label,tsv",
        },
        "threshold": dict(no_train, output_dir=straight, decision_threshold=0.95),
        "again": dict(no_train, output_dir=straight),
        "resumed otherwise": {"output_dir": straight, "decision_threshold": 0.3},
        "as one class": dict(
            no_train, task_name="tsv", init_checkpoint=straight, output_dir=str(folder / "x")
        ),
        "of one class": {"task_name": "tsv", "place": "both/tsv", "decision_threshold": 0.3},
        "a start of one class": {
            "num_train_epochs": 0.5,
            "do_eval": None,
            "do_predict": None,
            "init_checkpoint": straight,
            "task_name": "tsv",
            "place": "four",
        },
        "labels that are not known": {"labels": ",".join(TAGS[:2])},
    }
    rows = ["{}\t{}\n".format(row[1], i % 4) for i, row in enumerate(make_examples(40, 1))]
    (folder / "four").mkdir()
    for split in ("train", "dev"):
        (folder / "four" / (split + ".tsv")).write_text("".join(rows), encoding="utf-8")
    commands = []
    for name, changes in runs.items():
        flags = dict({"output_dir": str(folder / name)}, **changes)
        commands.append(flags_of(folder, **flags))
    return dict(zip(runs, script_driver.run_many("run_finetuning", commands, timeout=1500)))


@pytest.fixture(scope="module")
def predicted(folder, made, done):
    """name -> [exit code, stdout, stderr] of run_prediction.py on the texts of test examples."""
    texts = "".join(text + "\n" for text, _ in made["test"])
    runs = {
        "straight": {"init_checkpoint": folder / "straight" / "best"},
        "threshold": {
            "init_checkpoint": folder / "straight" / "best",
            "decision_threshold": 0.95,
        },
        "no threshold": {"init_checkpoint": folder / "straight", "decision_threshold": 1.5},
        "of several": {"init_checkpoint": folder / "both", "task_name": "multi_label"},
        "one class": {
            "init_checkpoint": folder / "both",
            "task_name": "tsv",
            "decision_threshold": 0.5,
        },
        "electra": {
            "init_checkpoint": folder / "electra",
            "bert_config_file": folder / "electra.json",
        },
    }
    commands = []
    for changes in runs.values():
        flags = {
            "task": "classify",
            "bert_config_file": folder / "config.json",
            "vocab_file": folder / "vocab.txt",
        }
        flags.update(changes)
        commands.append(["--{}={}".format(*flag) for flag in flags.items()])
    results = script_driver.run_many("run_prediction", commands, [texts] * len(commands))
    return dict(zip(runs, results))


def figures_of(path):
    lines = path.read_text().splitlines()
    return {name: float(value) for name, value in (line.split(" = ") for line in lines)}


def probabilities_of(folder, split):
    return np.loadtxt(str(folder / (split + "_results.tsv")), delimiter="\t")


def micro_f1(right, chosen):
    hits = np.sum(right * chosen)
    return 2 * hits / (np.sum(right) + np.sum(chosen))


def test_a_run_learns_and_leaves_its_files(folder, made, done):
    out, place = out_of(done, "straight"), folder / "straight"
    assert "task: multi_label, labels " in out and " (found in train)" in out
    count = indicators_of(made["train"]).sum()
    without = sum(not tags for _, tags in made["train"])
    assert without > 20
    assert (
        "train: {:,} labels, {:.2f} an example, ".format(count, count / len(made["train"])) in out
    )
    assert "{} of {} examples have none".format(without, len(made["train"])) in out
    figures = figures_of(place / "eval_results.txt")
    assert figures["eval_micro_f1"] > 0.8 and figures == figures_of(place / "best/eval_results.txt")
    for split, prefix, file in (("dev", "eval", "eval_results"), ("test", "test", "test_scores")):
        right = indicators_of(made[split])
        chosen = (probabilities_of(place, split) >= 0.5).astype(int)
        figures = figures_of(place / (file + ".txt"))
        assert figures[prefix + "_micro_f1"] == pytest.approx(micro_f1(right, chosen))
        of_tags = [micro_f1(r, c) for r, c in zip(right.T, chosen.T)]
        assert figures[prefix + "_macro_f1"] == pytest.approx(np.mean(of_tags))
        exact = np.mean((right == chosen).all(axis=1))
        assert figures[prefix + "_exact_match"] == pytest.approx(exact)
        lines = (place / (split + "_labels.txt")).read_text(encoding="utf-8").split("\n")[:-1]
        assert lines == [",".join(t for t, c in zip(TAGS, row) if c) for row in chosen]
        assert "" in lines and any("," in line for line in lines)
        table = (place / (split + "_label_scores.tsv")).read_text(encoding="utf-8").splitlines()
        cells = [line.split("\t") for line in table[1:]]
        assert [row[0] for row in cells] == TAGS
        assert [int(row[1]) for row in cells] == right.sum(axis=0).tolist()
        assert [float(row[5]) for row in cells] == pytest.approx(of_tags, abs=1e-4)
    assert "multi_label dev micro_f1 / macro_f1: " in out
    saved = json.loads((place / "task.json").read_text(encoding="utf-8"))
    assert (saved["kind"], saved["labels"]) == ("multi_label", TAGS)
    assert saved["row_options"] == {"label_separator": ",", "decision_threshold": 0.5}


def test_files_of_other_forms_are_the_same_to_the_bit(folder, done):
    out_of(done, "json")
    for file in ("dev_results.tsv", "dev_labels.txt", "dev_label_scores.tsv"):
        assert_same(folder, "straight", "json", file)
    # Rows of a run that does not train have a name of their own.
    (rows,) = (folder / "json").glob("eval-*.tf_record")
    assert rows.read_bytes() == (folder / "straight" / "eval.tf_record").read_bytes()


def test_a_run_is_the_same_to_the_bit(folder, done):
    """The same examples, flags and seed give the same rows and weights, whatever is between the
    labels."""
    out_of(done, "bars")
    for file in ("train.tf_record", "predict.tf_record"):
        assert_same(folder, "trials", "bars", file)
    assert_same(folder, "trials/trial_0", "bars", "test_results.tsv")
    lines = (folder / "bars" / "test_labels.txt").read_text(encoding="utf-8")
    commas = (folder / "trials/trial_0" / "test_labels.txt").read_text(encoding="utf-8")
    assert lines.replace("|", ",") == commas


def assert_same(folder, one, other, file):
    paths = [os.path.join(str(folder), run, file) for run in (one, other)]
    assert filecmp.cmp(*paths, shallow=False), paths


def test_a_separator_is_asked_for_where_labels_look_like_several(done):
    assert "seems to be several; say what separates labels: --label_separator='|'" in error_of(
        done, "asked"
    )


def test_trials_and_several_tasks(folder, made, done):
    out_of(done, "electra")
    assert "multi_label test micro_f1 / macro_f1: " in out_of(done, "trials")
    trials = json.loads((folder / "trials" / "trials.json").read_text())
    assert len(trials) == 2 and all("test_macro_f1" in trial for trial in trials)
    out_of(done, "both")
    figures = figures_of(folder / "both" / "eval_results.txt")
    right = indicators_of(made["dev"])
    chosen = (probabilities_of(folder / "both" / "multi_label", "dev") >= 0.5).astype(int)
    assert figures["multi_label_eval_micro_f1"] == pytest.approx(micro_f1(right, chosen))
    mean = (figures["multi_label_eval_micro_f1"] + figures["tsv_eval_accuracy"]) / 2
    assert figures["eval_mean"] == pytest.approx(mean)


def test_another_threshold_has_results_of_its_own(folder, made, done):
    """Those of the training stay what they are."""
    out = out_of(done, "threshold")
    assert "settings of dev rows differ from those of the training" in out
    (own,) = [name for name in os.listdir(str(folder / "straight")) if "evaluation-" in name]
    figures = figures_of(folder / "straight" / own / "eval_results.txt")
    chosen = (probabilities_of(folder / "straight", "dev") >= 0.95).astype(int)
    expected = micro_f1(indicators_of(made["dev"]), chosen)
    assert figures["eval_micro_f1"] == pytest.approx(expected)
    out = out_of(done, "again")
    assert "--decision_threshold=0.5" in out and "predictions of dev examples are kept" in out
    assert "--decision_threshold=0.5, not 0.3; use another --output_dir" in error_of(
        done, "resumed otherwise"
    )


def test_a_model_of_another_kind(done):
    assert "was fine-tuned for 'multi_label', not for classification" in error_of(
        done, "as one class"
    )
    assert (
        "--decision_threshold is for multi-label classification and has no meaning for "
        "--task_name=tsv" in error_of(done, "of one class")
    )
    out = out_of(done, "a start of one class")
    assert " is of multi_label; task tsv (classification) starts from it" in out
    assert "unknown label" in error_of(done, "labels that are not known")


def test_prediction(folder, made, predicted):
    lines = [json.loads(line) for line in out_of_lines(predicted, "straight")]
    probabilities = probabilities_of(folder / "straight", "test")
    assert [line["text"] for line in lines] == [text for text, _ in made["test"]]
    for line, row in zip(lines, probabilities):
        assert list(line) == ["text", "labels", "probabilities"]
        assert list(line["probabilities"]) == TAGS
        np.testing.assert_allclose(list(line["probabilities"].values()), row, atol=1e-4)
        order = sorted(range(len(TAGS)), key=lambda i: -row[i])
        assert line["labels"] == [TAGS[i] for i in order if row[i] >= 0.5]
    sure = [json.loads(line) for line in out_of_lines(predicted, "threshold")]
    for line, row in zip(sure, probabilities):
        assert set(line["labels"]) == {t for t, p in zip(TAGS, row) if p >= 0.95}
    assert "--decision_threshold=1.5 must be below 1" in error_of(predicted, "no threshold")
    said = "error: --decision_threshold is for models whose texts may have any number of labels"
    assert predicted["one class"][2].splitlines()[-1].startswith(said)
    lines = [json.loads(line) for line in out_of_lines(predicted, "of several")]
    assert len(lines) == len(made["test"])
    lines = [json.loads(line) for line in out_of_lines(predicted, "electra")]
    shares = probabilities_of(folder / "electra", "test")
    for line, row in zip(lines, shares):
        np.testing.assert_allclose(list(line["probabilities"].values()), row, atol=1e-4)


def out_of_lines(done, name):
    """Lines of results; the log goes to standard error."""
    code, out, err = done[name]
    assert code == 0, err
    return out.splitlines()
