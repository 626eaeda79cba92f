"""Words of a user dictionary that a text has in another case: CT and ct.

The letters of a word in another case are the same pieces of a model that lower-cases its text, and
the same word of any. Full-width letters are other pieces, and other words.
"""

import collections
import re

from data.text.characters import is_ascii_word

# Only U+0130 has a lower case of two characters; the other sigma ends words.
_FORMS = str.maketrans({"\u0130": "i", "\u03c2": "\u03c3"})


def lowered(text):
    """The lower case of a text, character by character."""
    return text.translate(_FORMS).lower().translate(_FORMS)


class Spellings:
    """The words of a dictionary that have letters of two cases.

    Spellings(["CT检查"]).spelled("做ct检查")  # "做CT检查"
    """

    def __init__(self, words):
        """`words`: of those that differ by case alone the first one, in the order of characters,
        stands for further spellings."""
        self._known, self._by_lowered = set(words), {}
        for word in sorted(self._known):
            low = lowered(word)
            if low != word or low != word.upper():
                self._by_lowered.setdefault(low, word)
        # First character -> lengths of the words that begin with it, the longest first.
        lengths = collections.defaultdict(set)
        for low in self._by_lowered:
            lengths[low[0]].add(len(low))
        self._lengths = {first: sorted(sizes, reverse=True) for first, sizes in lengths.items()}
        firsts = "".join(map(re.escape, sorted(self._lengths)))
        self._first = re.compile("[{}]".format(firsts)) if firsts else None

    def of_word(self, word):
        """A word as the dictionary spells it, else as it is."""
        return word if word in self._known else self._by_lowered.get(lowered(word), word)

    def spelled(self, text):
        """The text with those words as the dictionary spells them; it keeps its length.

        Of words that overlap the first one counts, of those that begin together the longest. A word
        that begins or ends with a letter or digit of ASCII is none inside of longer ones: `ct` in
        `product`.
        """
        if not self._first:
            return text
        low, parts, done = lowered(text), [], 0
        match = self._first.search(low)
        while match:
            at = match.start()
            word = self._word_at(text, low, at)
            if word:
                parts += [text[done:at], word]
                done = at + len(word)
            match = self._first.search(low, max(done, at + 1))
        return "".join([*parts, text[done:]]) if parts else text

    def _word_at(self, text, low, at):
        for length in self._lengths[low[at]]:
            end = at + length
            given = text[at:end]
            word = given if given in self._known else self._by_lowered.get(low[at:end])
            if word and not (_is_inside(text, at) or _is_inside(text, end)):
                return word
        return None


def _is_inside(text, at):
    """Whether a place lies between two letters or digits of ASCII."""
    return 0 < at < len(text) and is_ascii_word(text[at - 1]) and is_ascii_word(text[at])
