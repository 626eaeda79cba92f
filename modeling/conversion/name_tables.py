"""The name tables of the families."""

import re
import typing

from modeling.conversion.name_map import (
    NameMap,
    Rule,
    dense,
    embeddings,
    norm,
    transformer_block,
)

# Created as [2, hidden] on both sides.
_SENTENCE_PAIR = "cls/seq_relationship/output_{}"


def _google_heads(scope):
    """Rules of the heads of Google's programs: [labels, hidden] and [2, hidden] on both sides."""
    return [
        Rule(scope + "output_weights", "classifier.weight", False),
        Rule(scope + "output_bias", "classifier.bias", False),
        Rule(scope + "cls/squad/output_weights", "qa_outputs.weight", False),
        Rule(scope + "cls/squad/output_bias", "qa_outputs.bias", False),
    ]


def bert(scope=""):
    """NameMap of BERT, RoBERTa-wwm and MacBERT: BertModel, BertForMaskedLM, BertForPreTraining,
    BertForSequenceClassification, BertForTokenClassification, BertForQuestionAnswering.

    Args:
      scope: prefix of the names of fine-tuned heads.
    """
    return NameMap(
        rules=(
            embeddings("bert/embeddings", "bert.embeddings")
            + transformer_block("bert/encoder/layer_{n}", "bert.encoder.layer.{n}")
            + dense("bert/pooler/dense", "bert.pooler.dense")
            + dense("cls/predictions/transform/dense", "cls.predictions.transform.dense")
            + norm("cls/predictions/transform/LayerNorm", "cls.predictions.transform.LayerNorm")
            + [
                Rule("cls/predictions/output_bias", "cls.predictions.bias", False),
                Rule(_SENTENCE_PAIR.format("weights"), "cls.seq_relationship.weight", False),
                Rule(_SENTENCE_PAIR.format("bias"), "cls.seq_relationship.bias", False),
            ]
            + _google_heads(scope)
        ),
        base="bert.",
        word_table="bert/embeddings/word_embeddings",
        output_table="cls.predictions.decoder.weight",
        output_bias="cls.predictions.bias",
        aliases={"cls.predictions.decoder.bias": "cls.predictions.bias"},
    )


BERT = bert()


def _albert_block(tensorflow, huggingface):
    """Rules of one block of google-research/albert."""
    rules = []
    for kind, ours, theirs in (
        (dense, "attention_1/self/query", "attention.query"),
        (dense, "attention_1/self/key", "attention.key"),
        (dense, "attention_1/self/value", "attention.value"),
        (dense, "attention_1/output/dense", "attention.dense"),
        (norm, "LayerNorm", "attention.LayerNorm"),
        (dense, "ffn_1/intermediate/dense", "ffn"),
        (dense, "ffn_1/intermediate/output/dense", "ffn_output"),
        (norm, "LayerNorm_1", "full_layer_layer_norm"),
    ):
        rules += kind(tensorflow + "/" + ours, huggingface + "." + theirs)
    return rules


ALBERT_MAPPING = "bert/encoder/embedding_hidden_mapping_in"


def albert(scope=""):
    """NameMap of google-research/albert: AlbertModel, AlbertForMaskedLM, AlbertForPreTraining,
    AlbertForSequenceClassification, AlbertForTokenClassification, AlbertForQuestionAnswering.

    Args:
      scope: see `bert`.
    """
    return NameMap(
        rules=(
            embeddings("bert/embeddings", "albert.embeddings")
            + dense(ALBERT_MAPPING, "albert.encoder.embedding_hidden_mapping_in")
            + _albert_block(
                "bert/encoder/transformer/group_{g}/inner_group_{i}",
                "albert.encoder.albert_layer_groups.{g}.albert_layers.{i}",
            )
            + dense("bert/pooler/dense", "albert.pooler")
            + dense("cls/predictions/transform/dense", "predictions.dense")
            + norm("cls/predictions/transform/LayerNorm", "predictions.LayerNorm")
            + [
                Rule("cls/predictions/output_bias", "predictions.bias", False),
                Rule(_SENTENCE_PAIR.format("weights"), "sop_classifier.classifier.weight", False),
                Rule(_SENTENCE_PAIR.format("bias"), "sop_classifier.classifier.bias", False),
            ]
            + _google_heads(scope)
        ),
        base="albert.",
        word_table="bert/embeddings/word_embeddings",
        output_table="predictions.decoder.weight",
        output_bias="predictions.bias",
        aliases={"predictions.decoder.bias": "predictions.bias"},
        identity=ALBERT_MAPPING,
    )


ALBERT = albert()

# Hugging Face does not have brightmart's network; the table only serves to tell its variables.
ALBERT_ZH = NameMap(
    rules=transformer_block("bert/encoder/layer_shared", "bert.encoder.layer_shared"),
    base="bert.",
    word_table="bert/embeddings/word_embeddings",
    output_table=None,
)


