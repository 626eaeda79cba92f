"""Files of another kind in the place of each file that a user gives: a line says what they are."""

import bz2
import gzip
import io
import json
import tarfile
import zipfile

import pytest
from creation_runs import CORPUS, VOCAB, contents, make

from common import file_kinds
from common.errors import UserError
from data.records import tfrecord
from data.text import corpus
from data.text.ltp.loading import local_ltp_directory
from data.text.user_dictionary import read_user_dictionary
from data.tokenizers.building.from_corpus import build_vocabulary
from data.tokenizers.vocabularies import read_vocabulary
from finetuning.examples import Examples
from finetuning.layouts import json_lines, tables
from modeling import checkpoint
from modeling.config import read_json_object
from modeling.conversion import huggingface
from prediction.lines import read_lines
from training.records import record_files

TEXT = "今天天气很好。我们去公园。\n\n他们在公司开会！\n"
READERS = {
    "corpus": lambda path: corpus.plan_units([path], "raw"),
    "vocabulary": read_vocabulary,
    "user dictionary": read_user_dictionary,
    "config": lambda path: read_json_object(path, "model config"),
    "table": lambda path: list(tables.text_lines(path)),
    "questions": lambda path: json_lines.load_json(path, Examples(path=path)),
    "prediction": lambda path: list(read_lines(path)),
    "records": lambda path: list(tfrecord.read_records(path)),
    "records of a training": lambda path: record_files.check([path], {}),
    "checkpoint": checkpoint.resolve,
    "Hugging Face": lambda path: huggingface._one_of(path, ("config.json",), "config"),
    "LTP": local_ltp_directory,
    "text of a vocabulary": lambda path: build_vocabulary([path], 1000, 1, True),
}
READERS_OF_UTF16 = ("table", "questions")


@pytest.fixture(scope="module")
def kinds(tmp_path_factory):
    """{file name: (path, what it is)}."""
    folder = tmp_path_factory.mktemp("kinds")
    archive, tar = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(archive, "w") as f:
        f.writestr("chinese_L-12_H-768_A-12/bert_model.ckpt.index", "x")
    with tarfile.open(fileobj=tar, mode="w:gz") as f:
        f.addfile(tarfile.TarInfo("a.txt"))
    weights = (2).to_bytes(8, "little") + b'{"a":{}}'
    made = {
        "release.zip": (archive.getvalue(), "a zip archive"),
        "release.tar.gz": (tar.getvalue(), "a tar archive"),
        "utf16.txt": (TEXT.encode("utf-16"), "text in UTF-16"),
        "model.safetensors": (weights, "a file of safetensors"),
        "table.parquet": (b"PAR1\x15\x04\x15" + bytes(100), "a Parquet table"),
    }
    for name, (content, _) in made.items():
        (folder / name).write_bytes(content)
    return {name: (str(folder / name), what) for name, (_, what) in made.items()}


@pytest.mark.parametrize("reader", READERS)
def test_every_reader_says_what_a_file_is(reader, kinds):
    for name, (path, what) in kinds.items():
        if name == "utf16.txt" and reader in READERS_OF_UTF16:
            continue
        with pytest.raises(UserError) as caught:
            READERS[reader](path)
        message = str(caught.value)
        assert "{} is {}".format(path, what) in message and "; " in message, message
        assert "\n" not in message


