"""LTP's words and tags of sentences: batches of equal length through one call of its pipeline.

The one way to LTP for data creation, with and without tags, and for annotate_corpus.py.
"""

import collections
from typing import List, NamedTuple, Optional

import numpy as np

from common.errors import UserError
from data.text.ltp.loading import load_ltp
from data.text.ltp.precision import FP32
from data.text.privacy import shown
from data.text.spellings import Spellings
from data.text.tags import TagNumbers
from data.text.words import EXAMPLES, SOLID, Words

# Most stretches of a batch, and most characters with padding: of small models the calls take the
# time, of large ones padding and memory. Measured in benchmarks/README.md.
BATCH_SIZE = 32
_BATCH_CHARS = 768
# LTP's neural models read 510 pieces and take all that follows for one word.
_LTP_CHARS = 500
_SHOWN_CHARS = 60
# What LTP's own add_words takes.
USER_WORD_WEIGHT = 2


class Stretch(NamedTuple):
    """A stretch of a sentence as LTP sees it.

    Attributes:
      sentence: its number.
      start, end: character offsets.
      words: None where they do not join to the text.
      pos, ner: tags, one a word; None where the model gives none.
      heads: of each word, 0 is the root and 1 the first word; None where the model gives none.
      deps: relations, one a word; None where the model gives none.
    """

    sentence: int
    start: int
    end: int
    words: Optional[List[str]]
    pos: Optional[List[str]]
    ner: Optional[List[str]]
    heads: Optional[List[int]]
    deps: Optional[List[str]]


class LtpAnnotator:
    """LTP's legacy and neural models.

    Attributes:
      tasks: what it is asked for: "cws" and, of "pos", "ner" and "dep", what the model has.
      user_words: frozenset of the words that are never cut.
    """

    def __init__(self, model, user_words=(), tagged=False, batch_size=BATCH_SIZE, precision=FP32):
        """Loads a model.

        Args:
          model: directory or hub name.
          user_words: words that are never cut.
          tagged: whether to ask for tags too.
          batch_size: most stretches of a batch.
          precision: see module precision.

        Raises:
          UserError: see load_ltp; or the model does not segment.
        """
        self._ltp = load_ltp(model, precision)
        from ltp.legacy import LTP as LegacyLtp
        from ltp_extension.algorithms import Hook

        if "cws" not in self._ltp.supported_tasks:
            raise UserError(
                "LTP model {} does not segment: it has no cws (--ltp_model)".format(model)
            )
        self.tasks = ["cws"] + _tags_of(self._ltp) * tagged
        self._options, self._batch_chars = {}, _BATCH_CHARS
        if isinstance(self._ltp, LegacyLtp):
            # It would start threads of its own beside the worker processes; and it does not pad.
            self._options, self._batch_chars = {"parallelism": False}, 1 << 20
        self._batch_size = batch_size
        self._model = model
        self._hook, self.user_words = Hook(), frozenset(user_words)
        self._spellings = Spellings(self.user_words)
        for word in sorted(self.user_words):
            self._hook.add_word(word, USER_WORD_WEIGHT)

    def annotate(self, text, starts, ends, progress):
        """Words and tags of sentences.

        Args:
          text: str.
          starts, ends: int [sentences], character offsets of the sentences.
          progress: called with the share that is done, from 0 to 1.

        Returns:
          list of Stretch in text order; blanks and characters of no width lie between them.
        """
        spans = _ltp_spans(text, starts, ends)
        stretches = [None] * len(spans)
        done, total = 0, max(1, sum(end - start for _, start, end in spans))
        for batch in _batches(spans, self._batch_size, self._batch_chars):
            answers = self._annotate_batch(text, [spans[i] for i in batch])
            for i, stretch in zip(batch, answers):
                stretches[i] = stretch
                done += stretch.end - stretch.start
            progress(done / total)
        progress(1.0)
        return stretches

    def words(self, text, starts, ends, progress):
        """The beginnings of words, and their tags if it was made for them.

        Args:
          text, starts, ends, progress: see `annotate`.

        Returns:
          words.Words.
        """
        marks = np.zeros(len(text), dtype=bool)
        unusable = np.zeros(len(starts), dtype=bool)
        numbers, found = TagNumbers(), collections.Counter()
        for stretch in self.annotate(text, starts, ends, progress):
            if stretch.words is None:
                unusable[stretch.sentence] = True
                continue
            lengths = np.fromiter(map(len, stretch.words), np.int64, len(stretch.words))
            marks[stretch.start + np.cumsum(lengths) - lengths] = True
            found.update(self.user_words_of(stretch))
            if len(self.tasks) > 1:
                for tags in tags_of_words(stretch):
                    numbers.add(tags)
        faults = [example_of(text, starts[i], ends[i]) for i in np.flatnonzero(unusable)[:EXAMPLES]]
        if len(self.tasks) == 1:
            return Words(marks, unusable, faults=faults, user_words=found)
        return Words(marks, unusable, numbers.array(), dict(numbers.unknown), faults, found)

    def user_words_of(self, stretch):
        """Iterator over the words of a Stretch that are those of the dictionary, as it spells
        them."""
        words = map(self._spellings.of_word, stretch.words or ())
        return filter(self.user_words.__contains__, words)

    def _annotate_batch(self, text, spans):
        """Stretch of each (sentence, start, end)."""
        texts = [self._spellings.spelled(text[start:end]) for _, start, end in spans]
        try:
            answers = self._pipeline(texts, self.tasks, self._hook)
        except Exception:  # whatever the package's parts raise
            answers = [self._one(part) for part in texts]
        return [_stretch(text, *parts) for parts in zip(spans, texts, answers)]

    def _one(self, text):
        """{task: LTP's answer for one text}, words alone where there is no other.

        LTP stumbles over texts that its tokenizer leaves nothing of, and over words of a dictionary
        that end inside a piece.

        Raises:
          UserError: it fails for another reason.
        """
        try:
            return self._pipeline([text], self.tasks, self._hook)[0]
        except Exception as error:
            failure = error
        try:
            words = self._pipeline([text], ["cws"])[0]["cws"]
            if words and not len(self._hook):
                raise failure
            if words:  # what fails without the dictionary, too, is no fault of it
                self._pipeline([text], self.tasks)
        except Exception as error:
            raise UserError(
                "LTP model {} fails on {}: {} (--ltp_model)".format(
                    self._model, shown(text), shown(error)
                )
            ) from None
        joins = "".join(words) == text
        return {"cws": self._hook.hook(text, words) if joins else words}

    def _pipeline(self, texts, tasks, hook=None):
        """[{task: LTP's answer}] for the texts."""
        import torch

        usual = self._ltp.hook  # the loaded model is shared
        self._ltp.hook = hook or usual
        try:
            with torch.inference_mode():
                answers = self._ltp.pipeline(texts, tasks=tasks, raw_format=True, **self._options)
        finally:
            self._ltp.hook = usual
        return [dict(zip(tasks, answer)) for answer in zip(*(answers[task] for task in tasks))]


