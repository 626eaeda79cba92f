"""A model with further words in its vocabulary: embeddings, output biases, configs, vocab.txt."""

import os
import typing

from cli import conversion
from common import files
from common.errors import UserError, some
from common.log import log, warn
from data.tokenizers import vocabulary_extension
from data.tokenizers.vocabulary_extension import UNUSED, shown
from finetuning import task_file
from modeling import vocabulary_rows
from modeling.config import read_json_object
from modeling.conversion import export, folders, huggingface

# Beside the model: what became of each word.
WORDS_FILE = "words.tsv"


class Words(typing.NamedTuple):
    """The words to add.

    Attributes:
      lines: list of vocabulary_extension.Line.
      where: one of vocabulary_extension.PLACES.
      do_lower_case: of the tokenizer.
    """

    lines: typing.List[vocabulary_extension.Line]
    where: str = UNUSED
    do_lower_case: bool = True


def extend(model, words, folder, write_meta_graph=False):
    """Checkpoint -> folder with the checkpoint, config and vocabulary that have the words.

    model = ModelFiles("bert_model.ckpt", "bert_config.json", "vocab.txt")
    extend(model, Words(read_words(["words.txt"]), "end"), "extended")

    Args:
      model: conversion.ModelFiles, with the vocabulary.
      words: Words.
      folder: directory to write.
      write_meta_graph: whether to write a .meta file; see modeling.meta_graph.

    Raises:
      UserError: a file is missing or does not fit the others, no word can be added, the model is
        fine-tuned, or the folder holds something else.
    """
    _refuse_hugging_face(model.checkpoint)
    destination = folders.Destination(
        "--output_dir=" + folder, folder.rstrip("/") or "/", "a model with further words"
    )
    conversion.write_release(model, destination, _WithWords(words), write_meta_graph)


def _refuse_hugging_face(path):
    names = set(files.names_in(path)) if files.is_directory(path) else ()
    weights = [name for name in huggingface.WEIGHTS if name in names]
    if weights and not any(name.endswith(".index") for name in names):
        raise UserError(
            "--init_checkpoint={0} is a Hugging Face directory ({1}); convert it first: python "
            "convert_checkpoint.py --from_pytorch={0} --tf_dump_path=tf/bert_model.ckpt".format(
                path, weights[0]
            )
        )


class _WithWords(conversion.Edition):
    """A release with further words."""

    def __init__(self, words):
        self._words = words
        self._extension = self._old_size = self._unknown = None

    def check(self, source, vocabulary):
        """See conversion.Edition."""
        if task_file.path_beside(source.prefix):
            raise UserError(
                "{} is fine-tuned (task.json lies beside it); add the words to the pre-trained "
                "checkpoint, and fine-tune the result".format(source.prefix)
            )
        self._extension = vocabulary_extension.extend(vocabulary, *self._words)
        self._old_size, self._unknown = len(vocabulary), vocabulary.unk
        self._report()

    def variables(self, values):
        """See conversion.Edition."""
        extension, old_size = self._extension, self._old_size
        tables = [
            name
            for name, value in values.items()
            if vocabulary_rows.is_table(name) and value.shape[:1] == (old_size,)
        ]
        for name in tables:
            values[name] = vocabulary_rows.extend(values[name], extension.rows, extension.size)
        log("new rows, means of the words' former pieces, in: " + ", ".join(tables))
        others = [n for n, v in values.items() if n not in tables and old_size in v.shape]
        if others and extension.size > old_size:
            warn("left as they are, though as long as the vocabulary was: " + some(others))
        return values

    def copy_config(self, path, target):
        """See conversion.Edition."""
        if self._extension.size == self._old_size:
            super().copy_config(path, target)
            return
        values = read_json_object(path, "model config")
        values["vocab_size"] = self._extension.size
        export.write_json(target, values)

    def write_vocabulary(self, vocabulary, folder):
        """See conversion.Edition."""
        with folders.writing(folder):
            _write(os.path.join(folder, vocabulary.file_name), self._extension.content)
            rows = "\n".join("\t".join(row) for row in self._table(vocabulary.tokens))
            _write(os.path.join(folder, WORDS_FILE), (rows + "\n").encode("utf-8"))

    def _table(self, tokens):
        """Yields the rows of WORDS_FILE."""
        yield ("place", "word", "row", "token", "former pieces, or why it is not added")
        for word in self._extension.added:
            pieces = " ".join(tokens[piece] for piece in word.pieces)
            yield (word.line.place, word.line.word, str(word.row), word.token, pieces)
        for reason, lines in self._extension.refused.items():
            for line in lines:
                yield (line.place, line.word.replace("\t", " "), "", "", reason)

    def _report(self):
        added, size = self._extension.added, self._extension.size
        what = "{:,} of {:,} words are added".format(len(added), len(self._words.lines))
        if self._words.where == UNUSED:
            log("{} in [unused] rows, {} to {}".format(what, added[0].row, added[-1].row))
        else:
            log("{} at the end; vocab_size is {}, and was {}".format(what, size, self._old_size))
        changed = [
            w.line._replace(word=w.line.word + " as " + w.token)
            for w in added
            if w.token != w.line.word
        ]
        if changed:
            log("as the tokenizer normalises them: " + shown(changed))
        unknown = [w.line for w in added if set(w.pieces) == {self._unknown}]
        if unknown:
            log("were [UNK] alone, and begin with its values: " + shown(unknown))
        for reason, lines in self._extension.refused.items():
            warn("{:,} not added, {}: {}".format(len(lines), reason, shown(lines)))
        log("all words with their rows or reasons are in " + WORDS_FILE)


def _write(path, content):
    with files.open_file(path, "wb") as writer:
        writer.write(content)