def test_a_byte_order_mark_is_no_other_kind(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbf" + TEXT.encode())
    (unit,) = corpus.plan_units([str(tmp_path / "a.txt")], "raw")
    ((sources, _),) = corpus.unit_blocks(unit, "raw")
    assert sources[0].content.decode() == TEXT
    assert next(tables.text_lines(str(tmp_path / "a.txt")))[1] == "今天天气很好。我们去公园。"


def test_files_that_are_no_vocabulary(tmp_path):
    tokenizer = tmp_path / "tokenizer.json"
    for model, message in (({}, "an unknown one"), ({"type": "BPE"}, "'BPE'")):
        tokenizer.write_text(json.dumps({"version": "1.0", "added_tokens": [], "model": model}))
        with pytest.raises(UserError, match="no WordPiece vocabulary of BERT's, but " + message):
            read_vocabulary(str(tokenizer))
    (tmp_path / "config.json").write_text('{"vocab_size": 100}')
    with pytest.raises(UserError, match=r"config\.json is JSON, not a vocabulary"):
        read_vocabulary(str(tmp_path / "config.json"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"holds no vocabulary .*; name the file as --vocab_file"):
        read_vocabulary(str(tmp_path / "empty"))


@pytest.mark.parametrize(
    "text, input_format, message",
    [
        ("<mediawiki xmlns='x'>\n<page>", "raw", "a MediaWiki dump .*wikiextractor --json"),
        ("<?xml version='1.0'?>\n<mediawiki>", "jsonl", "a MediaWiki dump"),
        ('<doc id="1" url="u" title="t">\n数学', "raw", "WikiExtractor's <doc> tags, .* --json"),
        ("<?xml version='1.0'?>\n<a>", "text", "XML, not text"),
        ('{"text": "今天"}\n', "raw", "JSON, not text .* --input_format=jsonl"),
        ('\ufeff{"text": "今天"}\n', "text", "JSON, not text"),
        ('[\n{"text": "今天"}]\n', "jsonl", "a list in JSON, .* jq -c '.\\[\\]' FILE"),
        ('{\n "text": "今天"\n}\n', "jsonl", "an object in JSON over several .* jq -c . FILE"),
        ("# newdoc\n# text = 我\n1\t我\t_\t_\tr\t_\t0\tHED\t_\t_\n", "raw", "CoNLL-U, .*=conllu"),
    ],
)
@pytest.mark.parametrize("ending", ["", ".bz2", ".gz"])
def test_markup_is_not_trained_on(text, input_format, message, ending, tmp_path):
    content = text.encode()
    content = {"": bytes, ".bz2": bz2.compress, ".gz": gzip.compress}[ending](content)
    path = tmp_path / ("corpus.txt" + ending)
    path.write_bytes(content)
    with pytest.raises(UserError, match=message):
        corpus.plan_units([str(path)], input_format)
    unit = corpus.Unit(0, (corpus.Range(str(path), 0, len(content)),))
    with pytest.raises(UserError, match=message):  # as for remote files, which are not planned so
        list(corpus.unit_blocks(unit, input_format, contents=[content]))


@pytest.mark.parametrize(
    "text, input_format",
    [
        ("{今天}很好\n", "raw"),
        ("<今天>\n", "raw"),
        ("[今天] 很好\n", "text"),
        ("# 题目\n1\t二\n", "text"),
        ('"今天": 好\n', "text"),
        ("", "text"),
    ],
)
def test_text_with_signs_is_text(text, input_format, tmp_path):
    (tmp_path / "a.txt").write_text(text + TEXT, encoding="utf-8")
    assert corpus.plan_units([str(tmp_path / "a.txt")], input_format)


def test_bzip2_gives_the_records_of_the_plain_text(tmp_path, monkeypatch):
    """Also of several streams, as the dumps of Wikipedia are packed, and read in blocks."""
    text = b"\n\n".join(contents(CORPUS))
    (tmp_path / "a.txt.bz2").write_bytes(bz2.compress(text[:5000]) + bz2.compress(text[5000:]))
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress(text))
    made = {
        ending: make(tmp_path / ("out" + ending), [str(tmp_path / ("a.txt" + ending))])[0]
        for ending in (".gz", ".bz2")
    }
    assert contents(made[".gz"]) == contents(made[".bz2"])
    (unit,) = corpus.plan_units([str(tmp_path / "a.txt.bz2")], "raw")
    blocks = list(corpus.unit_blocks(unit, "raw", block_bytes=4000))
    assert len(blocks) > 5
    assert b"".join(sources[0].content for sources, _ in blocks) == text
    assert blocks[-1][0][0].line(1) == "{} line {}".format(
        tmp_path / "a.txt.bz2", text.count(b"\n") - blocks[-1][0][0].content.count(b"\n") + 1
    )


@pytest.mark.parametrize("ending", [".gz", ".bz2"])
def test_a_cut_stream_is_told_with_its_line(ending, tmp_path):
    lines = b"".join("第{}行的文字。\n".format(i * 7919 % 100003).encode() for i in range(200000))
    content = {".gz": gzip.compress, ".bz2": bz2.compress}[ending](lines, 9)
    path = tmp_path / ("a.txt" + ending)
    path.write_bytes(content[: len(content) * 2 // 3])
    (unit,) = corpus.plan_units([str(path)], "raw")
    with pytest.raises(UserError, match=r"is not a whole \w+ file: .* \(after line [1-9][\d,]+\)"):
        list(corpus.unit_blocks(unit, "raw"))


def test_dictionaries_and_texts_of_vocabularies_may_be_compressed(tmp_path):
    (tmp_path / "w.txt.bz2").write_bytes(bz2.compress("云计算 5 n\n".encode()))
    (word,) = read_user_dictionary(str(tmp_path / "w.txt.bz2")).words
    assert word[:3] == ("云计算", 5, "n")
    (tmp_path / "t.txt.bz2").write_bytes(bz2.compress(TEXT.encode()))
    assert "天" in build_vocabulary([str(tmp_path / "t.txt.bz2")], 1000, 1, True)


def test_programs_end_with_that_line(tmp_path, kinds, run_script, one_line_error):
    base = {"input_file": kinds["release.zip"][0], "output_file": str(tmp_path / "out")}
    result = run_script("create_pretraining_data.py", vocab_file=VOCAB, **base)
    one_line_error(result, "release.zip is a zip archive", "unzip " + kinds["release.zip"][0])
    base.update(input_file=CORPUS[0], output_file=str(tmp_path / "out.bz2"))
    result = run_script("create_pretraining_data.py", vocab_file=VOCAB, **base)
    one_line_error(result, "out.bz2 would not be compressed; remove .bz2")
    assert file_kinds.START_BYTES > 262
