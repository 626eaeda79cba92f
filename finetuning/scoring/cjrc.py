"""Exact match and F1 of answers by CJRC's own rule.

The rule is that of the organisers' scorer (evaluate.py in china-ai-law-challenge/CAIL2019): only
letters and digits count, in lower case; F1 over characters, wherever they stand; no answer is
right where nothing is expected. With several references each of them is left out in turn, and the
means of the best of the others count.
"""

import collections

from finetuning.scoring import answers


def score_answers(references, predictions):
    """question_scores.score_answers by the rule of this module."""
    return answers.score_answers(references, predictions, _score)


def _score(texts, text):
    found, plain = _plain(text), [_plain(reference) for reference in texts]
    f1 = _mean_of_best([_f1(reference, found) for reference in plain])
    return f1, _mean_of_best([float(reference == found) for reference in plain])


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
