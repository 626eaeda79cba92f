"""Word segmenters with one interface: where do words begin in this text?

A segmenter is built once per worker process and never changes the text: what it returns is placed
by character offsets, and a sentence whose words do not join to its text is reported, not guessed.
"""

import collections
import importlib.util

import numpy as np

from common import files
from common.errors import UserError
from data.text.characters import code_points, inside_accented_words
from data.text.encodings import UTF8
from data.text.ltp.annotator import USER_WORD_WEIGHT, LtpAnnotator
from data.text.ltp.loading import local_ltp_directory
from data.text.ltp.precision import BF16, FP32
from data.text.privacy import shown
from data.text.spellings import Spellings
from data.text.user_dictionary import read_user_dictionary
from data.text.words import Words

SEGMENTERS = ("rjieba", "jieba", "ltp", "none")
# rjieba and jieba are given this much text at a time, so that the list of words stays small.
_PIECE_CHARS = 1 << 16


def make_segmenter(
    name, ltp_model=None, user_dict=None, normalize=str, ltp_precision=FP32, encoding=UTF8
):
    """Builds a segmenter.

        text, starts, ends = "今天天气真好", np.array([0]), np.array([6])
        make_segmenter("rjieba").words(text, starts, ends, lambda _: None).starts  # bool [6]

    Args:
      name: one of SEGMENTERS.
      ltp_model: directory or hub name of an LTP model, for "ltp".
      user_dict: file with a word a line, see user_dictionary.
      normalize: see user_dictionary.read_user_dictionary.
      ltp_precision: see data.text.ltp.precision.
      encoding: of user_dict where it is not UTF-8, see data.text.word_lists.entries.

    Returns:
      An object with `words(text, starts, ends, progress)` -> words.Words.

    Raises:
      UserError: unknown name, no such model or dictionary, library not installed.
    """
    if name == "none":
        return None
    dictionary = read_user_dictionary(user_dict, normalize, encoding).usable(name)
    if name == "rjieba":
        return _TextSegmenter(_rjieba_cut(dictionary.words), dictionary)
    if name == "jieba":
        return _TextSegmenter(_jieba_cut(dictionary.words), dictionary)
    if name == "ltp":
        return LtpAnnotator(ltp_model, dictionary.texts, precision=ltp_precision)
    raise UserError("unknown segmenter {!r}; known are {}".format(name, ", ".join(SEGMENTERS)))


def check(name, ltp_model, user_dict, ltp_precision=FP32, encoding=UTF8):
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
    elif ltp_model or ltp_precision != FP32:
        flag = "ltp_model" if ltp_model else "ltp_precision"
        raise UserError("--{} needs --segmenter=ltp; --segmenter is {}".format(flag, name))
    if ltp_precision not in (FP32, BF16):
        raise UserError(
            "--ltp_precision must be {} or {}, found {!r}".format(FP32, BF16, ltp_precision)
        )
    if user_dict:
        if name == "none":
            raise UserError("--user_dict needs a segmenter; --segmenter is none")
        read_user_dictionary(user_dict, encoding=encoding)


def _rjieba_cut(words):
    import rjieba

    jieba = rjieba.Jieba()
    for word in words:
        jieba.add_word(word.text, word.frequency, word.tag)
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
    for word in words:
        tokenizer.add_word(word.text, word.frequency, word.tag)
    return tokenizer.lcut


class _TextSegmenter:
    """Segmenters that keep every character (jieba and its kin): long texts in one call."""

    def __init__(self, cut, dictionary):
        """Makes the segmenter.

        Args:
          cut: function of a text that returns its words; it knows the dictionary.
          dictionary: user_dictionary.UserDictionary.
        """
        self._cut, self._user_words, self._hook = cut, dictionary.texts, None
        self._spellings = Spellings([word.text for word in dictionary.words])
        missed = self._cut_apart(sorted(self._user_words))
        if missed:
            self._hook = _hook(missed)

    def _cut_apart(self, words):
        """Those of the words that it cuts even where they stand alone: jieba looks for words in
        stretches of Chinese characters, letters, digits and a few signs, never beyond."""
        text = "\n".join(words)
        none = np.zeros(0, dtype=np.int64)
        marks = np.append(self.words(text, none, none, lambda share: None).starts, True)
        ends = np.cumsum([len(word) + 1 for word in words], dtype=np.int64) - 1
        seen = np.cumsum(marks)
        return [
            word
            for word, end in zip(words, ends.tolist())
            if seen[end - 1] - seen[end - len(word)] > 0
        ]

    def words(self, text, starts, ends, progress):
        """The beginnings of words.

        Args:
          text: str.
          starts, ends: int [sentences], character offsets of the sentences.
          progress: called with the share of the text that is done, from 0 to 1.

        Returns:
          words.Words; no sentence is unusable.
        """
        marks, found = np.zeros(len(text), dtype=bool), collections.Counter()
        text, at = self._spellings.spelled(text), 0
        while at < len(text):
            end = _line_end(text, at + _PIECE_CHARS)
            words = self._cut(text[at:end])
            if self._hook:
                words = self._hook.hook(text[at:end], words)
            lengths = np.fromiter(map(len, words), dtype=np.int64, count=len(words))
            first = at + np.cumsum(lengths) - lengths
            if len(words) and first[-1] + lengths[-1] != end:
                raise UserError(
                    "the segmenter lost characters at {}".format(shown(text[at : at + 40]))
                )
            marks[first] = True
            if self._user_words:
                # The hook joins a blank behind a word to it.
                found.update(filter(self._user_words.__contains__, map(str.strip, words)))
            at = end
            progress(at / len(text))
        inside = inside_accented_words(text)
        if inside is not None:  # jieba parts words at letters that it does not know: Z, ü, rich
            marks &= ~inside
        return Words(marks, np.zeros(len(starts), dtype=bool), user_words=found)


def _hook(words):
    """LTP's own means to keep words whole, for words that another segmenter cuts."""
    from ltp_extension.algorithms import Hook

    hook = Hook()
    for word in words:
        hook.add_word(word, USER_WORD_WEIGHT)
    return hook


def _line_end(text, at):
    if at >= len(text):
        return len(text)
    return text.find("\n", at) + 1 or len(text)


class BlankSegmenter:
    """Presegmented text: words are separated by blanks."""

    def words(self, text, starts, ends, progress):
        """See _TextSegmenter.words."""
        chars = code_points(text)
        blank = (chars <= 32) | (chars == 0x3000) | (chars == 0xA0)
        marks = ~blank
        marks[1:] &= blank[:-1]
        progress(1.0)
        return Words(marks, np.zeros(len(starts), dtype=bool))


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


def make_tagger(ltp_model, user_dict=None, normalize=str, ltp_precision=FP32, encoding=UTF8):
    """LTP's words with their tags.

    Args:
      ltp_model: directory or hub name.
      user_dict, normalize, ltp_precision, encoding: see make_segmenter.

    Returns:
      ltp_annotator.LtpAnnotator.

    Raises:
      UserError: see make_segmenter; or the model has words only.
    """
    dictionary = read_user_dictionary(user_dict, normalize, encoding).usable("ltp")
    annotator = LtpAnnotator(ltp_model, dictionary.texts, tagged=True, precision=ltp_precision)
    if len(annotator.tasks) == 1:
        raise UserError("LTP model {} gives words but no tags (--ltp_model)".format(ltp_model))
    return annotator
