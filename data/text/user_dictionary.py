"""User dictionaries: files of words that a segmenter must know, and what is made of each line.

A line is a word, with a frequency or a tag behind it or with both (jieba's format). Every line is
used as it is meant, or named with the reason: what cannot be read is an error, what cannot be used
or may mean something else a fault, of which the user is told.
"""

import collections
import dataclasses
import re
from typing import NamedTuple, Optional, Tuple

import numpy as np

from common import files
from common.errors import UserError, some
from common.tags import POS
from data.text.characters import is_cjk
from data.text.encodings import UTF8
from data.text.privacy import shown, shown_at
from data.text.sentences import TERMINATORS, split_sentences
from data.text.word_lists import entries, pieces_of
from data.text.words import OUTSIDE

_FREQUENCY_DIGITS = 9
_NAMED = 5  # lines that a message names
_JIEBA_TAGS = (
    "a ad ag an b c d df dg e eng f g h i j k l m mg mq n ng nr nrfg nrt ns nt nz o p q r rg rr rz "
    "s t tg u ud ug uj ul uv uz v vd vg vi vn vq x y z zg"
)
_KNOWN_TAGS = frozenset([*_JIEBA_TAGS.split(), *POS])
_TERMINATOR = re.compile("[{}]".format(re.escape(TERMINATORS)))
_TAG = re.compile("[a-z]+")
_NUMBER = re.compile(r"[-+]?[\d.,]*\d[\d.,]*(?:[eE][-+]?\d+)?%?")
_FIELDS_WITH_COMMAS = re.compile(r"[^,，]+[,，]\s*\d+(?:[,，]\s*[a-z]+)?")


class UserWord(NamedTuple):
    """A word of a user dictionary.

    Attributes:
      text: the word.
      frequency: int, 0 for what is to be no word; None where the line has none.
      tag: part of speech, None where the line has none.
      line: from 1.
    """

    text: str
    frequency: Optional[int]
    tag: Optional[str]
    line: int


class Fault(NamedTuple):
    """What is not as a line of a dictionary seems to mean it.

    Attributes:
      line: from 1.
      text: the word.
      reason: a sentence without its end, the same for all lines of this kind.
    """

    line: int
    text: str
    reason: str


@dataclasses.dataclass(frozen=True)
class UserDictionary:
    """The words of a file, each once, and the faults of its lines.

    dictionary = read_user_dictionary("words.txt").usable("rjieba")
    """

    path: Optional[str] = None
    words: Tuple[UserWord, ...] = ()
    faults: Tuple[Fault, ...] = ()

    @property
    def texts(self):
        """frozenset of the words that are to be found."""
        return frozenset(word.text for word in self.words if word.frequency != 0)

    def usable(self, segmenter, is_split=False):
        """The words that a segmenter can find; the others are faults.

        Args:
          segmenter: its name.
          is_split: whether the text is split into sentences.
        """
        faults = []
        if segmenter == "ltp":
            reason = "LTP takes no frequencies: these words are always found"
            faults = [Fault(w.line, w.text, reason) for w in self.words if w.frequency]
        usable = self._without(lambda word: _unusable(word, segmenter, is_split))
        return dataclasses.replace(usable, faults=(*usable.faults, *faults))

    def with_pieces(self, tokenizer, most):
        """The same words; faults for those whose pieces are not as wanted.

        Args:
          tokenizer: of a vocabulary (data/tokenizers/vocabularies.py).
          most: pieces of a word that can be masked whole.
        """
        if not self.words:
            return self
        pieces, owners = pieces_of([word.text for word in self.words], tokenizer)
        counts = np.bincount(owners, minlength=len(self.words))
        unknown = set(owners[pieces.ids == tokenizer.vocabulary.unk].tolist())
        faults = []
        for number, word in enumerate(self.words):
            if counts[number] > most:
                reason = "words of more than {} pieces are never masked whole".format(most)
                faults.append(Fault(word.line, word.text, reason))
            elif number in unknown:
                reason = "the vocabulary lacks pieces of these words, which become [UNK]"
                faults.append(Fault(word.line, word.text, reason))
        return dataclasses.replace(self, faults=(*self.faults, *faults))

    def _without(self, fault_of):
        kept, faults = [], []
        for word in self.words:
            reason = fault_of(word)
            if reason:
                faults.append(Fault(word.line, word.text, reason))
            else:
                kept.append(word)
        return UserDictionary(self.path, tuple(kept), (*self.faults, *faults))

    def notes(self):
        """A line for each kind of fault, with the lines that have it: list of str."""
        by_reason = collections.OrderedDict()
        for fault in sorted(self.faults):
            by_reason.setdefault(fault.reason, []).append(fault)
        return [
            "{} (--user_dict): {}: {}".format(
                self.path,
                reason,
                some([shown_at(f.line, f.text) for f in faults], _NAMED),
            )
            for reason, faults in by_reason.items()
        ]

    def summary(self, counts, names_words=True):
        """What of the words occurred, for a manifest: {} without a dictionary.

        Args:
          counts: dict word -> how often it is a word of the text.
          names_words: whether words that never occur are listed.
        """
        if not self.path:
            return {}
        texts = [word.text for word in self.words if word.frequency != 0]
        never = [text for text in texts if not counts.get(text)]
        return {
            "words": len(texts),
            "found": len(texts) - len(never),
            "never": never[:100] if names_words else [],
        }


