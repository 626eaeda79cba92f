"""Exact match and F1 of answers by CJRC's own rule.

The rule is that of the organisers' scorer (evaluate.py in china-ai-law-challenge/CAIL2019): only
letters and digits count, in lower case; F1 over characters in any order; an empty answer is right
where the reference is empty. With several references each one is dropped in turn, and the score is
the mean of the best scores among the others.
"""

import collections

from finetuning.scoring import answers


def score_answers(references, predictions):
    """scoring.answers.score_answers by the rule of this module."""
    return answers.score_answers(references, predictions, _score)


def _score(texts, text):
    prediction, plain = _plain(text), [_plain(reference) for reference in texts]
    f1 = _mean_of_best([_f1(reference, prediction) for reference in plain])
    return f1, _mean_of_best([float(reference == prediction) for reference in plain])


def _mean_of_best(scores):
    """Mean, over the scores, of the best of the others."""
    if len(scores) == 1:
        return scores[0]
    best = [max(scores[:i] + scores[i + 1 :]) for i in range(len(scores))]
    return sum(best) / len(best)


def _f1(expected, predicted):
    if not expected or not predicted:
        return float(expected == predicted)
    shared = sum((collections.Counter(expected) & collections.Counter(predicted)).values())
    return 2.0 * shared / (len(expected) + len(predicted))


def _plain(text):
    return "".join(c for c in text.lower() if c.isdigit() or c.isalpha())
