"""Checks of values that came from a file: JSON of manifests, configs and records of runs; and of
the numbers of settings, wherever they came from."""

import dataclasses
import math

from common.errors import UserError

# Numbers of settings beyond these are slips: counts and seeds are 32 bits wide in TensorFlow.
_LARGEST_WHOLE, _LARGEST_NUMBER = (1 << 31) - 1, 1e9
# Above it a number is no count of anything in a file.
_LARGEST_COUNT = 1 << 62


def is_count(value):
    """A whole number, 0 or more."""
    return is_whole(value) and 0 <= value < _LARGEST_COUNT


def is_whole(value):
    """A whole number; true and false are none."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(value):
    """A number; true and false are none."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def is_switch(value):
    """True or false."""
    return isinstance(value, bool)


def is_text(value):
    return isinstance(value, str)


def is_name(value):
    """A text that may name a file."""
    return is_text(value) and "\x00" not in value


def is_object(value):
    """A JSON object."""
    return isinstance(value, dict)


def is_object_of(checks, value):
    """Whether a value is a JSON object with exactly these keys, each value passing its check.

    Args:
      checks: dict key -> function of a value that returns whether it is right.
      value: anything that JSON holds.
    """
    return (
        is_object(value)
        and value.keys() == checks.keys()
        and all(is_right(value[key]) for key, is_right in checks.items())
    )


def is_text_or_null(value):
    return value is None or is_text(value)


def list_of(is_right):
    """A check for lists whose items all pass `is_right`."""
    return lambda value: isinstance(value, list) and all(map(is_right, value))


def dict_of(is_right):
    """A check for objects whose values all pass `is_right`."""
    return lambda value: is_object(value) and all(map(is_right, value.values()))


def number_fault(value):
    """What is wrong with the number of a setting, whatever it is for.

    Args:
      value: anything; numbers, and those in a list or tuple, are looked at.

    Returns:
      "must be a finite number" and the like; None where nothing is wrong.
    """
    if isinstance(value, (list, tuple)):
        return next(filter(None, map(number_fault, value)), None)
    if not is_number(value):
        return None
    if isinstance(value, float) and not math.isfinite(value):
        return "must be a finite number"
    most = _LARGEST_WHOLE if is_whole(value) else _LARGEST_NUMBER
    return None if abs(value) <= most else "must lie between -{0:,.0f} and {0:,.0f}".format(most)


def is_written_count(text):
    """Whether a text is a whole number, 0 or more, that a setting may have."""
    # The length first: Python refuses to convert thousands of digits.
    return text.isdecimal() and len(text) <= 10 and int(text) <= _LARGEST_WHOLE


def check_numbers(settings):
    """Checks all numbers of settings that were perhaps not made from flags.

    Args:
      settings: a dataclass object.

    Raises:
      UserError: one is nan, inf or huge.
    """
    for field in dataclasses.fields(settings):
        fault = number_fault(getattr(settings, field.name))
        if fault:
            raise UserError(
                "{}={} {} ({})".format(
                    field.name, getattr(settings, field.name), fault, type(settings).__name__
                )
            )
