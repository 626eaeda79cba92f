"""Kinds of files are told by their first bytes, with the command that helps."""

import bz2
import gzip
import io
import lzma
import sqlite3
import tarfile
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common import file_kinds
from common.errors import UserError

TEXT = "今天天气很好。\n".encode()


def zipped(*names):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    return content.getvalue()


def tarred(mode="w"):
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode=mode) as archive:
        entry = tarfile.TarInfo("a.txt")
        entry.size = len(TEXT)
        archive.addfile(entry, io.BytesIO(TEXT))
    return content.getvalue()


def database(folder):
    sqlite3.connect(str(folder / "x.db")).execute("create table t (x)")
    return (folder / "x.db").read_bytes()


CASES = [
    ("utf16.txt", "今天".encode("utf-16"), "text in UTF-16", "iconv -f UTF-16 -t UTF-8 utf16.txt"),
    ("be.txt", b"\xfe\xff" + "今天".encode("utf-16-be"), "text in UTF-16", "iconv -f UTF-16"),
    ("utf32.txt", "今天".encode("utf-32"), "text in UTF-32", "iconv -f UTF-32 -t UTF-8"),
    ("le.txt", "2024 年".encode("utf-16-le"), "text in UTF-16 without a byte", "iconv -f UTF-16LE"),
    ("a.zip", zipped("a.txt"), "a zip archive", "unzip a.zip"),
    ("empty.zip", zipped(), "a zip archive", "unzip empty.zip"),
    ("a.docx", zipped("[Content_Types].xml", "word/document.xml"), "a Word document", "plain text"),
    ("a.xlsx", zipped("[Content_Types].xml", "xl/workbook.xml"), "an Excel workbook", "tabs"),
    ("a.npz", zipped("arr_0.npy"), "an archive of NumPy arrays", "another file"),
    ("a.tar", tarred(), "a tar archive", "tar -xf a.tar"),
    ("a.tar.gz", tarred("w:gz"), "a tar archive", "tar -xf a.tar.gz"),
    ("a.tgz", tarred("w:gz"), "a tar archive", "tar -xf a.tgz"),
    ("my corpus.gz", gzip.compress(TEXT), "compressed by gzip", "gunzip -k 'my corpus.gz'"),
    ("a.bz2", bz2.compress(TEXT), "compressed by bzip2", "bunzip2 -k a.bz2"),
    ("empty.bz2", bz2.compress(b""), "compressed by bzip2", "bunzip2 -k empty.bz2"),
    ("a.xz", lzma.compress(TEXT), "compressed by xz", "xz -dk a.xz"),
    ("a.zst", b"\x28\xb5\x2f\xfd\x04\x00", "compressed by zstd", "zstd -d a.zst"),
    ("a.7z", b"7z\xbc\xaf\x27\x1c\x00\x04", "a 7z archive", "7z x a.7z"),
    ("a.rar", b"Rar!\x1a\x07\x01\x00", "a rar archive", "unrar x a.rar"),
    ("a.parquet", b"PAR1\x15\x04\x15", "a Parquet table", "JSON lines"),
    ("a.arrow", b"ARROW1\x00\x00", "an Arrow table", "JSON lines"),
    ("a.pdf", b"%PDF-1.7\n", "a PDF document", "pdftotext a.pdf"),
    ("a.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Word or Excel document", "plain text"),
    ("a.rtf", b"{\\rtf1\\ansi", "an RTF document", "plain text"),
    ("a.h5", b"\x89HDF\r\n\x1a\n\x00", "an HDF5 file", "another file"),
    ("a.npy", b"\x93NUMPY\x01\x00v", "a NumPy array", "another file"),
    ("a.scel", b"\x40\x15\x00\x00DCS\x01", "a Sogou cell dictionary", "a word a line"),
    ("a.html", b"\n <!DOCTYPE html>\n<html>", "a web page (HTML)", "download the file itself"),
    ("a.bin", b"version https://git-lfs.github.com/spec/v1\n", "git-lfs' pointer", "git lfs pull"),
    ("a.png", b"\x89PNG\r\n\x1a\n", "a picture", "text file"),
]  # fmt: skip


@pytest.mark.parametrize("name, content, what, remedy", CASES, ids=[case[0] for case in CASES])
def test_a_file_is_named_with_what_helps(name, content, what, remedy):
    with pytest.raises(UserError) as caught:
        file_kinds.refuse(name, "a vocabulary", content[: file_kinds.START_BYTES])
    message = str(caught.value)
    assert message.startswith("{} is {}".format(name, what))
    assert ", not a vocabulary; " in message and remedy in message and "\n" not in message


def test_a_database(tmp_path):
    with pytest.raises(UserError, match=r"x\.db is an SQLite database, not text"):
        file_kinds.refuse("x.db", "text", database(tmp_path)[: file_kinds.START_BYTES])


def test_weights():
    torch = pytest.importorskip("torch")
    for is_zip, what in ((True, "a file of PyTorch weights"), (False, "a Python pickle, perhaps")):
        content = io.BytesIO()
        torch.save({"a": torch.zeros(3)}, content, _use_new_zipfile_serialization=is_zip)
        with pytest.raises(UserError, match="m.bin is " + what):
            file_kinds.refuse("m.bin", "a vocabulary", content.getvalue()[:4096])
    saved = pytest.importorskip("safetensors.numpy").save({"a": torch.zeros(3).numpy()})
    with pytest.raises(UserError, match="m is a file of safetensors, not x; give the directory"):
        file_kinds.refuse("m", "x", saved)


def test_the_command_names_the_file_and_not_what_it_is_called():
    with pytest.raises(UserError, match=r"^model config c\.zip is a zip .*: unzip c\.zip$"):
        file_kinds.refuse("model config c.zip", "JSON", zipped("a"), path="c.zip")


def test_an_accepted_kind_passes():
    record = b"\x20\x00\x00\x00\x00\x00\x00\x00abcd\n\x1e"
    with pytest.raises(UserError, match="a file of TFRecords, not text"):
        file_kinds.refuse("x", "text", record)
    file_kinds.refuse("x", "records", record, accepted=(file_kinds.TFRECORD,))
    long = (0xFEFF).to_bytes(8, "little")  # a length that begins as UTF-16 does
    file_kinds.refuse("x", "records", long + b"abcd\n", accepted=(file_kinds.TFRECORD,))


@given(st.text(max_size=300))
def test_no_text_is_taken_for_another_kind(text):
    kind = file_kinds.kind_of(text.encode("utf-8", "replace"))
    assert kind is None or text.lstrip().lower().startswith(("<html", "<!doctype", "version https"))


@pytest.mark.parametrize(
    "text",
    ["PARK是公园", "BZhang说", "PK赛", "7z是一种格式", "%PDF", "<h1>", "{", "GIF", "Rar!"],
)
def test_texts_that_look_like_one(text):
    assert file_kinds.kind_of(text.encode()) is None
