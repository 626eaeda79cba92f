"""JSON from outside: configs, manifests, lines of a corpus.

Untrusted JSON: size, depth, numbers and texts are bounded; the result is plain values or a
UserError.
"""

import json
import math
import re

from common import file_kinds
from common.errors import UserError

# Largest files, in bytes.
CONFIG_BYTES = 4 << 20
# run_config.json lists all record files of a run; a weight index all tensors of a model.
LIST_BYTES = 64 << 20
# Some 70 bytes for every 2 MB of a corpus.
MANIFEST_BYTES = 256 << 20

MAX_DEPTH = 32
# Beyond it Python's own conversions are slow or refuse: 4300 digits in 3.11, no limit in 3.7. What
# programs count or measure has far fewer.
_MOST_DIGITS, _MOST_DIGITS_LAX = 40, 4300
_READ_BYTES = 1 << 20
_SURROGATE = re.compile("[\ud800-\udfff]")


class Malformed(ValueError):
    """The reason why a text is not valid JSON, in a few words, and its line from 1."""

    def __init__(self, reason, line=None):
        super().__init__(reason)
        self.reason, self.line = reason, line


def load(reader, where, max_bytes=CONFIG_BYTES, max_depth=MAX_DEPTH, nul=False):
    """Reads a whole JSON file.

    Args:
      reader: binary file, local or remote.
      where: what messages call it ("model config x.json").
      max_bytes, max_depth: bounds.
      nul: see `parse`.

    Returns:
      dict, list, str, int, float, bool or None.

    Raises:
      UserError: see `read` and `parse`.
      OSError, tf.errors.OpError: whatever `reader` raises.
    """
    return parse(read(reader, where, max_bytes), where, max_depth, nul)


def read(reader, where, max_bytes, wanted="JSON"):
    """The bytes of a file that may not be larger than `max_bytes`.

    Args:
      reader, where, max_bytes: see `load`.
      wanted: what it should hold, for messages.

    Raises:
      UserError: it is larger, or of another kind that is told by its first bytes.
    """
    parts, length = [], 0
    while length <= max_bytes:
        part = reader.read(min(_READ_BYTES, max_bytes + 1 - length))
        if not parts:
            name = getattr(reader, "name", None)
            path = name if isinstance(name, str) else None
            file_kinds.refuse(where, wanted, part[: file_kinds.START_BYTES], path=path)
        if not part:
            return b"".join(parts)
        parts.append(part)
        length += len(part)
    raise UserError(
        "{} is larger than {:,} bytes, too large for such a file; give another".format(
            where, max_bytes
        )
    )


def parse(text, where, max_depth=MAX_DEPTH, nul=False):
    """The value of a JSON text.

    Args:
      text: str, or bytes in UTF-8 with or without a byte order mark.
      where: what messages call it.
      max_depth: most objects and lists inside one another.
      nul: whether texts may hold NUL: what quotes a corpus may, the name of a file must not.

    Raises:
      UserError: it is not UTF-8 or no JSON, nested too deeply, names a key twice, or holds NaN,
        infinity, a number of very many digits, half a surrogate pair or NUL.
    """
    if isinstance(text, bytes):
        try:
            text = text.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise UserError("{} is not UTF-8 text".format(where)) from None
    try:
        return decode(text, max_depth, nul=nul)
    except Malformed as error:
        line = ", line {}".format(error.line) if error.line else ""
        raise UserError("{}{}: not valid JSON ({})".format(where, line, error.reason)) from None


def decode(text, max_depth=MAX_DEPTH, strict=True, nul=False):
    """The value of a JSON text, for callers with messages of their own.

    Args:
      text: str.
      max_depth, nul: see `parse`.
      strict: refuse keys named twice (else the last one counts), NaN and infinity, NUL and
        surrogates.

    Raises:
      Malformed: see `parse`.
    """
    try:
        value = (_STRICT if strict else _LAX).decode(text)
    except json.JSONDecodeError as error:
        raise Malformed(error.msg, error.lineno) from None
    except RecursionError:
        raise Malformed("nested too deeply") from None
    # Most texts have too few brackets to be deep; a walk through all values would cost time.
    if strict or text.count("[") + text.count("{") > max_depth:
        _check_values(value, max_depth, strict, nul)
    return value


def _check_values(value, max_depth, strict, nul):
    """Walks through all values without recursion."""
    level, depth = [value], 0
    while level:
        inside = []
        for item in level:
            if isinstance(item, dict):
                inside += item.values()
                if strict:
                    inside += item
            elif isinstance(item, list):
                inside += item
            elif strict and isinstance(item, str) and not _is_text(item, nul):
                raise Malformed("a text with NUL or half a surrogate pair")
        depth += any(isinstance(item, (dict, list)) for item in level)
        if depth > max_depth:
            raise Malformed("nested more than {} deep".format(max_depth))
        level = inside


def _is_text(value, nul):
    return not _SURROGATE.search(value) and (nul or "\x00" not in value)


def _integer(most_digits):
    def convert(digits):
        if len(digits) > most_digits:
            raise Malformed("a number of {:,} digits".format(len(digits)))
        return int(digits)

    return convert


def _finite(digits):
    value = float(digits)
    if math.isinf(value):
        raise Malformed("the number {:.20} is too large".format(digits))
    return value


def _no_constant(name):
    raise Malformed("{} is not allowed".format(name))


def _distinct(pairs):
    values = dict(pairs)
    if len(values) < len(pairs):
        seen = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))
        raise Malformed("{:.80} occurs twice".format(json.dumps(twice)))
    return values


_STRICT = json.JSONDecoder(
    object_pairs_hook=_distinct,
    parse_int=_integer(_MOST_DIGITS),
    parse_float=_finite,
    parse_constant=_no_constant,
)
_LAX = json.JSONDecoder(parse_int=_integer(_MOST_DIGITS_LAX))
