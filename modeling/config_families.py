"""Configurations of the families other than BERT's, and the choice of a file's family."""

import collections
import copy
import re
import typing

from common.errors import UserError
from common.validation import is_whole
from modeling.config import BertConfig, read_json_object

BERT_KEYS = collections.OrderedDict(
    (key, (key, kind, default)) for key, kind, default in BertConfig.KEYS
)


def _keys(*changed):
    """BERT's keys with further ones or other defaults: tuple of (key, type, default)."""
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
    shares_layers = True
    sentence_pair = "sentence_order"
    lamb = "lamb_albert"
    embedding_size = None  # a key of the file, not a property as in BERT

    def __init__(self, values, source="config", gelu="auto"):
        if "model_type" in values:  # only in Hugging Face's files, where gelu means erf
            self.DEFAULT_GELU = BertConfig.DEFAULT_GELU
        super().__init__(values, source, gelu)

    @property
    def num_blocks(self):
        """See BertConfig; a layer runs all blocks of its group."""
        return self.num_hidden_layers * self.inner_group_num

    def _check(self):
        super()._check()
        if self.num_hidden_groups > self.num_hidden_layers:
            self._refuse(
                "num_hidden_groups is {}, more than num_hidden_layers {}".format(
                    self.num_hidden_groups, self.num_hidden_layers
                )
            )


class AlbertZhConfig(BertConfig):
    """brightmart/albert_zh's own network: one shared layer, projected word vectors."""

    LN_TYPES = ("postln", "preln")
    KEYS = _keys(("embedding_size", int, None), ("ln_type", str, None))
    DEFAULT_GELU = "tanh"
    network = "albert_zh"
    shares_layers = True
    sentence_pair = "sentence_order"
    projects_words = True
    embedding_size = None  # a key of the file, not a property as in BERT

    def __init__(self, values, source="config", gelu="auto"):
        if values.get("ln_type", "") is None:  # null means postln to the original
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
    """google-research/electra: one encoder, of a discriminator.json or generator.json."""

    KEYS = _keys(("embedding_size", int, 0), ("type_vocab_size", int, 2))
    network = "electra"
    sentence_pair = None
    scope = embedding_scope = "electra"
    masked_lm_scope = masked_lm_transform_scope = "generator_predictions"
    embedding_size = None  # a key of the file, not a property as in BERT

    def __init__(self, values, source="config", gelu="auto"):
        if "embedding_size" not in values and is_whole(values.get("hidden_size", 768)):
            values = dict(values, embedding_size=values.get("hidden_size", 768))
        super().__init__(values, source, gelu)

    def as_generator(self, scope="generator", embedding_scope="electra"):
        """A copy of this config, whose sizes are a generator's, for that generator.

        Args:
          scope: "generator", or "electra" where it shares all weights of the discriminator.
          embedding_scope: "electra", or "generator" where it has embeddings of its own.
        """
        generator = copy.copy(self)
        generator.scope, generator.embedding_scope = scope, embedding_scope
        if embedding_scope != "electra":  # own embeddings are as wide as its hidden state
            generator.embedding_size = self.hidden_size
        return generator

    def as_encoder(self, shapes=(), shown=None):
        """See BertConfig: the discriminator, or the generator of a checkpoint without one."""
        scopes = _scopes(shapes)
        if scopes == ["generator"]:
            return self._generator_in(shapes)
        if (
            len(scopes) == 2
            and self._fits(shapes, "generator")
            and not self._fits(shapes, "electra")
        ):
            raise UserError(
                "{} has the sizes of the generator in {}; give the discriminator's "
                "(discriminator.json)".format(self.source, shown)
            )
        return self

    def as_masked_lm(self, shapes=(), shown=None):
        """See BertConfig: the generator, which may share the discriminator's encoder."""
        if not shapes:
            return self.as_generator()
        if "generator" not in _scopes(shapes):
            if self.masked_lm_scope + "/output_bias" in shapes:
                return self
            raise UserError(
                "checkpoint {} holds ELECTRA's discriminator alone, and masks are filled by the "
                "generator; give a checkpoint with generator/... in it".format(shown)
            )
        if self._fits(shapes, "electra") and not self._fits(shapes, "generator"):
            raise UserError(
                "{} has the sizes of the discriminator in {}; masks are filled by the generator: "
                "give its config (generator.json)".format(self.source, shown)
            )
        return self._generator_in(shapes)

    def _generator_in(self, shapes):
        """as_generator, with the scopes of the checkpoint."""
        return self.as_generator(*generator_scopes(shapes))

    def _fits(self, shapes, scope):
        """Whether the blocks below `scope` have these sizes and this number."""
        block = scope + "/encoder/layer_{}/output/dense/kernel"
        last = shapes.get(block.format(self.num_hidden_layers - 1))
        is_last = block.format(self.num_hidden_layers) not in shapes
        return is_last and last == [self.intermediate_size, self.hidden_size]

    def derived_generator(self, layers=1.0, hidden_size=0.25):
        """The generator's sizes, derived from the discriminator's as in google-research/electra,
        run_pretraining.py, get_generator_config. Halves round to the even number.

        Args:
          layers, hidden_size: fractions of the discriminator's.

        Raises:
          UserError: the sizes make no network.
        """
        width = round(self.hidden_size * hidden_size)
        values = dict(
            self.to_dict(),
            hidden_size=width,
            num_hidden_layers=round(self.num_hidden_layers * layers),
            intermediate_size=4 * width,
            num_attention_heads=max(1, width // 64),
        )
        generator = type(self)(values, "the generator by {}".format(self.source))
        generator.activation = self.activation
        return generator


def generator_scopes(variables):
    """The arguments of as_generator, by the names of a checkpoint's variables."""
    return tuple(
        "generator"
        if any(name.startswith("generator/" + folder) for name in variables)
        else "electra"
        for folder in ("encoder/", "embeddings/")
    )


def _scopes(shapes):
    """The scopes of those of ELECTRA's two networks that a checkpoint has."""
    return [
        scope
        for scope in ("electra", "generator")
        if any(name.startswith(scope + "/encoder/") for name in shapes)
    ]


class Kind(typing.NamedTuple):
    """The signs of a model's family.

    Attributes:
      config: class of its configs.
      variables: pattern of the names that its checkpoints alone hold.
      keys: its config files have at least one of them.
      model_type: of Hugging Face's config files, or None.
    """

    config: type
    variables: str
    keys: tuple
    model_type: typing.Optional[str]


# The first that matches applies.
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

    config = read_config("bert_config.json")
    config = read_config("albert_config.json", variables=read_shapes("albert_model.ckpt"))

    Args:
      path: file name.
      gelu: see BertConfig.
      variables: names of the variables of its checkpoint. They decide the family rather than the
        keys of the file, which some families share.

    Returns:
      BertConfig or one of this module.

    Raises:
      UserError: the file is missing, is not JSON, or holds wrong values.
    """
    values = read_json_object(path, "model config")
    return kind_of(values, variables).config(values, source=path, gelu=gelu)


def kind_of(values, variables=()):
    """The Kind of a config's `values`, or of a checkpoint's `variables` (names); BERT's by
    default."""
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