def _electra(scope, embedding_scope, head_rules, output_table=None, output_bias=None):
    return NameMap(
        rules=(
            embeddings(embedding_scope + "/embeddings", "electra.embeddings")
            + dense(scope + "/embeddings_project", "electra.embeddings_project")
            + transformer_block(scope + "/encoder/layer_{n}", "electra.encoder.layer.{n}")
            + head_rules
        ),
        base="electra.",
        word_table=embedding_scope + "/embeddings/word_embeddings",
        output_table=output_table,
        output_bias=output_bias,
    )


# google-research/electra's head of pre-training.
_REPLACED = dense("discriminator_predictions/dense", "discriminator_predictions.dense") + dense(
    "discriminator_predictions/dense_1", "discriminator_predictions.dense_prediction"
)


def electra_tags(scope):
    """NameMap of a discriminator that classifies tokens: ElectraForTokenClassification."""
    return _electra("electra", "electra", _REPLACED + dense(scope + "dense", "classifier"))


def electra_answers(scope):
    """NameMap of a discriminator with a layer for starts of answers and one for ends:
    ElectraForQuestionAnswering, which has a single layer for both."""
    rules = [
        Rule(scope + layer + ours, theirs.format(i), ours == "/kernel")
        for ours, theirs in (("/kernel", "qa_outputs.weight[{}]"), ("/bias", "qa_outputs.bias[{}]"))
        for i, layer in enumerate(("dense", "dense_1"))
    ]
    return _electra("electra", "electra", _REPLACED + rules)


# ElectraModel, ElectraForPreTraining.
ELECTRA_DISCRIMINATOR = _electra("electra", "electra", _REPLACED)


def electra_generator(scope, embedding_scope):
    """NameMap of a generator: ElectraModel, ElectraForMaskedLM.

    Args:
      scope, embedding_scope: see ElectraConfig.as_generator.
    """
    return _electra(
        scope,
        embedding_scope,
        dense("generator_predictions/dense", "generator_predictions.dense")
        + norm("generator_predictions/LayerNorm", "generator_predictions.LayerNorm")
        + [Rule("generator_predictions/output_bias", "generator_lm_head.bias", False)],
        output_table="generator_lm_head.weight",
        output_bias="generator_lm_head.bias",
    )


class SideFile(typing.NamedTuple):
    """A file beside a Hugging Face model with the variables that the model has no place for.

    Attributes:
      file: its name.
      what: what messages call the variables.
      needs: names of components; the file is written with any of them. Where `component` is among
        them, it is a head that the classes of transformers lack.
      component: name of the component that the variables form, or None.
      variables: pattern of their names.
      rules: NameMap, whose Hugging Face names are those of PyTorch modules at the same place.
    """

    file: str
    what: str
    needs: tuple
    component: typing.Optional[str]
    variables: str
    rules: NameMap

    @property
    def is_head(self):
        """Whether it holds a head by itself, which the model's own tensors do not tell of."""
        return self.component in self.needs

    def of(self, names):
        """Those of `names` (of variables) that belong to it."""
        return [name for name in names if re.fullmatch(self.variables, name)]


LERT_HEADS = SideFile(
    "lert_heads.safetensors",
    "LERT's tag heads",
    ("masked_lm",),
    None,
    r"cls/predictions/output_(pos|ner|dep)_layer/(kernel|bias)",
    NameMap(
        [
            rule
            for kind in ("pos", "ner", "dep")
            for rule in dense(
                "cls/predictions/output_{}_layer".format(kind),
                "cls.predictions.output_{}_layer".format(kind),
            )
        ],
        base="",
        word_table=None,
        output_table=None,
    ),
)


PERT_HEAD = SideFile(
    "pert_head.safetensors",
    "PERT's position head",
    ("positions",),
    "positions",
    r"cls/position_predictions/.*",
    NameMap(
        dense(
            "cls/position_predictions/transform/dense", "cls.position_predictions.transform.dense"
        )
        + norm(
            "cls/position_predictions/transform/LayerNorm",
            "cls.position_predictions.transform.LayerNorm",
        )
        + [Rule("cls/position_predictions/output_bias", "cls.position_predictions.bias", False)],
        base="",
        word_table=None,
        output_table=None,
    ),
)


def _pooler(huggingface):
    return SideFile(
        "pooler.safetensors",
        "the pooler, which this head does not use",
        ("tagger", "answers"),
        "pooler",
        r"bert/pooler/dense/(kernel|bias)",
        NameMap(
            dense("bert/pooler/dense", huggingface), base="", word_table=None, output_table=None
        ),
    )


BERT_POOLER, ALBERT_POOLER = _pooler("bert.pooler.dense"), _pooler("albert.pooler")
