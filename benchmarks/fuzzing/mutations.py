"""Damage of all kinds, drawn from a random.Random: bytes, lines of text, JSON, gzip streams."""

import copy
import gzip
import json
import struct

MOST_BYTES = 4 << 20
BOMB_BYTES = 24 << 20
# One line, and many.
LINE_BOMBS = [b"\x00", b"a", b"[", "中。".encode(), b'{"text": "']
BOMBS = [*LINE_BOMBS, b"\n", b"a\n"]

AWKWARD_BYTES = [
    b"\x00",
    b"\xff",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"\xc0\x80",
    b"\xed\xa0\x80",  # half a surrogate pair
    b"\xf4\x90\x80\x80",  # beyond Unicode
    b"\r\n",
    b"\r",
    b"\n\n\n",
    b"\t",
    b"\x0b\x0c\x1c\x85",
    b"\x1b[2J",
    b"\\",
    b'"',
    b"{" * 5000,
    b"[" * 100000,
    b"9" * 5000,
    b"-1",
    b"1e999",
    b"NaN",
    b"\\ud800",
    "\u2028\u2029\u0085\u3000\u00a0".encode(),
    "\u200b\u200d\ufeff\u202e\u00ad".encode(),
    "İıſΣςẞŉǅﬁ\u0345".encode(),
    b"e" + "\u0301\u0323".encode() * 400,
    "\U0001f468\u200d\U0001f469\U000e0041\U0010ffff".encode(),
    "豈\U0002f800\U00020000㐀〇".encode(),
    "，。！？“”‘’…—《》".encode(),
    b"[MASK]",
    b"[PAD][CLS][SEP][UNK]",
    b"##",
    b"##x",
    b"x" * 70000,
    "中".encode() * 70000,
    b"\xe4\xb8",  # a character cut in two
    b"version https://git-lfs.github.com/spec/v1\n",
    b"\x1f\x8b\x08",
]
AWKWARD_NUMBERS = [
    0,
    -1,
    1,
    2,
    3,
    7,
    255,
    65536,
    2**31 - 1,
    2**31,
    -(2**31) - 1,
    2**32,
    2**53 + 1,
    2**63 - 1,
    2**63,
    2**64,
    10**30,
    10**60,
    0.5,
    -0.0,
    1e-300,
    1e300,
    12.0,
    1e9,
]
_RAW_NUMBERS = ["NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1" * 100000, "0." + "3" * 5000]
AWKWARD_TEXTS = [
    "",
    " ",
    "\n",
    "a\nb",
    "\x00",
    "\ud800",
    "../../../etc/passwd",
    "/",
    "/dev/null",
    "gs://nowhere/x",
    "nosuch://x",
    "$(touch x)",
    "{}",
    "{0}{1}",
    "%s%n",
    "true",
    "12",
    "gelu",
    "x" * 100000,
    "\u202e\x1b[31m",
]


def a_few(rng, most=3):
    """A small number from 1 on, the smaller the likelier."""
    return min(most, 1 + int(rng.expovariate(1.2)))


def a_place(rng, content):
    return rng.randrange(len(content) + 1)


def flip(rng, content):
    """Flips some bits."""
    changed = bytearray(content)
    for _ in range(rng.choice([1, 1, 2, 8, 64])):
        if changed:
            changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _cut_end(rng, content):
    return content[: a_place(rng, content)]


def _cut_middle(rng, content):
    at = a_place(rng, content)
    return content[:at] + content[at + rng.choice([1, 2, 4, 16, 300]) :]


def _insert(rng, content):
    at = a_place(rng, content)
    return content[:at] + rng.choice(AWKWARD_BYTES) + content[at:]


def _overwrite(rng, content):
    at = a_place(rng, content)
    return content[:at] + rng.choice(AWKWARD_BYTES)[:16] + content[at + 16 :]


