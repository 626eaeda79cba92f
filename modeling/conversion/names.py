"""Names of one weight in TensorFlow checkpoints and in Hugging Face files.

A family is a table of rules, read in both directions; the table is all that a further family adds.
"""

import collections
import re

import numpy as np

# One weight: its variable name, its Hugging Face name, and whether the matrix lies transposed
# there. {n} (any word in braces) stands for a number and is the same one on both sides.
Rule = collections.namedtuple("Rule", ["tensorflow", "huggingface", "transposed"])

# What a name is called on the other side.
Target = collections.namedtuple("Target", ["name", "transposed"])

# tensors: ordered dict name -> array under the other side's names; unknown: list of names that no
# rule covers.
Converted = collections.namedtuple("Converted", ["tensors", "unknown"])

# Buffers that some versions of transformers save beside the weights.
_BUFFERS = re.compile(r"(.*\.)?embeddings\.(position_ids|token_type_ids)")
_NUMBER = "(?P<{}>0|[1-9][0-9]*)"


def dense(tensorflow, huggingface):
    """Rules of a dense layer: kernels are [in, out] here and [out, in] there."""
    return [
        Rule(tensorflow + "/kernel", huggingface + ".weight", True),
        Rule(tensorflow + "/bias", huggingface + ".bias", False),
    ]


def norm(tensorflow, huggingface):
    """Rules of a layer norm."""
    return [
        Rule(tensorflow + "/gamma", huggingface + ".weight", False),
        Rule(tensorflow + "/beta", huggingface + ".bias", False),
    ]


def embeddings(tensorflow, huggingface):
    """Rules of the three embedding tables and their layer norm."""
    tables = [
        Rule("{}/{}".format(tensorflow, name), "{}.{}.weight".format(huggingface, name), False)
        for name in ("word_embeddings", "token_type_embeddings", "position_embeddings")
    ]
    return tables + norm(tensorflow + "/LayerNorm", huggingface + ".LayerNorm")


def transformer_block(tensorflow, huggingface):
    """Rules of one block as BERT, LERT and ELECTRA name it."""
    rules = []
    for kind, part in (
        (dense, "attention/self/query"),
        (dense, "attention/self/key"),
        (dense, "attention/self/value"),
        (dense, "attention/output/dense"),
        (norm, "attention/output/LayerNorm"),
        (dense, "intermediate/dense"),
        (dense, "output/dense"),
        (norm, "output/LayerNorm"),
    ):
        rules += kind(tensorflow + "/" + part, huggingface + "." + part.replace("/", "."))
    return rules


class NameMap:
    """The name table of one model family.

    Attributes:
      word_table: variable name of the word embeddings, which every file of the family holds.
      output_table: Hugging Face name of the output projection, which is the word table again
        (tied) and so has no variable of its own.
      base: first part of the encoder's Hugging Face names ("bert."); files saved by the bare
        encoder class lack it.
    """

    def __init__(self, rules, base, word_table, output_table, aliases=None):
        """`rules` are tried in order, the first that fits counts.

        Args:
          rules: list of Rule.
          base, word_table, output_table: see the class.
          aliases: dict of other Hugging Face spellings -> the spelling in `rules`.
        """
        self.word_table = word_table
        self.output_table = output_table
        self.base = base
        self._aliases = dict(aliases or {})
        self._forth = [(_regex(r.tensorflow), r.huggingface, r.transposed) for r in rules]
        self._back = [(_regex(r.huggingface), r.tensorflow, r.transposed) for r in rules]

    def huggingface_name(self, name):
        """Target of the variable `name`, or None where the family has no such variable."""
        return _first(self._forth, name)

    def tensorflow_name(self, name):
        """Target of the Hugging Face tensor `name` in any of its spellings, or None."""
        # Files of before 2019 keep TensorFlow's names for the two weights of a layer norm.
        name = re.sub(r"\bLayerNorm\.gamma$", "LayerNorm.weight", name)
        name = re.sub(r"\bLayerNorm\.beta$", "LayerNorm.bias", name)
        name = self._aliases.get(name, name)
        return _first(self._back, name) or _first(self._back, self.base + name)

    def tied(self, tensors):
        """Second names under which Hugging Face's modules hold weights: dict name -> its tensor.

        Args:
          tensors: dict Hugging Face name -> tensor.
        """
        second = {n: tensors[first] for n, first in self._aliases.items() if first in tensors}
        if second:  # the head is there, and so its output projection
            second[self.output_table] = tensors[self.huggingface_name(self.word_table).name]
        return second

    def to_huggingface(self, tensors):
        """Renames and transposes variables.

        Args:
          tensors: dict variable name -> array.

        Returns:
          Converted. The tied output projection is not among its tensors.
        """
        found, unknown = collections.OrderedDict(), []
        for name, array in tensors.items():
            target = self.huggingface_name(name)
            if target is None:
                unknown.append(name)
            else:
                found[target.name] = _laid_out(array, target.transposed)
        return Converted(found, unknown)

    def to_tensorflow(self, tensors):
        """Renames and transposes the tensors of a Hugging Face file.

        Args:
          tensors: dict name -> array.

        Returns:
          Converted, without buffers and the tied output projection. Where a file holds a weight
          in two spellings, that of the rules is taken.
        """
        found, unknown = collections.OrderedDict(), []
        for name, array in tensors.items():
            if name == self.output_table or _BUFFERS.fullmatch(name):
                continue
            target = self.tensorflow_name(name)
            if target is None:
                unknown.append(name)
            elif target.name not in found or self.huggingface_name(target.name).name == name:
                found[target.name] = _laid_out(array, target.transposed)
        return Converted(found, unknown)


