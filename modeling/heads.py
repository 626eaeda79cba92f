"""Heads on top of the encoder."""

import tensorflow.compat.v1 as tf

from modeling import layers


def gather_positions(sequence, positions):
    """Vectors of `sequence` [batch, seq, width] at `positions` [batch, P] -> [batch * P, width]."""
    seq_length, width = sequence.shape.as_list()[1:]
    offsets = tf.range(tf.shape(sequence)[0])[:, tf.newaxis] * seq_length
    flat = tf.reshape(positions + offsets, [-1])
    return tf.gather(tf.reshape(sequence, [-1, width]), flat)


def masked_lm_logits(config, store, kernels, vectors, embedding_table, prefix="cls/predictions"):
    """Vocabulary scores of masked positions: transform, then the tied word table.

    Args:
      config: sizes and activation.
      store, kernels: see modules parameters and kernels.
      vectors: [N, hidden].
      embedding_table: [vocab, embedding], the encoder's.
      prefix: first part of the variable names.

    Returns:
      [N, vocab].
    """
    transformed = masked_lm_transform(config, store, kernels, vectors, prefix)
    return masked_lm_scores(config, store, kernels, transformed, embedding_table, prefix)


def masked_lm_transform(config, store, kernels, vectors, prefix="cls/predictions"):
    """What masked_lm_logits computes first: [N, hidden] -> [N, embedding]."""
    width = config.embedding_size
    kernel, bias = layers.dense_parameters(
        config, store, prefix + "/transform/dense", config.hidden_size, width
    )
    gamma, beta = layers.norm_parameters(store, prefix + "/transform/LayerNorm", width)
    transformed = kernels.dense(vectors, kernel, bias, config.activation)
    return kernels.layer_norm(transformed, gamma, beta)


def masked_lm_scores(
    config, store, kernels, transformed, embedding_table, prefix="cls/predictions"
):
    """The rest of masked_lm_logits: [N, embedding] -> [N, vocab]."""
    output_bias = store.get(prefix + "/output_bias", [config.vocab_size], tf.zeros_initializer())
    scores = kernels.matmul(transformed, embedding_table, transpose_kernel=True)
    return tf.nn.bias_add(scores, output_bias)


def tag_logits(config, store, kernels, transformed, name, count):
    """Scores of LERT's tags of one kind: transformed [N, embedding] -> [N, count].

    Args:
      config, store, kernels, transformed: as for masked_lm_scores.
      name: "pos", "ner" or "dep".
      count: how many tags there are.
    """
    scope = "cls/predictions/output_{}_layer".format(name)
    kernel, bias = layers.dense_parameters(config, store, scope, config.embedding_size, count)
    return kernels.dense(transformed, kernel, bias)


def sentence_pair_logits(config, store, kernels, pooled, prefix="cls/seq_relationship"):
    """Scores of the two sentence-pair classes: pooled [batch, hidden] -> [batch, 2]."""
    return classification_logits(config, store, kernels, pooled, 2, prefix + "/")


def classification_logits(config, store, kernels, vectors, num_labels, prefix=""):
    """Scores of classes by one layer: vectors [N, hidden] -> [N, num_labels].

    Google's programs write this layer's matrix as [num_labels, hidden], under names without a
    scope in fine-tuned models.
    """
    weights = store.get(
        prefix + "output_weights",
        [num_labels, config.hidden_size],
        layers.truncated_normal(config),
    )
    bias = store.get(prefix + "output_bias", [num_labels], tf.zeros_initializer())
    return tf.nn.bias_add(kernels.matmul(vectors, weights, transpose_kernel=True), bias)
