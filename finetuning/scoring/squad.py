"""Exact match and F1 of answers in English by the rule of SQuAD (Rajpurkar et al. 2016, 2018).

As the official evaluate-v1.1.py and evaluate-v2.0.py: texts in lower case, without punctuation and
articles; F1 over the words that both have, whatever their order; the best of all references counts.
An empty text is right where the reference is empty, too.
"""

import collections
import re
import string

from finetuning.scoring import answers

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_NO_MARKS = str.maketrans("", "", string.punctuation)


def score_answers(references, predictions):
    """QuestionScores of a file; see answers.score_answers."""
    return answers.score_answers(references, predictions, _best)


def plain(text):
    """A text as it is compared."""
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_NO_MARKS)).split())


def _best(references, prediction):
    """(F1, exact match) of a text with the most similar reference, from 0 to 1."""
    predicted = plain(prediction)
    # A reference that has no words left is none, unless there is no other.
    expected = [text for text in map(plain, references) if text] or [""]
    return max(_f1(text, predicted) for text in expected), float(predicted in expected)


def _f1(expected, predicted):
    words, others = expected.split(), predicted.split()
    if not words or not others:
        return float(words == others)
    shared = sum((collections.Counter(words) & collections.Counter(others)).values())
    return 2.0 * shared / (len(words) + len(others))
