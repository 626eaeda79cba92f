"""The encoder: token ids to vectors."""

import collections

import tensorflow.compat.v1 as tf

from modeling import layers

# embedding_output [batch, seq, hidden], behind the projection where there is one;
# all_encoder_layers: list of [batch, seq, hidden]; sequence_output [batch, seq, hidden] (the last
# layer); pooled_output [batch, hidden]; embedding_tables: list of matrices whose product is the
# table of word vectors [vocab, width of those that the masked-LM head compares], [vocab, embedding]
# alone but for albert_zh.
EncoderOutput = collections.namedtuple(
    "EncoderOutput",
    [
        "embedding_output",
        "all_encoder_layers",
        "sequence_output",
        "pooled_output",
        "embedding_tables",
    ],
)

# How a family's encoder differs. embeddings: function of the arguments of `bert_embeddings`;
# block_names: function (config, scope) -> list of BlockNames, one for each block that runs;
# pooler: function of the arguments of `pooler`.
Network = collections.namedtuple("Network", ["embeddings", "block_names", "pooler"])


def encoder(
    config,
    store,
    kernels,
    input_ids,
    input_mask,
    segment_ids,
    position_ids=None,
    row_segment_ids=None,
    is_training=False,
    direction=None,
):
    """Builds the encoder that `config` says (Devlin et al. 2019).

    Args:
      config: model config; its `network` names an entry of NETWORKS.
      store: ParameterStore.
      kernels: PlainKernels or one with its methods.
      input_ids: int32 [batch, seq]; both may be unknown, a seq that is known stays static.
      input_mask: int32 [batch, seq], 1 for tokens, 0 for padding.
      segment_ids: int32 [batch, seq], token types.
      position_ids: int32 [batch, seq] or None for 0, 1, 2, ...
      row_segment_ids: int32 [batch, seq] or None; tokens attend only within equal numbers.
      is_training: dropout on or off.
      direction: which way tokens look, see layers.attention_mask_bias.

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
        hidden = block(config, store, kernels, hidden, mask_bias, seq_length, is_training, names)
        outputs.append(tf.reshape(hidden, [-1, seq_length, config.hidden_size]))
    return EncoderOutput(
        embedding_output=embedded,
        all_encoder_layers=outputs,
        sequence_output=outputs[-1],
        pooled_output=network.pooler(config, store, kernels, outputs[-1], config.scope + "/pooler"),
        embedding_tables=tables,
    )


def encode(config, store, kernels, features, is_training=False, **options):
    """encoder() on the record features input_ids, input_mask and segment_ids [batch, seq]."""
    ids, mask, segments = (features[n] for n in ("input_ids", "input_mask", "segment_ids"))
    return encoder(config, store, kernels, ids, mask, segments, is_training=is_training, **options)


def pooler(config, store, kernels, sequence_output, prefix):
    """tanh(dense(first token)): [batch, seq, hidden] -> [batch, hidden]."""
    width = config.hidden_size
    kernel, bias = layers.dense_parameters(config, store, prefix + "/dense", width, width)
    return kernels.dense(sequence_output[:, 0, :], kernel, bias, "tanh")


def first_token(config, store, kernels, sequence_output, prefix):
    """ELECTRA's pooler, which has no weights: [batch, seq, hidden] -> [batch, hidden]."""
    del config, store, kernels, prefix
    return sequence_output[:, 0, :]


def bert_embeddings(config, store, kernels, input_ids, segment_ids, position_ids, rate):
    """layers.embeddings where they are as wide as the hidden state, or words alone are projected.

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
    """bert_embeddings, then a layer `name` to the hidden state's width where that is another.

    `make_initializer`: of its kernel, None: as other layers'.
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


def _layers_of_their_own(config, scope):
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
    "bert": Network(bert_embeddings, _layers_of_their_own, pooler),
    "albert": Network(
        _projected_embeddings("encoder/embedding_hidden_mapping_in"), _groups, pooler
    ),
    "albert_zh": Network(bert_embeddings, _one_shared_layer, pooler),
    "electra": Network(
        _projected_embeddings("embeddings_project", tf.glorot_uniform_initializer),
        _layers_of_their_own,
        first_token,
    ),
}
