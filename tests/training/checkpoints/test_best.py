"""The folder of the best checkpoint, at every moment at which a process may have died."""

import os

import pytest
from checkpoint_files import WORDS, save

from common import files, outputs
from common.errors import UserError
from modeling import checkpoint
from training.checkpoints.best import BestCheckpoint, Ranking, read_results

pytestmark = pytest.mark.tf1

FILES = {"checkpoint", "eval_results.txt"}


def of_step(step):
    name = "model.ckpt-{}".format(step)
    return {name + ".index", name + ".data-00000-of-00001"}


def offered(folder, *steps):
    """BestCheckpoint after offers of ever better checkpoints."""
    best = BestCheckpoint(str(folder))
    for step in steps:
        prefix = save(folder / "model.ckpt-{}".format(step), {WORDS: [9, 4]}, step=step)
        assert best.offer(prefix, {"global_step": step, "loss": 10.0 / step})
    return best


def test_the_best_is_kept_and_others_go(tmp_path):
    best = offered(tmp_path, 4, 8)
    assert set(os.listdir(best.folder)) == FILES | of_step(8)
    assert not best.offer(str(tmp_path / "model.ckpt-4"), {"global_step": 4, "loss": 2.0})
    assert not best.offer(str(tmp_path / "model.ckpt-4"), {"global_step": 4, "loss": float("nan")})
    assert checkpoint.resolve(best.folder) == os.path.join(best.folder, "model.ckpt-8")
    text = (tmp_path / "best" / "eval_results.txt").read_text()
    assert text == "global_step = 8\nloss = 1.25\n"
    assert read_results(os.path.join(best.folder, "eval_results.txt")) == {
        "global_step": 8,
        "loss": 1.25,
    }


def test_equal_figures_are_ranked_by_the_loss_then_by_the_step(tmp_path):
    """As fine-tuning on few examples often ends; the figures of the file count, too."""

    def figures(step, accuracy, loss):
        return {"global_step": step, "eval_accuracy": accuracy, "eval_loss": loss}

    first = figures(4, 0.75, 0.5)
    ranking = Ranking("eval_accuracy", larger_is_better=True)
    for later, is_better in (
        (figures(8, 0.75, 0.4), True),
        (figures(8, 0.75, 0.5), True),
        (figures(8, 0.75, 0.6), False),
        (figures(8, 0.75, float("nan")), False),
        (figures(8, 0.7, 0.1), False),
        (figures(8, 0.8, 9.0), True),
        (figures(8, float("nan"), 0.1), False),
        (first, False),
    ):
        assert ranking.is_better(later, first) == is_better, later
    # Of several tasks the losses are added up.
    tasks = {"global_step": 4, "eval_mean": 0.5, "a_eval_loss": 1.0, "b_eval_loss": 2.0}
    assert Ranking("eval_mean", True).is_better(dict(tasks, b_eval_loss=1.5), tasks)
    assert not Ranking("eval_mean", True).is_better(dict(tasks, a_eval_loss=1.5), tasks)
    for step, loss, is_kept in ((4, 0.5, True), (8, 0.6, False), (12, 0.5, True)):
        prefix = save(tmp_path / "model.ckpt-{}".format(step), {WORDS: [9, 4]}, step=step)
        best = BestCheckpoint(str(tmp_path), "eval_accuracy", larger_is_better=True)
        assert best.offer(prefix, figures(step, 0.75, loss)) == is_kept


class Died(Exception):
    pass


def dying(monkeypatch, after):
    """Has the writing of files end in Died after so many of them."""
    left = [after]

    def counted(write):
        def call(*arguments):
            if not left[0]:
                raise Died()
            left[0] -= 1
            return write(*arguments)

        return call

    monkeypatch.setattr(outputs.os, "replace", counted(os.replace))
    monkeypatch.setattr(files, "remove", counted(files.remove))


@pytest.mark.parametrize("after", range(6))
def test_an_offer_that_ended_midway(tmp_path, monkeypatch, after):
    """Data, index, state, figures, then the removal of the index and the data of the older one."""
    offered(tmp_path, 4)
    prefix = save(tmp_path / "model.ckpt-8", {WORDS: [9, 4]}, step=8)
    results = {"global_step": 8, "loss": 1.25}
    with monkeypatch.context() as patched, pytest.raises(Died):
        dying(patched, after)
        BestCheckpoint(str(tmp_path)).offer(prefix, results)
    best = BestCheckpoint(str(tmp_path))
    # Figures, state file and checkpoint are of one step.
    step = 8 if after > 3 else 4
    assert best.value == 10.0 / step
    assert checkpoint.resolve(best.folder) == os.path.join(
        best.folder, "model.ckpt-{}".format(step)
    )
    assert set(os.listdir(best.folder)) == FILES | of_step(step)
    assert best.offer(prefix, results) == (step == 4)
    assert set(os.listdir(best.folder)) == FILES | of_step(8)


def test_a_first_offer_that_ended_midway(tmp_path, monkeypatch):
    prefix = save(tmp_path / "model.ckpt-8", {WORDS: [9, 4]}, step=8)
    with monkeypatch.context() as patched, pytest.raises(Died):
        dying(patched, 1)
        BestCheckpoint(str(tmp_path)).offer(prefix, {"global_step": 8, "loss": 1.25})
    best = BestCheckpoint(str(tmp_path))
    assert best.value is None and os.listdir(best.folder) == []


def test_what_is_not_of_a_training_stays(tmp_path):
    mine = {"thesis.index", "notes.data-1", "model.ckpt-4.index.bak", "model.ckpt-x.index"}
    best = offered(tmp_path, 4)
    for name in mine:
        (tmp_path / "best" / name).write_text("x")
    best = offered(tmp_path, 8)
    assert set(os.listdir(best.folder)) == FILES | of_step(8) | mine


def test_a_folder_that_another_name_matches(tmp_path):
    for name in ("run1", "run[1]"):
        (tmp_path / name).mkdir()
        offered(tmp_path / name, 4)
    offered(tmp_path / "run[1]", 8)
    assert set(os.listdir(str(tmp_path / "run1" / "best"))) == FILES | of_step(4)


def test_the_advice_on_damaged_figures_names_that_file_only(tmp_path):
    offered(tmp_path, 4)
    path = tmp_path / "best" / "eval_results.txt"
    path.write_text("loss")
    with pytest.raises(UserError) as caught:
        BestCheckpoint(str(tmp_path))
    assert str(caught.value) == (
        "{} is damaged: not one `name = value` a line; restore that file from a copy, or rename "
        "it: without it, the next evaluation counts as the best".format(path)
    )
    path.rename(tmp_path / "best" / "mine.txt")
    assert BestCheckpoint(str(tmp_path)).value is None
