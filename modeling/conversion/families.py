"""What the conversion knows of a model family beside its names: a table per family."""

import collections
import re

from modeling.config import BertConfig
from modeling.config_families import AlbertConfig, AlbertZhConfig, ElectraConfig
from modeling.conversion import name_tables
from modeling.kernels import LAYER_NORM_EPSILON

# A part of a network that a checkpoint may lack. variables: pattern of its variables' names;
# output: what messages call what it computes.
Part = collections.namedtuple("Part", ["name", "variables", "output"])

# A class of transformers. parts: names of the parts without which it is not whole; logits: part
# -> the attribute of its result that holds the part's scores.
Architecture = collections.namedtuple("Architecture", ["name", "parts", "logits"])

# Names of a release's files: the checkpoint's prefix, and the config's.
Files = collections.namedtuple("Files", ["checkpoint", "config"])

# ELECTRA's two networks, as --discriminator_or_generator has them.
DISCRIMINATOR, GENERATOR = NETWORKS = ("discriminator", "generator")


class Family(
    collections.namedtuple(
        "Family",
        [
            "title",
            "model_type",
            "config_class",
            "names",
            "parts",
            "heads",
            "architectures",
            "files",
            "asides",
            "settings",
            "network",
            "scopes",
        ],
        defaults=[(), {}, None, ()],
    )
):
    """One family.

    title: what messages call it; model_type: of config.json, None where Hugging Face has no such
    model; config_class: of its configs; names: NameMap; parts: list of Part; heads: ordered dict
    of the choices of --head -> names of their parts, the first that a checkpoint has is the
    default; architectures: list of Architecture, the first that parts suffice for is taken, the
    last needs none; files: Files; asides: list of name_tables.Aside; settings: dict of what the
    original's config file holds beside the config's keys; network: one of NETWORKS or None;
    scopes: of a generator's variables, see ElectraConfig.as_generator.
    """

    __slots__ = ()

    def parts_in(self, variables):
        """The Parts of which any of `variables` (names) is one."""
        return [p for p in self.parts if any(re.fullmatch(p.variables, v) for v in variables)]

    def part_of(self, variable):
        """Name of the part that a variable belongs to, None for embeddings and layers."""
        for part in self.parts:
            if re.fullmatch(part.variables, variable):
                return part.name
        return None

    def architecture(self, parts):
        """The Architecture for a network of these parts (names)."""
        return next(a for a in self.architectures if set(a.parts) <= set(parts))

    def has_part(self, name):
        """Whether there is a Part of that name."""
        return any(part.name == name for part in self.parts)

    def network_config(self, config):
        """`config` as that of this network: a generator's variables have scopes of their own."""
        return config.as_generator(*self.scopes) if self.network == GENERATOR else config


POOLER = Part("pooler", r"bert/pooler/.*", "pooled output")
CLASSIFIER = Part("classifier", r"output_(weights|bias)", "classifier logits")
_BERT_PARTS = [
    POOLER,
    Part("masked_lm", r"cls/predictions/(transform/.*|output_bias)", "masked-LM logits"),
    Part("sentence_pair", r"cls/seq_relationship/.*", "sentence-pair logits"),
    CLASSIFIER,
]
_BERT_HEADS = collections.OrderedDict(
    [
        ("pretraining", ["masked_lm", "sentence_pair"]),
        ("classification", ["classifier"]),
        ("none", []),
    ]
)

BERT = Family(
    title="a BERT model",
    model_type="bert",
    config_class=BertConfig,
    names=name_tables.BERT,
    parts=_BERT_PARTS,
    heads=_BERT_HEADS,
    architectures=[
        Architecture(
            "BertForPreTraining",
            ["pooler", "masked_lm", "sentence_pair"],
            {"masked_lm": "prediction_logits", "sentence_pair": "seq_relationship_logits"},
        ),
        Architecture("BertForMaskedLM", ["masked_lm"], {"masked_lm": "logits"}),
        Architecture(
            "BertForNextSentencePrediction",
            ["pooler", "sentence_pair"],
            {"sentence_pair": "logits"},
        ),
        Architecture(
            "BertForSequenceClassification", ["pooler", "classifier"], {"classifier": "logits"}
        ),
        Architecture("BertModel", [], {}),
    ],
    files=Files("bert_model.ckpt", "bert_config.json"),
    asides=[name_tables.LERT_HEADS],
)

ALBERT = Family(
    title="an ALBERT model",
    model_type="albert",
    config_class=AlbertConfig,
    names=name_tables.ALBERT,
    parts=_BERT_PARTS,
    heads=_BERT_HEADS,
    architectures=[
        Architecture(
            "AlbertForPreTraining",
            ["pooler", "masked_lm", "sentence_pair"],
            {"masked_lm": "prediction_logits", "sentence_pair": "sop_logits"},
        ),
        Architecture("AlbertForMaskedLM", ["masked_lm"], {"masked_lm": "logits"}),
        Architecture(
            "AlbertForSequenceClassification", ["pooler", "classifier"], {"classifier": "logits"}
        ),
        Architecture("AlbertModel", [], {}),
    ],
    files=Files("albert_model.ckpt", "albert_config.json"),
)

ALBERT_ZH = Family(
    title="albert_zh's own network, which Hugging Face does not have",
    model_type=None,
    config_class=AlbertZhConfig,
    names=name_tables.ALBERT_ZH,
    parts=_BERT_PARTS,
    heads=_BERT_HEADS,
    architectures=[],
    files=Files("albert_model.ckpt", "albert_config.json"),
)

# What Chinese-ELECTRA's files hold beside the sizes.
_ELECTRA_SETTINGS = {
    "layer_norm_eps": LAYER_NORM_EPSILON,
    "model_type": "electra",
    "pad_token_id": 0,
    "summary_activation": "gelu",
    "summary_last_dropout": 0.1,
    "summary_type": "first",
    "summary_use_proj": True,
}


def _electra(network, names, part, architecture, scopes=()):
    return Family(
        title="ELECTRA's " + network,
        model_type="electra",
        config_class=ElectraConfig,
        names=names,
        parts=[part],
        heads=collections.OrderedDict([("pretraining", [part.name]), ("none", [])]),
        architectures=[
            Architecture(architecture, [part.name], {part.name: "logits"}),
            Architecture("ElectraModel", [], {}),
        ],
        files=Files("electra_model.ckpt", network + ".json"),
        settings=_ELECTRA_SETTINGS,
        network=network,
        scopes=scopes,
    )


ELECTRA = _electra(
    DISCRIMINATOR,
    name_tables.ELECTRA_DISCRIMINATOR,
    Part("replaced", r"discriminator_predictions/.*", "replaced-token logits"),
    "ElectraForPreTraining",
)


def electra_generator(scope="generator", embedding_scope="electra"):
    """The Family of a generator; see ElectraConfig.as_generator."""
    return _electra(
        GENERATOR,
        name_tables.electra_generator(scope, embedding_scope),
        Part("masked_lm", r"generator_predictions/.*", "masked-LM logits"),
        "ElectraForMaskedLM",
        (scope, embedding_scope),
    )


ELECTRA_GENERATOR = electra_generator()

FAMILIES = [BERT, ALBERT, ALBERT_ZH, ELECTRA, ELECTRA_GENERATOR]