def _first(table, name):
    for pattern, template, transposed in table:
        match = pattern.fullmatch(name)
        if match:
            return Target(template.format(**match.groupdict()), transposed)
    return None


def _regex(pattern):
    parts = re.split(r"\{(\w+)\}", pattern)
    return re.compile(
        "".join(_NUMBER.format(p) if i % 2 else re.escape(p) for i, p in enumerate(parts))
    )


def _laid_out(array, transposed):
    return np.ascontiguousarray(array.T) if transposed else array


# BERT, RoBERTa-wwm, MacBERT: BertModel, BertForMaskedLM, BertForPreTraining,
# BertForSequenceClassification.
BERT = NameMap(
    rules=(
        embeddings("bert/embeddings", "bert.embeddings")
        + transformer_block("bert/encoder/layer_{n}", "bert.encoder.layer.{n}")
        + dense("bert/pooler/dense", "bert.pooler.dense")
        + dense("cls/predictions/transform/dense", "cls.predictions.transform.dense")
        + norm("cls/predictions/transform/LayerNorm", "cls.predictions.transform.LayerNorm")
        + [
            Rule("cls/predictions/output_bias", "cls.predictions.bias", False),
            # Created as [2, hidden] on both sides.
            Rule("cls/seq_relationship/output_weights", "cls.seq_relationship.weight", False),
            Rule("cls/seq_relationship/output_bias", "cls.seq_relationship.bias", False),
            # Fine-tuned classifiers, [labels, hidden] on both sides.
            Rule("output_weights", "classifier.weight", False),
            Rule("output_bias", "classifier.bias", False),
        ]
    ),
    base="bert.",
    word_table="bert/embeddings/word_embeddings",
    output_table="cls.predictions.decoder.weight",
    aliases={"cls.predictions.decoder.bias": "cls.predictions.bias"},
)

# By `model_type` of config.json.
FAMILIES = {"bert": BERT}


class Aside(collections.namedtuple("Aside", ["file", "what", "needs", "variables", "rules"])):
    """Variables that Hugging Face's models have no place for, and the file beside theirs that
    holds them. file: its name; what: what they are; needs: part without which they are of no use;
    variables: pattern of their names; rules:
    NameMap, whose Hugging Face names are those of PyTorch modules at the same place."""

    __slots__ = ()

    def of(self, names):
        """Those of `names` that belong to it."""
        return [name for name in names if re.fullmatch(self.variables, name)]


LERT_HEADS = Aside(
    "lert_heads.safetensors",
    "LERT's tag heads",
    "masked_lm",
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
ASIDES = [LERT_HEADS]
