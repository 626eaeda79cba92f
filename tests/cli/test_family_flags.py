"""Flags that follow from the options that families declare."""

import dataclasses
from typing import Optional, Tuple

import pytest
from absl import flags

from cli import family_flags
from cli.help import topics
from common import options
from common.errors import UserError
from common.options import FamilyOptions, option


@dataclasses.dataclass(frozen=True)
class Spans(FamilyOptions):
    title = "SPAN"

    mask_spans: bool = option(False, "mask spans")
    longest_span: int = option(3, "longest span", low=1)
    span_weight: float = option(1.0, "weight of the loss", above=0)
    span_order: str = option("left", "order", kind=options.CHOICE, choices=("left", "right"))
    span_steps: Optional[Tuple[int, ...]] = option(None, "steps", kind=options.STEPS, length=2)
    span_config_file: Optional[object] = option(None, "model", kind=options.MODEL_CONFIG)
    span_note: str = option("", "a note")


@dataclasses.dataclass(frozen=True)
class Others(FamilyOptions):
    title = "OTHER"

    longest_span: int = option(3, "longest span", low=1)


@dataclasses.dataclass(frozen=True)
class Untitled(FamilyOptions):
    depth: int = option(2, "How deep.")


@dataclasses.dataclass(frozen=True)
class Different(FamilyOptions):
    longest_span: int = option(4, "longest span", low=1)


CLASSES = (FamilyOptions, Spans, Others, Untitled, FamilyOptions)


def parsed(*words):
    values = flags.FlagValues()
    family_flags.define(CLASSES, values)
    values(["program", *words])
    return values


def test_every_kind_becomes_a_flag():
    values = parsed(
        "--mask_spans",
        "--longest_span=5",
        "--span_weight=0.5",
        "--span_order=right",
        "--span_steps=10, 20",
        "--span_config_file=small.json",
        "--span_note=x",
    )
    assert family_flags.given(values, CLASSES) == {
        "mask_spans": True,
        "longest_span": 5,
        "span_weight": 0.5,
        "span_order": "right",
        "span_steps": (10, 20),
        "span_config_file": "small.json",
        "span_note": "x",
        "depth": None,
    }


def test_what_the_user_does_not_give_is_none_and_becomes_the_default():
    given = family_flags.given(parsed("--span_weight=2"), CLASSES)
    assert {name for name, value in given.items() if value is not None} == {"span_weight"}
    made = Spans.of(given, "--objective=span")
    assert (made.span_weight, made.longest_span, made.mask_spans) == (2.0, 3, False)


def test_options_stand_below_the_families_that_have_them_with_their_defaults():
    values = parsed()
    assert topics.placed["span_note"] == "SPAN" and values["span_note"].help == "a note"
    assert topics.placed["longest_span"] == "SPAN, OTHER"
    assert values["longest_span"].help == "longest span (default: 3)"
    assert "depth" not in topics.placed and values["depth"].help == "How deep. (default: 2)"


def test_an_option_of_another_family_is_refused():
    given = family_flags.given(parsed("--depth=3"), CLASSES)
    with pytest.raises(UserError, match="--depth cannot be combined with --objective=span"):
        Spans.of(given, "--objective=span")


def test_values_that_are_no_steps_or_no_choice():
    with pytest.raises(UserError, match="--span_steps=1,x must be two numbers of steps"):
        family_flags.given(parsed("--span_steps=1,x"), CLASSES)
    assert family_flags.given(parsed("--span_steps=0"), CLASSES)["span_steps"] == (0, 0)
    with pytest.raises(flags.IllegalFlagValueError, match="span_order"):
        parsed("--span_order=up")


def test_two_declarations_that_differ_are_an_error():
    with pytest.raises(ValueError, match="option longest_span is declared in two ways"):
        family_flags.define((Spans, Different), flags.FlagValues())


def test_the_flags_belong_to_whoever_defines_them():
    values = parsed()
    assert values.find_module_defining_flag("depth") == __name__
