"""Kinds of files told by their first bytes, for files in the place of others.

    file_kinds.refuse("vocab.zip", "a vocabulary", content[: file_kinds.START_BYTES])
    # UserError: vocab.zip is a zip archive, not a vocabulary; unpack it: unzip vocab.zip

What is refused cannot be read as anything that this project reads, or is read only elsewhere; the
content of the right kind is checked where it is read.
"""

import re
import shlex
from typing import NamedTuple

from common.errors import UserError

# What must be known of a file; a tar archive tells its kind at byte 257.
START_BYTES = 4096
TFRECORD = "a file of TFRecords"
ZIP = "a zip archive"
WEIGHTS = PYTORCH, PICKLE, SAFETENSORS = (
    "a file of PyTorch weights",
    "a Python pickle, perhaps of PyTorch weights",
    "a file of safetensors",
)

UTF16 = UTF16_MARKED, UTF16_PLAIN = (
    "text in UTF-16",
    "text in UTF-16 without a byte order mark",
)

_UNPACK_BESIDE = "unpack it and give what is in it: "
_TABLE = "save it as text in UTF-8 with tabs between the columns"
_ICONV = "convert it: iconv -f UTF-{} -t UTF-8 {{0}} > {{0}}.utf8"
_EXPORT = "write its content to a text file, for instance as JSON lines"
_DOCUMENT = "save it as plain text in UTF-8"


class Kind(NamedTuple):
    """A kind of files.

    Attributes:
      pattern: of the first bytes.
      what: the kind in words, with its article.
      remedy: a command or an advice; {} stands for the file's name.
    """

    pattern: "re.Pattern"
    what: str
    remedy: str


def _kind(pattern, what, remedy):
    return Kind(re.compile(pattern, re.DOTALL), what, remedy)


_TAR = _kind(rb".{257}ustar", "a tar archive", _UNPACK_BESIDE + "tar -xf {}")
_PACKED_TAR = re.compile(r"\.(tar\.\w+|tgz|tbz2?|txz)$")
# The first that matches is the kind.
_KINDS = (
    # These two begin with a length, whose bytes may be the beginning of any other kind.
    _kind(
        rb".{3}\x00\x00\x00\x00\x00.{4}\n",
        TFRECORD,
        "records are read by run_pretraining.py and data.inspect",
    ),
    _kind(rb".{6}\x00\x00\{\"", SAFETENSORS, "give the directory of the model"),
    _kind(rb"\xff\xfe\x00\x00|\x00\x00\xfe\xff", "text in UTF-32", _ICONV.format("32")),
    _kind(rb"\xff\xfe|\xfe\xff", UTF16_MARKED, _ICONV.format("16")),
    _kind(
        rb"(?:[\t-~]\x00){4}|(?:\x00[\t-~]){4}",
        UTF16_PLAIN,
        "convert it: iconv -f UTF-16LE -t UTF-8 {0} > {0}.utf8",
    ),
    _kind(rb"PK\x03\x04.*word/", "a Word document (docx)", _DOCUMENT),
    _kind(rb"PK\x03\x04.*xl/", "an Excel workbook (xlsx)", _TABLE),
    _kind(
        rb"PK\x03\x04.{26}[^/]{1,200}/(data\.pkl|\.format_version|byteorder|\.data/)",
        PYTORCH,
        "give the directory of the model",
    ),
    _kind(rb"PK\x03\x04.{26}[^/]{1,200}\.npy", "an archive of NumPy arrays", "give another file"),
    _kind(rb"PK(\x03\x04|\x05\x06|\x07\x08)", ZIP, _UNPACK_BESIDE + "unzip {}"),
    _TAR,
    _kind(rb"Rar!\x1a\x07", "a rar archive", _UNPACK_BESIDE + "unrar x {}"),
    _kind(rb"7z\xbc\xaf\x27\x1c", "a 7z archive", _UNPACK_BESIDE + "7z x {}"),
    _kind(rb"\xfd7zXZ\x00", "compressed by xz", "unpack it: xz -dk {}"),
    _kind(rb"\x28\xb5\x2f\xfd", "compressed by zstd", "unpack it: zstd -d {}"),
    _kind(rb"\x04\x22\x4d\x18", "compressed by lz4", "unpack it: lz4 -d {}"),
    _kind(rb"\x1f\x9d|\x1f\xa0", "compressed by compress", "unpack it: gunzip -k {}"),
    _kind(rb"\x1f\x8b\x08", "compressed by gzip", "unpack it: gunzip -k {}"),
    _kind(rb"BZh[1-9](1AY&SY|\x17rE8)", "compressed by bzip2", "unpack it: bunzip2 -k {}"),
    _kind(rb"SQLite format 3\x00", "an SQLite database", _EXPORT),
    _kind(rb"PAR1[^ -~\n\r\t]", "a Parquet table", _EXPORT),
    _kind(rb"ARROW1\x00", "an Arrow table", _EXPORT),
    _kind(rb"%PDF-\d", "a PDF document", "take its text out: pdftotext {}"),
    _kind(rb"\{\\rtf", "an RTF document", _DOCUMENT),
    _kind(rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Word or Excel document", _DOCUMENT),
    _kind(rb"\x89PNG\r\n|\xff\xd8\xff|GIF8[79]a", "a picture", "give a text file"),
    _kind(rb"\x89HDF\r\n\x1a\n", "an HDF5 file, as Keras writes them", "give another file"),
    _kind(rb"\x93NUMPY", "a NumPy array", "give another file"),
    _kind(rb"\x80[\x02-\x05].", PICKLE, "give another file"),
    _kind(
        rb"\x40\x15\x00\x00[DE]CS\x01",
        "a Sogou cell dictionary (scel)",
        "convert it to a word a line",
    ),
    _kind(
        rb"version https://git-lfs",
        "git-lfs' pointer to the file, not the file itself",
        "run git lfs pull there",
    ),
    _kind(
        rb"(\xef\xbb\xbf)?\s*(?i:<!doctype html|<html)[\s>]",
        "a web page (HTML)",
        "download the file itself",
    ),
    _kind(
        rb"\x00\x00[\x02-\x20]\x08.\x1a",
        "the index of a TensorFlow checkpoint",
        "give another file",
    ),
)


def kind_of(start):
    """The Kind of a file by its first bytes; None for all that may be text or another kind.

    Args:
      start: bytes, START_BYTES of the file or all of it.
    """
    for kind in _KINDS:
        if kind.pattern.match(start):
            return kind
    return None


def refuse(where, wanted, start, accepted=(), path=None):
    """Refuses a file of a kind that is told by its first bytes.

    Args:
      where: the file in messages ("model config x.json").
      wanted: what it should be, for messages ("a vocabulary").
      start: bytes, START_BYTES of the file or all of it.
      accepted: kinds (Kind.what) that are let through.
      path: of the file, for the command that helps; None: `where`.

    Raises:
      UserError: it is of such a kind.
    """
    kind = kind_of(start)
    if kind and kind.what not in accepted:
        path = path or where
        if _PACKED_TAR.search(path):
            kind = _TAR
        remedy = kind.remedy.format(shlex.quote(path))
        raise UserError("{} is {}, not {}; {}".format(where, kind.what, wanted, remedy))
