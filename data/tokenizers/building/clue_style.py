"""A vocabulary by the rules of CLUE's (arXiv 2003.01355): simplified Chinese, little else.

Traditional, Japanese, Korean and emoji have no rows, and no `##` stands before a Chinese character.
What the report does not print is decided here: characters are taken by frequency in the text as
--t2s writes it, in which the records of CLUE's models were made, too; a class that does not fill
its share leaves it to the others; letters, digits and ASCII punctuation are always there.
"""

import collections
import string
from typing import Dict, List

from common.errors import UserError
from data.text.simplification import simplify, simplify_in_place
from data.tokenizers.building import from_corpus
from data.tokenizers.building.token_classes import (
    CLUE_COUNTS,
    ENGLISH,
    NUMBERS,
    OTHER,
    SIMPLIFIED,
    SPECIAL_ROWS,
    STYLE_FLAG,
    TRADITIONAL,
    class_of,
)

SIZE = sum(CLUE_COUNTS.values())
# In the order of the file, and that in which they get what another class leaves.
_IN_FILE = (OTHER, NUMBERS, ENGLISH, SIMPLIFIED)
_IN_NEED = (SIMPLIFIED, ENGLISH, NUMBERS, OTHER)
# Merges are learnt for all classes at once, since a number and a word may be one run.
_MERGES_PER_ROW = 3


class Simplifier:
    """Writes lines in simplified characters, and counts the characters that change.

    Attributes:
      changed: number of characters.
    """

    def __init__(self):
        self.changed = 0

    def __call__(self, line):
        text = simplify(line, STYLE_FLAG)
        if text != line:
            # A phrase may change the length: what is counted are characters at their places.
            self.changed += sum(a != b for a, b in zip(line, simplify_in_place(line)))
        return text


def build_vocabulary(words, size, min_frequency, do_lower_case):
    """Tokens in the order of their ids; within a class what is always there, then by frequency.

    Args:
      words: Counter of from_corpus.count_words, of lines from a Simplifier.
      size: most rows; the classes have CLUE's shares of it.
      min_frequency: rarer characters and words are skipped.
      do_lower_case: bool.

    Returns:
      list of str.

    Raises:
      UserError: `size` is too small for what is always there.
    """
    always = _always(do_lower_case)
    fixed = len(SPECIAL_ROWS) + sum(map(len, always.values()))
    if size <= fixed:
        raise UserError(
            "--vocab_size {} is too small for {}: special tokens, letters, digits and punctuation "
            "take {} rows".format(size, STYLE_FLAG, fixed)
        )
    kept = {word: count for word, count in words.items() if count >= min_frequency}
    candidates = _candidates(kept, size)
    rows = {name: list(dict.fromkeys(always[name] + candidates[name])) for name in _IN_FILE}
    room = _room(rows, size - len(SPECIAL_ROWS), {n: len(always[n]) for n in always})
    return [*SPECIAL_ROWS, *(token for name in _IN_FILE for token in rows[name][: room[name]])]


def _always(do_lower_case):
    letters = string.ascii_lowercase if do_lower_case else string.ascii_letters
    return {
        OTHER: list(string.punctuation),
        NUMBERS: _both_forms(string.digits),
        ENGLISH: _both_forms(letters),
        SIMPLIFIED: [],
    }


def _both_forms(characters):
    return [*characters, *("##" + c for c in characters)]


def _candidates(words, size):
    """{class: tokens of a text, the most frequent or useful first}."""
    counts, runs = collections.Counter(), {}
    for word, count in words.items():
        if from_corpus.stands_alone(word):
            counts[word] += count
            continue
        for at, character in enumerate(word):
            if not character.isascii():
                counts[character if at == 0 else "##" + character] += count
        if word.isascii():
            runs[word] = count
    found = {name: [] for name in _IN_FILE}
    for token, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        _put(found, token)
    merges = _MERGES_PER_ROW * size * (CLUE_COUNTS[ENGLISH] + CLUE_COUNTS[NUMBERS]) // SIZE
    for token in from_corpus.word_pieces(runs, merges) if runs else ():
        _put(found, token)
    return found


def _put(found: Dict[str, List[str]], token):
    """Adds a token to its class, unless it has none in the style."""
    name = class_of(token)
    if name == TRADITIONAL:  # where simplified text has it, it is the right form: the 乾 of 乾隆
        name = SIMPLIFIED
    if name in found and not (name == SIMPLIFIED and token.startswith("##")):
        found[name].append(token)


def _room(rows, size, least):
    """{class: number of rows}: CLUE's shares of `size`, and what others leave of theirs."""
    total = sum(CLUE_COUNTS[name] for name in _IN_FILE)
    room = {
        name: min(len(rows[name]), max(least[name], size * CLUE_COUNTS[name] // total))
        for name in _IN_FILE
    }
    over = sum(room.values()) - size
    for name in _IN_NEED:  # a small vocabulary, most of which is always there
        given_up = min(max(over, 0), room[name] - least[name])
        room[name] -= given_up
        over -= given_up
    for name in _IN_NEED:
        more = min(max(-over, 0), len(rows[name]) - room[name])
        room[name] += more
        over += more
    return room
