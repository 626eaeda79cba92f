"""The encoder: token ids to vectors."""

import typing

from common.features import POSITION_IDS, ROW_SEGMENT_IDS, TEXT_STARTS
from common.lazy_tensorflow import tf
from modeling import layers


class EncoderOutput(typing.NamedTuple):
    """The outputs of an encoder.

    Attributes:
      embedding_output: [batch, seq, hidden], after the projection where there is one.
      all_encoder_layers: list of [batch, seq, hidden], one for each block.
      sequence_output: [batch, seq, hidden], the last of them.
      pooled_output: [batch, hidden], of rows with several texts [texts, hidden]. Out of training
        it follows from the states before the last block, of which the tokens that it does not
        depend on are not computed for it.
      embedding_tables: list of matrices whose product is the table of word vectors [vocab, width];
        [vocab, embedding] alone, except in albert_zh.
    """

    embedding_output: typing.Any
    all_encoder_layers: list
    sequence_output: typing.Any
    pooled_output: typing.Any
    embedding_tables: list


class Network(typing.NamedTuple):
    """The differences between the encoders of the families.

    Attributes:
      embeddings: function of the arguments of `bert_embeddings`.
      block_names: function (config, scope) -> list of BlockNames, one for each block that runs.
      pooler: function of the arguments of `pooler`.
    """

    embeddings: typing.Callable
    block_names: typing.Callable
    pooler: typing.Callable


def encoder(
    config,
    store,
    kernels,
    input_ids,
    input_mask,
    segment_ids,
    position_ids=None,
    row_segment_ids=None,
    text_starts=None,
    is_training=False,
    direction=None,
):
    """Builds the encoder of `config` (Devlin et al. 2019, section 3).

    Args:
      config: model config; its `network` names an entry of NETWORKS.
      store: ParameterStore.
      kernels: PlainKernels or one with its methods.
      input_ids: int32 [batch, seq]; both sizes may be dynamic, a static seq stays static.
      input_mask: int32 [batch, seq], 1 for tokens, 0 for padding.
      segment_ids: int32 [batch, seq], token types.
      position_ids: int32 [batch, seq] or None for 0, 1, 2, ...
      row_segment_ids: int32 [batch, seq] or None; tokens attend only within equal numbers.
      text_starts: int32 [batch, texts of a row], the place of each text's first token, -1 where
        there is none; None: a row is a text.
      is_training: dropout on or off.
      direction: of attention, see layers.attention_mask_bias.

    Returns:
      EncoderOutput.
    """
    network = NETWORKS[config.network]
    seq_length = layers.axis_size(input_ids, 1)
    rate = config.hidden_dropout_prob if is_training else 0.0
    embedded, tables = network.embeddings(
        config, store, kernels, input_ids, segment_ids, position_ids, rate
    )
    mask_bias = layers.attention_mask_bias(input_mask, row_segment_ids, direction)
    block = layers.pre_norm_block if config.is_pre_norm else layers.transformer_block
    hidden = tf.reshape(embedded, [-1, config.hidden_size])
    outputs = []
    for names in network.block_names(config, config.scope):
        inputs = config, store, kernels, hidden, mask_bias, seq_length, is_training, names
        before, hidden = hidden, block(*inputs)
        outputs.append(tf.reshape(hidden, [-1, seq_length, config.hidden_size]))
    if is_training:
        first = first_tokens(outputs[-1], text_starts)
    else:
        queries = _first_queries(before, mask_bias, seq_length, text_starts)
        first = block(*inputs, queries=queries)
        if text_starts is not None:
            of_rows = tf.reshape(first, [-1, queries.seq_length, config.hidden_size])
            first = tf.boolean_mask(of_rows, text_starts >= 0)
    return EncoderOutput(
        embedding_output=embedded,
        all_encoder_layers=outputs,
        sequence_output=outputs[-1],
        pooled_output=network.pooler(config, store, kernels, first, config.scope + "/pooler"),
        embedding_tables=tables,
    )


def encode(config, store, kernels, features, is_training=False, **options):
    """encoder() of the features input_ids, input_mask and segment_ids, int32 [batch, seq], and of
    those of rows with several texts, where they are there.

    config = read_config("bert_config.json")
    encoded = encode(config, ParameterStore(), PlainKernels(), features)
    encoded.sequence_output  # float32 [batch, seq, hidden]

    Args:
      config, store, kernels, is_training: see `encoder`.
      features: dict name -> tensor.
      options: further arguments of `encoder`.

    Returns:
      EncoderOutput.
    """
    ids, mask, segments = (features[n] for n in ("input_ids", "input_mask", "segment_ids"))
    packed = (POSITION_IDS, ROW_SEGMENT_IDS, TEXT_STARTS)
    options = dict({name: features[name] for name in packed if name in features}, **options)
    return encoder(config, store, kernels, ids, mask, segments, is_training=is_training, **options)


