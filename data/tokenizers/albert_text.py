"""ALBERT's preparation of text for SentencePiece, over a whole work unit at once, with offsets.

Character for character what google-research/albert's preprocess_text (tokenization.py) gives:
blanks collapsed and stripped, compatibility decomposition, no combining marks, lower case if asked
for. All of it goes by single characters, the order of combining marks, which are dropped, and the
final sigma aside; so a table over code points holds the form of each.
"""

import unicodedata
from typing import List, NamedTuple

import numpy as np

from data.text.characters import CODE_POINTS, code_points, is_letter

_UNSEEN = 255
_SIGMA = "Σ"


class Prepared(NamedTuple):
    """Stretches of a text as SentencePiece reads them.

    Attributes:
      texts: one for each stretch, in order.
      borders: int64 [stretches + 1], where each begins in `origins`.
      origins: int64 [characters of all texts], the place in the text that each was made of.
    """

    texts: List[str]
    borders: np.ndarray
    origins: np.ndarray


class AlbertText:
    """Prepares long texts; holds the table."""

    def __init__(self, do_lower_case, blanks_part_words=False):
        """`blanks_part_words`: in text in words, where blanks are no text; they are dropped but
        between letters (is_letter), as of English words."""
        self.do_lower_case = do_lower_case
        self._blanks_part_words = blanks_part_words
        self._lengths = np.full(CODE_POINTS, _UNSEEN, dtype=np.uint8)
        self._offsets = np.zeros(CODE_POINTS, dtype=np.int32)
        self._is_blank = np.zeros(CODE_POINTS, dtype=bool)
        self._is_letter = np.zeros(CODE_POINTS, dtype=bool)
        self._forms = np.zeros(0, dtype=np.uint32)

    def prepare(self, text, sentence_starts=()):
        """The text as SentencePiece is to have it, cut at the starts of sentences.

        Args:
          text: str.
          sentence_starts: character offsets [sentences], increasing.

        Returns:
          Prepared; stretches without a visible character are skipped.
        """
        chars = code_points(text)
        self._learn(chars)
        starts = np.zeros(len(chars), dtype=bool)
        cuts = np.asarray(sentence_starts, dtype=np.int64)
        starts[cuts[cuts < len(chars)]] = True
        kept = np.flatnonzero(self._kept(chars, starts))
        lengths = self._lengths[chars[kept]].astype(np.int64)
        owner = np.repeat(np.arange(len(kept)), lengths)
        within = np.arange(len(owner)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        forms = self._forms[self._offsets[chars[kept]][owner] + within]
        origins = kept[owner]
        sentence = np.cumsum(starts)[origins]
        borders = np.flatnonzero(np.append(True, sentence[1:] != sentence[:-1]))[: len(origins)]
        borders = np.append(borders, len(origins))
        whole, ends = forms.tobytes().decode("utf-32-le"), borders.tolist()
        texts = [self._lowered(whole[a:b]) for a, b in zip(ends, ends[1:])]
        return Prepared(texts, borders, origins)

    def letters(self, chars):
        """bool [characters]: is_letter of code points, all of them of texts that were prepared."""
        return self._is_letter[chars]

    def _kept(self, chars, starts):
        """bool [characters]: False for all blanks but the last of those between two words."""
        blank = self._is_blank[chars]
        sentence = np.cumsum(starts)
        visible = np.flatnonzero(~blank)
        first = np.full(int(sentence[-1]) + 1 if len(chars) else 1, len(chars))
        np.minimum.at(first, sentence[visible], visible)
        between = blank.copy()
        between[:-1] &= ~blank[1:] & (sentence[1:] == sentence[:-1])
        between[-1:] = False
        places = np.arange(len(chars))
        between &= places > first[sentence]
        if self._blanks_part_words:
            letter = self._is_letter[chars]
            before = np.maximum.accumulate(np.where(blank, 0, places))
            between[:-1] &= letter[before[:-1]] & letter[1:]
        return ~blank | between

    def _learn(self, chars):
        unseen = self._lengths[chars] == _UNSEEN
        if not unseen.any():
            return
        forms, size = [self._forms], len(self._forms)
        for code in np.unique(chars[unseen]).tolist():
            form = code_points(self._form(chr(code)))
            self._lengths[code], self._offsets[code] = len(form), size
            self._is_blank[code], self._is_letter[code] = chr(code).isspace(), is_letter(chr(code))
            forms.append(form)
            size += len(form)
        self._forms = np.concatenate(forms)

    def _form(self, char):
        if char.isspace():
            return " "
        if "\ud800" <= char <= "\udfff":  # alone, from JSON; no UTF-8 has them
            return "\ufffd"
        form = unicodedata.normalize("NFKD", char)
        form = "".join(c for c in form if not unicodedata.combining(c))
        # The lower case of a sigma depends on its neighbours.
        return form if not self.do_lower_case else "".join(map(_lower_but_sigma, form))

    def _lowered(self, sentence):
        return sentence.lower() if self.do_lower_case and _SIGMA in sentence else sentence


def _lower_but_sigma(char):
    return char if char == _SIGMA else char.lower()
