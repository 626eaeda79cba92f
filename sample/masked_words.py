"""Questions for a model that has learnt the sample: its sentences, each with one word masked.

The sentences and words are drawn by a seed, so nobody has picked those that come out well.
"""

import random
from typing import NamedTuple

import numpy as np

from data.text.characters import is_cjk
from data.text.segmentation import make_segmenter
from data.text.sentences import split_sentences

LENGTH = 2  # characters of the masked words
_SHORTEST, _LONGEST = 8, 60  # characters of the sentences


class Question(NamedTuple):
    """A sentence with a masked word.

    Attributes:
      text: str, "明天下[MASK][MASK]开会。"
      at: offset of the word.
      word: the word that stood there.
    """

    text: str
    at: int
    word: str

    def answer(self, filled):
        """What stands in the word's place in a text whose masks are filled."""
        return filled[self.at : self.at + len(self.word)]


def questions(text, count, seed, user_dict=None):
    """Questions about sentences of a raw text, one about each.

        questions(open("news.txt").read(), 40, seed=1)[0].text

    Args:
      text: str, paragraphs.
      count: int, how many.
      seed: int.
      user_dict: path of a dictionary for the default segmenter, or None.

    Returns:
      list of Question.

    Raises:
      ValueError: the text has fewer sentences with a word of two Chinese characters.
    """
    starts, ends = split_sentences(text)
    marks = make_segmenter("rjieba", user_dict=user_dict).words(text, starts, ends, lambda _: None)
    possible = {}  # in the order of the text
    for start, end in zip(starts.tolist(), ends.tolist()):
        sentence = text[start:end]
        borders = np.flatnonzero(np.append(marks.starts[start:end], True)).tolist()
        words = [a for a, b in zip(borders, borders[1:]) if _is_asked_for(sentence[a:b])]
        if _SHORTEST <= len(sentence) <= _LONGEST and words:
            possible[sentence] = words
    if len(possible) < count:
        raise ValueError("{} sentences for {} questions".format(len(possible), count))
    rng = random.Random(seed)
    return [_masked(s, rng.choice(possible[s])) for s in rng.sample(list(possible), count)]


def _is_asked_for(word):
    return len(word) == LENGTH and all(is_cjk(ord(character)) for character in word)


def _masked(sentence, at):
    masks = LENGTH * "[MASK]"
    masked = sentence[:at] + masks + sentence[at + LENGTH :]
    return Question(masked, at, sentence[at : at + LENGTH])
