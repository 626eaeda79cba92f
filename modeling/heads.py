"""Pre-training heads on the encoder, and the classification layer."""

from common.features import POSITION_IDS, ROW_SEGMENT_IDS
from common.lazy_tensorflow import tf
from modeling import layers

# Of the variables of PERT's head.
POSITION_SCOPE = "cls/position_predictions"


def gather_positions(sequence, positions):
    """Vectors of `sequence` [batch, seq, width] at `positions` [batch, P] -> [batch * P, width]."""
    seq_length, width = layers.axis_size(sequence, 1), sequence.shape.as_list()[2]
    offsets = tf.range(tf.shape(sequence)[0])[:, tf.newaxis] * seq_length
    flat = tf.reshape(positions + offsets, [-1])
    return tf.gather(tf.reshape(sequence, [-1, width]), flat)


def masked_lm_logits(config, store, kernels, vectors, embedding_tables):
    """Vocabulary scores of masked positions: transform, then the tied word table.

    Args:
      config: sizes and activation.
      store, kernels: see modules parameters and kernels.
      vectors: [N, hidden].
      embedding_tables: of the EncoderOutput.

    Returns:
      [N, vocab].
    """
    transformed = masked_lm_transform(config, store, kernels, vectors)
    return masked_lm_scores(config, store, kernels, transformed, embedding_tables)


def masked_lm_transform(config, store, kernels, vectors):
    """The first half of masked_lm_logits: [N, hidden] -> [N, config.masked_lm_size]."""
    return transform(
        config, store, kernels, vectors, config.masked_lm_size, config.masked_lm_transform_scope
    )


def transform(config, store, kernels, vectors, width, prefix, first_gamma=1.0):
    """layer_norm(activation(dense(vectors))): [N, hidden] -> [N, width].

    `prefix`: of the variables dense/* and LayerNorm/*; `first_gamma`: see layers.norm_parameters.
    """
    kernel, bias = layers.dense_parameters(
        config, store, prefix + "/dense", vectors.shape.as_list()[-1], width
    )
    gamma, beta = layers.norm_parameters(store, prefix + "/LayerNorm", width, first_gamma)
    return kernels.layer_norm(kernels.dense(vectors, kernel, bias, config.activation), gamma, beta)


def masked_lm_scores(config, store, kernels, transformed, embedding_tables, prefix=None):
    """The second half of masked_lm_logits: [N, config.masked_lm_size] -> [N, vocab].

    `prefix`: of the variable output_bias; None: config.masked_lm_scope.
    """
    prefix = prefix or config.masked_lm_scope
    output_bias = store.get(prefix + "/output_bias", [config.vocab_size], tf.zeros_initializer())
    for table in embedding_tables[:0:-1]:
        transformed = kernels.matmul(transformed, table, transpose_kernel=True)
    return kernels.scores(transformed, embedding_tables[0], output_bias, transpose_kernel=True)


def tag_logits(config, store, kernels, transformed, name, count):
    """Scores of LERT's tags of one kind: transformed [N, width] -> [N, count].

    Args:
      config, store, kernels, transformed: as for masked_lm_scores.
      name: "pos", "ner" or "dep".
      count: number of tags.
    """
    scope = "cls/predictions/output_{}_layer".format(name)
    width = transformed.shape.as_list()[-1]
    kernel, bias = layers.dense_parameters(config, store, scope, width, count)
    return kernels.scores(transformed, kernel, bias)


def position_logits(config, store, kernels, sequence, features, positions):
    """Scores of the places of a row as those where the pieces of given slots now sit.

    softmax over the row's places of layer_norm(activation(dense(h of the slot))) . H + bias of the
    place (Cui et al. 2022, arXiv 2203.06906, section 3.3). Padding and, in rows with several texts,
    the other texts score MASKED_SCORE. Products of two normalised vectors vary by `hidden`: with a
    gamma of 1, all but one place start at no probability, and training stays at chance. So gamma
    starts at 1 / sqrt(hidden), and the variance at 1.

    Args:
      config, store, kernels: as for masked_lm_logits.
      sequence: H [batch, seq, hidden], of the encoder.
      features: dict of input_mask int32 [batch, seq]; of rows with several texts also position_ids
        and row_segment_ids.
      positions: slots, int32 [batch, P].

    Returns:
      float32 [batch, P, seq].
    """
    seq_length, width = layers.axis_size(sequence, 1), config.hidden_size
    vectors = gather_positions(sequence, positions)
    scope, first_gamma = POSITION_SCOPE + "/transform", width**-0.5
    vectors = transform(config, store, kernels, vectors, width, scope, first_gamma)
    vectors = tf.reshape(vectors, tf.concat([tf.shape(positions), [width]], axis=0))
    table = store.get(
        POSITION_SCOPE + "/output_bias", [config.max_position_embeddings], tf.zeros_initializer()
    )
    visible = (features["input_mask"] > 0)[:, tf.newaxis, :]
    if POSITION_IDS in features:
        bias = tf.gather(table, features[POSITION_IDS])
        texts = features[ROW_SEGMENT_IDS]
        of_slots = tf.gather(texts, positions, batch_dims=1)
        same = tf.equal(of_slots[:, :, tf.newaxis], texts[:, tf.newaxis, :])
        visible = tf.logical_and(visible, same)
    else:
        bias = tf.slice(table, [0], [seq_length])[tf.newaxis, :]
    bias = bias[:, tf.newaxis, :] + layers.MASKED_SCORE * (1.0 - tf.cast(visible, tf.float32))
    return kernels.products_of_states(vectors, sequence) + bias


def discriminator_logits(config, store, kernels, sequence):
    """Logits of tokens being replaced (Clark et al. 2020): [batch, seq, hidden] -> [batch, seq].

    The second layer is initialized glorot uniform, TensorFlow's default, as in
    google-research/electra.
    """
    seq_length, width = layers.axis_size(sequence, 1), sequence.shape.as_list()[2]
    scope = "discriminator_predictions"
    kernel, bias = layers.dense_parameters(config, store, scope + "/dense", width, width)
    hidden = kernels.dense(tf.reshape(sequence, [-1, width]), kernel, bias, config.activation)
    kernel, bias = layers.dense_parameters(
        config, store, scope + "/dense_1", width, 1, tf.glorot_uniform_initializer()
    )
    return tf.reshape(kernels.scores(hidden, kernel, bias), [-1, seq_length])


def sentence_pair_logits(config, store, kernels, pooled, prefix="cls/seq_relationship"):
    """Scores of the two sentence-pair classes: pooled [batch, hidden] -> [batch, 2]."""
    return classification_logits(config, store, kernels, pooled, 2, prefix + "/")


def classification_logits(config, store, kernels, vectors, num_labels, prefix=""):
    """Scores of classes by one layer: vectors [N, hidden] -> [N, num_labels].

    Google's programs store this layer's matrix as [num_labels, hidden], in fine-tuned models under
    names without a scope.
    """
    weights = store.get(
        prefix + "output_weights",
        [num_labels, config.hidden_size],
        layers.truncated_normal(config),
    )
    bias = store.get(prefix + "output_bias", [num_labels], tf.zeros_initializer())
    return kernels.scores(vectors, weights, bias, transpose_kernel=True)
