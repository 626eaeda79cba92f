"""The record of what predictions are of: good for that model and those files alone."""

import json

import pytest

from finetuning import prediction_record

ORIGIN = {"global_step": 24, "rows": {"examples": "ab"}, "options": {"sizes": (1, 2)}}


@pytest.fixture
def folder(tmp_path):
    """Predictions with their record."""
    for name in ("dev_results.tsv", "dev_labels.txt"):
        (tmp_path / name).write_text("1\n")
    prediction_record.save(str(tmp_path), "dev", ORIGIN, ["dev_results.tsv", "dev_labels.txt"])
    return tmp_path


def is_good(folder, split="dev", **changes):
    return prediction_record.is_good(str(folder), split, dict(ORIGIN, **changes))


def test_good_for_one_origin(folder):
    assert is_good(folder)
    assert not is_good(folder, global_step=36)
    assert not is_good(folder, rows={"examples": "cd"})
    assert not is_good(folder, split="test")


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "dev_labels.txt").unlink(),
        lambda folder: (folder / "dev_labels.txt").write_text("0\n"),
        lambda folder: (folder / "_dev_predictions.json").unlink(),
        lambda folder: (folder / "_dev_predictions.json").write_text("{"),
        lambda folder: (folder / "_dev_predictions.json").write_text('{"files": {"a": 1}}'),
        lambda folder: (folder / "_dev_predictions.json").write_text(
            json.dumps({"files": {}, "origin": ORIGIN})
        ),
    ],
)
def test_not_good_where_anything_is_missing(folder, damage):
    damage(folder)
    assert not is_good(folder)


def test_what_an_older_record_lists_is_removed_if_it_is_ours_and_unchanged(tmp_path):
    names = ["test_results.tsv", "test_scores.txt", "tnews11_predict.json", "notes.txt"]
    for name in names:
        (tmp_path / name).write_text("old\n")
    prediction_record.save(str(tmp_path), "test", ORIGIN, names)
    (tmp_path / "tnews11_predict.json").write_text("by hand\n")
    prediction_record.save(str(tmp_path), "test", ORIGIN, ["test_results.tsv"])
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == [
        "_test_predictions.json",
        "notes.txt",
        "test_results.tsv",
        "tnews11_predict.json",
    ]