def _unusable(word, segmenter, is_split):
    """The reason why no text can have the word, or None."""
    if word.text.startswith("##"):
        return "not used, since ## is a mark of vocabularies and in no text"
    if not OUTSIDE.sub("", word.text):
        return "not used, since they hold characters of no width alone"
    may_end = is_split and _TERMINATOR.search(word.text, 0, len(word.text) - 1)
    if may_end and len(split_sentences(word.text, len(word.text))[0]) > 1:
        return "not used, since the text is split into sentences inside them"
    if segmenter == "ltp":
        if OUTSIDE.search(word.text):
            return "not used, since LTP's words hold no blanks and no characters of no width"
        if word.frequency == 0:
            return "not used, since LTP knows no frequency of 0"
    return None


def read_user_dictionary(path, normalize=str, encoding=UTF8):
    """The dictionary of a file; an empty one without a path.

    Args:
      path: file name or None.
      normalize: function of a word that changes it as the text is, see documents.normalization.
      encoding: of a file that is not UTF-8, see word_lists.entries.

    Raises:
      UserError: it cannot be read, or a line is none of a dictionary.
    """
    if not path:
        return UserDictionary()
    words, faults = {}, []
    for number, line in entries(path, "user_dict", encoding):
        word = _entry(line, number, files.line_of(path, number))
        word = word._replace(text=normalize(word.text))
        before = words.pop(word.text, None)
        if before:
            is_same = before[1:3] == word[1:3]
            reason = (
                "repeated" if is_same else "repeated with another frequency or tag, which counts"
            )
            faults.append(Fault(number, word.text, reason))
        words[word.text] = word
        faults += [Fault(number, word.text, reason) for reason in _doubts(line, word)]
    return UserDictionary(path, tuple(words.values()), tuple(faults))


def _entry(line, number, where):
    """UserWord of a line.

    Between tabs a word may hold blanks. Without tabs a last field is a frequency if it is a number,
    and a tag if it follows one, is the tag of a segmenter, or stands in small letters behind a word
    that is not ASCII; English words with blanks (New York) are one word.
    """
    fields = [field.strip() for field in line.rstrip("\r\n").split("\t")]
    if len(fields) == 1:
        fields = _fields(line.split())
    while not fields[-1]:
        fields.pop()
    word, rest = " ".join(fields[0].split()), fields[1:]
    has_frequency = len(rest) > 0 and rest[0].isdecimal()
    tags = [tag for tag in rest[has_frequency:] if tag]
    count = len(word.split()) + len(rest)
    if not word or len(tags) > 1 or (" " in word and "\t" not in line and not word.isascii()):
        raise UserError(
            "{}: expected a word, a frequency and a tag, found {} fields; put tabs between them if "
            "the word holds blanks (--user_dict)".format(where, count)
        )
    if tags and _NUMBER.fullmatch(tags[0]):
        raise UserError(
            "{}: the frequency must be a whole number, found {} (--user_dict)".format(
                where, shown(tags[0])
            )
        )
    if has_frequency and len(rest[0]) > _FREQUENCY_DIGITS:
        raise UserError("{}: the frequency is too large (--user_dict)".format(where))
    return UserWord(
        word, int(rest[0]) if has_frequency else None, tags[0] if tags else None, number
    )


def _fields(parts):
    """[word, frequency, tag] of what blanks part, or less; the word may hold blanks."""
    if len(parts) > 2 and parts[-2].isdecimal():
        return [" ".join(parts[:-2]), *parts[-2:]]
    if len(parts) > 1 and (_NUMBER.fullmatch(parts[-1]) or _is_tag(parts[-1], parts[0])):
        return [" ".join(parts[:-1]), parts[-1]]
    return [" ".join(parts)]


def _is_tag(text, word):
    return text in _KNOWN_TAGS or (not word.isascii() and bool(_TAG.fullmatch(text)))


def _doubts(line, word):
    """Yields reasons why a line may mean something else."""
    if word.frequency is not None and not word.tag and "\t" not in line and word.text.isascii():
        yield "read as a word and its frequency; put a tab behind a word that ends with a number"
    if "\t" in line and not word.text.isascii() and word.text.split()[-1].isdecimal():
        yield "read as a word that ends with a number; for a frequency put the tab before it"
    if _FIELDS_WITH_COMMAS.fullmatch(word.text) and is_cjk(ord(word.text[0])):
        yield "read as a word with commas; fields are separated by blanks or tabs"
