"""Model configurations: the JSON files of released checkpoints. See config_families.read_config."""

from common import bounded_json, files
from common.errors import UserError, quoted
from common.validation import is_number, is_object, is_text, is_whole

# hidden_act -> the activation computed. The meaning of plain "gelu" differs between the programs
# that trained released models; see BertConfig.DEFAULT_GELU.
ACTIVATIONS = {
    "gelu_erf": "gelu_erf",
    "gelu_python": "gelu_erf",
    "gelu_new": "gelu_tanh",
    "gelu_tanh": "gelu_tanh",
    "gelu_fast": "gelu_tanh",
    "gelu_accurate": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "relu": "relu",
    "tanh": "tanh",
    "linear": "linear",
}
GELU_CHOICES = ("auto", "erf", "tanh")
# Type of a key -> check of its values, and what messages expect.
_CHECKS = {
    int: (is_whole, "a whole number"),
    float: (is_number, "a number"),
    str: (is_text, "a name"),
}


class BertConfig:
    """Configuration of the BERT family (BERT, RoBERTa, MacBERT, PERT, LERT), and the base of the
    other families' classes.

    config = BertConfig({"vocab_size": 21128, "hidden_size": 312})

    Attributes are the keys of the JSON file; `activation` is the meaning of `hidden_act`: gelu_erf,
    gelu_tanh, relu, tanh or linear. The others describe the network:
      network: name in encoder.NETWORKS.
      scope, embedding_scope: prefix of the variable names of the encoder, and of its embeddings.
      is_pre_norm: whether layers normalise their input instead of their output.
      projects_words: whether only word vectors have the width embedding_size.
      shares_layers: whether layers may share their weights.
      masked_lm_scope, masked_lm_transform_scope: of the masked-LM head's variables.
      sentence_pair: what the pairs of the family's checkpoints were trained on, as an objective's.
      lamb: which optimizer the family's own program calls lamb, a key of
        optimization.config.OPTIMIZERS.
    """

    network = "bert"
    scope = embedding_scope = "bert"
    is_pre_norm = False
    projects_words = False
    shares_layers = False
    masked_lm_scope, masked_lm_transform_scope = "cls/predictions", "cls/predictions/transform"
    sentence_pair = "next_sentence"
    lamb = "lamb"

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
    # Larger values make a graph that takes hours to build, or sizes that overflow.
    MAX_LAYERS = 256
    MAX_SIZE = 1 << 24
    MAX_RANGE = 100.0

    def __init__(self, values, source="config", gelu="auto"):
        """Checks and stores `values`.

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
        """Width of the vectors that the masked-LM head compares with those of words."""
        return self.embedding_size

    @property
    def num_blocks(self):
        """Number of consecutive Transformer blocks."""
        return self.num_hidden_layers

    @property
    def head_size(self):
        """Width of one attention head."""
        return self.hidden_size // self.num_attention_heads

    def as_encoder(self, shapes=(), shown=None):
        """The config of the network that is fine-tuned, where a checkpoint has several; else this.

        Args:
          shapes: dict variable name -> list of ints of the checkpoint; empty: unknown.
          shown: name of the checkpoint in messages.

        Raises:
          UserError: the sizes are those of another of its networks.
        """
        del shapes, shown
        return self

    def as_masked_lm(self, shapes=(), shown=None):
        """Like as_encoder, for the network that fills masks.

        Raises:
          UserError: the checkpoint has none, or the sizes are those of another of its networks.
        """
        del shapes, shown
        return self

    def to_dict(self):
        """The content of a JSON file of this configuration."""
        return {key: getattr(self, key) for key, _, _ in self.KEYS}

    def describe_activation(self):
        """The activation and the reason for it, in a line for the log."""
        return "activation: {} (hidden_act {!r} in {}{})".format(
            self.activation, self.hidden_act, self.source, self._activation_note
        )

    @classmethod
    def from_json_file(cls, path, gelu="auto"):
        """Reads a config file of the family of this class.

        Raises:
          UserError: the file is missing, is not JSON, or holds wrong values.
        """
        return cls(read_json_object(path, "model config"), source=path, gelu=gelu)

    def _check(self):
        for key, kind, _ in self.KEYS:
            value = getattr(self, key)
            most = self.MAX_LAYERS if key == "num_hidden_layers" else self.MAX_SIZE
            if kind is int and value <= 0:
                self._refuse("{} is {}, but must be positive".format(key, value))
            if kind is int and value > most:
                self._refuse("{} is {}, but must not be above {}".format(key, value, most))
        for key in ("hidden_dropout_prob", "attention_probs_dropout_prob"):
            if not 0.0 <= getattr(self, key) < 1.0:
                self._refuse("{} is {}, but must lie in [0, 1)".format(key, getattr(self, key)))
        if not 0.0 < self.initializer_range <= self.MAX_RANGE:
            self._refuse(
                "initializer_range is {}, but must be positive and not above {:g}".format(
                    self.initializer_range, self.MAX_RANGE
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

    values = read_json_object("bert_config.json", "model config")

    Args:
      path: file name.
      what: kind of the file, for messages.
      max_bytes: a larger file is refused.

    Returns:
      dict.

    Raises:
      UserError: the file is missing, is not JSON (names the line), or holds no object; see
        bounded_json.
    """
    where = "{} {}".format(what, path)
    try:
        if not files.exists(path) or files.is_directory(path):
            raise UserError(where + " does not exist or is no file")
        with files.open_file(path, "rb") as reader:
            values = bounded_json.load(reader, where, max_bytes)
    except files.failures() as error:
        raise UserError("{} cannot be read: {}".format(where, files.reason(error))) from error
    if not is_object(values):
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
    value, (is_right, expected) = values[key], _CHECKS[kind]
    if not is_right(value):
        raise UserError("{}: {} must be {}, not {}".format(source, key, expected, quoted(value)))
    return kind(value)
