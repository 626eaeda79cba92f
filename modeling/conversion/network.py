"""Our network with the parts that a checkpoint has."""

import collections

import tensorflow.compat.v1 as tf

from modeling import heads
from modeling.encoder import encoder
from modeling.kernels import PlainKernels

HIDDEN_STATES = "hidden states"
_CLASSIFIER = ("output_weights", "output_bias")


def num_labels(shapes):
    """Number of a classifier's labels by the shapes of a checkpoint's variables."""
    return next((shapes[name][0] for name in _CLASSIFIER if shapes.get(name)), 1)


class _FedStore:
    """Stands in for a ParameterStore: parameters are fed, so nothing is initialised or kept."""

    def __init__(self):
        self.fed = collections.OrderedDict()

    def get(self, name, shape, initializer, trainable=True):
        """A placeholder of `shape` for parameter `name`, always the same one."""
        del initializer, trainable
        if name not in self.fed:
            self.fed[name] = tf.placeholder(tf.float32, shape)
        return self.fed[name]


def shapes(config, parts, labels):
    """Ordered dict variable name -> list of ints of a network.

    Args:
      config: model config.
      parts: names of parts, see OUTPUTS.
      labels: number of a classifier's labels, where it is one of them.
    """
    with tf.Graph().as_default():
        store = _FedStore()
        ids = tf.placeholder(tf.int32, [1, 1])
        inputs = {"input_ids": ids, "input_mask": ids, "segment_ids": ids}
        _build(config, store, inputs, parts, labels)
        return collections.OrderedDict((n, p.shape.as_list()) for n, p in store.fed.items())


def outputs(source, parts, inputs):
    """Computes what the network of a checkpoint gives.

    Args:
      source: Source.
      parts: names of the parts whose outputs are wanted.
      inputs: dict of int32 arrays input_ids, input_mask, segment_ids [batch, seq].

    Returns:
      Dict: HIDDEN_STATES -> list of [batch, seq, hidden], embeddings first, then one for each
      layer, of ALBERT's the last of its blocks; part -> its array: pooler [batch, hidden],
      masked_lm [batch, seq, vocab], sentence_pair [batch, 2], classifier [batch, labels],
      replaced [batch, seq].
    """
    reader = tf.train.NewCheckpointReader(source.prefix)
    with tf.Graph().as_default():
        store = _FedStore()
        tensors = {name: tf.constant(value) for name, value in inputs.items()}
        tensors = _build(source.config, store, tensors, parts, source.num_labels)
        values = {p: reader.get_tensor(n) for n, p in store.fed.items() if n in source.shapes}
        # No accelerator: one may be in use, and rounds otherwise.
        with tf.Session(config=tf.ConfigProto(device_count={"GPU": 0})) as session:
            return session.run(tensors, values)


def _masked_lm(config, store, kernels, encoded, labels):
    del labels
    shape = tf.shape(encoded.sequence_output)
    vectors = tf.reshape(encoded.sequence_output, [-1, config.hidden_size])
    logits = heads.masked_lm_logits(config, store, kernels, vectors, encoded.embedding_tables)
    return tf.reshape(logits, [shape[0], shape[1], config.vocab_size])


def _sentence_pair(config, store, kernels, encoded, labels):
    del labels
    return heads.sentence_pair_logits(config, store, kernels, encoded.pooled_output)


def _classifier(config, store, kernels, encoded, labels):
    return heads.classification_logits(config, store, kernels, encoded.pooled_output, labels)


def _replaced(config, store, kernels, encoded, labels):
    del labels
    return heads.discriminator_logits(config, store, kernels, encoded.sequence_output)


# Part -> function of (config, store, kernels, EncoderOutput, number of labels).
OUTPUTS = {
    "pooler": lambda config, store, kernels, encoded, labels: encoded.pooled_output,
    "masked_lm": _masked_lm,
    "sentence_pair": _sentence_pair,
    "classifier": _classifier,
    "replaced": _replaced,
}


def _build(config, store, inputs, parts, labels):
    """Ordered dict of the tensors that `outputs` gives."""
    kernels = PlainKernels()
    encoded = encoder(config, store, kernels, **inputs)
    blocks = len(encoded.all_encoder_layers) // config.num_hidden_layers
    states = [encoded.embedding_output] + encoded.all_encoder_layers[blocks - 1 :: blocks]
    tensors = collections.OrderedDict([(HIDDEN_STATES, states)])
    for part in parts:
        tensors[part] = OUTPUTS[part](config, store, kernels, encoded, labels)
    return tensors