def _insert_noise(rng, content):
    at = a_place(rng, content)
    noise = bytes(rng.randrange(256) for _ in range(rng.choice([1, 4, 50, 2000])))
    return content[:at] + noise + content[at:]


def _repeat(rng, content):
    at = a_place(rng, content)
    part = content[at : at + rng.choice([1, 3, 40, 1000])]
    return content[:at] + part * rng.choice([2, 10, 3000]) + content[at:]


def _swap(rng, content):
    a, b = sorted((a_place(rng, content), a_place(rng, content)))
    return content[b:] + content[a:b] + content[:a]


def _number_bytes(rng, content):
    at = a_place(rng, content)
    number = struct.pack("<q", rng.choice([0, -1, 1, 2**31, 2**32, 2**40, 2**62, -(2**63)]))
    return content[:at] + number + content[at + 8 :]


def _nothing(rng, content):
    return rng.choice([b"", b"\n", b"\x00", b" ", content])


_BYTE_CHANGES = [
    flip,
    flip,
    _cut_end,
    _cut_middle,
    _insert,
    _insert,
    _overwrite,
    _insert_noise,
    _repeat,
    _swap,
    _number_bytes,
    _nothing,
]


def mutate_bytes(rng, content):
    """Some changes of a file of bytes."""
    for _ in range(a_few(rng)):
        content = rng.choice(_BYTE_CHANGES)(rng, content)[:MOST_BYTES]
    return content


def _shuffle_lines(rng, content):
    lines = content.split(b"\n")
    rng.shuffle(lines)
    return b"\n".join(lines)


def _repeat_line(rng, content):
    lines = content.split(b"\n")
    at = rng.randrange(len(lines))
    return b"\n".join(lines[:at] + [lines[at]] * rng.choice([2, 50]) + lines[at:])


def _drop_line(rng, content):
    lines = content.split(b"\n")
    del lines[rng.randrange(len(lines))]
    return b"\n".join(lines)


def _join_lines(rng, content):
    return content.replace(b"\n", rng.choice([b"", b" ", b"\t", b"\r", b"\r\n"]))


def _recode(rng, content):
    text = content.decode("utf-8", "replace")
    return text.encode(rng.choice(["utf-16", "utf-16-le", "gb18030", "utf-8-sig"]), "replace")


def _more_tabs(rng, content):
    return content.replace(rng.choice([b" ", b"\t", "，".encode()]), rng.choice([b"\t", b"", b" "]))


_TEXT_CHANGES = [
    _shuffle_lines,
    _repeat_line,
    _drop_line,
    _join_lines,
    _recode,
    _more_tabs,
]


def mutate_text(rng, content):
    """Some changes of a text file, by bytes and by lines."""
    for _ in range(a_few(rng)):
        change = rng.choice(_BYTE_CHANGES + 2 * _TEXT_CHANGES)
        content = change(rng, content)[:MOST_BYTES]
    if rng.random() < 0.6:  # behind the check of UTF-8 there is more to find
        content = content.decode("utf-8", "replace").encode("utf-8")
    return content


def mutate_cells(rng, content):
    """A table of tabs and lines with other values in some cells."""
    rows = [line.split("\t") for line in content.decode("utf-8").split("\n")]
    for _ in range(a_few(rng)):
        row = rng.choice(rows)
        at, number = rng.randrange(len(row)), str(rng.choice(AWKWARD_NUMBERS))
        kind = rng.randrange(6)
        if kind == 0:
            row[at] = rng.choice(AWKWARD_TEXTS).replace("\ud800", "")
        elif kind == 1:
            row[at] = rng.choice(
                ["_", "1-2", "3-1", "1.1", "0", "# newdoc", "# text = x", "=", "|"]
            )
        elif kind == 2:
            row[at] = rng.choice(rows)[0]
        elif kind == 3:
            row[at], row[0] = row[0], row[at]
        else:
            row[at] = number if kind == 4 else row[at] + number
    return "\n".join("\t".join(row) for row in rows).encode("utf-8")


