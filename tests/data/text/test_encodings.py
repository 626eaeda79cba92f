"""Encodings of corpora: told by their beginning, cut into units, read with the same result."""

import gzip

import pytest
from creation_runs import contents, make
from test_corpus import options

from common.errors import UserError
from data.text import corpus, documents, encodings
from data.tokenizers.building.from_corpus import build_vocabulary
from data.tokenizers.building.sentencepiece_training import train_model

NOTE = "患者男，45岁，因发热三天入院。体温38.5℃，血压正常。\n既往体健，无药物过敏史！\n\n"
COURT = '{"fact": "经审理查明，被告人李某×1。", "meta": {"accusation": [234], "term": 12}}\n' * 50
OLD = NOTE.replace("发热", "發熱").replace("体", "體").replace("无药", "無藥").replace("℃", "度")
FORMS = {
    "utf-8": NOTE.encode(),
    "utf-8 with a mark": b"\xef\xbb\xbf" + NOTE.encode(),
    "gb18030": NOTE.encode("gb18030"),
    "gb18030 with a mark": ("\ufeff" + NOTE).encode("gb18030"),
    "gb18030 of JSON": COURT.encode("gb18030"),
    "gb18030 with damage": b"\xff\xff\n" + NOTE.encode("gb18030") * 3,
    "big5": OLD.encode("cp950", "ignore"),
    "utf-16-le": b"\xff\xfe" + NOTE.encode("utf-16-le"),
    "utf-16-be": b"\xfe\xff" + NOTE.encode("utf-16-be"),
    "utf-16-le without a mark": NOTE.encode("utf-16-le") * 3,
    "utf-16-be without a mark": NOTE.encode("utf-16-be") * 3,
    "utf-8 with damage": (NOTE * 3).encode().replace("热".encode(), b"\x8c\xad"),
    "utf-8 of ASCII": b"no Chinese here\n",
    "gb18030 behind ASCII": b"ASCII\n" * 20000 + NOTE.encode("gb18030"),
}


@pytest.mark.parametrize("form", FORMS)
def test_the_encoding_is_told_by_the_beginning(tmp_path, form):
    (tmp_path / "a.txt").write_bytes(FORMS[form])
    assert encodings.encoding_of(str(tmp_path / "a.txt"), "auto") == form.split()[0]
    assert encodings.encoding_of(str(tmp_path / "a.txt"), "utf-16") == "utf-16"


def test_what_cannot_be_told_is_asked_for(tmp_path):
    (tmp_path / "a.txt").write_bytes(bytes(range(128, 256)) * 4)
    with pytest.raises(
        UserError, match=r"encoding of .*a.txt cannot be told; give --encoding \(utf"
    ):
        encodings.encoding_of(str(tmp_path / "a.txt"), "auto")


LONG = "".join(NOTE.replace("三", "一二三四五六七"[i % 7]) for i in range(60))


def sentences_of(path, encoding, input_format="raw"):
    """The sentences of a file that is cut into small units and blocks."""
    units = corpus.plan_units([path], input_format, 700, 300, encoding)
    found = []
    for unit in units:
        for sources, _ in corpus.unit_blocks(unit, input_format, 700):
            text = documents.read_documents(sources, options(input_format=input_format))
            spans = zip(text.starts.tolist(), text.ends.tolist())
            found += [text.text[start:end] for start, end in spans]
    return len(units), found


@pytest.mark.parametrize("encoding", ["gb18030", "utf-16", "utf-16-be", "auto"])
@pytest.mark.parametrize("ending", ["", ".gz"])
def test_units_of_another_encoding_hold_the_same_text(tmp_path, encoding, ending):
    (tmp_path / "utf8.txt").write_bytes(LONG.encode())
    name = str(tmp_path / ("other.txt" + ending))
    content = LONG.encode("gb18030" if encoding == "auto" else encoding)
    with (gzip.open if ending else open)(name, "wb") as f:
        f.write(content)
    units, found = sentences_of(name, encoding)
    assert found == sentences_of(str(tmp_path / "utf8.txt"), "utf-8")[1]
    assert (units > 5) == (encoding in ("gb18030", "auto") and not ending)


def test_text_without_lines_is_cut_between_characters(tmp_path):
    text = "发热三天，体温38.5度。" * 200
    (tmp_path / "a.txt").write_bytes(text.encode("gb18030"))
    units, found = sentences_of(str(tmp_path / "a.txt"), "gb18030")
    assert "".join(found) == text and units > 3


@pytest.mark.parametrize(
    ("content", "encoding", "message"),
    [
        (NOTE.encode("gb18030"), "utf-8", "line 1 is not UTF-8 (byte 0xbb); give the encoding of "
         "the file (--encoding=gb18030, or auto); data.scan_corpus finds all such lines"),
        (NOTE.encode("gb18030") + b"\xff\n", "gb18030", "line 4 is not GB18030 (byte 0xff); give "
         "another --encoding, or mend the line"),
        ("一\n二".encode("utf-16-le") + b"\x00\xd8", "utf-16-le", "line 2 is not UTF-16-LE (byte"),
        (NOTE.encode("utf-16"), "utf-8", "a.txt is text in UTF-16; give --encoding=auto"),
    ],
)  # fmt: skip
def test_what_cannot_be_decoded_names_file_and_line(tmp_path, content, encoding, message):
    path = tmp_path / "a.txt"
    path.write_bytes(content)
    with pytest.raises(UserError) as error:
        sentences_of(str(path), encoding)
    assert str(path) in str(error.value) and message in str(error.value)
    if encoding != "utf-8":
        with pytest.raises(UserError) as error:
            list(encodings.text_lines(str(path), encoding))
        assert message[:30] in str(error.value)


def test_records_and_vocabularies_are_those_of_utf8(tmp_path):
    """The manifest says the encoding that was asked for, and those that were found."""
    for name, encoding in (("u", "utf-8"), ("g", "gb18030"), ("w", "utf-16")):
        (tmp_path / (name + ".txt")).write_bytes(LONG.encode(encoding))
    paths = {name: str(tmp_path / (name + ".txt")) for name in "ugw"}
    made = {}
    for name in "ugw":
        (tmp_path / name).mkdir()
        shards, manifest = make(tmp_path / name, [paths[name]], encoding="auto", segmenter="none")
        made[name] = contents(shards)
        assert manifest["flags"]["encoding"] == "auto"
        found = {"u": "utf-8", "g": "gb18030", "w": "utf-16-le"}[name]
        assert manifest["input"]["encodings"] == {found: 1}
    assert made["u"] == made["g"] == made["w"]
    vocabularies = [build_vocabulary([path], 500, 1, True, "auto") for path in paths.values()]
    assert vocabularies[0] == vocabularies[1] == vocabularies[2] and "患" in vocabularies[0]
    models = [train_model([path], 60, True, "auto") for path in paths.values()]
    assert models[0] == models[1] == models[2]
