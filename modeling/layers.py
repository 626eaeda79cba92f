"""Layers: embeddings and one Transformer block.

Weights come from a ParameterStore, arithmetic from a kernels object and variable names from
arguments, so that families which share or rename weights reuse the layers.
"""

import typing

from common.lazy_tensorflow import tf

# Added to the scores of masked keys; their exp() is exactly 0 in float32.
MASKED_SCORE = -10000.0


class BlockNames(typing.NamedTuple):
    """Full prefixes of the variables of one block's layers."""

    query: str
    key: str
    value: str
    attention_output: str
    attention_norm: str
    intermediate: str
    output: str
    output_norm: str


class Queries(typing.NamedTuple):
    """The tokens that a block computes, where it does not compute all of them.

    Attributes:
      states: [batch * seq, hidden], theirs before the block.
      seq_length: int, or scalar tensor: how many of a row.
      mask_bias: see attention_mask_bias; [batch, 1, seq_length, keys].
    """

    states: typing.Any
    seq_length: typing.Any
    mask_bias: typing.Any


def bert_block_names(prefix):
    """Variable prefixes of a block of BERT, LERT, ELECTRA and albert_zh under `prefix`."""
    return BlockNames(
        query=prefix + "/attention/self/query",
        key=prefix + "/attention/self/key",
        value=prefix + "/attention/self/value",
        attention_output=prefix + "/attention/output/dense",
        attention_norm=prefix + "/attention/output/LayerNorm",
        intermediate=prefix + "/intermediate/dense",
        output=prefix + "/output/dense",
        output_norm=prefix + "/output/LayerNorm",
    )


def albert_block_names(prefix):
    """Variable prefixes of a block of google-research/albert under `prefix`."""
    return BlockNames(
        query=prefix + "/attention_1/self/query",
        key=prefix + "/attention_1/self/key",
        value=prefix + "/attention_1/self/value",
        attention_output=prefix + "/attention_1/output/dense",
        attention_norm=prefix + "/LayerNorm",
        intermediate=prefix + "/ffn_1/intermediate/dense",
        output=prefix + "/ffn_1/intermediate/output/dense",
        output_norm=prefix + "/LayerNorm_1",
    )


def truncated_normal(config):
    """The initialiser of weight matrices: truncated normal(initializer_range)."""
    return tf.truncated_normal_initializer(stddev=config.initializer_range)


def axis_size(tensor, axis):
    """The size of one axis of `tensor`: an int where it is static, else a scalar tensor.

    An int keeps shapes static, which TPUs need.
    """
    size = tensor.shape.as_list()[axis]
    return tf.shape(tensor)[axis] if size is None else size


def dense_parameters(config, store, name, in_width, out_width, initializer=None):
    """(kernel [in, out], bias [out]) of the dense layer `name`; `initializer` of the kernel, None:
    truncated_normal."""
    initializer = initializer or truncated_normal(config)
    kernel = store.get(name + "/kernel", [in_width, out_width], initializer)
    bias = store.get(name + "/bias", [out_width], tf.zeros_initializer())
    return kernel, bias


def norm_parameters(store, name, width, first_gamma=1.0):
    """(gamma [width], beta [width]) of the layer norm `name`; `first_gamma`: initial value."""
    beta = store.get(name + "/beta", [width], tf.zeros_initializer())
    gamma = store.get(name + "/gamma", [width], tf.constant_initializer(first_gamma))
    return gamma, beta


def embeddings(config, store, kernels, input_ids, segment_ids, position_ids, rate, prefix):
    """Sum of word, token type and position vectors, normalised, dropped out.

    Vectors have the width config.embedding_size; with config.projects_words those of words are
    projected to hidden_size by a second table first, and the others have that width.

    Args:
      config: sizes.
      store, kernels: see modules parameters and kernels.
      input_ids: int32 [batch, seq].
      segment_ids: int32 [batch, seq].
      position_ids: int32 [batch, seq], or None for 0, 1, 2, ...
      rate: dropout rate.
      prefix: variable prefix ("bert/embeddings").

    Returns:
      (vectors [batch, seq, width], list of the tables whose product holds the vectors of words:
      [vocab, embedding] and, where words are projected, [embedding, hidden]).
    """
    width = config.embedding_size
    init = truncated_normal(config)
    tables = [store.get(prefix + "/word_embeddings", [config.vocab_size, width], init)]
    vectors = kernels.embedding(tables[0], input_ids)
    if config.projects_words:
        tables.append(store.get(prefix + "/word_embeddings_2", [width, config.hidden_size], init))
        flat = kernels.matmul(tf.reshape(vectors, [-1, width]), tables[1])
        width = config.hidden_size
        vectors = tf.reshape(flat, [-1, axis_size(input_ids, 1), width])
    types = store.get(prefix + "/token_type_embeddings", [config.type_vocab_size, width], init)
    positions = store.get(
        prefix + "/position_embeddings", [config.max_position_embeddings, width], init
    )
    gamma, beta = norm_parameters(store, prefix + "/LayerNorm", width)
    # A table of few rows: a matrix product is faster than a scattered gradient.
    one_hot = tf.one_hot(tf.reshape(segment_ids, [-1]), config.type_vocab_size, dtype=types.dtype)
    vectors += tf.reshape(kernels.matmul(one_hot, types), tf.shape(vectors))
    if position_ids is None:
        seq = axis_size(input_ids, 1)
        vectors += tf.expand_dims(tf.slice(positions, [0, 0], [seq, width]), 0)
    else:
        vectors += kernels.embedding(positions, position_ids)
    return kernels.dropout(kernels.layer_norm(vectors, gamma, beta), rate), tables