def mutate_json(rng, value, likely_texts=()):
    """A JSON text: `value` with some changes of its structure, now and then of its bytes.

    Args:
      rng: random.Random.
      value: what JSON can hold, a dict at the top.
      likely_texts: texts that might fit some key.
    """
    value, raw = copy.deepcopy(value), []
    for _ in range(a_few(rng, 4)):
        value = _mutate_node(rng, value, likely_texts, raw)
    content = json.dumps(value, ensure_ascii=rng.random() < 0.5, indent=rng.choice([None, 1]))
    for i, text in enumerate(raw):
        content = content.replace('"@raw{}@"'.format(i), text)
    content = content.encode("utf-8", "surrogatepass")
    return mutate_bytes(rng, content) if rng.random() < 0.15 else content


def _places(value, path=()):
    yield path
    if isinstance(value, dict):
        for key in value:
            yield from _places(value[key], path + (key,))
    elif isinstance(value, list):
        for i in range(min(len(value), 20)):
            yield from _places(value[i], path + (i,))


def _mutate_node(rng, value, texts, raw):
    path = rng.choice(list(_places(value))[1:] or [()])
    if not path:
        return new_value(rng, value, texts, raw)
    parent = value
    for key in path[:-1]:
        parent = parent[key]
    key, kind = path[-1], rng.random()
    if kind < 0.1:
        del parent[key]
    elif kind < 0.15 and isinstance(parent, dict):
        parent[rng.choice(AWKWARD_TEXTS)] = parent.pop(key)
    elif kind < 0.2 and isinstance(parent, dict):
        # The same key twice.
        raw.append("{}, {}: 1".format(json.dumps(parent[key]), json.dumps(str(key))))
        parent[key] = "@raw{}@".format(len(raw) - 1)
    else:
        parent[key] = new_value(rng, parent[key], texts, raw)
    return value


def new_value(rng, old, texts=(), raw=None):
    """A value to replace `old`."""
    kind = rng.randrange(12)
    if kind < 4:
        return rng.choice(AWKWARD_NUMBERS)
    if kind < 6:
        return rng.choice(list(texts) or AWKWARD_TEXTS)
    if kind == 6:
        return rng.choice(AWKWARD_TEXTS)
    if kind == 7:
        return rng.choice([None, True, False, [], {}, [[]], {"": {}}])
    if kind == 8:
        return rng.choice([[old], {"a": old}, str(old), [old] * 1000])
    if kind == 9 and raw is not None:
        raw.append(rng.choice(_RAW_NUMBERS))
        return "@raw{}@".format(len(raw) - 1)
    if kind == 10 and raw is not None:
        depth = rng.choice([33, 900, 50000])
        raw.append("[" * depth + "]" * rng.choice([0, depth, depth]))
        return "@raw{}@".format(len(raw) - 1)
    if isinstance(old, (int, float)) and not isinstance(old, bool):
        return rng.choice([old + 1, old - 1, -old, old * 2, old * 1000000, old + 0.5, float(old)])
    return rng.choice(AWKWARD_TEXTS)


def mutate_gzip(rng, content, bombs=BOMBS):
    """A gzip file of `content`, whole, damaged, of several members, or unpacking to a lot."""
    if rng.random() < 0.03:
        unit = rng.choice(bombs)
        return gzip.compress((unit * (BOMB_BYTES // len(unit) + 1))[:BOMB_BYTES], 6)
    packed = gzip.compress(content, 1)
    kind = rng.randrange(6)
    if kind == 0:
        return mutate_bytes(rng, packed)
    if kind == 1:
        return packed[: a_place(rng, packed)]
    if kind == 2:
        return packed + rng.choice([packed, b"rubbish", b"\x00" * 50, b"\x1f\x8b", packed[:20]])
    if kind == 3:
        return content
    return packed
