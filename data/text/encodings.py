"""Encodings of text files: which one a file has, and its text as UTF-8.

A file in UTF-16 is decoded as a stream. In the others a line end is one byte that no character
holds, so files are cut into units as they lie on the disk.
"""

import codecs
import io
import re

from common import files, packed
from common.errors import UserError

AUTO, UTF8, GB18030, BIG5 = "auto", "utf-8", "gb18030", "big5"
UTF16 = ("utf-16", "utf-16-le", "utf-16-be")
CHOICES = (AUTO, UTF8, GB18030, BIG5, *UTF16)
LIBRARY = "charset-normalizer"
# Windows' code page: Big5 with the characters that files of this name have besides.
_CODECS = {BIG5: "cp950"}
_MARKS = {
    UTF8: codecs.BOM_UTF8,
    GB18030: "\ufeff".encode("gb18030"),
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
}
# What is looked at from the first byte on that is not ASCII, and how far that is looked for.
_SAMPLE_BYTES, _MOST_ASCII_BYTES = 64 << 10, 16 << 20
_BLOCK_BYTES = 1 << 16
# Characters of two bytes in GB18030 and Big5, and halves of those of four.
_FEWEST_BYTES = 32  # of such characters: fewer often look like the other encoding
_DOUBLE_BYTES = re.compile(rb"[\x81-\xfe][\x30-\x39\x40-\x7e\x80-\xfe]")


def is_stream(encoding):
    """Whether a file in this encoding can only be decoded from its beginning."""
    return encoding in UTF16


def without_mark(content, encoding):
    """The bytes that begin a file without a byte order mark."""
    mark = _MARKS.get(encoding)
    return content[len(mark) :] if mark and content.startswith(mark) else content


def decode(content, encoding):
    """The text of bytes.

    Raises:
      UnicodeDecodeError: they are in another encoding or damaged.
    """
    return content.decode(_CODECS.get(encoding, encoding))


def is_whole_elsewhere(line, encoding):
    """Whether bytes that are damaged in one encoding are whole in the other usual one."""
    return _decodes(line, GB18030 if encoding == UTF8 else UTF8)


def not_decoded(where, encoding, error, remedy=None):
    """UserError for a line that cannot be decoded.

    Args:
      where: its file and line.
      encoding: of CHOICES, as which it was read.
      error: the UnicodeDecodeError.
      remedy: what helps, where there is no --encoding.
    """
    if not remedy:
        remedy = (
            "give the encoding of the file (--encoding=gb18030, or auto)"
            if encoding == UTF8
            else "give another --encoding, or mend the line"
        )
        remedy += "; data.scan_corpus finds all such lines"
    return UserError(
        "{} is not {} (byte 0x{:02x}); {}".format(
            where, encoding.upper(), error.object[error.start], remedy
        )
    )


def described(path, encoding):
    """An encoding for people: with its byte order mark where the file begins with one.

    Raises:
      UserError, OSError, tf.errors.OpError: see encoding_of.
    """
    with packed.opened(path) as f:
        start = f.read(8)
    return encoding + " with BOM" * (without_mark(start, encoding) != start)


def encoding_of(path, asked, unknown=None):
    """The encoding of a file.

    Args:
      path: of the file, which may be compressed.
      asked: of CHOICES; AUTO: by the beginning of the file.
      unknown: the answer where it cannot be told; None: an error.

    Returns:
      One of CHOICES that is not AUTO.

    Raises:
      UserError: it cannot be told, or the compressed stream is damaged.
      OSError, tf.errors.OpError: the file cannot be read.
    """
    if asked != AUTO:
        return asked
    with packed.opened(path) as f:
        start = _sample(f)
    found = guess(start) or unknown
    if found is None:
        raise UserError(
            "the encoding of {} cannot be told; give --encoding ({})".format(
                path, ", ".join(CHOICES[1:])
            )
        )
    return found


def _sample(f):
    """The beginning of a file, or its first stretch that is more than ASCII."""
    read = 0
    while read < _MOST_ASCII_BYTES:
        block = f.read(_BLOCK_BYTES)
        if not block.isascii() or b"\x00" in block or not block:
            return block + f.read(_SAMPLE_BYTES - len(block)) if block else b""
        read += len(block)
    return b""