def first_tokens(sequence, text_starts=None):
    """Vectors of the first tokens of texts, row by row: [batch, seq, hidden] -> [texts, hidden];
    `text_starts`: see `encoder`."""
    if text_starts is None:
        return sequence[:, 0, :]
    places = tf.cast(tf.where(text_starts >= 0), tf.int32)
    starts = tf.gather_nd(text_starts, places)
    return tf.gather_nd(sequence, tf.stack([places[:, 0], starts], axis=1))


def _first_queries(hidden, mask_bias, seq_length, text_starts):
    """layers.Queries of the first tokens of texts; where a row has fewer, of its first token again.

    Args:
      hidden: [batch * seq, hidden].
      mask_bias, seq_length: see layers.transformer_block.
      text_starts: see `encoder`.
    """
    width = hidden.shape.as_list()[-1]
    sequence = tf.reshape(hidden, [-1, seq_length, width])
    if text_starts is None:
        return layers.Queries(sequence[:, 0, :], 1, mask_bias[:, :, :1, :])
    places = tf.maximum(text_starts, 0)
    states = tf.reshape(tf.gather(sequence, places, batch_dims=1), [-1, width])
    bias = tf.gather(mask_bias[:, 0], places, batch_dims=1)[:, tf.newaxis]
    return layers.Queries(states, layers.axis_size(text_starts, 1), bias)


def pooler(config, store, kernels, first, prefix):
    """tanh(dense(first token)): [texts, hidden] -> [texts, hidden]."""
    width = config.hidden_size
    kernel, bias = layers.dense_parameters(config, store, prefix + "/dense", width, width)
    return kernels.dense(first, kernel, bias, "tanh")


def first_token(config, store, kernels, first, prefix):
    """ELECTRA's pooler, which has no weights: [texts, hidden] -> [texts, hidden]."""
    del config, store, kernels, prefix
    return first


def bert_embeddings(config, store, kernels, input_ids, segment_ids, position_ids, rate):
    """layers.embeddings, whose output is as wide as the hidden state.

    Args:
      config: model config.
      store, kernels: see modules parameters and kernels.
      input_ids, segment_ids, position_ids: see `encoder`.
      rate: dropout rate.

    Returns:
      (vectors [batch, seq, hidden], embedding_tables of EncoderOutput).
    """
    prefix = config.embedding_scope + "/embeddings"
    return layers.embeddings(
        config, store, kernels, input_ids, segment_ids, position_ids, rate, prefix
    )


def _projected_embeddings(name, make_initializer=None):
    """Embeddings projected to the width of the hidden state where it differs from theirs.

    Args:
      name: of the projection's layer, below the scope of the encoder.
      make_initializer: of its kernel, None: like other layers.

    Returns:
      A function like `bert_embeddings`.
    """

    def build(config, store, kernels, *arguments):
        vectors, tables = bert_embeddings(config, store, kernels, *arguments)
        narrow, wide = config.embedding_size, config.hidden_size
        if narrow == wide:
            return vectors, tables
        kernel, bias = layers.dense_parameters(
            config,
            store,
            "{}/{}".format(config.scope, name),
            narrow,
            wide,
            make_initializer and make_initializer(),
        )
        projected = kernels.dense(tf.reshape(vectors, [-1, narrow]), kernel, bias)
        seq_length = layers.axis_size(vectors, 1)
        return tf.reshape(projected, [-1, seq_length, wide]), tables

    return build


def _separate_layers(config, scope):
    return [
        layers.bert_block_names("{}/encoder/layer_{}".format(scope, layer))
        for layer in range(config.num_hidden_layers)
    ]


def _one_shared_layer(config, scope):
    return [layers.bert_block_names(scope + "/encoder/layer_shared")] * config.num_hidden_layers


def _groups(config, scope):
    """ALBERT (Lan et al. 2020): layer l runs the blocks of group floor(l * groups / layers)."""
    groups, count = config.num_hidden_groups, config.num_hidden_layers
    return [
        layers.albert_block_names(
            "{}/encoder/transformer/group_{}/inner_group_{}".format(
                scope, layer * groups // count, inner
            )
        )
        for layer in range(count)
        for inner in range(config.inner_group_num)
    ]


NETWORKS = {
    "bert": Network(bert_embeddings, _separate_layers, pooler),
    "albert": Network(
        _projected_embeddings("encoder/embedding_hidden_mapping_in"), _groups, pooler
    ),
    "albert_zh": Network(bert_embeddings, _one_shared_layer, pooler),
    "electra": Network(
        _projected_embeddings("embeddings_project", lambda: tf.glorot_uniform_initializer()),
        _separate_layers,
        first_token,
    ),
}
