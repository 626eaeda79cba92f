"""Word segmenters with one interface: where do words begin in this text?

A segmenter is built once per worker process and never changes the text: what it returns is placed
by character offsets, and a sentence whose words do not join to its text is reported, not guessed.
"""

import importlib.util

import numpy as np

from common import files
from common.errors import UserError
from data.text.characters import code_points
from data.text.ltp.annotator import LtpAnnotator
from data.text.ltp.loading import local_ltp_directory

SEGMENTERS = ("rjieba", "jieba", "ltp", "none")
# rjieba and jieba are given this much text at a time, so that the list of words stays small.
_PIECE_CHARS = 1 << 16
_FREQUENCY_DIGITS = 9


def make_segmenter(name, ltp_model=None, user_dict=None):
    """Builds a segmenter.

        text, starts, ends = "今天天气真好", np.array([0]), np.array([6])
        marks, unusable = make_segmenter("rjieba").word_starts(text, starts, ends, lambda _: None)

    Args:
      name: one of SEGMENTERS.
      ltp_model: directory or hub name of an LTP model, for "ltp".
      user_dict: file with a word a line, optionally with a frequency and a tag (jieba's format).

    Returns:
      An object with `word_starts(text, starts, ends, progress)`.

    Raises:
      UserError: unknown name, no such model or dictionary, library not installed.
    """
    if name == "none":
        return None
    words = _read_user_dict(user_dict) if user_dict else []
    if name == "rjieba":
        return _TextSegmenter(_rjieba_cut(words))
    if name == "jieba":
        return _TextSegmenter(_jieba_cut(words))
    if name == "ltp":
        return _LtpSegmenter(ltp_model, [word for word, _, _ in words])
    raise UserError("unknown segmenter {!r}; known are {}".format(name, ", ".join(SEGMENTERS)))


def check(name, ltp_model, user_dict):
    """Finds what is wrong with the choice of a segmenter before any work starts.

    Raises:
      UserError: unknown name, no such LTP directory, or a bad dictionary.
    """
    if name not in SEGMENTERS:
        raise UserError(
            "unknown segmenter {!r} (--segmenter); known are {}".format(name, ", ".join(SEGMENTERS))
        )
    if name != "none" and importlib.util.find_spec(name) is None:
        raise UserError("--segmenter={0} needs the package {0}: pip install {0}".format(name))
    if name == "ltp":
        local_ltp_directory(ltp_model)
    elif ltp_model:
        raise UserError("--ltp_model needs --segmenter=ltp; --segmenter is {}".format(name))
    if user_dict:
        if name == "none":
            raise UserError("--user_dict needs a segmenter; --segmenter is none")
        _read_user_dict(user_dict)


def _read_user_dict(path):
    """[(word, frequency or None, tag or None)] of a jieba dictionary file."""
    words = []
    try:
        with open(path, "rb") as f:
            for number, content in files.lines(f, path):
                where = "{} line {}".format(path, number)
                try:
                    line = content.decode("utf-8-sig" if number == 1 else "utf-8")
                except UnicodeDecodeError as error:
                    raise UserError(
                        "{} is not UTF-8 (byte 0x{:02x}); convert the file (--user_dict)".format(
                            where, content[error.start]
                        )
                    ) from None
                if line.strip():
                    words.append(_dictionary_entry(line.split(), where))
    except OSError as error:
        raise UserError("cannot read {}: {} (--user_dict)".format(path, error.strerror)) from None
    return words


def _dictionary_entry(fields, where):
    has_frequency = len(fields) > 1 and fields[1].isdecimal()
    tags = fields[1 + has_frequency :]
    if len(tags) > 1:
        raise UserError(
            "{}: expected a word, a frequency and a tag, found {} fields (--user_dict)".format(
                where, len(fields)
            )
        )
    if has_frequency and len(fields[1]) > _FREQUENCY_DIGITS:
        raise UserError("{}: the frequency is too large (--user_dict)".format(where))
    return fields[0], int(fields[1]) if has_frequency else None, tags[0] if tags else None


