"""Text to CoNLL-U with LTP's words and tags."""

import collections
import dataclasses
import re
from typing import NamedTuple, Optional, Tuple

from common.errors import UserError, quoted
from common.tags import KINDS
from common.validation import check_numbers
from data.jobs.processor import Processor
from data.jobs.statistics import add_statistics, top_counts
from data.jobs.work import Work
from data.records import manifest_schema
from data.text import segmentation, simplification
from data.text.documents import normalization
from data.text.encodings import UTF8
from data.text.ltp.annotator import BATCH_SIZE, LtpAnnotator, example_of, tags_of_words
from data.text.ltp.loading import LIBRARIES, model_files
from data.text.ltp.precision import FP32
from data.text.sentences import DEFAULT_MAX_CHARS
from data.text.tags import shown
from data.text.user_dictionary import read_user_dictionary
from data.text.words import SOLID

FORMATS = ("raw", "text", "jsonl")
# A neural model takes half a minute for this much: what a kill loses.
_UNIT_BYTES = 1 << 18
_BLANK = re.compile(r"\s")
_TAG = re.compile(r"[^\s|]*")


class _Word(NamedTuple):
    """A word for a line of CoNLL-U.

    Attributes:
      start, end: character offsets.
      pos, ner, dep: tags as LTP has them, None where not known.
      head: number of the head in the sentence, 0 is the root; None where not known.
    """

    start: int
    end: int
    pos: Optional[str]
    ner: Optional[str]
    head: Optional[int]
    dep: Optional[str]


@dataclasses.dataclass(frozen=True)
class AnnotationSettings:
    """Everything that decides the annotations, apart from the input; the flags of the script."""

    ltp_model: str
    input_format: str = "raw"
    encoding: str = UTF8
    keep_text_private: bool = False
    text_fields: Tuple[str, ...] = ("text",)
    normalize_quotes: bool = False
    t2s: bool = False
    max_sentence_chars: int = DEFAULT_MAX_CHARS
    user_dict: Optional[str] = None
    batch_size: int = BATCH_SIZE
    ltp_precision: str = FP32

    def check(self):
        """Raises UserError on a value out of range, no such model or a bad dictionary."""
        check_numbers(self)
        if self.t2s:
            simplification.check(self.input_format)
        segmentation.check("ltp", self.ltp_model, self.user_dict, self.ltp_precision, self.encoding)
        if self.input_format not in FORMATS:
            raise UserError(
                "unknown --input_format {!r}; known are {}".format(
                    self.input_format, ", ".join(FORMATS)
                )
            )
        for name, low in (("batch_size", 1), ("max_sentence_chars", 8)):
            if getattr(self, name) < low:
                raise UserError(
                    "--{} must be {} or more, found {}".format(name, low, getattr(self, name))
                )


def _empty_statistics():
    names = ("documents", "sentences", "words", "characters", "unaligned_sentences")
    return dict(dict.fromkeys(names, 0), unaligned_examples=[], tag_counts={}, user_words={})


class AnnotationProcessor(Processor):
    """Units to CoNLL-U. Holds the model."""

    empty_statistics = staticmethod(_empty_statistics)

    def __init__(self, settings):
        super().__init__(settings)
        settings.check()
        words = _dictionary(settings).texts
        self._annotator = LtpAnnotator(
            settings.ltp_model, words, True, settings.batch_size, settings.ltp_precision
        )

    def write_block(self, out, text, place, statistics, progress):
        """Writes the sentences of a block; see processor.Processor."""
        annotated = self._annotator.annotate(text.text, text.starts, text.ends, progress)
        by_sentence, user_words = [[] for _ in range(len(text.starts))], collections.Counter()
        for stretch in annotated:
            by_sentence[stretch.sentence].append(stretch)
            user_words.update(self._annotator.user_words_of(stretch))
        documents, begins = set(text.documents[:-1].tolist()), False
        lines, tags = [], collections.Counter()
        counts = collections.Counter(characters=len(text.text))
        for number, stretches in enumerate(by_sentence):
            start, end = int(text.starts[number]), int(text.ends[number])
            begins |= number in documents
            words = _words_of(stretches)
            if words is None:
                words = _characters(text.text, start, end)
                counts["unaligned_sentences"] += 1
                example = {"unaligned_examples": [example_of(text.text, start, end)]}
                add_statistics(statistics, example)
            if words:
                lines += ["# newdoc"] * begins + _sentence_lines(text.text, start, end, words)
                counts.update(documents=int(begins), sentences=1, words=len(words))
                tags.update((word.pos, word.ner, word.dep) for word in words)
                begins = False
        self._check_tags(tags)
        out.write("".join(line + "\n" for line in lines).encode("utf-8"))
        add_statistics(statistics, counts)
        add_statistics(statistics, {"tag_counts": _tag_counts(tags), "user_words": user_words})

    def _check_tags(self, tags):
        """Raises UserError for tags of a damaged model that would make other columns."""
        for name in sorted({name for names in tags for name in names if name}):
            if not _TAG.fullmatch(name):
                raise UserError(
                    "LTP model {} has the tag {}, which CoNLL-U cannot hold (--ltp_model)".format(
                        self.settings.ltp_model, quoted(name)
                    )
                )


