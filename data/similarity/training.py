"""Word vectors of a corpus: the skip-gram model with negative samples by `gensim` (Mikolov et al.
2013), over the words of a segmenter.
"""

import collections
import contextlib
import dataclasses
import importlib.util
import logging
import tempfile
import zlib
from typing import Optional, Tuple

import numpy as np

from common.errors import UserError, some
from common.progress import Progress
from data.similarity.vectors import Block
from data.similarity.word_choice import has_letter
from data.text import corpus, documents, encodings, segmentation, simplification
from data.text.sentences import DEFAULT_MAX_CHARS
from data.text.user_dictionary import read_user_dictionary

# gensim takes 10,000 words of a sentence at most, and drops the rest in silence.
_MOST_WORDS = 1000
_BLOCK_WORDS = 4096


@dataclasses.dataclass(frozen=True)
class CorpusSettings:
    """How a corpus is read and its words are found; see the flags of create_pretraining_data.py."""

    input_format: str = "raw"
    encoding: str = encodings.UTF8
    text_fields: Tuple[str, ...] = ("text",)
    t2s: bool = False
    segmenter: str = "rjieba"
    ltp_model: Optional[str] = None
    user_dict: Optional[str] = None
    normalize_quotes = False  # of signs alone, which are no words here
    max_sentence_chars = DEFAULT_MAX_CHARS
    tag_set = "ltp"

    def check(self):
        """Finds what is wrong before any work.

        Returns:
          list of str, on lines of the dictionary that cannot be used.

        Raises:
          UserError: a segmenter or dictionary that is not there or does not fit.
        """
        if self.t2s:
            simplification.check(self.input_format)
        segmentation.check(self.segmenter, self.ltp_model, self.user_dict)
        is_split = self.input_format in ("raw", "jsonl")
        words = read_user_dictionary(self.user_dict, self._normalize())
        return words.usable(self.segmenter, is_split).notes()

    def make_segmenter(self):
        """What finds words; None where the text has them."""
        if self.input_format == "conllu":
            return None
        if self.input_format == "presegmented":
            return segmentation.BlankSegmenter()
        return segmentation.make_segmenter(
            self.segmenter, self.ltp_model, self.user_dict, self._normalize()
        )

    def _normalize(self):
        return documents.normalization(self.normalize_quotes, self.t2s)


@dataclasses.dataclass(frozen=True)
class TrainingSettings:
    """The training.

    Attributes:
      min_count: rarer words have no vector.
      vector_size: values of a vector.
      window: most words on either side from which a word is learnt. With few, words are near that
        can stand in each other's place, with many, those of one topic (Levy and Goldberg 2014,
        section 4.2).
      epochs: passes over the corpus.
      seed: of all random choices.
    """

    min_count: int = 5
    vector_size: int = 100
    window: int = 2
    epochs: int = 10
    seed: int = 12345


def check_library():
    """Raises UserError where gensim is not installed."""
    if importlib.util.find_spec("gensim") is None:  # the import itself takes seconds
        raise UserError(
            "--train_on needs the package gensim, which is not installed: pip install gensim"
        )


def trained(paths, reading, training, say, folder=None):
    """Trains vectors; the same ones in every run on one machine.

    The sentences are kept on disk in words, and read again for every epoch.

    Args:
      paths: files of the corpus.
      reading: CorpusSettings.
      training: TrainingSettings.
      say: called with lines for the user.
      folder: of the file with the sentences, which has no name there; None: that of the system.

    Returns:
      list of Block, the most frequent words first.

    Raises:
      UserError: a file cannot be read, or no word is frequent enough.
    """
    check_library()
    units = corpus.plan_units(paths, reading.input_format, encoding=reading.encoding)
    with tempfile.TemporaryFile("w+", encoding="utf-8", newline="\n", dir=folder) as f:
        counts = collections.Counter()
        with Progress("words", sum(unit.size for unit in units), say) as progress:
            for found in _sentences(units, reading, counts, progress):
                f.write("\t".join(found) + "\n")
                counts.update(sentences=1, words=len(found))
        sentences = counts["sentences"]
        say("{:,} words in {:,} sentences".format(counts["words"], sentences))
        if counts["unusable"]:
            say(
                "{:,} sentences are left out, since their words do not join to their text".format(
                    counts["unusable"]
                )
            )
        # One pass counts the words.
        total = sentences * (training.epochs + 1)
        with Progress("training", total, say, "sentences") as progress:
            vectors = _train(_Stored(f, progress), training)
    if vectors is None:
        raise UserError(
            "no word occurs {} times in {}; lower --min_count, or give more text".format(
                training.min_count, some(paths)
            )
        )
    return list(vectors)


