"""Compressed files by their names: gzip and bzip2, of one or several streams, whole or damaged."""

import bz2
import gzip
import io

import pytest

from common import packed
from common.errors import UserError

TEXT = "今天天气很好。\n".encode() * 5000
COMPRESS = {".gz": gzip.compress, ".bz2": bz2.compress}
endings = pytest.mark.parametrize("ending", [".gz", ".bz2"])


def read(path):
    with packed.opened(str(path)) as reader:
        return reader.read()


@endings
def test_streams_one_after_the_other_are_one_text(ending, tmp_path):
    path = tmp_path / ("a" + ending)
    compress = COMPRESS[ending]
    path.write_bytes(compress(TEXT[:100]) + compress(b"") + compress(TEXT[100:]))
    assert read(path) == TEXT
    (tmp_path / "plain").write_bytes(TEXT)
    assert read(tmp_path / "plain") == TEXT
    assert packed.is_packed(str(path)) and not packed.is_packed("a.txt")


@endings
def test_damage_and_an_early_end_are_one_line(ending, tmp_path):
    name = {".gz": "gzip", ".bz2": "bzip2"}[ending]
    content = COMPRESS[ending](bytes(range(256)) * 500)
    broken = bytearray(content)
    broken[len(content) // 2] ^= 0xFF
    for bad in (content[:-12], bytes(broken), b"no stream at all\n"):
        path = tmp_path / ("a" + ending)
        path.write_bytes(bad)
        with pytest.raises(UserError, match="is not a whole {} file: ".format(name)):
            read(path)


def test_other_errors_stay_what_they_are(tmp_path):
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "none.bz2")
    (tmp_path / "folder.bz2").mkdir()
    with pytest.raises(IsADirectoryError):
        read(tmp_path / "folder.bz2")
    message = r"a\.gz is not a whole gzip file: early \(line 3\)"
    with pytest.raises(UserError, match=message), packed.whole("a.gz", lambda: " (line 3)"):
        raise EOFError("early.")


@endings
def test_what_is_written_can_be_read(ending):
    stored = io.BytesIO()
    with packed.packing("a" + ending, stored) as writer:
        writer.write(TEXT)
    assert packed.unpacked("a" + ending, io.BytesIO(stored.getvalue())).read() == TEXT
    assert packed.packing("a.txt", stored) is stored
