"""Word segmenters behind one call: where do words begin in this text?

A segmenter is built once per worker process and never changes the text: what it returns is placed
by character offsets, and a sentence whose words do not join to its text is reported, not guessed.
"""

import contextlib
import functools
import importlib.util
import io
import os
import re
import subprocess
import sys

import numpy as np

import bounded_json
from data import files
from data.tokenization import code_points
from errors import UserError

SEGMENTERS = ("rjieba", "jieba", "ltp", "none")
# rjieba and jieba are given this much text at a time, so that the list of words stays small.
_PIECE_CHARS = 1 << 16
_FREQUENCY_DIGITS = 9
LTP_BATCH = 8  # sentences; the fastest on one core (larger ones pad more)
# LTP's neural models read 510 pieces and take all that follows for one word.
_LTP_CHARS = 500
_LTP_STRETCH = re.compile(r"[^\s\u00ad\u200b-\u200f\u2060\ufeff]+")
_LTP_FILES = ["*.json", "*.bin", "vocab.txt"]


def make_segmenter(name, ltp_model=None, user_dict=None):
    """Builds a segmenter.

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
        _local_ltp_directory(ltp_model)
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
    """Presegmented text: words are parted by blanks."""

    def word_starts(self, text, starts, ends, progress):
        chars = code_points(text)
        blank = (chars <= 32) | (chars == 0x3000) | (chars == 0xA0)
        marks = ~blank
        marks[1:] &= blank[:-1]
        progress(1.0)
        return marks, np.zeros(len(starts), dtype=bool)


class _LtpSegmenter:
    """LTP's legacy and neural models, sentences in batches."""

    def __init__(self, model, user_words):
        from ltp_extension.algorithms import Hook

        self._ltp = load_ltp(model)
        if "cws" not in self._ltp.supported_tasks:
            raise UserError(
                "LTP model {} does not segment: it has no cws (--ltp_model)".format(model)
            )
        # LTP.add_words does the same, but fails on text that LTP's tokenizer drops characters of,
        # and the loaded model is shared.
        self._hook = Hook()
        for word in user_words:
            self._hook.add_word(word, 2)

    def word_starts(self, text, starts, ends, progress):
        marks = np.zeros(len(text), dtype=bool)
        bad = np.zeros(len(starts), dtype=bool)
        order = np.argsort(ends - starts, kind="stable")  # equal lengths together: less padding
        for at in range(0, len(order), LTP_BATCH):
            batch = order[at : at + LTP_BATCH]
            spans, owners = _ltp_spans(text, starts, ends, batch)
            if spans:
                found = self._ltp.pipeline([text[s:e] for s, e in spans], tasks=["cws"]).cws
                for (start, end), owner, words in zip(spans, owners, found):
                    placed = self._place(text, start, end, words)
                    bad[owner] |= placed is None
                    marks[placed or []] = True
            progress(min(1.0, (at + LTP_BATCH) / len(order)))
        return marks, bad

    def _place(self, text, start, end, words):
        placed = place_words(text, start, end, words)
        if placed is not None and len(self._hook):
            placed = place_words(text, start, end, self._hook.hook(text[start:end], words))
        return placed


def _ltp_spans(text, starts, ends, batch):
    """What LTP is given of the sentences `batch`: [(start, end)] and the sentence of each.

    LTP takes blanks into its words and drops characters of no width: every stretch without them
    is segmented by itself.
    """
    spans, owners = [], []
    for owner in batch.tolist():
        for part in _LTP_STRETCH.finditer(text, int(starts[owner]), int(ends[owner])):
            at, end = part.span()
            while at < end:
                cut = _cut_long(text, at, end)
                spans.append((at, cut))
                owners.append(owner)
                at = cut
    return spans, owners


def _cut_long(text, start, end):
    """Where to end a stretch that begins at `start`: behind a mark, if it is too long for LTP."""
    if end - start <= _LTP_CHARS:
        return end
    limit = start + _LTP_CHARS
    mark = max(text.rfind(c, start, limit) for c in "。！？；，、")
    return limit if mark < 0 else mark + 1