def example_of(text, start, end):
    """A sentence for people, cut short."""
    return shown(text[start:end], _SHOWN_CHARS)


def tags_of_words(stretch):
    """Yields (pos, ner, dep) of each word of a Stretch; None where the model gives none."""
    none = [None] * len(stretch.words)
    return zip(stretch.pos or none, stretch.ner or none, stretch.deps or none)


def _tags_of(ltp):
    """The tasks of a model beside words; entities need parts of speech."""
    tags = [task for task in ("pos", "ner", "dep") if task in ltp.supported_tasks]
    return tags if "pos" in tags else []


def _stretch(text, span, spelled, answer):
    """A Stretch; its words None where they do not join to the text, or a tag has no word.

    Args:
      text: the one that `span` lies in.
      span: (sentence, start, end).
      spelled: what LTP was given of it.
      answer: {task: LTP's answer}.
    """
    words, dep = answer["cws"], answer.get("dep")
    heads, labels = (dep["head"], dep["label"]) if dep else (None, None)
    lists = [answer.get("pos"), answer.get("ner"), heads, labels]
    if "".join(words) != spelled or any(x is not None and len(x) != len(words) for x in lists):
        return Stretch(*span, None, None, None, None, None)
    at = [span[1], *(span[1] + np.cumsum([len(word) for word in words], dtype=np.int64)).tolist()]
    return Stretch(*span, [text[a:b] for a, b in zip(at, at[1:])], *lists)


def _ltp_spans(text, starts, ends):
    """The stretches of sentences for LTP: [(sentence, start, end)].

    It takes blanks into its words and drops characters of no width: every stretch without them is
    annotated by itself.
    """
    spans = []
    for sentence, (start, end) in enumerate(zip(starts.tolist(), ends.tolist())):
        for part in SOLID.finditer(text, start, end):
            at, stop = part.span()
            while at < stop:
                cut = _cut_long(text, at, stop)
                spans.append((sentence, at, cut))
                at = cut
    return spans


def _cut_long(text, start, end):
    """End of a stretch that begins at `start`: after a mark, if it is too long for LTP."""
    if end - start <= _LTP_CHARS:
        return end
    limit = start + _LTP_CHARS
    mark = max(text.rfind(c, start, limit) for c in "。！？；，、")
    return limit if mark < 0 else mark + 1


def _batches(spans, batch_size, batch_chars):
    """Yields lists of indices, equal lengths together: less padding."""
    lengths = np.array([end - start for _, start, end in spans], dtype=np.int64)
    batch = []
    for i in np.argsort(lengths, kind="stable").tolist():
        if batch and (
            len(batch) == batch_size or (len(batch) + 1) * (lengths[i] + 2) > batch_chars
        ):
            yield batch
            batch = []
        batch.append(i)
    if batch:
        yield batch
