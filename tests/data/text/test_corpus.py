"""Sentence borders, work units and reading of the input formats."""

import gzip
import json
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common import files
from common.errors import UserError
from data.text import corpus, documents, sentences


def split(text, max_chars=256):
    return [text[s:e] for s, e in zip(*sentences.split_sentences(text, max_chars))]


@pytest.mark.parametrize(
    "text, expected",
    [
        ("他来了。我走了！真的？好；行", ["他来了。", "我走了！", "真的？", "好；", "行"]),
        ("他说：“好！”，然后走了。", ["他说：“好！”，然后走了。"]),
        ("“走吧。”他说。", ["“走吧。”", "他说。"]),
        ("我们也走了……“真的？”她问。", ["我们也走了……", "“真的？”", "她问。"]),
        ("『你好。』他說", ["『你好。』", "他說"]),
        ("（见下文。）后面", ["（见下文。）", "后面"]),
        ("好。）”）再说", ["好。）”）", "再说"]),
        ("怎么可能？！不会吧", ["怎么可能？！", "不会吧"]),
        ("（没有句号）后面", ["（没有句号）后面"]),
        ("1. 范围 3.5%；完", ["1. 范围 3.5%；", "完"]),
        (
            'Hello world. He said "Hi." Then go! OK',
            ["Hello world.", 'He said "Hi."', "Then go!", "OK"],
        ),
        ("见 a.b.com 和 x;y", ["见 a.b.com 和 x;y"]),
        ("第一段\n第二段", ["第一段", "第二段"]),
        (" \u3000首尾 \r\n", ["首尾"]),
        ("。。。", ["。。。"]),
        ("", []),
        ("\n \n", []),
    ],
)
def test_sentence_borders(text, expected):
    assert split(text) == expected


def test_long_sentences_are_cut_behind_a_comma_or_between_words():
    text = "很" * 20 + "，" + "好" * 40
    assert split(text, 30) == ["很" * 20 + "，", "好" * 30, "好" * 10]
    # nothing to cut at in the second half of the limit: before the English word
    assert split("很" * 28 + "abcdef" + "好" * 8, 30) == ["很" * 28, "abcdef" + "好" * 8]
    assert split("a" * 70, 30) == ["a" * 30, "a" * 30, "a" * 10]


@given(st.text("中国人，。！？…；：“”‘’（） ab1.;!?\n\t\u3000😀", max_size=60), st.integers(8, 20))
@settings(max_examples=300, deadline=None)
def test_sentences_hold_every_character_in_order(text, limit):
    starts, ends = sentences.split_sentences(text, limit)
    assert (starts < ends).all() and (ends - starts <= limit).all()
    assert (starts[1:] >= ends[:-1]).all()
    covered = "".join(text[s:e] for s, e in zip(starts, ends))
    blank = dict.fromkeys(map(ord, " \n\t\u3000"))
    assert covered.translate(blank) == text.translate(blank)
    assert not any("\n" in text[s:e] for s, e in zip(starts, ends))


OPTIONS = SimpleNamespace(
    input_format="text",
    text_fields=("text",),
    normalize_quotes=False,
    t2s=False,
    max_sentence_chars=256,
)


def options(**changes):
    return SimpleNamespace(**dict(vars(OPTIONS), **changes))


def documents_of(content, path="x.txt", **changes):
    """[[sentence, ...], ...] of bytes."""
    chosen = options(**changes)
    found = documents.read_documents([corpus.Source(content, path, lambda: 0)], chosen)
    spans = list(zip(found.starts.tolist(), found.ends.tolist()))
    borders = found.documents.tolist()
    return [[found.text[s:e] for s, e in spans[a:b]] for a, b in zip(borders[:-1], borders[1:])]


def test_text_format_is_a_sentence_a_line():
    content = "一。二\n三\r\n\r\n四\n \t\n\n五\r\r\n五五\n\xa0\n六".encode()
    assert documents_of(content) == [["一。二", "三"], ["四"], ["五", "五五"], ["六"]]


def test_raw_format_splits_paragraphs():
    content = "\n\n一。二！\n三\n\n四".encode()
    assert documents_of(content, input_format="raw") == [["一。", "二！", "三"], ["四"]]


