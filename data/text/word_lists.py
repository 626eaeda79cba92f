"""Lists of words in files, an entry a line, and the pieces of such words."""

import numpy as np

from common import files, packed
from common.errors import UserError


def entries(path, flag):
    """Yields (number from 1, text) of the lines that are not blank, without a byte order mark.

    Args:
      path: a file of UTF-8, compressed where its name ends in .gz or .bz2.
      flag: that names the file, for messages: "user_dict".

    Raises:
      UserError: it cannot be read, is of another kind, or a line is not UTF-8.
    """
    try:
        with packed.opened(path) as f:
            wanted = "a list of words in UTF-8 (--{})".format(flag)
            for number, content in files.lines(f, path, wanted):
                try:
                    line = content.decode("utf-8-sig" if number == 1 else "utf-8")
                except UnicodeDecodeError as error:
                    raise UserError(
                        "{} is not UTF-8 (byte 0x{:02x}); convert the file (--{})".format(
                            files.line_of(path, number), content[error.start], flag
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
