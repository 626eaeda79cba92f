"""The encoder: token ids to vectors."""

import collections

import tensorflow.compat.v1 as tf

from modeling import layers

# embedding_output [batch, seq, embedding]; all_encoder_layers: list of [batch, seq, hidden];
# sequence_output [batch, seq, hidden] (the last layer); pooled_output [batch, hidden];
# embedding_table [vocab, embedding].
EncoderOutput = collections.namedtuple(
    "EncoderOutput",
    [
        "embedding_output",
        "all_encoder_layers",
        "sequence_output",
        "pooled_output",
        "embedding_table",
    ],
)


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
    scope="bert",
):
    """Builds the encoder (Devlin et al. 2019).

    Args:
      config: BertConfig.
      store: ParameterStore.
      kernels: PlainKernels or one with its methods.
      input_ids: int32 [batch, seq]; seq is a static number, batch may be unknown.
      input_mask: int32 [batch, seq], 1 for tokens, 0 for padding.
      segment_ids: int32 [batch, seq], token types.
      position_ids: int32 [batch, seq] or None for 0, 1, 2, ...
      row_segment_ids: int32 [batch, seq] or None; tokens attend only within equal numbers.
      is_training: dropout on or off.
      scope: first part of the variable names.

    Returns:
      EncoderOutput.
    """
    seq_length = input_ids.shape.as_list()[1]
    rate = config.hidden_dropout_prob if is_training else 0.0
    embedded, table = layers.embeddings(
        config,
        store,
        kernels,
        input_ids,
        segment_ids,
        position_ids,
        rate,
        scope + "/embeddings",
    )
    mask_bias = layers.attention_mask_bias(input_mask, row_segment_ids)
    hidden = tf.reshape(embedded, [-1, config.hidden_size])
    outputs = []
    for layer in range(config.num_hidden_layers):
        names = layers.bert_block_names("{}/encoder/layer_{}".format(scope, layer))
        hidden = layers.transformer_block(
            config, store, kernels, hidden, mask_bias, seq_length, is_training, names
        )
        outputs.append(tf.reshape(hidden, [-1, seq_length, config.hidden_size]))
    return EncoderOutput(
        embedding_output=embedded,
        all_encoder_layers=outputs,
        sequence_output=outputs[-1],
        pooled_output=pooler(config, store, kernels, outputs[-1], scope + "/pooler"),
        embedding_table=table,
    )


def encode(config, store, kernels, features, is_training=False):
    """encoder() on the record features input_ids, input_mask and segment_ids [batch, seq]."""
    ids, mask, segments = (features[n] for n in ("input_ids", "input_mask", "segment_ids"))
    return encoder(config, store, kernels, ids, mask, segments, is_training=is_training)


def pooler(config, store, kernels, sequence_output, prefix):
    """tanh(dense(first token)): [batch, seq, hidden] -> [batch, hidden]."""
    width = config.hidden_size
    kernel, bias = layers.dense_parameters(config, store, prefix + "/dense", width, width)
    return kernels.dense(sequence_output[:, 0, :], kernel, bias, "tanh")
