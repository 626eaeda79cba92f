"""--task=positions: a text whose words are out of order in the order that PERT expects."""

import numpy as np

from common.lazy_tensorflow import tf
from modeling import heads
from modeling.encoder import encode
from modeling.load_plan import POOLER, Head
from prediction.prediction_task import PredictionTask, rounded_probability

# Of the tokens that a training asks for, the share that is where it was: the tenth that stays, and
# what the shuffle leaves in its place. Of all tokens of a text another share is.
_TRAINED_STAY = 0.15


class Positions(PredictionTask):
    """{"text", "restored", "moves"}.

    restored: the text with every token at the place that is most probable for all of them together.
    moves: [{"position", "length", "token", "probability_of_token", "by", "from", "probability"}] of
    the places where another token belongs: `token` stands at `position`, but `by` belongs there,
    which stands at `from`; the probabilities are that what stands at `from`, or at `position`
    itself, belongs at `position`. Places and lengths count characters. Of a text longer than a row
    only the beginning is judged.

    A training asks for chosen tokens, most of which were moved. Here all are asked for, and most of
    them are right: --moved_share says how many are not, and the odds of every token to be right are
    corrected by it (Bayes' rule).
    """

    options = ("moved_share",)
    optional = POOLER
    head = Head(
        heads.POSITION_SCOPE + "/",
        "position head",
        "give a checkpoint of a training with --objective=pert: released ones have lost it",
    )

    def __init__(self, setup, moved_share):
        """`moved_share`: share of the tokens of a text that are not where they belong."""
        super().__init__(setup)
        odds_in_training = _TRAINED_STAY / (1.0 - _TRAINED_STAY)
        self._own_bonus = float(np.log1p(-moved_share) - np.log(moved_share * odds_in_training))

    def build(self, config, store, kernels, features):
        """scores [batch, seq, seq], of the second axis' places for the slots of the first; see
        Predictor."""
        sequence = encode(config, store, kernels, features).sequence_output
        shape = tf.shape(features["input_ids"])
        slots = tf.zeros(shape, tf.int32) + tf.range(shape[1])[tf.newaxis, :]
        return {"scores": heads.position_logits(config, store, kernels, sequence, features, slots)}

    def predict(self, lines):
        """See PredictionTask."""
        texts = [self.tokenizer.tokenize(line.text) for line in lines]
        rows = [self.make_row(line, text.ids.tolist()) for line, text in zip(lines, texts)]
        for line, text, row, output in zip(lines, texts, rows, self.predictor.run(rows)):
            count = len(row["input_ids"]) - 2
            # [CLS] and [SEP] are never moved.
            probabilities = self._probabilities(output["scores"][1 : count + 1, 1 : count + 1])
            yield _result(line.text, text, probabilities)

    def _probabilities(self, scores):
        """float64 [tokens, tokens]: that the second axis' token belongs at the first's place."""
        corrected = scores.astype(np.float64) + self._own_bonus * np.eye(len(scores))
        powers = np.exp(corrected - corrected.max(axis=1, keepdims=True, initial=-np.inf))
        return powers / powers.sum(axis=1, keepdims=True)


def best_order(probabilities):
    """The order of tokens with the largest product of probabilities, each token once: int
    [tokens], for each place the token that belongs there.

    Args:
      probabilities: [tokens, tokens], see Positions.
    """
    from scipy.optimize import linear_sum_assignment

    least = np.finfo(np.float64).tiny
    return linear_sum_assignment(-np.log(np.maximum(probabilities, least)))[1]


def _result(line, text, probabilities):
    """The result of a line; `text`: its tokens."""
    begins, ends = text.starts.tolist(), text.ends.tolist()
    order = best_order(probabilities).tolist()
    moves, restored, done = [], "", 0
    for place, source in enumerate(order):
        begin, end = begins[place], ends[place]
        by = line[begins[source] : ends[source]]
        restored += line[done:begin] + by
        done = end
        if source != place:
            moves.append(
                {
                    "position": begin,
                    "length": end - begin,
                    "token": line[begin:end],
                    "probability_of_token": rounded_probability(probabilities[place, place]),
                    "by": by,
                    "from": begins[source],
                    "probability": rounded_probability(probabilities[place, source]),
                }
            )
    return {"text": line, "restored": restored + line[done:], "moves": moves}
