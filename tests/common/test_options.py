"""Options of a made-up family: what is declared, taken over, and refused."""

import dataclasses
import json
from typing import Optional, Tuple

import pytest

from common import options
from common.errors import UserError
from common.options import FamilyOptions, option


@dataclasses.dataclass(frozen=True)
class Made(FamilyOptions):
    title = "MADE"

    weight: float = option(1.0, "weight; 1.", low=0)
    scale: Optional[float] = option(None, "scale.", options.NUMBER, above=0)
    side: str = option("left", "left or right.", options.CHOICE, choices=("left", "right"))
    both: bool = option(False, "both sides.")
    ramp: Optional[Tuple[int, ...]] = option(None, "steps.", options.STEPS, length=3)

    def check(self):
        if self.both and self.side == "right":
            raise UserError("--both and --side=right contradict each other")


def test_what_is_declared():
    declared = Made.declared()
    assert [o.name for o in declared] == ["weight", "scale", "side", "both", "ramp"]
    assert [o.kind for o in declared] == ["number", "number", "choice", "switch", "steps"]
    assert declared[2].choices == ("left", "right") and declared[4].length == 3
    assert FamilyOptions.declared() == ()


def test_values_that_were_given_count_and_others_are_defaults():
    made = Made.of({"weight": 0.5, "both": None, "ramp": (1, 2, 3)}, "--objective=made")
    assert made == Made(weight=0.5, ramp=(1, 2, 3))
    assert made.to_dict() == {
        "weight": 0.5,
        "scale": None,
        "side": "left",
        "both": False,
        "ramp": [1, 2, 3],
    }


@pytest.mark.parametrize(
    "given, message",
    [
        ({"height": 1}, "--height cannot be combined with --objective=made"),
        ({"weight": -1.0}, "--weight=-1.0 must not be negative"),
        ({"scale": 0.0}, "--scale=0.0 must be positive"),
        ({"weight": float("nan")}, "--weight=nan must be a finite number"),
        ({"scale": 1e300}, "--scale=1e\\+300 must lie between -1,000,000,000 and"),
        ({"side": "up"}, "--side=up must be one of left, right"),
        ({"both": True, "side": "right"}, "--both and --side=right contradict each other"),
    ],
)
def test_what_is_refused(given, message):
    with pytest.raises(UserError, match=message):
        Made.of(given, "--objective=made")


def test_steps():
    ramp = Made.declared()[4]
    assert options.parse_steps(ramp, ["1", " 20", "3"]) == (1, 20, 3)
    assert options.parse_steps(ramp, ["0"]) == (0, 0, 0)
    huge = (["1", "2", "4294967296"], ["1", "2", "1" * 5000])
    for wrong in (["1", "2"], ["1", "2", "x"], ["-1", "2", "3"], [], *huge):
        with pytest.raises(UserError, match="must be three numbers of steps with commas"):
            options.parse_steps(ramp, wrong)


def test_values_of_a_record_of_a_run():
    values = {"weight": 2, "scale": "x", "side": "up", "both": True, "ramp": [1, 2.5, 3]}
    names = ["weight", "scale", "side", "both", "ramp", "none"]
    assert Made.saved_in(values, names) == {"weight": 2, "both": True, "ramp": (1, 2.5, 3)}
    assert Made.saved_in(values, ["both"]) == {"both": True}
    assert Made.saved_in({}, names) == {}


def test_json_keeps_options():
    made = Made(weight=0.5, ramp=(1, 2, 3))
    assert json.loads(json.dumps(made.to_dict())) == made.to_dict()
