"""Evaluations and resumptions with other records than those of the steps before."""

import os
import re

import numpy as np
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


def only_evaluated(folder, output, records, **changes):
    """Without --input_file."""
    settings = {"output_dir": str(folder / output), "do_train": None, "do_eval": True}
    settings.update(changes, input_file=None, eval_file=str(folder / records))
    return flags_of(folder, **settings)


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
        "initial": only_evaluated(
            folder,
            "initial",
            "dev.tfrecord",
            init_checkpoint=str(folder / "out"),
            num_train_steps=8,
        ),
        "resumed": trained(folder, "out", 6, eval_file=dev),
        "other data": trained(folder, "out", 8, input_file=dev, eval_file=dev),
        "other evaluation": trained(folder, "out", 8, eval_file=str(folder / "others.tfrecord")),
        "without": trained(folder, "plain", 2, do_eval=None),
        "compared": ["--compare", str(folder / "out/best"), str(folder / "initial")],
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
    own += [name.replace(".", ".start.") for name in own]
    assert sorted(names_in(folder / "straight")) == sorted(own)
    digests = set()
    for name in names_in(folder / "out"):
        if name.count(".") == 2 and ".start." not in name:
            digests.add(name.split(".")[1])
    assert len(digests) == 2
    names = [n.replace(".", ".{}.".format(d)) for d in digests for n in own if "start" not in n]
    assert names_in(folder / "out") == sorted(own + names)
    for run, records in (("others", "others.tfrecord"), ("own", "dev.tfrecord")):
        (said,) = [line for line in done[run].splitlines() if "the figures are in" in line]
        path = folder / "out" / said.split("the figures are in ")[1].split(",")[0]
        lines = path.read_text().splitlines()
        assert lines[0] == "global_step = 4" and "records = {}".format(records) in lines


def test_the_evaluation_of_an_initial_checkpoint_has_its_step(folder, done):
    """Weights of losses depend on it; the figures are those of the same checkpoint elsewhere."""
    initial = dict(results_of(folder / "initial"))
    assert initial["global_step"] == 4 and initial["pos_weight"] == 1
    (own,) = re.findall(r"the figures are in (\S+),", done["own"])
    assert dict(results_of(folder / "out", own)) == pytest.approx(initial, rel=1e-6)
    assert "on the same 9 rows of dev.tfrecord (all of them):" in done["compared"]


def said_at_the_end(out):
    """What the log says of the best checkpoint last, and the table after it; without times."""
    lines = [line.split(" ", 1)[1] for line in out.splitlines()]
    return lines[max(i for i, line in enumerate(lines) if "the best so far" in line) :]


def test_the_last_lines_are_the_figures_before_and_after(folder, done):
    lines = said_at_the_end(done["straight"])
    assert lines[1] == "before -> after, on the same 9 rows of dev.tfrecord (all of them):"
    start = dict(results_of(folder / "straight", "eval_results.start.txt"))
    last = dict(results_of(folder / "straight"))
    assert start["global_step"] == 0 and last["global_step"] == 6
    # What a head of so many classes has before it is trained.
    assert start["pos_loss"] == pytest.approx(np.log(28), abs=0.1) and start["pos_weight"] == 0
    (shown,) = [line.split() for line in lines if line.strip().startswith("masked_lm_perplexity")]
    assert float(shown[1]) == pytest.approx(np.exp(start["masked_lm_loss"]), abs=1e-3)
    assert float(shown[3]) == pytest.approx(np.exp(last["masked_lm_loss"]), abs=1e-3)
    # The weights of LERT's tasks rise, so the sum of the losses is no figure to compare.
    assert not [line for line in lines if line.split()[0] == "loss" and "->" in line]
    assert lines[-1].strip().startswith("loss is left out: its parts have other weights")
    (note,) = [line for line in done["straight"].splitlines() if "which rise from 0 to 1" in line]
    assert "masked_lm_loss tells how well it learns" in note
    assert re.search(r"  pos_loss \d\.\d{4} x 0\.\d+  ", done["straight"])


def test_a_resumed_training_takes_no_figures_of_others(folder, done):
    """It ends with the best checkpoint of the undisturbed run."""
    assert done["resumed"].count("evaluating ") == 2
    assert "WARNING" not in done["resumed"]
    ends = [said_at_the_end(done[run]) for run in ("resumed", "straight")]
    assert ends[0][0].replace("/out/", "/straight/") == ends[1][0] and ends[0][1:] == ends[1][1:]
    # Where no training has evaluated, an evaluation alone has the usual name.
    assert "the figures are in" not in done["plain"]
    # The training that evaluates from here on does not take it for its own.
    figures = dict(results_of(folder / "plain"))
    assert figures == dict(results_of(folder / "plain" / "best")) and figures["global_step"] == 2
    assert done["then with"].count("evaluating ") == 1
    assert "no comparison with the start: step 0 was not evaluated" in done["then with"]


def test_a_training_on_other_records_is_refused(folder, done):
    assert done["refused"].startswith(
        "error: --output_dir {} holds another experiment, trained to step 6: --input_file was 1 "
        "files of ".format(folder / "out")
    )


def test_an_evaluation_on_other_records_is_told(done):
    (warned,) = [line for line in done["other evaluation"].splitlines() if "WARNING" in line]
    assert "the steps before were evaluated on other records (1 files of " in warned
    assert (
        "no comparison with the start: it was evaluated on 9 rows of dev.tfrecord"
        in (done["other evaluation"].splitlines()[-1])
    )
