"""Checks of values that came from a file: JSON of manifests, configs and records of runs."""

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
