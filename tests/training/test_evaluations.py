"""Which evaluations can be compared, and how they stand side by side."""

import types

import pytest

from common.errors import UserError
from data.rows.corruptions.masking import MaskingSpec, Masks
from training import evaluations
from training.checkpoints.best import read_results, results_text
from training.run_config import RunConfig

pytestmark = pytest.mark.tf1


def config_of(digest="a" * 64, **changes):
    settings = {
        "output_dir": "out",
        "objective": "bert",
        "train_files": [],
        "eval_files": ["x/dev = 1.tfrecord", "x/more.tfrecord"],
        "records": {"eval": {"sha256": digest}},
    }
    return RunConfig(**dict(settings, **changes))


def results_of(step, loss, digest="a" * 64, count=512, is_all=True, **more):
    figures = {"global_step": step, "loss": loss, "masked_lm_loss": loss, **more}
    return dict(figures, **evaluations.rows_read(config_of(digest), None, count, is_all))


def write(path, results):
    path.parent.mkdir(exist_ok=True)
    path.write_text(results_text(results), encoding="utf-8")
    return str(path)


def test_rows_have_an_identity():
    """Of the files' content, the rows read, and the masks where they are drawn."""
    drawing = types.SimpleNamespace(corruption=Masks(MaskingSpec()))
    cases = {
        "same": (config_of(), None, 512),
        "other content": (config_of("b" * 64), None, 512),
        "fewer": (config_of(), None, 100),
        "drawn": (config_of(), drawing, 512),
        "other seed": (config_of(seed=7), drawing, 512),
        "other batches": (config_of(eval_batch_size=16), drawing, 512),
    }
    rows = {name: evaluations.rows_read(*case, True) for name, case in cases.items()}
    assert len({r["rows_id"] for r in rows.values()}) == len(cases)
    assert rows["same"] == evaluations.rows_read(config_of(seed=7), None, 512, True)
    assert rows["same"]["files"] == 2 and rows["same"]["rows"] == 512
    assert evaluations.are_comparable(rows["same"], rows["same"])
    assert not evaluations.are_comparable(rows["same"], rows["fewer"])
    assert not evaluations.are_comparable({}, {})


def test_results_with_texts_are_read_again(tmp_path):
    results = results_of(3, 2.5)
    assert read_results(write(tmp_path / "r.txt", results)) == results
    assert results["records"] == "dev = 1.tfrecord, more.tfrecord"


def test_two_evaluations_of_the_same_rows(tmp_path):
    first = write(
        tmp_path / "a" / "eval_results.txt", results_of(0, 8.0, masked_lm_perplexity=2981)
    )
    second = results_of(40, 2.0, masked_lm_perplexity=7.389, other_loss=1.0)
    write(tmp_path / "b" / "eval_results.txt", second)
    lines = evaluations.compare(first, str(tmp_path / "b"))
    assert lines[0] == ("on the same 512 rows of dev = 1.tfrecord, more.tfrecord (all of them):")
    assert "(step 0)" in lines[1] and "b (step 40)" in lines[1]
    shown = {line.split()[0]: line.split()[1:] for line in lines[2:]}
    assert shown == {
        "loss": ["8.0000", "->", "2.0000"],
        "masked_lm_loss": ["8.0000", "->", "2.0000"],
        "masked_lm_perplexity": ["2,981.0", "->", "7.3890"],
    }
    assert len({line.index("->") for line in lines[2:]}) == 1


def test_a_sum_with_other_weights_is_left_out(tmp_path):
    columns = [
        ("step {}".format(step), results_of(step, loss, pos_weight=weight))
        for step, loss, weight in ((0, 8.0, 0.0), (40, 9.0, 1.0))
    ]
    lines = evaluations.table(columns)
    assert not [line for line in lines if line.split()[:2] == ["loss", "8.0000"]]
    assert lines[-1].strip().startswith("loss is left out")
    same = evaluations.table([("a", results_of(0, 8.0, disc_weight=50.0))] * 2)
    assert [line for line in same if line.split()[0] == "loss"]


