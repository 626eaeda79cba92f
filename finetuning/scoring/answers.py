"""Exact match and F1 of answers by the rule of CMRC 2018, which DRCD shares.

The rule is that of the authors' scorer (cmrc2018_evaluate.py in ymcui/cmrc2018, v5): both texts in
lower case and without the marks of MARKS; F1 over the longest run of units that both have, a unit
being a Chinese character or an English word; the best of all references counts.
"""

import re
from typing import List, NamedTuple

# Dropped before texts are compared. The authors' list also holds "……" as one entry, which no
# single character equals; so dots of an ellipsis count, as do ‘ and —.
MARKS = frozenset("-:_*^/\\~`+=，。：？！“”；’《》·、「」（）－～『』")
_CHINESE = re.compile("[\u4e00-\u9fa5]")

# English is cut as NLTK's word_tokenize does (Penn Treebank): marks, endings such as 's and a final
# full stop are words of their own. MARKS are dropped before. NLTK splits the text into
# sentences with a trained model; here the text is one sentence.
_QUOTE_FIRST, _QUOTE_OPENS = re.compile('^"'), re.compile(r"(?<=[ (\[{<«‘„])(?:\"|'')")
_QUOTED_LETTER = re.compile(r"'(?=[^\W'mtsdn]\b)")
_LAST_STOP = re.compile(r"(?<!\.)\.(?=[\])}>\"'» ]*\s*$)")
_STANDS_ALONE = re.compile(r"``|\.{2,}|''|[;@#$%&?!\"\[\](){}<>«»‘„]|,(?!\d)")
_ENDINGS = tuple(
    re.compile(r"(?<=[^' ])({})(?= )".format(part)) for part in ("'(?:s|m|d)?", "n't|'(?:ll|re|ve)")
)
_TWO_WORDS = re.compile(
    r"\b(?:(can)(not)|(gim|lem)(me)|(gon)(na)|(wan)(na)(?=\s)|(got)(ta)|(d)('ye)|(more)('n))\b"
    r"|(?<= )('t)(is|was)\b"
)


class QuestionScores(NamedTuple):
    """Scores of a file of answers.

    Attributes:
      f1, exact: means over all questions, from 0 to 1; a question without a prediction counts 0.
      total: number of questions.
      missing: ids of questions without a prediction.
    """

    f1: float
    exact: float
    total: int
    missing: List[str]


def score_answers(references, predictions, score=None):
    """Scores of a file:

        scores = score_answers({"1": ["北京", "北京市"]}, {"1": "北京"})
        print(scores.exact, scores.f1)  # 1.0 1.0

    Args:
      references: dict question id -> list of texts, at least one each.
      predictions: dict question id -> text; other ids are ignored.
      score: function of a list of references and a text that returns (F1, exact match), from 0 to
        1; None: CMRC's rule.

    Returns:
      QuestionScores.

    Raises:
      ValueError: there is no question, or one without a reference.
    """
    if not references or not all(references.values()):
        raise ValueError("every question needs a reference, and there must be one")
    score = score or (lambda texts, text: (best_f1(texts, text), is_exact(texts, text)))
    missing = [identity for identity in references if identity not in predictions]
    f1 = exact = 0.0
    for identity, texts in references.items():
        if identity in predictions:
            of_f1, of_exact = score(texts, predictions[identity])
            f1, exact = f1 + of_f1, exact + of_exact
    total = len(references)
    return QuestionScores(f1 / total, exact / total, total, missing)


def is_exact(references, prediction):
    """Whether a text is one of the references, marks and case aside."""
    return any(_plain(text) == _plain(prediction) for text in references)


def best_f1(references, prediction):
    """The F1 of a text with the most similar reference, from 0 to 1."""
    predicted = units(prediction)
    return max(_f1(units(text), predicted) for text in references)


def units(text):
    """The units that F1 counts: list of Chinese characters and English words and marks."""
    parts, other = [], ""
    for character in _lower(text):
        if character in MARKS:
            continue
        if _CHINESE.match(character):
            parts += words_of(other)
            parts.append(character)
            other = ""
        else:
            other += character
    return parts + words_of(other)


def words_of(text):
    """The words and marks of lower-case text that is not Chinese: list of str."""
    if not text.strip():
        return []
    text = _QUOTE_OPENS.sub(" `` ", _QUOTE_FIRST.sub(" `` ", text))
    text = _LAST_STOP.sub(" . ", _QUOTED_LETTER.sub("' ", text))
    text = " {} ".format(_STANDS_ALONE.sub(r" \g<0> ", text))
    for ending in _ENDINGS:
        text = ending.sub(r" \1 ", text)
    text = _TWO_WORDS.sub(lambda match: " {} {} ".format(*filter(None, match.groups())), text)
    return ["''" if word == '"' else word for word in text.split()]


def _f1(expected, predicted):
    shared = _longest_run(expected, predicted)
    return 2.0 * shared / (len(expected) + len(predicted)) if shared else 0.0


def _longest_run(first, second):
    """Length of the longest contiguous list that both contain."""
    longest, ending_here = 0, [0] * (len(second) + 1)
    for unit in first:
        ending_here = [0] + [
            length + 1 if unit == other else 0 for length, other in zip(ending_here, second)
        ]
        longest = max(longest, max(ending_here))
    return longest


def _plain(text):
    return "".join(character for character in _lower(text) if character not in MARKS)


def _lower(text):
    return text.lower().strip()
