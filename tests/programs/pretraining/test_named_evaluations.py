"""--eval_file with named sets: each is evaluated alone, the first chooses the best checkpoint."""

import json

import pytest
from pretraining_runs import flags_of, run_many
from record_files import TINY_CONFIG, learnable_records, write_json, write_records

from training import evaluations
from training.checkpoints.best import read_results

pytestmark = pytest.mark.tf1
EVALUATED = {"do_eval": True, "num_train_steps": 8, "save_checkpoints_steps": 4}


def other_records(rows, seed):
    """Records whose masked pieces are in none of the others: those are learnt to be improbable."""
    records = learnable_records(rows, seed=seed)
    for record in records:
        record["masked_lm_ids"] = 35 + record["masked_lm_ids"] % 5
        record["next_sentence_labels"] = 1 - record["next_sentence_labels"]
    return records


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("sets")
    write_records(path / "train.tfrecord", learnable_records(32))
    write_records(path / "law.tfrecord", learnable_records(9, seed=9))
    write_records(path / "general=1.tfrecord", other_records(13, seed=5))
    write_json(path / "config.json", TINY_CONFIG)
    return path


@pytest.fixture(scope="module")
def done(folder):
    law, general = str(folder / "law.tfrecord"), str(folder / "general=1.tfrecord")
    both = "law={},general={}".format(law, general)

    def trained(output, steps, eval_file=both, **changes):
        settings = dict(EVALUATED, output_dir=str(folder / output), eval_file=eval_file)
        return flags_of(folder, stop_step=steps, **dict(settings, **changes))

    alone = {"do_train": None, "input_file": None, "init_checkpoint": str(folder / "named")}
    runs = {
        "named": trained("named", 8),
        "unnamed": trained("unnamed", 8, eval_file=law),
        "begun": trained("resumed", 4),
        "resumed": trained("resumed", 8, eval_file="law={}".format(law)),
        "alone": trained("named", None, **dict(alone, init_checkpoint=None, max_eval_steps=1)),
        "elsewhere": trained("elsewhere", None, eval_file=general, **alone),
        "compared": ["--compare", str(folder / "named"), str(folder / "elsewhere")],
        "mixed": trained("none", 8, eval_file="law={},{}".format(law, general)),
    }
    results = dict(zip(runs, run_many(list(runs.values()))))
    code, _, refused = results.pop("mixed")
    assert code == 1 and "has a name and {} has none".format(general) in refused, refused
    assert [(code, err) for code, _, err in results.values()] == [(0, "")] * len(results), results
    return {name: out for name, (_, out, _) in results.items()}


def parts_of(path):
    return evaluations.parted(read_results(str(path)))


def test_the_first_set_is_evaluated_as_if_it_were_alone(folder, done):
    for name in ("eval_results.txt", "eval_results.start.txt", "best/eval_results.txt"):
        named, (unnamed,) = (
            parts_of(folder / "named" / name),
            parts_of(folder / "unnamed" / name).values(),
        )
        assert list(named) == ["law", "general"]
        assert named["law"] == unnamed
        assert (named["general"]["rows"], named["general"]["records"]) == (13, "general=1.tfrecord")
    assert done["named"].count("evaluating ") == 2 * 3


def test_the_figures_of_the_other_set_are_its_own(folder, done):
    last = parts_of(folder / "named" / "eval_results.txt")["general"]
    (elsewhere,) = parts_of(folder / "elsewhere" / "eval_results.txt").values()
    for name, value in last.items():
        assert elsewhere[name] == (value if isinstance(value, str) else pytest.approx(value, 1e-6))
    assert "general, on the same 13 rows of general=1.tfrecord (all of them):" in done["compared"]
    assert "alone has law, 9 rows of law.tfrecord" in done["compared"]


def test_the_end_shows_both_and_what_was_forgotten(folder, done):
    for name, rows in (("law", "9 rows of law"), ("general", "13 rows of general=1")):
        line = "before -> after of {}, on the same {}.tfrecord (all of them):".format(name, rows)
        assert line in done["named"]
    before, after = (
        parts_of(folder / "named" / name)
        for name in ("eval_results.start.txt", "best/eval_results.txt")
    )
    assert after["law"]["loss"] < before["law"]["loss"]
    assert after["general"]["loss"] > before["general"]["loss"]
    figures = [p[n]["loss"] for n in ("law", "general") for p in (before, after)]
    told = "step {:.0f}: loss of law has fallen from {:.4f} to {:.4f}, that of general has risen "
    told += "from {:.4f} to {:.4f}: the model forgets what it knew of general; take text like it"
    assert told.format(after["law"]["global_step"], *figures) in done["named"]


def test_tensorboard_and_settings_know_the_sets(folder, done):
    for name in ("law", "general"):
        assert list((folder / "named" / ("eval_" + name)).glob("events.out.tfevents.*"))
    assert not (folder / "named" / "eval").exists() and (folder / "unnamed" / "eval").exists()
    run = json.loads((folder / "named" / "run_config.json").read_text(encoding="utf-8"))["run"]
    assert list(run["eval_sets"]) == ["law", "general"]
    assert run["eval_sets"]["general"]["files"] == [str(folder / "general=1.tfrecord")]
    assert run["records"]["eval"] == run["eval_sets"]["law"]["identity"]


def test_a_resumed_run_may_have_other_sets(folder, done):
    (warned,) = [line for line in done["resumed"].splitlines() if "WARNING" in line]
    assert "the steps before were evaluated on the sets 'law' (" in warned and "'general'" in warned
    assert "from here on it is the sets 'law' (" in warned
    assert list(parts_of(folder / "resumed" / "eval_results.txt")) == ["law"]
    assert "before -> after of law, on the same 9 rows" in done["resumed"]
    same = [parts_of(folder / n / "eval_results.txt")["law"]["loss"] for n in ("named", "resumed")]
    assert same[0] == same[1]


def test_an_evaluation_alone(folder, done):
    """In a training's folder it has a file of its own, with both sets, of so many batches each."""
    (said,) = [line for line in done["alone"].splitlines() if "the figures are in" in line]
    name = said.split("the figures are in ")[1].split(",")[0]
    assert name not in ("eval_results.txt", "eval_results.start.txt")
    own = parts_of(folder / "named" / name)
    assert list(own) == ["law", "general"]
    assert [part["rows"] for part in own.values()] == [8, 8]
    assert [part["all_rows_read"] for part in own.values()] == ["no", "no"]
    assert {part["global_step"] for part in own.values()} == {8}
