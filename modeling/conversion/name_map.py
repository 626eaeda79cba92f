"""Translation between names in TensorFlow checkpoints and in Hugging Face files.

A family is a table of rules, read in both directions; a further family adds one more table.
"""

import collections
import re
import typing

import numpy as np

# Buffers that some versions of transformers save beside the weights.
_BUFFERS = re.compile(r"(.*\.)?embeddings\.(position_ids|token_type_ids)")
_NUMBER = "(?P<{}>0|[1-9][0-9]*)"


class Rule(typing.NamedTuple):
    """The two names of one weight.

    {n} (any word in braces) in a name stands for a number, the same one on both sides.

    Attributes:
      tensorflow: name of the variable.
      huggingface: name of the tensor; one that ends in [0], [1], ... is that row of a tensor whose
        rows are separate variables.
      transposed: whether Hugging Face stores the matrix transposed.
    """

    tensorflow: str
    huggingface: str
    transposed: bool


class Target(typing.NamedTuple):
    """The translation of a name.

    Attributes:
      name: on the other side.
      transposed: see Rule.
    """

    name: str
    transposed: bool


class Converted(typing.NamedTuple):
    """Translated tensors.

    Attributes:
      tensors: ordered dict name on the other side -> array.
      unknown: list of the names that no rule covers.
    """

    tensors: dict
    unknown: list


def dense(tensorflow, huggingface):
    """Rules of a dense layer, whose kernel is [in, out] in TensorFlow and [out, in] in PyTorch."""
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
    """Rules of one block of BERT, LERT or ELECTRA."""
    rules = []
    for kind, layer in (
        (dense, "attention/self/query"),
        (dense, "attention/self/key"),
        (dense, "attention/self/value"),
        (dense, "attention/output/dense"),
        (norm, "attention/output/LayerNorm"),
        (dense, "intermediate/dense"),
        (dense, "output/dense"),
        (norm, "output/LayerNorm"),
    ):
        rules += kind(tensorflow + "/" + layer, huggingface + "." + layer.replace("/", "."))
    return rules


