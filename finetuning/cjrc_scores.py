"""Exact match and F1 of answers by CJRC's own rule.

The rule is that of the organisers' scorer (evaluate.py in china-ai-law-challenge/CAIL2019): only
letters and digits count, in lower case; F1 over characters, wherever they stand; no answer is
right where nothing is expected. With several references each of them is left out in turn, and the
means of the best of the others count.
"""

import collections

from finetuning.question_scores import QuestionScores


def score_answers(references, predictions):
    """See question_scores.score_answers."""
    if not references or not all(references.values()):
        raise ValueError("every question needs a reference, and there must be one")
    missing = [identity for identity in references if identity not in predictions]
    f1 = exact = 0.0
    for identity, texts in references.items():
        if identity in predictions:
            found = _plain(predictions[identity])
            plain = [_plain(text) for text in texts]
            f1 += _mean_of_best([_f1(text, found) for text in plain])
            exact += _mean_of_best([float(text == found) for text in plain])
    total = len(references)
    return QuestionScores(f1 / total, exact / total, total, missing)


def _mean_of_best(scores):
    """The best of all scores but one, mean over which one that is."""
    if len(scores) == 1:
        return scores[0]
    best = [max(scores[:i] + scores[i + 1 :]) for i in range(len(scores))]
    return sum(best) / len(best)


def _f1(expected, found):
    if not expected or not found:
        return float(expected == found)
    shared = sum((collections.Counter(expected) & collections.Counter(found)).values())
    return 2.0 * shared / (len(expected) + len(found))


def _plain(text):
    return "".join(c for c in text.lower() if c.isdigit() or c.isalpha())
