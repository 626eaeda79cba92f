"""Lists of words in files, an entry a line, and the pieces of such words."""

import codecs
import io

import numpy as np

from common import files, packed
from common.errors import UserError
from data.text.encodings import UTF8, Utf8Stream, encoding_of

_BLOCK_BYTES = 1 << 16


def entries(path, flag, encoding=None):
    """Yields (number from 1, text) of the lines that are not blank, without a byte order mark.

    Args:
      path: a file, compressed where its name ends in .gz or .bz2.
      flag: that names the file, for messages: "user_dict".
      encoding: of encodings.CHOICES, of a file that is not UTF-8 from end to end; None: there is
        no choice, and the file must be UTF-8.

    Raises:
      UserError: it cannot be read, is of another kind, or a line is in another encoding.
    """
    try:
        found = _encoding(path, encoding or UTF8)
        with packed.opened(path) as f:
            reader = f
            if found != UTF8:
                remedy = "give another --encoding, or mend the line (--{})".format(flag)
                reader = io.BufferedReader(Utf8Stream(f, path, found, remedy=remedy))
            for number, content in files.lines(reader, path, "a list of words (--{})".format(flag)):
                try:
                    line = content.decode("utf-8-sig" if number == 1 else "utf-8")
                except UnicodeDecodeError as error:
                    raise UserError(
                        "{} is not UTF-8 (byte 0x{:02x}); {} (--{})".format(
                            files.line_of(path, number),
                            content[error.start],
                            "give --encoding=gb18030, or auto" if encoding else "convert the file",
                            flag,
                        )
                    ) from None
                if line.strip():
                    yield number, line
    except files.failures() as error:
        raise UserError(
            "cannot read {}: {} (--{})".format(path, files.reason(error), flag)
        ) from None


def pieces_of(words, tokenizer):
    """The pieces of words, each of which stands alone.

    Args:
      words: list of str without line ends.
      tokenizer: of a vocabulary (data/tokenizers/vocabularies.py).

    Returns:
      (Pieces over the words with a line end behind each, int [pieces] of numbers of words).
    """
    lengths = np.array([len(word) + 1 for word in words], dtype=np.int64)
    starts = np.cumsum(lengths) - lengths
    pieces = tokenizer.tokenize("\n".join(words), starts)
    return pieces, np.searchsorted(starts, pieces.starts, side="right") - 1


def _encoding(path, asked):
    """UTF-8 for what is UTF-8 from end to end: few words do not tell the others apart."""
    return UTF8 if asked == UTF8 or _is_utf8(path) else encoding_of(path, asked)


def _is_utf8(path):
    decoder = codecs.getincrementaldecoder("utf-8")()
    with packed.opened(path) as f:
        try:
            for block in iter(lambda: f.read(_BLOCK_BYTES), b""):
                decoder.decode(block)
            decoder.decode(b"", final=True)
            return True
        except UnicodeDecodeError:
            return False
