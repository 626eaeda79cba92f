"""The TensorFlow network of a checkpoint, with the components that it has."""

import collections
import typing

from common.lazy_tensorflow import tf
from modeling import checkpoint, heads, task_heads
from modeling.conversion.pytorch_outputs import HIDDEN_STATES
from modeling.encoder import encoder
from modeling.kernels import PlainKernels


class _Head(typing.NamedTuple):
    """A fine-tuned head.

    Attributes:
      network: what computes it, see task_heads.
      labels: number of its labels.
    """

    network: typing.Any
    labels: int


class _FedStore:
    """A ParameterStore of placeholders: parameters are fed, so no variable is created."""

    def __init__(self):
        self.fed = collections.OrderedDict()

    def get(self, name, shape, initializer, trainable=True):
        """The placeholder of `shape` for parameter `name`."""
        del initializer, trainable
        if name not in self.fed:
            self.fed[name] = tf.placeholder(tf.float32, shape)
        return self.fed[name]


def shapes(config, components, labels, fine_tuned=None):
    """Ordered dict variable name -> list of ints of a network.

    Args:
      config: model config.
      components: names of components, see OUTPUTS.
      labels: number of labels of a fine-tuned head, if one of the components is one.
      fine_tuned: what computes that head, see modeling.task_heads; None: Google's.
    """
    with tf.Graph().as_default():
        store = _FedStore()
        ids = tf.placeholder(tf.int32, [1, 1])
        inputs = {"input_ids": ids, "input_mask": ids, "segment_ids": ids}
        head = _Head(fine_tuned or task_heads.GoogleHeads(), labels)
        _build(config, store, inputs, components, head)
        return collections.OrderedDict((n, p.shape.as_list()) for n, p in store.fed.items())


def outputs(source, components, inputs):
    """Computes the outputs of the network of a checkpoint.

    Args:
      source: Source.
      components: names of the components whose outputs are wanted.
      inputs: dict of int32 arrays input_ids, input_mask, segment_ids [batch, seq].

    Returns:
      Dict: HIDDEN_STATES -> list of [batch, seq, hidden], embeddings first, then one for each
      layer (of ALBERT's layers the last block); component -> its array: pooler [batch, hidden],
      masked_lm [batch, seq, vocab], sentence_pair [batch, 2], classifier [batch, labels],
      tagger [batch, seq, labels], chooser [batch, 1], positions [batch, seq, seq], replaced
      [batch, seq]; answers -> list of
      two, scores of starts and ends [batch, seq] of all tokens.
    """
    reader = checkpoint.open_reader(source.prefix)
    with tf.Graph().as_default():
        store = _FedStore()
        tensors = {name: tf.constant(value) for name, value in inputs.items()}
        head = _Head(source.family.task and source.family.task.network, source.num_labels)
        tensors = _build(source.config, store, tensors, components, head)
        values = {p: reader.get_tensor(n) for n, p in store.fed.items() if n in source.shapes}
        # No accelerator: it may be in use, and rounds in another way.
        with tf.Session(config=tf.ConfigProto(device_count={"GPU": 0})) as session:
            return session.run(tensors, values)


def _masked_lm(trunk, head):
    del head
    config, encoded = trunk.config, trunk.encoded
    shape = tf.shape(encoded.sequence_output)
    vectors = tf.reshape(encoded.sequence_output, [-1, config.hidden_size])
    logits = heads.masked_lm_logits(
        config, trunk.store, trunk.kernels, vectors, encoded.embedding_tables
    )
    return tf.reshape(logits, [shape[0], shape[1], config.vocab_size])


def _sentence_pair(trunk, head):
    del head
    return heads.sentence_pair_logits(
        trunk.config, trunk.store, trunk.kernels, trunk.encoded.pooled_output
    )


def _replaced(trunk, head):
    del head
    return heads.discriminator_logits(
        trunk.config, trunk.store, trunk.kernels, trunk.encoded.sequence_output
    )


def _positions(trunk, head):
    """All tokens as slots, and as the places of each: no class of Hugging Face has this head."""
    del head
    sequence = trunk.encoded.sequence_output
    shape = tf.shape(sequence)[:2]
    slots = tf.zeros(shape, tf.int32) + tf.range(shape[1])[tf.newaxis, :]
    features = {"input_mask": tf.ones(shape, tf.int32)}
    return heads.position_logits(
        trunk.config, trunk.store, trunk.kernels, sequence, features, slots
    )


def _answers(trunk, head):
    """[starts, ends], each [batch, seq]. ELECTRA's heads exclude question and padding from answers,
    Hugging Face's classes do not; so all tokens count as the passage here."""
    ones = tf.ones(tf.shape(trunk.encoded.sequence_output)[:2], tf.int32)
    features = {"input_mask": ones, "segment_ids": ones}
    answers = head.network.answers(trunk, features, ())
    return [answers.start_logits, answers.end_logits]


# Component -> function of (Trunk, _Head).
OUTPUTS = {
    "pooler": lambda trunk, head: trunk.encoded.pooled_output,
    "masked_lm": _masked_lm,
    "sentence_pair": _sentence_pair,
    "classifier": lambda trunk, head: head.network.class_logits(trunk, head.labels),
    "tagger": lambda trunk, head: head.network.tag_logits(trunk, head.labels),
    "chooser": lambda trunk, head: head.network.class_logits(trunk, 1),
    "answers": _answers,
    "positions": _positions,
    "replaced": _replaced,
}


def _build(config, store, inputs, components, head):
    """Ordered dict of the tensors that `outputs` gives."""
    kernels = PlainKernels()
    encoded = encoder(config, store, kernels, **inputs)
    blocks = len(encoded.all_encoder_layers) // config.num_hidden_layers
    states = [encoded.embedding_output] + encoded.all_encoder_layers[blocks - 1 :: blocks]
    tensors = collections.OrderedDict([(HIDDEN_STATES, states)])
    trunk = task_heads.Trunk(config, store, kernels, encoded, is_training=False)
    for component in components:
        tensors[component] = OUTPUTS[component](trunk, head)
    return tensors
