"""Model configurations: the JSON files that come with released checkpoints."""

import tensorflow.compat.v1 as tf

from common import bounded_json
from common.errors import UserError, quoted

# What "gelu" meant differs between the programs that trained released models, so a config names
# an activation and this table says what is computed. "auto" is the error-function form: the
# 2018 BERT, LERT, ELECTRA and Hugging Face have it.
ACTIVATIONS = {
    "gelu_erf": "gelu_erf",
    "gelu_new": "gelu_tanh",
    "gelu_tanh": "gelu_tanh",
    "relu": "relu",
    "tanh": "tanh",
    "linear": "linear",
}
GELU_CHOICES = ("auto", "erf", "tanh")


class BertConfig:
    """Configuration of the BERT family (BERT, RoBERTa, MacBERT, PERT, LERT), and what those of
    the other families share.

    Attributes are the keys of the JSON file; `activation` is what `hidden_act` comes down to:
    gelu_erf, gelu_tanh, relu, tanh or linear. The rest say what is built:
      network: name in encoder.NETWORKS.
      scope, embedding_scope: first part of the names of all variables of the encoder, and of its
        embeddings.
      is_pre_norm: whether layers normalise what they read, not what they give.
      projects_words: whether word vectors alone have the width embedding_size.
      shares_layers: whether several layers may have the same weights.
      masked_lm_scope, masked_lm_transform_scope: of the masked-LM head's variables.
    """

    network = "bert"
    scope = embedding_scope = "bert"
    is_pre_norm = False
    projects_words = False
    shares_layers = False
    masked_lm_scope, masked_lm_transform_scope = "cls/predictions", "cls/predictions/transform"

    # key -> (type, default); None = the key must be there.
    KEYS = (
        ("vocab_size", int, None),
        ("hidden_size", int, 768),
        ("num_hidden_layers", int, 12),
        ("num_attention_heads", int, 12),
        ("intermediate_size", int, 3072),
        ("hidden_act", str, "gelu"),
        ("hidden_dropout_prob", float, 0.1),
        ("attention_probs_dropout_prob", float, 0.1),
        ("max_position_embeddings", int, 512),
        ("type_vocab_size", int, 16),
        ("initializer_range", float, 0.02),
    )
    DEFAULT_GELU = "erf"
    # Beyond these a graph takes hours to build or a size overflows, and no model is meant.
    MOST_LAYERS = 256
    MOST_OF_A_SIZE = 1 << 24
    LARGEST_RANGE = 100.0

    def __init__(self, values, source="config", gelu="auto"):
        """Checks and keeps `values`.

        Args:
          values: dict of the keys above; missing ones take their default, unknown ones are
            ignored (released files carry pooler_* and directionality).
          source: file name for messages.
          gelu: auto, erf or tanh: overrides what "gelu" in `hidden_act` means.

        Raises:
          UserError: a value is missing, of the wrong type or out of range.
        """
        self.source = source
        for key, kind, default in self.KEYS:
            setattr(self, key, _value(values, key, kind, default, source))
        self._check()
        self.activation = self._resolve_activation(gelu)

    @property
    def embedding_size(self):
        """Width of the embedding vectors; BERT has them as wide as the hidden state."""
        return self.hidden_size

    @property
    def masked_lm_size(self):
        """Width of the vectors that the masked-LM head compares with the words'."""
        return self.embedding_size

    @property
    def num_blocks(self):
        """Transformer blocks that run, one behind the other."""
        return self.num_hidden_layers

    @property
    def head_size(self):
        """Width of one attention head."""
        return self.hidden_size // self.num_attention_heads

    def as_encoder(self, shapes=(), shown=None):
        """This config, or where a checkpoint has several networks, that of the one for tasks.

        Args:
          shapes: dict variable name -> list of ints of the checkpoint; empty: not known.
          shown: what messages call the checkpoint.

        Raises:
          UserError: the sizes are those of another of its networks.
        """
        del shapes, shown
        return self

    def as_masked_lm(self, shapes=(), shown=None):
        """As as_encoder, for the network that fills masks.

        Raises:
          UserError: the checkpoint has none, or the sizes are those of another of its networks.
        """
        del shapes, shown
        return self

    def to_dict(self):
        """The configuration as it would stand in a JSON file."""
        return {key: getattr(self, key) for key, _, _ in self.KEYS}

    def describe_activation(self):
        """One line for the log: which activation is computed, and why."""
        return "activation: {} (hidden_act {!r} in {}{})".format(
            self.activation, self.hidden_act, self.source, self._activation_note
        )

    @classmethod
    def from_json_file(cls, path, gelu="auto"):
        """Reads a config file.

        Raises:
          UserError: the file is missing, is not JSON, or holds wrong values.
        """
        return cls(read_json_object(path, "model config"), source=path, gelu=gelu)

    def _check(self):
        for key, kind, _ in self.KEYS:
            value = getattr(self, key)
            most = self.MOST_LAYERS if key == "num_hidden_layers" else self.MOST_OF_A_SIZE
            if kind is int and value <= 0:
                self._refuse("{} is {}, but must be positive".format(key, value))
            if kind is int and value > most:
                self._refuse("{} is {}, but must not be above {}".format(key, value, most))
        for key in ("hidden_dropout_prob", "attention_probs_dropout_prob"):
            if not 0.0 <= getattr(self, key) < 1.0:
                self._refuse("{} is {}, but must lie in [0, 1)".format(key, getattr(self, key)))
        if not 0.0 < self.initializer_range <= self.LARGEST_RANGE:
            self._refuse(
                "initializer_range is {}, but must be positive and not above {:g}".format(
                    self.initializer_range, self.LARGEST_RANGE
                )
            )
        if self.hidden_size % self.num_attention_heads:
            self._refuse(
                "hidden_size {} is not a multiple of num_attention_heads {}".format(
                    self.hidden_size, self.num_attention_heads
                )
            )

    def _resolve_activation(self, gelu):
        if gelu not in GELU_CHOICES:
            raise UserError(
                "--gelu={} is not known; use one of {}".format(gelu, ", ".join(GELU_CHOICES))
            )
        act = self.hidden_act.lower()
        is_gelu = act.startswith("gelu")
        if act != "gelu" and act not in ACTIVATIONS:
            self._refuse(
                "unknown hidden_act {}; known are gelu, {}".format(
                    quoted(self.hidden_act), ", ".join(sorted(ACTIVATIONS))
                )
            )
        if is_gelu and gelu != "auto":
            self._activation_note = ", overridden by --gelu={}".format(gelu)
            return "gelu_" + gelu
        if act == "gelu":
            self._activation_note = ", --gelu=tanh would take the other form"
            return "gelu_" + self.DEFAULT_GELU
        self._activation_note = ""
        return ACTIVATIONS[act]

    def _refuse(self, problem):
        raise UserError("{}: {}".format(self.source, problem))


