"""Evaluations and resumptions with other records than those of the steps before."""

import os

import pytest
from pretraining_runs import flags_of, results_of, run_many
from record_files import TINY_CONFIG, tagged_records, write_json, write_records

pytestmark = pytest.mark.tf1

EVALUATED = {
    "do_eval": True,
    "num_train_steps": 8,
    "save_checkpoints_steps": 2,
    "objective": "lert",
}


def only_evaluated(folder, output, records):
    changes = {"output_dir": str(folder / output), "do_train": None, "do_eval": True}
    return flags_of(folder, eval_file=str(folder / records), **changes)


def trained(folder, output, steps, **changes):
    settings = dict(EVALUATED, output_dir=str(folder / output), stop_step=steps)
    return flags_of(folder, **dict(settings, **changes))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("others")
    write_records(path / "train.tfrecord", tagged_records(32))
    write_records(path / "dev.tfrecord", tagged_records(9, seed=9))
    write_records(path / "others.tfrecord", tagged_records(7, seed=5))
    write_json(path / "config.json", TINY_CONFIG)
    return path


@pytest.fixture(scope="module")
def done(folder):
    dev = str(folder / "dev.tfrecord")
    runs = {
        "trained": trained(folder, "out", 4, eval_file=dev),
        "others": only_evaluated(folder, "out", "others.tfrecord"),
        "own": only_evaluated(folder, "out", "dev.tfrecord"),
        "resumed": trained(folder, "out", 6, eval_file=dev),
        "other data": trained(folder, "out", 8, input_file=dev, eval_file=dev),
        "other evaluation": trained(folder, "out", 8, eval_file=str(folder / "others.tfrecord")),
        "without": trained(folder, "plain", 2, do_eval=None),
        "plain": only_evaluated(folder, "plain", "others.tfrecord"),
        "then with": trained(folder, "plain", 2, eval_file=dev),
        "straight": trained(folder, "straight", 6, eval_file=dev),
    }
    results = dict(zip(runs, run_many(list(runs.values()))))
    code, _, refused = results.pop("other data")
    assert code == 1
    assert [(code, err) for code, _, err in results.values()] == [(0, "")] * len(results), results
    return dict({name: out for name, (_, out, _) in results.items()}, refused=refused)


def names_in(folder):
    return sorted(name for name in os.listdir(str(folder)) if name.startswith("eval_"))


def test_the_figures_of_a_training_are_its_own(folder, done):
    own = ["eval_dep.tsv", "eval_ner.tsv", "eval_pos.tsv", "eval_results.txt"]
    assert names_in(folder / "straight") == own
    digests = set()
    for name in names_in(folder / "out"):
        if name.count(".") == 2:
            digests.add(name.split(".")[1])
    assert len(digests) == 2
    names = [n.format(d) for d in digests for n in (n.replace(".", ".{}.") for n in own)]
    assert names_in(folder / "out") == sorted(own + names)
    for run, records in (("others", "others.tfrecord"), ("own", "dev.tfrecord")):
        (said,) = [line for line in done[run].splitlines() if "the figures are in" in line]
        path = folder / "out" / said.split("the figures are in ")[1].split(",")[0]
        lines = path.read_text().splitlines()
        assert lines[:2] == ["records = {}".format(records), "global_step = 4"]


def test_a_resumed_training_takes_no_figures_of_others(folder, done):
    """It ends with the best checkpoint of the undisturbed run."""
    assert done["resumed"].count("evaluating ") == 2
    assert "WARNING" not in done["resumed"]
    ends = [done[run].splitlines()[-1].split(" ", 1)[1] for run in ("resumed", "straight")]
    assert ends[0].replace("/out/", "/straight/") == ends[1] and "the best so far" in ends[1]
    # Where no training has evaluated, an evaluation alone has the usual name.
    assert "the figures are in" not in done["plain"]
    # The training that evaluates from here on does not take it for its own.
    figures = dict(results_of(folder / "plain"))
    assert figures == dict(results_of(folder / "plain" / "best")) and figures["global_step"] == 2
    assert done["then with"].count("evaluating ") == 1


def test_a_training_on_other_records_is_refused(folder, done):
    assert done["refused"].startswith(
        "error: --output_dir {} holds another experiment, trained to step 6: --input_file was 1 "
        "files of ".format(folder / "out")
    )


def test_an_evaluation_on_other_records_is_told(done):
    (warned,) = [line for line in done["other evaluation"].splitlines() if "WARNING" in line]
    assert "the steps before were evaluated on other records (1 files of " in warned
