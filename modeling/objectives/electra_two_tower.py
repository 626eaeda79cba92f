"""The generator of Electric (Clark et al. 2020, arXiv 2012.08561, section 2.2): two networks, one
reads the tokens before a position, the other the tokens after it."""

import math

from common.lazy_tensorflow import tf
from modeling import heads
from modeling.encoder import encode

# Scope of a tower's variables -> direction of its attention, and the shift of its states, after
# which no state has seen the token that it predicts (google-research/electra, run_pretraining.py).
DIRECTIONS = {"generator_ltr": ("left", 1), "generator_rtl": ("right", -1)}
SCOPE = "cloze_predictions"


def cloze_logits(towers, store, kernels, features, is_training):
    """Scores of every token given the tokens around it.

    Args:
      towers: configs of both towers, in the order of DIRECTIONS; the word table is the first one's.
      store, kernels: see modules parameters and kernels.
      features: dict of input_ids, input_mask, segment_ids int32 [batch, seq], unmasked.
      is_training: dropout on or off.

    Returns:
      float32 [batch * seq, vocab].
    """
    states, tables = [], []
    for config, (direction, shift) in zip(towers, DIRECTIONS.values()):
        encoded = encode(config, store, kernels, features, is_training, direction=direction)
        states.append(tf.roll(encoded.sequence_output, shift, axis=1))
        tables.append(encoded.embedding_tables)
    config = towers[0]
    vectors = tf.reshape(tf.concat(states, axis=-1), [-1, 2 * config.hidden_size])
    vectors = heads.transform(config, store, kernels, vectors, config.masked_lm_size, SCOPE)
    return heads.masked_lm_scores(config, store, kernels, vectors, tables[0], SCOPE)


def noise_log_odds(cloze, ids, mask_prob):
    """Electric's addition to the discriminator's scores: log(q(token) mask_prob / (1 - mask_prob)),
    without gradient.

    Args:
      cloze: float32 [batch, seq, vocab].
      ids: int32 [batch, seq].
      mask_prob: share of the tokens that are replaced.

    Returns:
      float32 [batch, seq].
    """
    chosen = tf.one_hot(ids, cloze.shape.as_list()[-1])
    log_q = tf.reduce_sum(tf.nn.log_softmax(cloze) * chosen, axis=-1)
    return tf.stop_gradient(log_q) + math.log(mask_prob / (1.0 - mask_prob))