def test_jsonl_format_joins_its_fields():
    records = [
        {"title": "题", "text": "甲。\n\n乙"},
        {"text": "丙", "title": ""},
        {"title": "丁\ud800", "text": " "},
    ]
    content = "\n".join(json.dumps(r) for r in records).encode() + b"\n"
    found = documents_of(content, input_format="jsonl", text_fields=("title", "text"))
    assert found == [["题", "甲。", "乙"], ["丙"], ["丁\ufffd"]]


def test_quotes_are_normalised_behind_the_split():
    content = "“好。”他…走了——".encode()
    found = documents_of(content, input_format="raw", normalize_quotes=True)
    assert found == [['"好。"', "他.", "走了--"]]


def test_traditional_characters_become_simplified_before_the_split():
    pytest.importorskip("opencc")
    content = "天氣乾燥。乾隆說：「後來」\n\n皇后".encode()
    found = documents_of(content, input_format="raw", t2s=True)
    assert found == [["天气干燥。", "乾隆说：「后来」"], ["皇后"]]
    records = '{"text": "頭髮"}\n'.encode()
    assert documents_of(records, input_format="jsonl", t2s=True) == [["头发"]]


@pytest.mark.parametrize(
    "content, changes, message",
    [
        ("好\n".encode() + "坏".encode("gb18030"), {}, r"x\.txt line 12 is not UTF-8"),
        (b'{"text": "a"}\n{"text": 3}\n', {"input_format": "jsonl"}, r"line 12 has no text field"),
        (b'{"text": "a"\n', {"input_format": "jsonl"}, r"line 11 is not JSON"),
        (b"[1]\n", {"input_format": "jsonl"}, r"line 11 has no text field 'text'"),
        (b"[" * 100000, {"input_format": "jsonl"}, r"line 11 is not JSON: nested too deeply"),
    ],
)
def test_bad_text_names_file_and_line(content, changes, message):
    with pytest.raises(UserError, match=message):
        source = corpus.Source(content, "x.txt", lambda: 10)
        documents.read_documents([source], options(**changes))


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_json_lines_are_bounded(tmp_path, monkeypatch, suffix):
    """A line is held in memory, and one of a gz file may unpack to anything."""
    monkeypatch.setattr(files, "LINE_BYTES", 5000)
    monkeypatch.setattr(corpus, "_WINDOW", 1000)
    path = tmp_path / ("x.jsonl" + suffix)
    lines = b'{"text": "a"}\n' * 3 + b'{"text": "' + b"b" * 50000 + b'"}\n'
    path.write_bytes(gzip.compress(lines) if suffix else lines)
    with pytest.raises(UserError, match=r"x.jsonl(.gz)? line 4 is longer than 5,000 bytes; cut it"):
        for unit in corpus.plan_units([str(path)], "jsonl", 100, 100):
            list(corpus.unit_blocks(unit, "jsonl", 100))


paragraphs = st.lists(st.text("中文ab。\t ", min_size=0, max_size=20), min_size=1, max_size=40)


@given(paragraphs, st.sampled_from(["\n", "\n\n", "\r\n\r\n", "\n \n"]), st.integers(20, 300))
@settings(max_examples=150, deadline=None)
def test_units_tile_the_file_at_document_borders(tmp_path_factory, texts, separator, unit_bytes):
    path = tmp_path_factory.mktemp("units") / "corpus.txt"
    content = separator.join(texts).encode()
    path.write_bytes(content)
    if not content:
        with pytest.raises(UserError, match="is empty"):
            corpus.plan_units([str(path)], "text", unit_bytes)
        return
    ranges = ranges_of(path, "text", unit_bytes, unit_bytes)
    assert [r.start for r in ranges] == [0] + [r.end for r in ranges[:-1]]
    assert ranges[-1].end == len(content)
    pieces = [corpus.read_range(r) for r in ranges]
    assert b"".join(pieces) == content
    for piece in pieces:
        piece.decode("utf-8")  # never cut inside a character
    if separator != "\n" and unit_bytes > 130:  # no document is larger than a unit
        found = [document for piece in pieces for document in documents_of(piece)]
        assert found == documents_of(content)


def test_a_document_larger_than_a_unit_is_cut_at_a_line_and_then_at_a_character(tmp_path):
    path = tmp_path / "book.txt"
    path.write_text("".join("第{}行很长很长\n".format(i) for i in range(100)), encoding="utf-8")
    ranges = ranges_of(path, "text", 300, 300)
    assert len(ranges) > 5
    assert all(corpus.read_range(r).endswith(b"\n") for r in ranges)
    assert len(ranges_of(path, "text", 300, 10**6)) == 1  # not before it is too long
    path.write_text("长" * 2000, encoding="utf-8")
    ranges = ranges_of(path, "text", 1000, 1000)
    assert len(ranges) > 3
    assert "".join(corpus.read_range(r).decode("utf-8") for r in ranges) == "长" * 2000


