"""The losses between a student and its teacher."""

import math

from common.lazy_tensorflow import tf
from modeling import layers
from modeling.losses import Ratio

# cos of a vector of zeros is 0.
_LEAST_NORM = 1e-12
# What is left beside the likeliest classes, a difference of float32 numbers near 1.
_LEAST_REST = 1e-6


def divergence(logits, teacher_logits, temperature):
    """T^2 KL(softmax(teacher / T) || softmax(student / T)) (Hinton et al. 2015, arXiv 1503.02531,
    section 2: gradients of soft labels shrink by T^2).

    Args:
      logits, teacher_logits: float32 [N, classes].
      temperature: T.

    Returns:
      float32 [N].
    """
    logits, teacher_logits = logits / temperature, teacher_logits / temperature
    probabilities = tf.stop_gradient(tf.nn.softmax(teacher_logits))
    cross, entropy = (
        tf.nn.softmax_cross_entropy_with_logits_v2(labels=probabilities, logits=scores)
        for scores in (logits, tf.stop_gradient(teacher_logits))
    )
    return temperature**2 * (cross - entropy)


def divergence_at(logits, ids, log_probabilities, temperature):
    """`divergence` where only the teacher's likeliest classes are known: all others count as one
    class, which has the rest of the probability in each of the two. It is less than the divergence
    over all classes, and 0 where the two agree.

    Args:
      logits: float32 [N, classes], the student's.
      ids: int32 [N, k], those classes.
      log_probabilities: float32 [N, k], the teacher's at the temperature.
      temperature: T.

    Returns:
      float32 [N].
    """
    logits = logits / temperature
    log_student = tf.gather(logits, ids, batch_dims=1) - tf.reduce_logsumexp(
        logits, axis=-1, keepdims=True
    )
    # Rounded values may sum to more than 1.
    excess = tf.maximum(tf.reduce_sum(tf.exp(log_probabilities), axis=-1, keepdims=True), 1.0)
    log_teacher = tf.stop_gradient(log_probabilities - tf.math.log(excess))
    terms = tf.exp(log_teacher) * (log_teacher - log_student)
    total = tf.reduce_sum(terms, axis=-1)
    if log_student.shape.as_list()[-1] != logits.shape.as_list()[-1]:
        rests = [1.0 - tf.reduce_sum(tf.exp(x), axis=-1) for x in (log_teacher, log_student)]
        rest, of_student = (tf.maximum(x, _LEAST_REST) for x in rests)
        total += rest * (tf.math.log(rest) - tf.math.log(of_student))
    return temperature**2 * total


def binary_divergence(logits, teacher_logits, temperature):
    """`divergence` of independent yes-or-no decisions, the mean over them: float32 [N, labels]
    each -> [N]."""
    pairs = [tf.stack([tf.zeros_like(x), x], axis=-1) for x in (logits, teacher_logits)]
    flat = [tf.reshape(x, [-1, 2]) for x in pairs]
    of_labels = tf.reshape(divergence(*flat, temperature=temperature), tf.shape(logits))
    return tf.reduce_mean(of_labels, axis=-1)


def cosine_distance(states, teacher_states):
    """1 - cos of two vectors of each token (DistilBERT, Sanh et al. 2019, arXiv 1910.01108,
    section 2): float32 [batch, seq, width] each -> [batch, seq]."""
    normed = [
        tf.math.l2_normalize(x, axis=-1, epsilon=_LEAST_NORM) for x in (states, teacher_states)
    ]
    return 1.0 - tf.reduce_sum(normed[0] * normed[1], axis=-1)


def squared_error(states, teacher_states):
    """Mean squared difference of two vectors of each token (TinyBERT, Jiao et al. 2019, arXiv
    1909.10351, equation 8): float32 [batch, seq, width] each -> [batch, seq]."""
    return tf.reduce_mean(tf.math.squared_difference(states, teacher_states), axis=-1)


def relation_divergence(student, teacher, bias, heads):
    """KL between relations of the teacher and of the student, softmax(x y^T / sqrt(size)) over the
    keys that a token attends to (MiniLM, Wang et al. 2020, arXiv 2002.10957, equations 6 to 9;
    heads of another number than the networks' own as in arXiv 2012.15828, section 3.1).

    Args:
      student, teacher: (x, y), states [batch, heads, seq, size] each; queries and keys, or twice
        the values.
      bias: see layers.attention_mask_bias.
      heads: how many both are cut into.

    Returns:
      float32 [batch, seq], the mean over heads for each token.
    """
    scores = [_relation_scores(*pair, heads=heads) + bias for pair in (student, teacher)]
    log_student, log_teacher = (tf.nn.log_softmax(x) for x in scores)
    log_teacher = tf.stop_gradient(log_teacher)
    divergences = tf.reduce_sum(tf.exp(log_teacher) * (log_teacher - log_student), axis=-1)
    return tf.reduce_mean(divergences, axis=1)


def score_error(student, teacher, bias, is_token):
    """Squared difference of attention scores q k^T / sqrt(size) (TinyBERT, equation 7), a Ratio
    over the tokens and the keys that they attend to.

    Args:
      student, teacher: (queries, keys), states [batch, heads, seq, size] each, of as many heads.
      bias: see layers.attention_mask_bias.
      is_token: float32 [batch, seq], 1 for tokens, 0 for padding.
    """
    scores = [
        tf.matmul(query, key, transpose_b=True) / math.sqrt(query.shape.as_list()[-1])
        for query, key in (map(_float32, student), map(_float32, teacher))
    ]
    error = tf.reduce_mean(tf.math.squared_difference(*scores), axis=1)
    is_key = tf.cast(bias[:, 0] > 0.5 * layers.MASKED_SCORE, tf.float32)
    is_visible = is_key * is_token[:, :, tf.newaxis]
    return Ratio(tf.reduce_sum(error * is_visible), tf.reduce_sum(is_visible), 0.0)


def _relation_scores(x, y, heads):
    x, y = _cut(x, heads), _cut(y, heads)
    return tf.matmul(x, y, transpose_b=True) / math.sqrt(x.shape.as_list()[-1])


def _cut(states, heads):
    """[batch, heads of the network, seq, size] as float32 [batch, heads, seq, width / heads]."""
    own, _, size = states.shape.as_list()[1:]
    states = _float32(states)
    if own == heads:
        return states
    seq_length = layers.axis_size(states, 2)
    joined = tf.transpose(states, [0, 2, 1, 3])
    cut = tf.reshape(joined, [-1, seq_length, heads, own * size // heads])
    return tf.transpose(cut, [0, 2, 1, 3])


def _float32(x):
    return tf.cast(x, tf.float32)
