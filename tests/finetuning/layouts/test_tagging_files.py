"""The files of named-entity tasks: all layouts, and what is wrong in them."""

import collections
import json
import os

import pytest

from common.errors import UserError
from finetuning.kinds.spans import Span
from finetuning.layouts import tagging

FILES = [
    "msra_ner/msra_test_bio.txt",
    "msra_ner/dh_msra.txt",
    "msra_ner/ernie_tsv/dev.tsv",
    "msra_ner/clue_raw/testright1.txt",
    "peopledaily_ner/example.dev",
    "peopledaily_ner/example.test",
    "peopledaily_ner/ymcui_peopledaily_zip/train.txt",
    "peopledaily_ner/ymcui_peopledaily_zip/dev.txt",
    "weibo_ner/weiboNER_2nd_conll.train",
    "weibo_ner/weiboNER_2nd_conll.dev",
    "weibo_ner/weiboNER_2nd_conll.test",
    "cluener/train.json",
    "cluener/dev.json",
    "cluener/test.json",
]
# From the file's own text, without the readers: sentences, characters, entities.
Counts = collections.namedtuple("Counts", ["sentences", "characters", "entities"])


def counted_otherwise(name, text):
    lines = [line for line in text.split("\n") if line.strip()]
    if name.endswith(".json"):
        rows = [json.loads(line) for line in lines]
        places = [
            place
            for row in rows
            for entities in row.get("label", {}).values()
            for places_of_entity in entities.values()
            for place in places_of_entity
        ]
        return Counts(len(rows), sum(len(row["text"]) for row in rows), len(places))
    if name.endswith(".tsv"):
        cells = [line.split("\t") for line in lines[1:]]
        tags = [tag for _, joined in cells for tag in joined.split("\x02")]
        return Counts(len(cells), len(tags), sum(tag[0] == "B" for tag in tags))
    if "clue_raw" in name:
        words = [word.split("/") for line in lines for word in line.split()]
        return Counts(
            len(lines),
            sum(len(word) for word, _ in words),
            sum(kind != "o" for _, kind in words),
        )
    tags = [line.split()[1] for line in lines]
    sentences = [block for block in text.split("\n\n") if block.strip()]
    return Counts(len(sentences), len(tags), sum(tag[0] == "B" for tag in tags))


@pytest.mark.parametrize("name", FILES)
def test_every_file_is_read(shared, name):
    path = os.path.join(shared, "datasets", name)
    with open(path, encoding="utf-8") as reader:
        expected = counted_otherwise(name, reader.read())
    examples = tagging.read_tagged(path, has_places="weibo" in name)
    odd = examples.mended.pop(tagging.ODD_BEGINNING, 0)
    overlapping = examples.skipped.pop("entities that overlap with others", 0)
    assert not examples.mended and not examples.skipped
    counts = Counts(
        len(examples),
        sum(len(e.tokens) for e in examples),
        sum(len(e.spans or ()) for e in examples) - odd + overlapping,
    )
    assert counts == expected
    # 10 and 2 tags of Weibo NER go on with a type that no tag began; a book's title in CLUENER
    # holds the names of two companies.
    assert odd == (10 if name.endswith("conll.train") else 2 if name.endswith("conll.test") else 0)
    assert overlapping == (2 if name == "cluener/train.json" else 0)
    assert (examples[0].spans is None) == (name == "cluener/test.json")
    types = tagging.types_of(examples)
    if "weibo" in name:
        assert set(types) <= {a + b for a in ("PER", "ORG", "LOC", "GPE") for b in (".NAM", ".NOM")}
    elif "cluener" in name:
        assert len(types) == (0 if "test" in name else 10)
    else:
        assert types == ["LOC", "ORG", "PER"]
    lengths = {len(token) for e in examples for token in e.tokens}
    assert lengths == ({1, 2} if "weibo" in name else {1})  # of emoji, both halves were lost


