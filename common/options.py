"""Options that a family declares once: flags, presets, hyperparameters, the record of a run and
manifests follow from the declaration.

A family's options are the fields of a frozen dataclass:

    @dataclasses.dataclass(frozen=True)
    class Options(FamilyOptions):
        mask_spans: bool = option(False, "Mask neighbouring words together.")
        span_weight: float = option(1.0, "Weight of the span loss.", low=0)

A recipe (data/recipes) names those of data creation, an objective (modeling/objectives) those of
training. Generic code passes the object on and knows no field of it.
"""

import dataclasses
from typing import Any, NamedTuple, Optional, Tuple

from common.errors import UserError
from common.validation import (
    is_number,
    is_switch,
    is_text,
    is_whole,
    is_written_count,
    list_of,
    number_fault,
)

# Kinds of values; each is a kind of flag.
SWITCH, WHOLE, NUMBER, TEXT, CHOICE, STEPS, MODEL_CONFIG = (
    "switch",
    "whole",
    "number",
    "text",
    "choice",
    "steps",
    "model_config",
)
_KINDS = {bool: SWITCH, int: WHOLE, float: NUMBER, str: TEXT}


class Option(NamedTuple):
    """One option of a family.

    Attributes:
      name: of the field, of the flag and of the key in a preset.
      kind: SWITCH, WHOLE, NUMBER, TEXT, CHOICE, STEPS (numbers of steps with commas; a single 0
        stands for all of them) or MODEL_CONFIG (a file that becomes a model config).
      default: of the field.
      help: text of the flag; the default, where there is one, is put after it.
      choices: values of CHOICE.
      length: how many numbers STEPS has.
      low, high, above, below: least and greatest value, or what values must be above or below;
        None: no limit.
      from_training: an evaluation that does not give the option takes the training's.
      shapes_rows: the rows of examples depend on it.
      of_model: a fine-tuned model keeps it, beside those that shape rows: its figures depend on it.
      remembered: a fine-tuned model keeps it as the default of later calls, which may have another.
      of_drawing: it tells how a corruption is drawn in training; refused where records hold what it
        makes, and no part of the record of a run.
      supersedes: names of options whose values from --hparams give way to this one where the
        command line has it.
      beside: name of the file beside the weights of a start that a MODEL_CONFIG is read from where
        neither the option nor one that it supersedes is given.
    """

    name: str
    kind: str
    default: Any
    help: str
    choices: Tuple[str, ...] = ()
    length: int = 0
    low: Optional[float] = None
    high: Optional[float] = None
    above: Optional[float] = None
    below: Optional[float] = None
    from_training: bool = False
    shapes_rows: bool = False
    of_model: bool = False
    remembered: bool = False
    of_drawing: bool = False
    supersedes: Tuple[str, ...] = ()
    beside: Optional[str] = None

    def accepts(self, value):
        """Whether a value from JSON can be that of the option; a model config never is."""
        if self.kind == STEPS:
            right = list_of(is_number)(value) and len(value) == self.length
            return right and not number_fault(value)
        checks = {
            SWITCH: is_switch,
            WHOLE: is_whole,
            NUMBER: is_number,
            TEXT: is_text,
            CHOICE: is_text,
        }
        return self.kind in checks and checks[self.kind](value) and not self.fault_of(value)

    def fault_of(self, value):
        """What a value of the right kind must be and is not: "must be positive"; else None."""
        fault = number_fault(value)
        if fault:
            return fault
        if self.choices and value not in self.choices:
            return "must be one of {}".format(", ".join(self.choices))
        if self.low is not None and value < self.low:
            return (
                "must not be negative" if self.low == 0 else "must be {} or more".format(self.low)
            )
        if self.above is not None and value <= self.above:
            return "must be positive" if self.above == 0 else "must be above {}".format(self.above)
        if self.high is not None and value > self.high:
            return "must be {} or less".format(self.high)
        if self.below is not None and value >= self.below:
            return "must be below {}".format(self.below)
        return None


def option(default, help_text, kind=None, **more):
    """A field of a FamilyOptions class.

    Args:
      default: value where the user gives none.
      help_text: see Option.help.
      kind: see Option; None: by the field's type.
      **more: further attributes of Option.
    """
    return dataclasses.field(default=default, metadata=dict(more, help=help_text, kind=kind))


@dataclasses.dataclass(frozen=True)
class FamilyOptions:
    """Options of a family; this one has none.

    Attributes:
      title: what help texts call the family.
    """

    title = ""

    @classmethod
    def declared(cls):
        """Tuple of Option, in the order of the fields."""
        return tuple(
            Option(
                field.name,
                field.metadata["kind"] or _KINDS[field.type],
                field.default,
                **{name: value for name, value in field.metadata.items() if name != "kind"},
            )
            for field in dataclasses.fields(cls)
        )

    @classmethod
    def saved_in(cls, values, names):
        """Values of options in the record of a run.

        Args:
          values: dict from JSON, which may hold anything.
          names: of the options wanted.

        Returns:
          dict name -> value, without those that are not there or cannot be values of the option.
        """
        saved = {}
        for option in cls.declared():
            value = values.get(option.name)
            if option.name in names and option.accepts(value):
                saved[option.name] = tuple(value) if option.kind == STEPS else value
        return saved

    @classmethod
    def of(cls, given, owner):
        """The options with the values that the user gave.

        Args:
          given: dict name -> value, None where the user gave none.
          owner: what the options are for, for messages: "--objective=bert".

        Raises:
          UserError: one of the values is no option of this family, or is out of range.
        """
        known = {declared.name: declared for declared in cls.declared()}
        values = {name: value for name, value in given.items() if value is not None}
        for name in values:
            if name not in known:
                raise UserError(
                    "--{} cannot be combined with {}, which has no such option; remove it".format(
                        name, owner
                    )
                )
        options = cls(**values)
        options.check_values()
        options.check()
        return options

    def check_values(self):
        """Refuses values out of range; `of` calls it, other makers of options call it themselves.

        Raises:
          UserError: naming the flag.
        """
        for declared in self.declared():
            value = getattr(self, declared.name)
            fault = None if value is None else declared.fault_of(value)
            if fault:
                raise UserError("--{}={} {}".format(declared.name, value, fault))

    def check(self):
        """Refuses values that contradict each other.

        Raises:
          UserError: naming the flags.
        """

    def to_dict(self):
        """dict name -> value for JSON: steps as lists, a model config as its dict."""
        return {o.name: _as_json(getattr(self, o.name)) for o in self.declared()}


def parse_steps(declared, words):
    """The value of an option of the kind STEPS.

    Args:
      declared: Option.
      words: list of str.

    Returns:
      Tuple of int, as many as the option has.

    Raises:
      UserError: they are something else.
    """
    steps = [word.strip() for word in words]
    if steps == ["0"]:
        steps *= declared.length
    if len(steps) != declared.length or not all(map(is_written_count, steps)):
        raise UserError(
            "--{}={} must be {} numbers of steps with commas, as {}, or 0".format(
                declared.name,
                ",".join(words),
                {2: "two", 3: "three", 4: "four"}.get(declared.length, declared.length),
                ",".join(str(300 * (i + 1)) for i in range(declared.length)),
            )
        )
    return tuple(int(step) for step in steps)


def _as_json(value):
    if isinstance(value, tuple):
        return list(value)
    return value.to_dict() if hasattr(value, "to_dict") else value