def test_a_json_line_is_never_cut(tmp_path):
    path = tmp_path / "a.jsonl"
    lines = [json.dumps({"text": "长" * n}).encode() + b"\n" for n in (3000, 10, 20000, 5)]
    path.write_bytes(b"".join(lines))
    ranges = ranges_of(path, "jsonl", 500, 500)
    assert all(corpus.read_range(r).endswith(b"}\n") for r in ranges)
    packed = tmp_path / "a.jsonl.gz"
    packed.write_bytes(gzip.compress(b"".join(lines)))
    (unit,) = corpus.plan_units([str(packed)], "jsonl")
    blocks = blocks_of(unit, "jsonl", 500)
    assert len(blocks) > 1 and b"".join(blocks) == b"".join(lines)
    assert all(block.endswith(b"}\n") for block in blocks)


def test_small_files_go_together(tmp_path):
    paths = []
    for i in range(7):
        paths.append(tmp_path / "{}.txt".format(i))
        paths[-1].write_text("第{}个文件\n没有空行".format(i), encoding="utf-8")
    size = paths[0].stat().st_size
    units = corpus.plan_units([str(p) for p in paths], "text", 3 * size)
    assert [len(u.ranges) for u in units] == [3, 3, 1]
    assert [u.index for u in units] == [0, 1, 2] and units[0].size == 3 * size
    ((sources, share),) = corpus.unit_blocks(units[1], "text")
    found = documents.read_documents(sources, OPTIONS)
    assert share == 1.0 and len(found.documents) == 4  # each file ends its document
    assert found.text.startswith("第3个文件")


def ranges_of(path, *arguments):
    """All ranges of the units of one file."""
    return [r for u in corpus.plan_units([str(path)], *arguments) for r in u.ranges]


def blocks_of(unit, *arguments):
    """The bytes of each block of a unit of one file."""
    return [source.content for (source,), _ in corpus.unit_blocks(unit, *arguments)]


def test_a_gz_file_is_one_unit_read_in_blocks(tmp_path):
    text = "\n\n".join("文档{}。\n第二句".format(i) for i in range(500)).encode()
    path = tmp_path / "a.txt.gz"
    path.write_bytes(gzip.compress(b"\xef\xbb\xbf" + text))
    (unit,) = corpus.plan_units([str(path)], "text", 100)
    found = list(corpus.unit_blocks(unit, "text", block_bytes=1000))
    blocks = [source.content for (source,), _ in found]
    assert len(blocks) > 5 and b"".join(blocks) == text
    assert [d for block in blocks for d in documents_of(block)] == documents_of(text)
    counted = np.cumsum([0] + [block.count(b"\n") for block in blocks])
    assert [source.lines_before() for (source,), _ in found] == counted[:-1].tolist()
    shares = [share for _, share in found]
    assert shares == sorted(shares) and shares[-1] == 1.0


def test_a_byte_order_mark_is_left_out(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"\xef\xbb\xbf" + "你好".encode())
    (unit,) = corpus.plan_units([str(path)], "text")
    assert blocks_of(unit, "text") == ["你好".encode()]


def test_the_line_of_bad_bytes_is_counted_from_the_beginning_of_the_file(tmp_path):
    path = tmp_path / "a.txt"
    good = "好的一行\n\n" * 100
    path.write_bytes(good.encode() + b"\xff\xfe\n")
    units = corpus.plan_units([str(path)], "text", 300)
    ((sources, _),) = corpus.unit_blocks(units[-1], "text")
    assert sources[0].lines_before() > 0
    with pytest.raises(UserError, match="line 201 is not UTF-8"):
        documents.read_documents(sources, OPTIONS)


def test_a_cut_off_gz_file_is_named(tmp_path):
    path = tmp_path / "a.txt.gz"
    path.write_bytes(gzip.compress("很多很多文字。".encode() * 1000)[:-20])
    (unit,) = corpus.plan_units([str(path)], "text")
    with pytest.raises(UserError, match=r"a\.txt\.gz is not a whole gzip file"):
        list(corpus.unit_blocks(unit, "text"))