def attention_mask_bias(input_mask, row_segment_ids=None, direction=None):
    """The bias of attention scores: 0 where a query attends to a key, MASKED_SCORE elsewhere.

    Padded keys are masked, padded queries are computed. With `row_segment_ids` a token attends
    only within its own row segment (several texts packed into a row).

    Args:
      input_mask: int32 [batch, seq], 1 for tokens, 0 for padding.
      row_segment_ids: int32 [batch, seq] or None.
      direction: "left": a token attends to itself and the preceding tokens; "right": to itself
        and the following ones; None: to all.

    Returns:
      float32 [batch, 1, 1, seq], with row segments or a direction [batch, 1, seq, seq].
    """
    visible = tf.equal(input_mask, 1)[:, tf.newaxis, tf.newaxis, :]
    if row_segment_ids is not None:
        same = tf.equal(row_segment_ids[:, :, tf.newaxis], row_segment_ids[:, tf.newaxis, :])
        visible = tf.logical_and(visible, same[:, tf.newaxis, :, :])
    if direction:
        places = tf.range(axis_size(input_mask, 1))
        before = places[tf.newaxis, :] <= places[:, tf.newaxis]
        visible = tf.logical_and(visible, before if direction == "left" else tf.transpose(before))
    return (1.0 - tf.cast(visible, tf.float32)) * MASKED_SCORE


def self_attention(config, store, kernels, hidden, mask_bias, seq_length, rate, names, queries):
    """Multi-head scaled dot-product attention (Vaswani et al. 2017, section 3.2).

    Args:
      hidden: [batch * seq, hidden].
      mask_bias: see attention_mask_bias.
      seq_length: int, or scalar tensor where it is not static.
      rate: dropout rate of the probabilities.
      names: BlockNames.
      queries: Queries, the tokens that attend; None: all.

    Returns:
      [batch * seq, hidden] of the tokens that attend, before the output projection.
    """
    width, heads = config.hidden_size, config.num_attention_heads

    parameters = [
        dense_parameters(config, store, name, width, width)
        for name in (names.query, names.key, names.value)
    ]
    if queries is None:
        query, key, value = kernels.project_heads(hidden, parameters, seq_length, heads)
    else:
        key, value = kernels.project_heads(hidden, parameters[1:], seq_length, heads)
        states, seq_length, mask_bias = queries
        (query,) = kernels.project_heads(states, parameters[:1], seq_length, heads)
    return kernels.attention(query, key, value, mask_bias, rate)


def transformer_block(
    config, store, kernels, hidden, mask_bias, seq_length, is_training, names, queries=None
):
    """One post-norm block: attention and feed-forward, each with dropout, residual, norm.

    Args:
      hidden: [batch * seq, hidden].
      mask_bias: see attention_mask_bias.
      seq_length: int, or scalar tensor where it is not static.
      is_training: dropout on or off.
      names: BlockNames.
      queries: Queries, the tokens to compute; None: all.

    Returns:
      [batch * seq, hidden] of the tokens to compute.
    """
    width = config.hidden_size
    rate, probs_rate = _rates(config, is_training)
    context = self_attention(
        config, store, kernels, hidden, mask_bias, seq_length, probs_rate, names, queries
    )
    hidden = queries.states if queries else hidden
    kernel, bias = dense_parameters(config, store, names.attention_output, width, width)
    gamma, beta = norm_parameters(store, names.attention_norm, width)
    attended = kernels.bias_dropout_residual_norm(
        kernels.matmul(context, kernel), bias, hidden, gamma, beta, rate
    )
    inner, kernel, bias = _feed_forward(config, store, kernels, attended, names)
    gamma, beta = norm_parameters(store, names.output_norm, width)
    return kernels.bias_dropout_residual_norm(
        kernels.matmul(inner, kernel), bias, attended, gamma, beta, rate
    )


def pre_norm_block(
    config, store, kernels, hidden, mask_bias, seq_length, is_training, names, queries=None
):
    """transformer_block with the norms before attention and feed-forward (albert_zh's preln)."""
    width = config.hidden_size
    rate, probs_rate = _rates(config, is_training)
    norm = norm_parameters(store, names.attention_norm, width)
    normed, normed_queries = kernels.layer_norm(hidden, *norm), None
    if queries:
        hidden = queries.states
        normed_queries = queries._replace(states=kernels.layer_norm(hidden, *norm))
    context = self_attention(
        config, store, kernels, normed, mask_bias, seq_length, probs_rate, names, normed_queries
    )
    kernel, bias = dense_parameters(config, store, names.attention_output, width, width)
    attended = kernels.bias_dropout_residual(kernels.matmul(context, kernel), bias, hidden, rate)
    normed = kernels.layer_norm(attended, *norm_parameters(store, names.output_norm, width))
    inner, kernel, bias = _feed_forward(config, store, kernels, normed, names)
    return kernels.bias_dropout_residual(kernels.matmul(inner, kernel), bias, attended, rate)


def _rates(config, is_training):
    """Dropout rates of the hidden state and of attention."""
    if not is_training:
        return 0.0, 0.0
    return config.hidden_dropout_prob, config.attention_probs_dropout_prob


def _feed_forward(config, store, kernels, hidden, names):
    """(inner state [rows, intermediate], kernel and bias of the projection back to hidden)."""
    width, wide = config.hidden_size, config.intermediate_size
    kernel, bias = dense_parameters(config, store, names.intermediate, width, wide)
    inner = kernels.dense(hidden, kernel, bias, config.activation)
    kernel, bias = dense_parameters(config, store, names.output, wide, width)
    return inner, kernel, bias
