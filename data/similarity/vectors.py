"""Word vectors in the formats of word2vec (Mikolov et al. 2013), as gensim and fastText write them.

Both begin with a line that has the number of words and the number of values of each vector. Text: a
line for each word, the word and its values with a blank between them. Binary: the word, a blank and
its values as 32-bit floats of the lowest byte first; a line end may follow.
"""

import contextlib
import re
from typing import List, NamedTuple, Optional

import numpy as np

from common import file_kinds, files, packed
from common.errors import UserError, quoted

TEXT, BINARY = FORMATS = ("text", "binary")
_WANTED = "word vectors (--vectors)"
_HEADER = re.compile(rb"(?:\xef\xbb\xbf)?\s*(\d{1,12})[ \t]+(\d{1,12})\s*")
# Larger ones are another file: the longest that are published have 1,024 values.
MOST_VALUES = 1 << 16
_MOST_WORD_BYTES = 4096
_READ_BYTES = 1 << 20
_TOLD_BY_BYTES = 4096
# Values in text are ASCII, and so is what stands in the place of one by mistake.
_NO_TEXT = re.compile(rb"[^\t\r -~]")
_BLOCK_WORDS = 4096


class Block(NamedTuple):
    """Some words of a file.

    Attributes:
      words: list of str, None for what is not UTF-8.
      vectors: float32 [words, values], finite.
    """

    words: List[Optional[str]]
    vectors: np.ndarray


class Header(NamedTuple):
    """The first line: how many words, and values of each."""

    words: int
    values: int


