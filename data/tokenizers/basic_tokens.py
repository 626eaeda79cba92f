"""Classes and forms of characters as in BERT's basic tokenizer, before WordPiece cuts words."""

import unicodedata

import numpy as np

from data.text.characters import CODE_POINTS, is_cjk, is_punctuation

# Classes of code points: dropped, blank, a token by itself, part of a run (a word or number).
_UNSEEN, DROP, SPACE, SINGLE, RUN = range(5)


class CharacterTable:
    """The classes of code points, learnt as they occur."""

    def __init__(self, do_lower_case, learn_single=None):
        """`learn_single`: called with each new code point of class SINGLE and its form."""
        self.do_lower_case = do_lower_case
        self._learn_single = learn_single or (lambda code, form: None)
        self._classes = np.zeros(CODE_POINTS, dtype=np.uint8)

    def classify(self, chars):
        """uint8 [n]: the classes of code points, uint32 [n]."""
        classes = self._classes[chars]
        if (classes == _UNSEEN).any():
            for code in np.unique(chars[classes == _UNSEEN]).tolist():
                self._learn(code)
            classes = self._classes[chars]
        return classes

    def _learn(self, code):
        char = chr(code)
        category = unicodedata.category(char)
        if char in " \t\n\r" or category == "Zs" or char in "\u2028\u2029":
            kind = SPACE
        elif code in (0, 0xFFFD) or category in ("Cc", "Cf"):
            kind = DROP
        else:
            kind = RUN
            if is_cjk(code) or is_punctuation(char):
                form = self.form(char)
                if len(form) == 1:
                    kind = SINGLE
                    self._learn_single(code, form)
        self._classes[code] = kind

    def form(self, char):
        """A single character, lower-cased and without accents if asked for."""
        if not self.do_lower_case:
            return char
        form = unicodedata.normalize("NFD", char.lower())
        return "".join(c for c in form if unicodedata.category(c) != "Mn")


def shaped_run(run, do_lower_case, lowered=None):
    """[(character, offset of the one it came from)] of a run, lower-cased and without accents.

    Args:
      run: str.
      do_lower_case: bool.
      lowered: the lower case of each character where its context counts (lower_in_context).
    """
    if not do_lower_case:
        return [(c, i) for i, c in enumerate(run)]
    if run.isascii():
        return [(c, i) for i, c in enumerate(run.lower())]
    return _lower_and_strip(run, lowered)


def _lower_and_strip(run, lowered):
    """Lower case, NFD, no combining marks: [(char, offset of the character it came from)]."""
    parts = []
    for i, char in enumerate(run):
        for low in lowered[i] if lowered else char.lower():
            parts.extend((c, i) for c in unicodedata.normalize("NFD", low))
    return [(c, i) for c, i in _canonical_order(parts) if unicodedata.category(c) != "Mn"]


def _canonical_order(parts):
    """Sorts each stretch of combining marks by its class, as NFD of the whole string would."""
    ordered, marks = [], []
    for part in parts:
        if unicodedata.combining(part[0]):
            marks.append(part)
            continue
        ordered.extend(sorted(marks, key=lambda p: unicodedata.combining(p[0])))
        marks = []
        ordered.append(part)
    return ordered + sorted(marks, key=lambda p: unicodedata.combining(p[0]))


def lower_in_context(text, start, end):
    """Lower case of each character of text[start:end], seen in the token around it: list of str."""
    left, right = start, end
    while left > 0 and not text[left - 1].isspace() and not is_cjk(ord(text[left - 1])):
        left -= 1
    while right < len(text) and not text[right].isspace() and not is_cjk(ord(text[right])):
        right += 1
    lowered = text[left:right].lower()
    at = len(text[left:start].lower())
    per_char = []
    for char in text[start:end]:
        length = len(char.lower())
        per_char.append(lowered[at : at + length])
        at += length
    return per_char


def split_words(shaped):
    """Cuts at blanks and around punctuation that only the normal form brought to light."""
    word = []
    for char, i in shaped:
        if char.isspace() or is_punctuation(char):
            if word:
                yield word
            word = []
            if not char.isspace():
                yield [(char, i)]
        else:
            word.append((char, i))
    if word:
        yield word