def place_words(text, start, end, words):
    """Offsets where `words` begin in text[start:end]; None where they do not join to it."""
    offsets = []
    for word in words:
        if not text.startswith(word, start):
            return None
        offsets.append(start)
        start += len(word)
    return offsets if start == end else None


@functools.lru_cache(maxsize=1)
def load_ltp(model):
    """Loads an LTP model from a directory or the hub.

    Args:
      model: a directory with config.json, or a hub name such as LTP/small.

    Returns:
      ltp.LTP.

    Raises:
      UserError: no such directory, not an LTP model, or the hub cannot be reached.
    """
    path = _local_ltp_directory(model) or _fetch_ltp(model)
    # transformers must not import TensorFlow, and LTP's small matrices lose time on many threads.
    os.environ.setdefault("USE_TF", "0")
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    # LTP leaves it to PyTorch whether a weights file may hold programs, and older ones allow it.
    os.environ.pop("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", None)
    os.environ["TORCH_FORCE_WEIGHTS_ONLY_LOAD"] = "1"
    try:
        _check_ltp_files(path)
        from ltp import LTP

        with contextlib.redirect_stdout(io.StringIO()):  # it prints that it loads
            return LTP(path)
    except Exception as error:  # the package raises whatever its parts raise
        raise UserError(
            "LTP model {} cannot be loaded: {} (--ltp_model)".format(
                model, _in_short(error) or type(error).__name__
            )
        ) from None


def _in_short(error):
    """What an exception of another library says, to stand inside a sentence."""
    words = str(error).split("Stack backtrace")[0].split()
    return " ".join(words)[:300].rstrip(" .:;,")


def _local_ltp_directory(model):
    """The directory that `model` names, None where it is a name on the hub.

    Raises:
      UserError: no model is named, or the directory is missing or holds none.
    """
    if not model:
        raise UserError("--segmenter=ltp needs --ltp_model, a directory or a hub name (LTP/small)")
    path = os.path.expanduser(model)
    on_hub = model.count("/") == 1 and not model.startswith((".", "/", "~"))
    if on_hub and not os.path.exists(path):
        return None
    if not os.path.isdir(path):
        raise UserError("LTP model directory {} does not exist (--ltp_model)".format(model))
    if not os.path.isfile(os.path.join(path, "config.json")):
        raise UserError("{} holds no LTP model: config.json is missing (--ltp_model)".format(model))
    return path


def _fetch_ltp(model):
    """The local directory of a hub model; without a network, of the copy in the hub's cache."""
    from huggingface_hub import snapshot_download

    name, _, revision = model.partition("@")
    try:
        return snapshot_download(name, revision=revision or None, allow_patterns=_LTP_FILES)
    except Exception as error:
        raise UserError(
            "LTP model {} is no directory here and cannot be fetched from the hub: {}; download it "
            "and give its directory (--ltp_model)".format(model, _in_short(error))
        ) from None


def _check_ltp_files(path):
    """Raises ValueError for what LTP would not survive."""
    with open(os.path.join(path, "config.json"), "rb") as f:
        config = bounded_json.load(f, "its config.json")
    if not isinstance(config, dict) or "nerual" not in config:  # LTP's spelling
        raise ValueError("its config.json is not LTP's")
    if config["nerual"]:
        return
    tasks = config.get("tasks")
    if not isinstance(tasks, dict) or not all(isinstance(name, str) for name in tasks.values()):
        raise ValueError("its config.json names no files of tasks")
    # A legacy file that is cut short ends the whole process (a Rust panic): try it in another.
    code = "import sys, ltp_extension.perceptron as p; getattr(p, sys.argv[1]).load(sys.argv[2])"
    for task, name in tasks.items():
        model = [task.upper() + "Model", os.path.join(path, name)]
        tried = subprocess.run([sys.executable, "-c", code, *model], capture_output=True)
        if tried.returncode < 0:
            raise ValueError("{} is damaged".format(name))