class VectorFile:
    """A file of word vectors, read in blocks from its beginning.

        vectors = VectorFile("words.vector")
        for block in vectors.blocks():
            ...

    Attributes:
      path: of the file, compressed where its name ends in .gz or .bz2.
      header: Header.
      format: one of FORMATS.
    """

    def __init__(self, path, asked=None):
        """Reads the first lines.

        Args:
          path: of the file.
          asked: one of FORMATS; None: as its first vector looks.

        Raises:
          UserError: it cannot be read, is empty or of another kind, or the first line says what the
            file cannot hold.
        """
        self.path = path
        with _reading(path), packed.opened(path) as f:
            start = f.read(_READ_BYTES)
            if not start:
                raise UserError("{} is empty (--vectors)".format(path))
            file_kinds.refuse(path, _WANTED, start[: file_kinds.START_BYTES])
            line, _, rest = start.partition(b"\n")
            self.header = _header(path, line)
            self.format = asked or (TEXT if _is_text(rest) else BINARY)
            if not packed.is_packed(path):
                self._check_size(files.size(path) - len(line) - 1)

    def _check_size(self, size):
        """Refuses a header whose words do not fit into the bytes behind it, before any work."""
        if self.format == BINARY:
            least = 2 + 4 * self.header.values  # a word of one byte and a blank
        else:
            least = 2 + 2 * self.header.values  # and values of one digit, with what parts them
            size += 1  # the last line may have no end
        if self.header.words * least > size:
            raise UserError(
                "{}: the first line tells of {:,} words with {:,} values, but the file holds {:,} "
                "of them at most; it is cut short, or that line is wrong (--vectors)".format(
                    self.path, *self.header, max(0, size // least)
                )
            )

    def blocks(self):
        """Yields Blocks, all the words that the first line tells of.

        Raises:
          UserError: the file is cut short or longer than its first line says, a vector has another
            number of values, or one that is not finite.
        """
        read = self._text_entries if self.format == TEXT else self._binary_entries
        words, vectors, done = [], [], 0
        with _reading(self.path), packed.opened(self.path) as f:
            f.readline()
            for word, vector in read(f):
                words.append(word)
                vectors.append(vector)
                if len(words) == _BLOCK_WORDS:
                    yield self._block(words, vectors, done)
                    done += len(words)
                    words, vectors = [], []
        if words:
            yield self._block(words, vectors, done)

    def _block(self, words, vectors, done):
        block = Block([_decoded(word) for word in words], np.array(vectors, dtype=np.float32))
        bad = np.flatnonzero(~np.isfinite(block.vectors).all(axis=1))
        if len(bad):
            raise UserError(
                "{}: the vector of {} has a value that is not a finite number (--vectors)".format(
                    self._word(done + bad[0]), quoted(block.words[bad[0]])
                )
            )
        return block

    def _word(self, number):
        """The place of a word, from 0, for messages."""
        if self.format == TEXT:
            return files.line_of(self.path, number + 2)
        return "{} word {:,}".format(self.path, number + 1)

    def _cut_short(self, done):
        return UserError(
            "{} ends behind {:,} of the {:,} words that its first line tells of; it is cut short "
            "(--vectors)".format(self.path, done, self.header.words)
        )

    def _too_long(self):
        return UserError(
            "{} goes on behind the {:,} words with {:,} values that its first line tells of; mend "
            "that line (--vectors)".format(self.path, *self.header)
        )

    def _text_entries(self, f):
        """Yields (word, array of values) of the lines."""
        done = 0
        for _, line in files.lines(f, self.path):
            fields = line.strip(b" \t\r\n").split(b" ")
            if done == self.header.words:
                if fields == [b""]:
                    continue
                raise self._too_long()
            if len(fields) != self.header.values + 1:
                raise UserError(
                    "{} has {:,} values, the first line says {:,} (--vectors)".format(
                        self._word(done), len(fields) - 1, self.header.values
                    )
                )
            try:
                with np.errstate(over="ignore"):  # infinite, which is told of
                    vector = np.array(fields[1:]).astype(np.float32)
            except ValueError:
                raise UserError(
                    "{} has a value that is no number (--vectors)".format(self._word(done))
                ) from None
            yield fields[0], vector
            done += 1
        if done < self.header.words:
            raise self._cut_short(done)

    def _binary_entries(self, f):
        """Yields (word, array of values)."""
        size = 4 * self.header.values
        buffer, at = b"", 0
        for done in range(self.header.words):
            if len(buffer) - at < size + _MOST_WORD_BYTES:
                buffer, at = buffer[at:] + f.read(size + _READ_BYTES), 0
            blank = buffer.find(b" ", at, at + _MOST_WORD_BYTES)
            if blank < 0 and len(buffer) - at > _MOST_WORD_BYTES:
                raise UserError(
                    "{} is no word: nothing ends it in {:,} bytes; the vectors have another number "
                    "of values, or are in another format (--vectors)".format(
                        self._word(done), _MOST_WORD_BYTES
                    )
                )
            end = blank + 1 + size
            if blank < 0 or end > len(buffer):
                raise self._cut_short(done)
            # The line end belongs to the vector before; gensim writes none.
            word = buffer[at:blank].lstrip(b"\n")
            yield word, np.frombuffer(buffer, "<f4", self.header.values, blank + 1)
            at = end
        if (buffer[at:] + f.read(_READ_BYTES)).strip(b"\r\n"):
            raise self._too_long()


@contextlib.contextmanager
def _reading(path):
    """Failures to read a file as errors for the user."""
    try:
        yield
    except files.failures() as error:
        raise UserError(
            "cannot read {}: {} (--vectors)".format(path, files.reason(error))
        ) from None


def _header(path, line):
    match = _HEADER.fullmatch(line)
    header = Header(*map(int, match.groups())) if match else None
    if header is None or not header.words or not 0 < header.values <= MOST_VALUES:
        raise UserError(
            "the first line of {} must be the number of words and the number of values of each, "
            "from 1 to {:,}, found {} (--vectors)".format(
                path, MOST_VALUES, quoted(line[:80].decode("utf-8", "replace").rstrip("\r"))
            )
        )
    return header


def _is_text(rest):
    """Whether what follows the first line is text: floats in binary have bytes that no text has."""
    line = rest.split(b"\n", 1)[0]
    if len(line) > _TOLD_BY_BYTES:
        line = line[:_TOLD_BY_BYTES].rpartition(b" ")[0]
    word = line.partition(b" ")[0]
    return b" " in line and not _NO_TEXT.search(line[len(word) :])


def _decoded(word):
    try:
        return word.decode("utf-8")
    except UnicodeDecodeError:
        return None