def _sentences(units, reading, counts, progress):
    """Yields the words of each sentence, those without a letter left out: list of str.

    Args:
      units: list of corpus.Unit.
      reading: CorpusSettings.
      counts: Counter to add "unusable" sentences to.
      progress: called with numbers of bytes.
    """
    segmenter = reading.make_segmenter()
    for unit in units:
        done = 0
        for sources, read in corpus.unit_blocks(unit, reading.input_format):
            text = documents.read_documents(sources, reading)
            words = text.words or segmenter.words(
                text.text, text.starts, text.ends, lambda share: None
            )
            counts["unusable"] += int(words.unusable.sum())
            usable = ~words.unusable
            for start, end in zip(text.starts[usable].tolist(), text.ends[usable].tolist()):
                found = _words_between(text.text, words.starts, start, end)
                for at in range(0, len(found), _MOST_WORDS):
                    yield found[at : at + _MOST_WORDS]
            progress(round(unit.size * read) - done)
            done = round(unit.size * read)


def _words_between(text, marks, start, end):
    borders = (np.flatnonzero(marks[start:end]) + start).tolist()
    if not borders or borders[0] != start:
        borders.insert(0, start)
    # A word keeps its blanks (New York), but not those behind it, and a file of words no tabs.
    words = (" ".join(text[a:b].split()) for a, b in zip(borders, [*borders[1:], end]))
    return [word for word in words if has_letter(word)]


class _Stored:
    """Sentences in a file, a line each, for any number of passes.

    gensim reads them in a thread of its own and waits for ever where that fails. So a pass that
    fails ends, and check() raises what was wrong.
    """

    def __init__(self, f, progress):
        self._f, self._progress, self._failure = f, progress, None

    def __iter__(self):
        if self._failure:
            return
        try:
            self._f.seek(0)
            for line in self._f:
                yield line.rstrip("\n").split("\t")
                self._progress(1)
        except Exception as error:
            self._failure = error

    def check(self):
        if self._failure:
            raise self._failure


def _train(sentences, training):
    """Yields Blocks; None where no word is frequent enough."""
    from gensim.models.word2vec import Word2Vec

    with _quiet("gensim"):
        model = Word2Vec(
            vector_size=training.vector_size,
            window=training.window,
            min_count=training.min_count,
            sg=1,
            # Several workers, and Python's hash of texts, give other vectors in every run.
            workers=1,
            hashfxn=_hash,
            seed=training.seed,
        )
        model.build_vocab(sentences)
        sentences.check()
        if not len(model.wv):
            return None
        model.train(sentences, total_examples=model.corpus_count, epochs=training.epochs)
        sentences.check()
    words, vectors = model.wv.index_to_key, model.wv.vectors
    ends = range(0, len(words), _BLOCK_WORDS)
    return (Block(words[at : at + _BLOCK_WORDS], vectors[at : at + _BLOCK_WORDS]) for at in ends)


def _hash(text):
    return zlib.crc32(text.encode("utf-8"))


@contextlib.contextmanager
def _quiet(name):
    """Keeps warnings of a library off standard error: that a corpus is small, for instance."""
    logger = logging.getLogger(name)
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