@pytest.mark.parametrize(
    "first, second, message",
    [
        (
            {},
            {"count": 100, "is_all": False},
            r"is of 512 rows of .* \(all of them\), .* of 100 row",
        ),
        ({}, {"digest": "b" * 64}, "that have other content or other masks; evaluate both on the"),
    ],
)
def test_other_rows_are_no_comparison(tmp_path, first, second, message):
    paths = [
        write(tmp_path / name, results_of(1, 2.0, **changes))
        for name, changes in (("a", first), ("b", second))
    ]
    with pytest.raises(UserError, match="no comparison: .*" + message):
        evaluations.compare(*paths)


def test_figures_that_are_not_there(tmp_path):
    there = write(tmp_path / "a", results_of(1, 2.0))
    with pytest.raises(UserError, match=r"eval_results\.txt does not exist or is empty; --do"):
        evaluations.compare(there, str(tmp_path))
    old = write(tmp_path / "old", {"global_step": 1, "loss": 2.0})
    with pytest.raises(UserError, match="old does not say which rows it is of; evaluate again"):
        evaluations.compare(old, there)


def both_sets(step, law, general, names=("law", "general")):
    """Results of two sets; the figures of each are in the file of the first."""
    parts = [results_of(step, law), results_of(step, general, "b" * 64, other_loss=1.0)]
    return evaluations.joined(list(zip(names, parts)))


def test_sets_are_in_one_file(tmp_path):
    results = both_sets(40, 2.0, 3.0, ("law = 1", "\u6cd5"))
    assert read_results(write(tmp_path / "r.txt", results)) == results
    assert (results["loss"], results["\u6cd5.loss"], results["set"]) == (2.0, 3.0, "law = 1")
    parts = evaluations.parted(results)
    assert parts["law = 1"] == results_of(40, 2.0)
    assert parts["\u6cd5"] == results_of(40, 3.0, "b" * 64, other_loss=1.0)
    assert evaluations.parted(results_of(3, 2.5)) == {None: results_of(3, 2.5)}
    assert evaluations.parted({}) == {}
    assert evaluations.joined([(None, results_of(3, 2.5))]) == results_of(3, 2.5)


def test_sets_of_two_evaluations_are_compared_by_their_rows(tmp_path):
    first = write(tmp_path / "a" / "eval_results.txt", both_sets(0, 8.0, 5.0))
    second = both_sets(40, 6.0, 2.0)
    second = evaluations.joined(list(evaluations.parted(second).items())[::-1])
    write(tmp_path / "b" / "eval_results.txt", second)
    lines = evaluations.compare(first, str(tmp_path / "b"))
    assert [line for line in lines if "on the same" in line] == [
        "law, on the same 512 rows of dev = 1.tfrecord, more.tfrecord (all of them):",
        "general, on the same 512 rows of dev = 1.tfrecord, more.tfrecord (all of them):",
    ]
    losses = [line.split()[1:] for line in lines if line.split()[0] == "loss"]
    assert losses == [["8.0000", "->", "6.0000"], ["5.0000", "->", "2.0000"]]
    # One set, without a name, of the rows of the second.
    alone = write(tmp_path / "c", results_of(7, 1.0, "b" * 64))
    lines = evaluations.compare(first, alone)
    assert lines[0].startswith("general, on the same 512 rows of ")
    assert [line.split()[1:] for line in lines if line.split()[0] == "loss"] == [
        ["5.0000", "->", "1.0000"]
    ]
    assert lines[-1] == (
        "{} alone has law, 512 rows of dev = 1.tfrecord, more.tfrecord (all of them)".format(first)
    )
    other = write(tmp_path / "d", results_of(7, 1.0, "c" * 64))
    with pytest.raises(UserError, match=r"no comparison: .*that have other content or other masks"):
        evaluations.compare(first, other)
