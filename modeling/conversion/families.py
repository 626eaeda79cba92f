"""What the conversion knows of a model family beside its names: a table per family."""

import collections
import re

from errors import UserError
from modeling.conversion import names

# A part of a network that a checkpoint may lack. variables: pattern of its variables' names;
# output: what messages call what it computes.
Part = collections.namedtuple("Part", ["name", "variables", "output"])

# A class of transformers. parts: names of the parts without which it is not whole; logits: part
# -> the attribute of its result that holds the part's scores.
Architecture = collections.namedtuple("Architecture", ["name", "parts", "logits"])


class Family(
    collections.namedtuple(
        "Family", ["model_type", "names", "parts", "heads", "architectures", "asides"]
    )
):
    """One family.

    model_type: of config.json; names: NameMap; parts: list of Part; heads: ordered dict of the
    choices of --head -> names of their parts, the first that a checkpoint has is the default;
    architectures: list of Architecture, the first that parts suffice for is taken, the last
    needs none; asides: list of names.Aside.
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


BERT = Family(
    model_type="bert",
    names=names.BERT,
    parts=[
        Part("pooler", r"bert/pooler/.*", "pooled output"),
        Part("masked_lm", r"cls/predictions/(transform/.*|output_bias)", "masked-LM logits"),
        Part("sentence_pair", r"cls/seq_relationship/.*", "sentence-pair logits"),
        Part("classifier", r"output_(weights|bias)", "classifier logits"),
    ],
    heads=collections.OrderedDict(
        [
            ("pretraining", ["masked_lm", "sentence_pair"]),
            ("classification", ["classifier"]),
            ("none", []),
        ]
    ),
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
    asides=names.ASIDES,
)

FAMILIES = [BERT]

# Pattern of a variable's name -> what a checkpoint that holds it is. Tried before FAMILIES,
# whose names some of these have as well.
FOREIGN = [
    (
        r".*/(word_embeddings_2|layer_shared/.*)",
        "albert_zh's own network, which Hugging Face does not have",
    ),
    (r".*/(embedding_hidden_mapping_in|group_\d+/inner_group_\d+)/.*", "an ALBERT model"),
    (
        r"(electra|generator|discriminator_predictions|generator_predictions)/.*",
        "an ELECTRA model",
    ),
]
SUPPORTED = "BERT, RoBERTa-wwm, MacBERT and LERT"


def of_checkpoint(prefix, variables):
    """Family of a checkpoint.

    Args:
      prefix: what messages call it.
      variables: names of its variables.

    Raises:
      UserError: it is of none that can be converted.
    """
    for pattern, what in FOREIGN:
        if any(re.fullmatch(pattern, v) for v in variables):
            raise UserError(
                "checkpoint {} is {}; it cannot be converted, only {} can".format(
                    prefix, what, SUPPORTED
                )
            )
    for family in FAMILIES:
        if family.names.word_table in variables:
            return family
    raise UserError(
        "checkpoint {} is no model that can be converted: it holds no {}; {} can".format(
            prefix, " or ".join(f.names.word_table for f in FAMILIES), SUPPORTED
        )
    )