class AnnotationWork(Work):
    """CoNLL-U files and their manifest; see work.Work.

    work = AnnotationWork(AnnotationSettings(ltp_model="models/LTP-small"))
    manifest = runner.create(work, ["news.txt"], ["news.conllu"])
    """

    what = "annotations"
    counts = ("sentences", "words")
    main_count = "words"
    processor_class = AnnotationProcessor
    manifest_keys = manifest_schema.ANNOTATION_KEYS
    libraries = LIBRARIES
    unit_bytes = _UNIT_BYTES

    def __init__(self, settings):
        """Checks the settings.

        Raises:
          UserError: see AnnotationSettings.check.
        """
        super().__init__(settings)
        settings.check()
        self._dictionary = _dictionary(settings)
        self.identity = {"user_dict": segmentation.sha256_of(settings.user_dict)}
        if settings.t2s:
            self.libraries = [*LIBRARIES, simplification.LIBRARY]
        self.model_files = model_files(settings.ltp_model)

    def notes(self):
        return self._dictionary.notes()

    def describe(self, total):
        described = dict(total, tag_counts=dict(top_counts(total["tag_counts"], None)))
        words = self._dictionary.summary(
            described.pop("user_words"), names_words=not self.settings.keep_text_private
        )
        return dict(described, user_dict=words)


def _dictionary(settings):
    """user_dictionary.UserDictionary of what LTP can find."""
    normalize = normalization(settings.normalize_quotes, settings.t2s)
    words = read_user_dictionary(settings.user_dict, normalize, settings.encoding)
    return words.usable("ltp", is_split=settings.input_format in ("raw", "jsonl"))


def _words_of(stretches):
    """The words of a sentence; None where they do not join to its text."""
    if any(stretch.words is None for stretch in stretches):
        return None
    words = []
    for stretch in stretches:
        at, before = stretch.start, len(words)
        heads = stretch.heads or [None] * len(stretch.words)
        for word, head, (pos, ner, dep) in zip(stretch.words, heads, tags_of_words(stretch)):
            # LTP counts in the stretch, CoNLL-U in the sentence.
            head = head + before if head else head
            words.append(_Word(at, at + len(word), pos, ner, head, dep))
            at += len(word)
    return words


def _characters(text, start, end):
    """The characters of a sentence as words without tags."""
    spans = (match.span() for match in SOLID.finditer(text, start, end))
    return [_Word(at, at + 1, None, None, None, None) for span in spans for at in range(*span)]


def _sentence_lines(text, start, end, words):
    """A sentence's lines, with the empty one after them."""
    lines = ["# text = " + text[start:end]]
    for number, word in enumerate(words):
        following = words[number + 1].start if number + 1 < len(words) else end
        misc = ["NER=" + word.ner] if word.ner else []
        misc += [] if _BLANK.search(text, word.end, following) else ["SpaceAfter=No"]
        columns = (
            str(number + 1),
            text[word.start : word.end],
            "_",
            "_",
            word.pos or "_",
            "_",
            "_" if word.head is None else str(word.head),
            word.dep or "_",
            "_",
            "|".join(misc) or "_",
        )
        lines.append("\t".join(columns))
    return [*lines, ""]


def _tag_counts(tags):
    """{"POS-n": words, ...} of a Counter of (pos, ner, dep); _ stands for words without a tag."""
    counts = collections.Counter()
    for names, count in tags.items():
        for kind, name in zip(KINDS, names):
            counts[shown(kind, name or "_")] += count
    return dict(counts)
