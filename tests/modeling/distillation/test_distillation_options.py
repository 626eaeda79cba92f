"""Options of a distillation, and what they refuse."""

import pytest

from common.errors import UserError
from modeling.config import BertConfig
from modeling.distillation.options import (
    DistillationOptions,
    PretrainingDistillationOptions,
    layer_pairs,
)

pytestmark = pytest.mark.tf1


def config(layers, name):
    values = {"vocab_size": 30, "hidden_size": 12, "num_attention_heads": 3, "type_vocab_size": 2}
    return BertConfig(dict(values, num_hidden_layers=layers), source=name)


STUDENT, TEACHER = config(3, "student.json"), config(12, "teacher.json")


def pairs(text, name="hidden_layers"):
    options = DistillationOptions(**{name: text})
    return layer_pairs(options, name, STUDENT, TEACHER)


def test_pairs_of_layers():
    assert pairs(None) == [(3, 12)]
    assert pairs("0:0, 1:4,3:12") == [(0, 0), (1, 4), (3, 12)]


@pytest.mark.parametrize(
    ("text", "name", "message"),
    [
        ("3", "hidden_layers", "--hidden_layers=3 must be pairs of layers with commas, STUDENT:TE"),
        (
            "4:12",
            "hidden_layers",
            "asks for 4:12, but the student has layers 0 to 3 (student.json)",
        ),
        ("3:13", "hidden_layers", "the teacher has layers 0 to 12 (teacher.json)"),
        ("0:1", "attention_layers", "asks for 0:1, but the student has layers 1 to 3"),
        ("1:1,1:1", "hidden_layers", "--hidden_layers names 1:1 twice"),
    ],
)
def test_pairs_that_are_none(text, name, message):
    with pytest.raises(UserError) as caught:
        pairs(text, name)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"soft_label_weight": 0.0}, "nothing is learned from the teacher"),
        ({"hidden_layers": "1:1"}, "--hidden_layers has no effect without --hidden_weight"),
        ({"attention_layers": "1:1"}, "--attention_layers has no effect without --attention_we"),
        ({"relation_heads": 2}, "--relation_heads has no effect without --attention_weight"),
        (
            {"attention_weight": 1.0, "attention_loss": "maps", "relation_heads": 2},
            "--relation_heads is for --attention_loss=minilm alone",
        ),
        ({"distill_temperature": 0.0}, "--distill_temperature=0.0 must be positive"),
        ({"hidden_weight": -1.0}, "--hidden_weight=-1.0 must not be negative"),
        ({"hidden_loss": "l1"}, "--hidden_loss=l1 must be one of cosine, mse"),
    ],
)
def test_values_that_contradict(given, message):
    with pytest.raises(UserError) as caught:
        DistillationOptions.of(given, "--teacher_checkpoint")
    assert message in str(caught.value)


def test_positions_are_of_pre_training():
    assert DistillationOptions().soft_positions() == "masked"
    options = PretrainingDistillationOptions.of({"soft_label_positions": "all"}, "x")
    assert options.soft_positions() == "all"
    assert DistillationOptions(soft_label_weight=0.0).soft_positions() is None
    with pytest.raises(UserError, match="soft_label_positions cannot be combined with x"):
        DistillationOptions.of({"soft_label_positions": "all"}, "x")