def guess(sample):
    """The encoding of some text.

    A stretch that is UTF-8 but for damaged characters is taken for UTF-8: text in another encoding
    hardly ever looks so. GB18030 and Big5 share most pairs of bytes; the library tells them by the
    characters that they give.

    Args:
      sample: bytes from a line's beginning, or the file's.

    Returns:
      One of CHOICES that is not AUTO; None where none of them fits.
    """
    for encoding in ("utf-16-le", "utf-16-be"):
        if sample.startswith(_MARKS[encoding]):
            return encoding
    nuls = [sample[place::2].count(0) for place in (0, 1)]
    if max(nuls) > len(sample) // 100 and max(nuls) > 10 * min(nuls):  # ASCII in two bytes
        return "utf-16-le" if nuls[1] > nuls[0] else "utf-16-be"
    text = sample.decode("utf-8", "surrogateescape")
    escaped = sum("\udc80" <= character <= "\udcff" for character in text)
    if len(text) - escaped - sum(map(str.isascii, text)) >= escaped:
        return UTF8
    return _guess_double_bytes(sample)


def _guess_double_bytes(sample):
    import charset_normalizer  # late: it is not needed for UTF-8

    lines = [line for line in sample.split(b"\n") if not line.isascii()]
    whole = [line for line in lines if _decodes(line, GB18030) or _decodes(line, BIG5)]
    if 2 * len(whole) < len(lines):
        return None
    isolated = [GB18030, BIG5, _CODECS[BIG5]]
    # To the library many marks beside few words, as in JSON, are the sign of a wrong encoding.
    words = b"\n".join(b"".join(map(_word_bytes, _DOUBLE_BYTES.finditer(line))) for line in whole)
    if len(words) < _FEWEST_BYTES:
        return None
    for content in (words, b"\n".join(whole)):
        best = charset_normalizer.from_bytes(content, cp_isolation=isolated).best()
        if best is not None:
            return GB18030 if best.encoding == GB18030 else BIG5
    return None


def _word_bytes(pair):
    """Nothing of marks, whose first byte is one of A1 to A3 in both encodings."""
    return b"" if 0xA1 <= pair[0][0] <= 0xA3 else pair[0]


def _decodes(line, encoding):
    try:
        decode(line, encoding)
        return True
    except UnicodeDecodeError:
        return False


class Utf8Stream(io.RawIOBase):
    """A binary stream in some encoding as one in UTF-8, decoded in blocks.

    with packed.opened(path) as f:
        lines = io.BufferedReader(Utf8Stream(f, path, "utf-16")).readlines()

    Args:
      stream: binary file.
      path: for messages.
      encoding: of CHOICES.
      errors: what becomes of what cannot be decoded, as for bytes.decode.
      remedy: see not_decoded.
    """

    def __init__(self, stream, path, encoding, errors="strict", remedy=None):
        self._stream, self._path, self._encoding = stream, path, encoding
        self._remedy = remedy
        self._decoder = codecs.getincrementaldecoder(_CODECS.get(encoding, encoding))(errors)
        self._ready, self._lines, self._ended = b"", 0, False

    def readable(self):
        return True

    def readinto(self, buffer):
        """See io.RawIOBase.

        Raises:
          UserError: a line cannot be decoded.
        """
        while not self._ready and not self._ended:
            block = self._stream.read(_BLOCK_BYTES)
            self._ended = not block
            self._ready = self._decoded(block).encode("utf-8")
            self._lines += self._ready.count(b"\n")
        part, self._ready = self._ready[: len(buffer)], self._ready[len(buffer) :]
        buffer[: len(part)] = part
        return len(part)

    def _decoded(self, block):
        try:
            return self._decoder.decode(block, final=self._ended)
        except UnicodeDecodeError as error:
            codec = _CODECS.get(self._encoding, self._encoding)
            before = error.object[: error.start].decode(codec, "replace").count("\n")
            where = files.line_of(self._path, self._lines + before + 1)
            raise not_decoded(where, self._encoding, error, self._remedy) from None


def text_lines(path, asked=UTF8):
    """Yields the lines of a text file, with their ends.

    Args:
      path: of the file, which may be compressed.
      asked: of CHOICES.

    Raises:
      UserError: the file cannot be read, a line cannot be decoded or is too long.
    """
    try:
        encoding = encoding_of(path, asked)
        with packed.opened(path) as f:
            reader = f if encoding == UTF8 else io.BufferedReader(Utf8Stream(f, path, encoding))
            for number, line in files.lines(reader, path):
                try:
                    text = line.decode("utf-8")
                except UnicodeDecodeError as error:
                    raise not_decoded(files.line_of(path, number), UTF8, error) from None
                yield text[1:] if number == 1 and text.startswith("\ufeff") else text
    except files.failures() as error:
        raise UserError("cannot read {}: {}".format(path, files.reason(error))) from None