def read_json_object(path, what, max_bytes=bounded_json.CONFIG_BYTES):
    """Reads a JSON file that must hold one object.

    Args:
      path: file name.
      what: what the file is, for messages ("model config").
      max_bytes: a larger file is refused.

    Returns:
      dict.

    Raises:
      UserError: the file is missing, is not JSON (names the line), or holds no object; see
        bounded_json.
    """
    where = "{} {}".format(what, path)
    try:
        if not tf.io.gfile.exists(path) or tf.io.gfile.isdir(path):
            raise UserError(where + " does not exist or is no file")
        with tf.io.gfile.GFile(path, "rb") as reader:
            values = bounded_json.load(reader, where, max_bytes)
    except tf.errors.OpError as error:
        raise UserError("{} cannot be read: {}".format(where, error.message)) from error
    if not isinstance(values, dict):
        raise UserError(
            "{} must hold one JSON object, not a {}".format(where, type(values).__name__)
        )
    return values


def _value(values, key, kind, default, source):
    """`values[key]` as `kind`; a whole number passes as a float, nothing else is converted."""
    if key not in values:
        if default is None:
            raise UserError("{}: {} is missing; add it to the config".format(source, key))
        return default
    value = values[key]
    accepted = (int, float) if kind is float else (kind,)
    if isinstance(value, bool) or not isinstance(value, accepted):
        raise UserError(
            "{}: {} must be {}, not {}".format(
                source,
                key,
                {int: "a whole number", float: "a number", str: "a name"}[kind],
                quoted(value),
            )
        )
    return kind(value)