def write(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    return str(path)


def test_layouts(tmp_path):
    """The same sentences in four layouts."""
    spans = ((Span(0, 2, "PER"),), (Span(1, 3, "LOC"),))
    label = {"LOC": {"北京": [[1, 2]]}}
    rows = [
        {"text": "王二来", "label": {"PER": {"王二": [[0, 1]]}}},
        {"text": "在北京", "label": label},
    ]
    joined = [("王二来", "B-PER I-PER O"), ("在北京", "O B-LOC I-LOC")]
    contents = {
        "a.txt": "王\tB-PER\n二\tI-PER\n来\tO\n\n\n在 O\n北 B-LOC\n京 E-LOC",
        "b.txt": "王二/nr 来/o\n在/o 北京/ns \n",
        "c.tsv": "text_a\tlabel\n"
        + "".join("\x02".join(t) + "\t" + g.replace(" ", "\x02") + "\n" for t, g in joined),
        "d.json": "".join(json.dumps(row) + "\n" for row in rows),
    }
    for name, content in contents.items():
        examples = tagging.read_tagged(write(tmp_path / name, content))
        assert [e.tokens for e in examples] == [tuple("王二来"), tuple("在北京")]
        assert tuple(e.spans for e in examples) == spans, name
    assert examples[1].where == "{}, line 2".format(tmp_path / "d.json")
    columns = tagging.read_columns(str(tmp_path / "a.txt"))
    assert columns[1].where == "{}, line 6".format(tmp_path / "a.txt")


def test_what_is_mended_and_left_out(tmp_path):
    examples = tagging.read_tagged(
        write(tmp_path / "a.txt", b"\xef\xbb\xbf" + "王 I-P\r\n \tO\r\n二\tB-P\r\n".encode())
    )
    assert examples[0][:2] == (("王", " ", "二"), (Span(0, 1, "P"), Span(2, 3, "P")))
    assert len(examples) == examples[0].first_line == 1
    assert examples.mended == {
        "byte order mark": 1,
        "Windows line ends": 3,
        "blank characters": 1,
        "entities that begin with I or E": 1,
    }
    rows = [
        {"text": "王二在北京市", "label": {"P": {"王二": [[1, 2]]}, "L": {"北京": [[3, 4]]}}},
        {"text": "王王", "label": {"P": {"二": [[0, 0]], "王": [[0, 0]]}}},
        {"text": "北京市", "label": {"L": {"北京": [[0, 1]]}, "G": {"北京市": [[0, 2]]}}},
        {"text": "", "label": {}},
    ]
    examples = tagging.read_tagged(
        write(tmp_path / "b.json", "".join(json.dumps(row) + "\n" for row in rows))
    )
    assert [e.spans for e in examples] == [
        (Span(0, 2, "P"), Span(3, 5, "L")),
        (Span(0, 1, "P"),),
        (Span(0, 3, "G"),),
    ]
    assert examples.mended == {"entities found in another place": 1}
    assert examples.skipped == {
        "entities that are not in the text, or more than once": 1,
        "entities that overlap with others": 1,
        "empty texts": 1,
    }
    examples = tagging.read_tagged(
        write(tmp_path / "c.tsv", "text_a\tlabel\n\u3000\x02二\tO\x02B-P\n")
    )
    assert [example[:2] for example in examples] == [((" ", "二"), (Span(1, 2, "P"),))]
    assert examples.mended == {"blank characters": 1}
    unlabelled = tagging.read_tagged(write(tmp_path / "c.tsv", "text_a\n王\x02二\n"))
    assert [example[:2] for example in unlabelled] == [(("王", "二"), None)]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", "王\tO\n二\n", "line 2: 1 columns, where a character and its tag"),
        ("a.txt", "王 x O\n", "line 1: 3 columns"),
        ("a.txt", "王 X-P\n", "line 1: 'X-P' is no tag"),
        ("a.txt", "王 O\n\n二 O\n在 B\n", "line 4: 'B' is no tag"),
        ("a.txt", "\n\n", "a.txt holds no example"),
        ("a.txt", "王\tO\n".encode("gb18030"), "line 1 is not UTF-8"),
        ("b.txt", "王二/nr 来/o\n在/x\n", r"line 2: '在/x' is no word .* types nr, ns, nt, o"),
        ("b.txt", "王二/nr\n在\n", "line 2: '在' is no word with its type"),
        ("c.tsv", "text_a\tlabel\n王\x02二\tO\n", "line 2: 1 tags for 2 characters"),
        ("c.tsv", "text_a\ttags\n王\tO\n", "line 1: the header must name text_a and label"),
        ("c.tsv", "text_a\tlabel\n王\n", "line 2: 1 columns, where 2 are expected"),
        (
            "d.json",
            '{"text": "王", "label": {"P": {"王": [[0, 1]]}}}',
            r"1: the span .0, 1. of",
        ),
        ("d.json", '{"text": "王", "label": {"P": [[0, 1]]}}', "the entities of 'P' must be an ob"),
        ("d.json", '{"text": "王", "label": {"P": {"王": [[0]]}}}', "the entities of 'P' must be"),
        ("d.json", '{"label": {}}', "line 1 has no 'text'; its fields are 'label'"),
        ("d.json", '{"text": "a"}\n7', "line 2 is JSON, but no object"),
    ],
)
def test_wrong_files(tmp_path, name, content, message):
    path = write(tmp_path / name, content)
    with pytest.raises(UserError, match=message) as raised:
        tagging.read_tagged(path)
    assert path in str(raised.value)


def test_wrong_places_and_types(tmp_path):
    path = write(tmp_path / "w", "王0\tB-P\n二\tO\n")
    with pytest.raises(UserError, match=r"line 2: '二' is no character followed by its number"):
        tagging.read_tagged(path, has_places=True)
    examples = tagging.read_tagged(write(tmp_path / "w", "王0\tB-P\n1100\tO\n"), has_places=True)
    assert examples[0].tokens == ("王", "1")
    tagging.check_types(examples, ["P"])
    with pytest.raises(UserError, match=r"line 1: unknown type 'P'; known are LOC, PER"):
        tagging.check_types(examples, ["LOC", "PER"])
    examples = tagging.read_tagged(write(tmp_path / "w", "天 O\n\n地 O\n王 B-P\n五 I-P\n"))
    with pytest.raises(UserError, match=r"line 4: unknown type 'P'"):
        tagging.check_types(examples, ["PER"])
