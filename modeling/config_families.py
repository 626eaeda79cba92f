"""Configurations of the families beside BERT's, and which family a config file is of."""

import collections
import re

from modeling.config import BertConfig, read_json_object

BERT_KEYS = collections.OrderedDict(
    (key, (key, kind, default)) for key, kind, default in BertConfig.KEYS
)


def _keys(*changed):
    """BERT's keys with others or other defaults: (key, type, default) each."""
    keys = BERT_KEYS.copy()
    keys.update((entry[0], entry) for entry in changed)
    return tuple(keys.values())


class AlbertConfig(BertConfig):
    """google-research/albert: factorised embeddings, layers that share weights in groups."""

    KEYS = _keys(
        ("embedding_size", int, 128),
        ("hidden_size", int, 4096),
        ("num_hidden_groups", int, 1),
        ("num_attention_heads", int, 64),
        ("intermediate_size", int, 16384),
        ("inner_group_num", int, 1),
        ("hidden_dropout_prob", float, 0.0),
        ("attention_probs_dropout_prob", float, 0.0),
        ("type_vocab_size", int, 2),
    )
    DEFAULT_GELU = "tanh"
    network = "albert"
    embedding_size = None  # a value of the file, not BERT's property

    def _check(self):
        super()._check()
        if self.num_hidden_groups > self.num_hidden_layers:
            self._refuse(
                "num_hidden_groups is {}, more than num_hidden_layers {}".format(
                    self.num_hidden_groups, self.num_hidden_layers
                )
            )


class AlbertZhConfig(BertConfig):
    """brightmart/albert_zh's own network: one shared layer, word vectors projected alone."""

    LN_TYPES = ("postln", "preln")
    KEYS = _keys(("embedding_size", int, None), ("ln_type", str, None))
    DEFAULT_GELU = "tanh"
    network = "albert_zh"
    projects_words = True
    embedding_size = None  # a value of the file, not BERT's property

    def __init__(self, values, source="config", gelu="auto"):
        if values.get("ln_type", "") is None:  # the original takes null for postln
            values = dict(values, ln_type="postln")
        super().__init__(values, source, gelu)

    @property
    def masked_lm_size(self):
        """See BertConfig; the head works in hidden_size here."""
        return self.hidden_size

    @property
    def is_pre_norm(self):
        """See BertConfig."""
        return self.ln_type == "preln"

    def _check(self):
        super()._check()
        if self.ln_type not in self.LN_TYPES:
            self._refuse(
                "ln_type is {!r}, but must be {}".format(self.ln_type, " or ".join(self.LN_TYPES))
            )


class ElectraConfig(BertConfig):
    """google-research/electra: one encoder, as its discriminator.json or generator.json says."""

    KEYS = _keys(("embedding_size", int, 0), ("type_vocab_size", int, 2))
    network = "electra"
    scope = embedding_scope = "electra"
    embedding_size = None  # a value of the file, not BERT's property

    def __init__(self, values, source="config", gelu="auto"):
        if "embedding_size" not in values and isinstance(values.get("hidden_size", 768), int):
            values = dict(values, embedding_size=values.get("hidden_size", 768))
        super().__init__(values, source, gelu)


# config: the class; variables: pattern of names that only its checkpoints hold; keys: those of
# which its files have one; model_type: Hugging Face's.
Kind = collections.namedtuple("Kind", ["config", "variables", "keys", "model_type"])

# The first that fits counts.
KINDS = (
    Kind(AlbertZhConfig, r".*/(word_embeddings_2|layer_shared/.*)", ("ln_type",), None),
    Kind(
        AlbertConfig,
        r".*/(embedding_hidden_mapping_in|group_\d+/inner_group_\d+)/.*",
        ("num_hidden_groups", "inner_group_num"),
        "albert",
    ),
    Kind(ElectraConfig, r"(electra|generator)/.*", ("embedding_size",), "electra"),
    Kind(BertConfig, r"bert/.*", ("vocab_size",), "bert"),
)


def read_config(path, gelu="auto", variables=()):
    """Reads the config file of a model of any family.

    Args:
      path: file name.
      gelu: see BertConfig.
      variables: names of the variables of the checkpoint that goes with it. They tell the family
        before the keys of the file do, which some families share.

    Returns:
      BertConfig or one of this module.

    Raises:
      UserError: the file is missing, is not JSON, or holds wrong values.
    """
    values = read_json_object(path, "model config")
    return kind_of(values, variables).config(values, source=path, gelu=gelu)


def kind_of(values, variables=()):
    """The Kind of a config's `values`, or of a checkpoint's `variables`; BERT's where neither
    says another."""
    for kind in KINDS:
        if any(re.fullmatch(kind.variables, name) for name in variables):
            return kind
    for kind in KINDS:
        if kind.model_type and values.get("model_type") == kind.model_type:
            return kind
    for kind in KINDS:
        if any(key in values for key in kind.keys):
            return kind
    return KINDS[-1]
