"""JSON from outside: what is refused, in one sentence, and what is not."""

import io

import pytest

from common import bounded_json
from common.errors import UserError

pytestmark = pytest.mark.tf1


@pytest.mark.parametrize(
    "text, reason",
    [
        (b"\xff", "f.json is not UTF-8 text"),
        ("{".encode("utf-16"), "f.json is not UTF-8 text"),
        ("", "f.json, line 1: not valid JSON (Expecting value)"),
        ('{\n"a": }', "f.json, line 2: not valid JSON (Expecting value)"),
        ("[" * 33 + "]" * 33, "(nested more than 32 deep)"),
        ('{"a":' * 900 + "1" + "}" * 900, "(nested more than 32 deep)"),
        ("[" * 100000, "(nested too deeply)"),
        ("[" * 100000 + "]" * 100000, "(nested too deeply)"),
        ("9" * 41, "(a number of 41 digits)"),
        ('{"a": -' + "9" * 1000000 + "}", "(a number of 1,000,001 digits)"),
        ("1e999", "(the number 1e999 is too large)"),
        ("[NaN]", "(NaN is not allowed)"),
        ("[-Infinity]", "(-Infinity is not allowed)"),
        ('{"a": {"b": 1, "c": 2, "b": 3}}', '("b" occurs twice)'),
        ('["\\ud800"]', "(a text with NUL or half a surrogate pair)"),
        ('{"a\\u0000": 1}', "(a text with NUL or half a surrogate pair)"),
    ],
)
def test_refused(text, reason):
    with pytest.raises(UserError) as error:
        bounded_json.parse(text, "f.json")
    assert reason in str(error.value)
    assert "f.json" in str(error.value) and len(str(error.value)) < 200


def test_accepted():
    assert bounded_json.parse("\ufeff{}".encode(), "f") == {}
    assert bounded_json.parse("[" * 32 + "]" * 32, "f")
    assert bounded_json.parse('["\\ud83d\\ude00", {"a": 1.5}, null]', "f") == [
        "😀",
        {"a": 1.5},
        None,
    ]
    assert bounded_json.parse("9" * 40, "f") == 10**40 - 1
    assert bounded_json.parse('["\\u0000"]', "f", nul=True) == ["\x00"]


def test_lines_of_a_corpus_are_judged_mildly():
    decode = bounded_json.decode
    assert decode('{"a": 1, "a": 2}', strict=False) == {"a": 2}
    assert decode('["\\ud800\\u0000"]', strict=False) == ["\ud800\x00"]
    assert decode("[NaN, 1e999]", strict=False)[1] == float("inf")
    for text in ("[" * 100000, "[" * 33 + "]" * 33, "9" * 5000, "{"):
        with pytest.raises(bounded_json.Malformed):
            decode(text, strict=False)
    # Brackets inside texts are none.
    assert decode('["' + "[" * 100 + '"]', strict=False) == ["[" * 100]


class Endless(io.RawIOBase):
    """A file that nobody could read to its end."""

    taken = 0

    def read(self, size=-1):
        assert 0 < size <= 1 << 20
        self.taken += size
        return b" " * size


def test_a_file_is_not_read_beyond_its_bound():
    endless = Endless()
    with pytest.raises(UserError, match="f is larger than 4,194,304 bytes"):
        bounded_json.load(endless, "f")
    assert endless.taken == bounded_json.CONFIG_BYTES + 1
    assert bounded_json.load(io.BytesIO(b"[1]"), "f", max_bytes=3) == [1]
    with pytest.raises(UserError, match="larger than 3 bytes"):
        bounded_json.load(io.BytesIO(b"[12]"), "f", max_bytes=3)
