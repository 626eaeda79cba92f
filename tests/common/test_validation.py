"""Checks of values from files: what passes, what does not."""

import pytest

from common import validation
from common.validation import dict_of, is_count, is_object_of, is_text, list_of

VALUES = {
    "null": None,
    "true": True,
    "0": 0,
    "7": 7,
    "-1": -1,
    "2 ** 62": 1 << 62,
    "0.5": 0.5,
    "text": "a",
    "no text": "",
    "NUL": "a\x00",
    "list": [1],
    "object": {"a": 1},
}


@pytest.mark.parametrize(
    ("name", "passing"),
    [
        ("is_count", ["0", "7"]),
        ("is_whole", ["0", "7", "-1", "2 ** 62"]),
        ("is_number", ["0", "7", "-1", "2 ** 62", "0.5"]),
        ("is_text", ["text", "no text", "NUL"]),
        ("is_text_or_null", ["null", "text", "no text", "NUL"]),
        ("is_name", ["text", "no text"]),
        ("is_object", ["object"]),
    ],
)
def test_a_check_passes_these_and_no_others(name, passing):
    check = getattr(validation, name)
    assert [key for key, value in VALUES.items() if check(value)] == passing


def test_lists_and_objects_of_checked_values():
    assert list_of(is_count)([]) and list_of(is_count)([0, 3])
    assert not list_of(is_count)([0, "3"]) and not list_of(is_count)({"a": 0})
    assert not list_of(is_text)("ab")
    assert dict_of(is_text)({}) and dict_of(is_text)({"a": "b"})
    assert not dict_of(is_text)({"a": 1}) and not dict_of(is_text)(["a"])


@pytest.mark.parametrize(
    ("value", "is_right"),
    [
        ({"host": "h", "process": 1}, True),
        ({"host": "h"}, False),
        ({"host": "h", "process": 1, "since": "s"}, False),
        ({"host": "h", "process": True}, False),
        (["host", "process"], False),
        (None, False),
    ],
)
def test_objects_of_named_values(value, is_right):
    assert is_object_of({"host": is_text, "process": is_count}, value) is is_right


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        (float("nan"), "must be a finite number"),
        (float("-inf"), "must be a finite number"),
        (-1.1e9, "must lie between -1,000,000,000 and 1,000,000,000"),
        (1 << 31, "must lie between -2,147,483,647 and 2,147,483,647"),
        ((0.5, float("nan")), "must be a finite number"),
        (1e9, None),
        ((1 << 31) - 1, None),
        ([0.5, 0], None),
        (True, None),
        ("nan", None),
        (None, None),
    ],
)
def test_numbers_of_settings(value, fault):
    assert validation.number_fault(value) == fault


@pytest.mark.parametrize(
    ("text", "is_right"),
    [("0", True), ("2147483647", True), ("2147483648", False), ("9" * 5000, False), ("-1", False)],
)
def test_written_counts(text, is_right):
    assert validation.is_written_count(text) == is_right
