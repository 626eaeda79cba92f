"""The content of files of answers to questions."""

import numpy as np

# Names of google-research/bert's run_squad.py.
_GOOGLE_NAMES = {
    "preds": "predictions.json",
    "nbest": "nbest_predictions.json",
    "null_odds": "null_odds.json",
}


def contents(examples, predictions):
    """dict of what is in files of answers, for JSON.

    Args:
      examples: Examples of QuestionExample.
      predictions: for each a kinds.questions.Prediction.

    Returns:
      preds: {id: text}; nbest: {id: [{text, probability, score}]}, probabilities among those
      listed; result: [{id, answer}], as CJRC's scorer reads it; null_odds: {id: number}.
    """
    pairs = list(zip(examples, predictions))
    return {
        "preds": {example.id: prediction.text for example, prediction in pairs},
        "nbest": {e.id: _with_probabilities(prediction.n_best) for e, prediction in pairs},
        "result": [{"id": e.id, "answer": prediction.text} for e, prediction in pairs],
        "null_odds": {e.id: prediction.null_odds for e, prediction in pairs},
    }


def under_google_names(of_files):
    """dict name of one of run_squad.py's files -> its content; `of_files`: of `contents`."""
    return {name: of_files[what] for what, name in _GOOGLE_NAMES.items() if what in of_files}


def _with_probabilities(n_best):
    scores = np.array([candidate.score for candidate in n_best])
    shares = np.exp(scores - scores.max()) if n_best else scores
    return [
        {
            "text": candidate.text,
            "probability": float(share / shares.sum()),
            "score": candidate.score,
        }
        for candidate, share in zip(n_best, shares)
    ]