def _rjieba_cut(words):
    import rjieba

    jieba = rjieba.Jieba()
    for word, frequency, tag in words:
        jieba.add_word(word, frequency, tag)
    return jieba.cut


def _jieba_cut(words):
    import logging

    import jieba

    jieba.setLogLevel(logging.WARNING)
    tokenizer = jieba.Tokenizer()
    # Not initialize(): it would unmarshal /tmp/jieba.cache, which anybody may have put there, and
    # is no faster than reading the dictionary itself.
    tokenizer.FREQ, tokenizer.total = tokenizer.gen_pfdict(tokenizer.get_dict_file())
    tokenizer.initialized = True
    for word, frequency, tag in words:
        tokenizer.add_word(word, frequency, tag)
    return tokenizer.lcut


class _TextSegmenter:
    """Segmenters that keep every character (jieba and its kin): long texts in one call."""

    def __init__(self, cut):
        self._cut = cut

    def word_starts(self, text, starts, ends, progress):
        """Marks where words begin.

        Args:
          text: str.
          starts, ends: int [sentences], character offsets of the sentences.
          progress: called with the share of the text that is done, from 0 to 1.

        Returns:
          bool [len(text)] and bool [sentences], True where the words do not join to the text.
        """
        marks = np.zeros(len(text), dtype=bool)
        at = 0
        while at < len(text):
            end = _line_end(text, at + _PIECE_CHARS)
            words = self._cut(text[at:end])
            lengths = np.fromiter(map(len, words), dtype=np.int64, count=len(words))
            first = at + np.cumsum(lengths) - lengths
            if len(words) and first[-1] + lengths[-1] != end:
                raise UserError("the segmenter lost characters at {!r}".format(text[at : at + 40]))
            marks[first] = True
            at = end
            progress(at / len(text))
        return marks, np.zeros(len(starts), dtype=bool)


def _line_end(text, at):
    if at >= len(text):
        return len(text)
    return text.find("\n", at) + 1 or len(text)


class BlankSegmenter:
    """Presegmented text: words are separated by blanks."""

    def word_starts(self, text, starts, ends, progress):
        chars = code_points(text)
        blank = (chars <= 32) | (chars == 0x3000) | (chars == 0xA0)
        marks = ~blank
        marks[1:] &= blank[:-1]
        progress(1.0)
        return marks, np.zeros(len(starts), dtype=bool)


def read_user_dict(path):
    """The words of a dictionary file; none without a path.

    Raises:
      UserError: it cannot be read, or a line is none of a dictionary.
    """
    return [word for word, _, _ in _read_user_dict(path)] if path else []


def sha256_of(path):
    """Of a file's content, in hexadecimal; None without a path.

    Raises:
      UserError: it cannot be read.
    """
    if not path:
        return None
    try:
        return files.sha256(path)
    except OSError as error:
        raise UserError("cannot read {}: {}".format(path, files.reason(error))) from None


class _LtpSegmenter:
    """LTP's legacy and neural models."""

    def __init__(self, model, user_words):
        self._annotator = LtpAnnotator(model, user_words)

    def word_starts(self, text, starts, ends, progress):
        words = self._annotator.words(text, starts, ends, progress)
        return words.starts, words.unusable


def make_tagger(ltp_model, user_dict=None):
    """LTP's words with their tags.

    Args:
      ltp_model: directory or hub name.
      user_dict: see make_segmenter.

    Returns:
      ltp_annotator.LtpAnnotator.

    Raises:
      UserError: see make_segmenter; or the model has words only.
    """
    annotator = LtpAnnotator(ltp_model, read_user_dict(user_dict), tagged=True)
    if len(annotator.tasks) == 1:
        raise UserError("LTP model {} gives words but no tags (--ltp_model)".format(ltp_model))
    return annotator