class NameMap:
    """The name table of one model family.

    BERT.to_tensorflow({"bert.pooler.dense.bias": array}).tensors["bert/pooler/dense/bias"]

    Attributes:
      word_table: variable name of the word embeddings, which every file of the family holds.
      output_table: Hugging Face name of the output projection, which is tied to the word table
        and so has no variable of its own; None = there is none.
      output_bias: Hugging Face name of the bias of the output projection.
      base: prefix of the encoder's Hugging Face names ("bert."); files saved by the bare encoder
        class lack it.
      identity: name of a dense layer from embeddings to hidden state that TensorFlow's network
        has only where their widths differ, and Hugging Face's always; None = no such layer.
    """

    def __init__(
        self, rules, base, word_table, output_table, output_bias=None, aliases=None, identity=None
    ):
        """`rules` are tried in order; the first that matches applies.

        Args:
          rules: list of Rule.
          base, word_table, output_table, output_bias, identity: see the class.
          aliases: dict of other Hugging Face spellings -> the spelling in `rules`.
        """
        self.word_table = word_table
        self.output_table = output_table
        self.output_bias = output_bias
        self.base = base
        self.identity = identity
        self._aliases = dict(aliases or {})
        self._forth = [(_regex(r.tensorflow), r.huggingface, r.transposed) for r in rules]
        self._back = [(_regex(r.huggingface), r.tensorflow, r.transposed) for r in rules]
        # Tensor -> how many of its rows are variables.
        self._rows = collections.Counter(_tensor_of(r.huggingface) for r in rules)
        self._rows.pop(None, None)

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
        """Further names under which Hugging Face's modules hold tied weights: dict name -> tensor.

        Args:
          tensors: dict Hugging Face name -> tensor.
        """
        if self.output_bias not in tensors:
            return {}
        second = {name: tensors[first] for name, first in self._aliases.items()}
        second[self.output_table] = tensors[self.huggingface_name(self.word_table).name]
        return second

    def to_huggingface(self, tensors):
        """Renames and transposes variables.

        Args:
          tensors: dict variable name -> array.

        Returns:
          Converted. Its tensors do not include the tied output projection, but an identity.
        """
        renamed, unknown = collections.OrderedDict(), []
        for name, array in self._with_identity(tensors).items():
            target = self.huggingface_name(name)
            if target is None:
                unknown.append(name)
            else:
                renamed[target.name] = _oriented(array, target.transposed)
        for name, count in self._rows.items():
            rows = [renamed.pop(_row(name, i)) for i in range(count) if _row(name, i) in renamed]
            if rows:
                renamed[name] = np.concatenate(rows)
        return Converted(renamed, unknown)

    def to_tensorflow(self, tensors):
        """Renames and transposes the tensors of a Hugging Face file.

        Args:
          tensors: dict name -> array.

        Returns:
          Converted, without buffers, the tied output projection and an identity. Where a file
          holds a weight in two spellings, that of the rules is taken.
        """
        renamed, unknown = collections.OrderedDict(), []
        for name, array in self._in_rows(tensors):
            if name == self.output_table or _BUFFERS.fullmatch(name):
                continue
            target = self.tensorflow_name(name)
            if target is None:
                unknown.append(name)
            elif target.name not in renamed or self.huggingface_name(target.name).name == name:
                renamed[target.name] = _oriented(array, target.transposed)
        return Converted(self._without_identity(renamed), unknown)

    def surplus(self, tensors):
        """Name of a layer among variables that TensorFlow's network lacks, or None: one that
        changes no width and is no identity."""
        kernel = tensors.get("{}/kernel".format(self.identity))
        return self.identity if kernel is not None and len(set(kernel.shape)) == 1 else None

    def _in_rows(self, tensors):
        """Items of `tensors`; a tensor whose rows are variables is yielded row by row."""
        for name, array in tensors.items():
            if array.shape[:1] == (self._rows.get(name),):
                for i in range(len(array)):
                    yield _row(name, i), array[i : i + 1]
            else:
                yield name, array

    def _with_identity(self, tensors):
        names = ["{}/{}".format(self.identity, weight) for weight in ("kernel", "bias")]
        if not self.identity or names[0] in tensors or self.word_table not in tensors:
            return tensors
        width = tensors[self.word_table].shape[1]
        values = np.eye(width, dtype=np.float32), np.zeros(width, np.float32)
        return collections.OrderedDict(list(tensors.items()) + list(zip(names, values)))

    def _without_identity(self, tensors):
        names = ["{}/{}".format(self.identity, weight) for weight in ("kernel", "bias")]
        kernel, bias = (tensors.get(name) for name in names)
        if kernel is None or bias is None or len(set(kernel.shape)) > 1:
            return tensors
        if not np.array_equal(kernel, np.eye(len(kernel))) or bias.any():
            return tensors
        return collections.OrderedDict((n, v) for n, v in tensors.items() if n not in names)


def _first(table, name):
    for pattern, template, transposed in table:
        match = pattern.fullmatch(name)
        if match:
            return Target(template.format(**match.groupdict()), transposed)
    return None


def _regex(pattern):
    pieces = re.split(r"\{(\w+)\}", pattern)
    return re.compile(
        "".join(_NUMBER.format(p) if i % 2 else re.escape(p) for i, p in enumerate(pieces))
    )


def _row(name, number):
    return "{}[{}]".format(name, number)


def _tensor_of(huggingface):
    """The tensor that a rule's Hugging Face name is a row of, or None."""
    match = re.fullmatch(r"(.*)\[\d+\]", huggingface)
    return match.group(1) if match else None


def _oriented(array, transposed):
    return np.ascontiguousarray(array.T) if transposed else array
