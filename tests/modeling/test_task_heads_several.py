"""Tasks that are trained together against each of them alone."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from task_models import CONFIGS, rows, run

from modeling.objectives import several
from modeling.objectives.classification import Classification
from modeling.objectives.multi_label import MultiLabel
from modeling.objectives.questions import Questions
from modeling.objectives.several import Several
from modeling.objectives.tagging import Tagging
from modeling.task_heads import ElectraHeads, GoogleHeads

tf.disable_v2_behavior()

CONFIG = CONFIGS["electra"]
STYLES = {"google": GoogleHeads, "electra": ElectraHeads}
ROWS = 12


def tasks(style):
    heads = STYLES[style]
    return [
        Classification("many", 30, heads("many")),
        Classification("two", 2, heads("two")),
        Tagging("tags", 3, heads("tags")),
        Questions("asked", heads("asked"), ("span", "unanswerable")),
        MultiLabel("any", 5, heads("any")),
        MultiLabel("few", 2, heads("few")),
    ]


def mixed_rows():
    """Two rows of each task; labels of one are out of range in others."""
    features = rows(ROWS, seed=2)
    numbers = np.array([0, 3, 2, 1, 0, 2, 1, 3, 4, 5, 5, 4])
    features["label_ids"][:, 0] = np.where(numbers == 0, 29, np.where(numbers == 1, 1, 0))
    features["tag_ids"][numbers == 1] = 7
    features["answer_kinds"][:, 0] = np.where(numbers == 3, [0, 3] * 6, 1)
    features["task_numbers"][:, 0] = numbers
    return features


@pytest.mark.parametrize("style", sorted(STYLES))
def test_several_are_each_alone_on_its_rows(style):
    features = mixed_rows()
    together = run(Several(tasks(style)), features, CONFIG)
    assert list(together.losses) == [task.name + "_loss" for task in tasks(style)]
    left = set(together.variables)
    for number, task in enumerate(tasks(style)):
        chosen = features["task_numbers"][:, 0] == number
        own = {name: value[chosen] for name, value in features.items()}
        alone = run(task, own, CONFIG, seed=9)
        weights = {name: together.variables[name] for name in alone.variables}
        left -= {name for name in weights if name.startswith("task_specific/")}
        alone = run(task, own, CONFIG, weights)
        (loss,) = alone.losses.values()
        if style == "google" and task.name != "tags":
            loss *= 2 / ROWS  # the mean is over the rows of all tasks
        np.testing.assert_allclose(together.losses[task.name + "_loss"], loss, rtol=1e-5)
        for name, value in alone.metrics.items():
            np.testing.assert_allclose(together.metrics["{}/{}".format(task.name, name)], value)
        for name in task.predicted:
            values = together.tensors["{}/{}".format(task.name, name)][chosen]
            np.testing.assert_allclose(values, alone.tensors[name], rtol=1e-4, atol=1e-5)
    assert all(name.startswith("electra/") for name in left)


def test_features_and_predictions():
    several_tasks = Several(tasks("google"))
    assert several_tasks.name == "many,two,tags,asked,any,few"
    assert several_tasks.feature_names == (
        "input_ids",
        "input_mask",
        "segment_ids",
        "label_ids",
        "tag_ids",
        "start_positions",
        "end_positions",
        "answer_kinds",
        "label_indicators",
        "task_numbers",
    )
    assert several_tasks.label_counts()["label_indicators"] == 5
    assert several_tasks.predicted[:2] == ("many/probabilities", "many/example_loss")
    assert "asked/kind_scores" in several_tasks.predicted


def test_the_encoder_runs_once(monkeypatch):
    passes = []

    def counting(*arguments):
        passes.append(arguments)
        return encode(*arguments)

    encode = several.encode
    monkeypatch.setattr(several, "encode", counting)
    result = run(Several(tasks("electra")), mixed_rows(), CONFIG, is_training=True)
    assert len(passes) == 1
    assert not any("span_" in name for name in result.tensors)


def test_a_batch_without_a_task():
    features = mixed_rows()
    features["task_numbers"][:], features["label_ids"][:] = 1, 1
    result = run(Several(tasks("electra")), features, CONFIG)
    assert result.losses["two_loss"] > 0
    assert [result.losses[n + "_loss"] for n in ("many", "tags", "asked", "any")] == [0.0] * 4


def test_tasks_must_not_share_variables():
    with pytest.raises(ValueError, match="share scopes"):
        Several([Classification("a", 2), Classification("b", 2)])
    with pytest.raises(ValueError, match="share names"):
        Several([Classification("a", 2, ElectraHeads(n)) for n in "ab"])
