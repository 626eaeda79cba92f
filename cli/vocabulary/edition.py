"""A release with another vocabulary than its source: tables, configs and vocabulary file."""

import os

from cli import conversion
from common import files
from common.errors import UserError, some
from common.log import log, warn
from finetuning import task_file
from modeling import vocabulary_rows
from modeling.config import read_json_object
from modeling.conversion import export, folders, huggingface


def write_model(model, folder, edition, write_meta_graph):
    """Writes a model with another vocabulary.

    Args:
      model: conversion.ModelFiles, with the vocabulary.
      folder: directory to write.
      edition: NewVocabulary.
      write_meta_graph: whether to write a .meta file; see modeling.meta_graph.

    Raises:
      UserError: the model cannot be read or changed, or the folder holds something else.
    """
    _refuse_hugging_face(model.checkpoint)
    destination = folders.Destination(
        "--output_dir=" + folder, folder.rstrip("/") or "/", edition.title
    )
    conversion.write_release(model, destination, edition, write_meta_graph)


def _refuse_hugging_face(path):
    """Refuses a Hugging Face directory where a TensorFlow checkpoint is read.

    Args:
      path: of --init_checkpoint.

    Raises:
      UserError: it is one.
    """
    names = set(files.names_in(path)) if files.is_directory(path) else ()
    weights = [name for name in huggingface.WEIGHTS if name in names]
    if weights and not any(name.endswith(".index") for name in names):
        raise UserError(
            "--init_checkpoint={0} is a Hugging Face directory ({1}); convert it first: python "
            "convert_checkpoint.py --from_pytorch={0} --tf_dump_path=tf/bert_model.ckpt".format(
                path, weights[0]
            )
        )


class NewVocabulary(conversion.Edition):
    """A release with another vocabulary; a class for each way to make it.

    `change` is what `make_change` gave: an object with `copied` (for each new row, the old row that
    it is), `means` ({new row: old rows whose mean it is instead}), `size` and `content` (bytes of
    the file).
    """

    title = None  # of what is written, for messages
    what_to_do = None  # with a pre-trained checkpoint, in the words of a message
    table_file = None  # beside the model: what became of each row or word

    def __init__(self):
        self.change = self._old_size = None

    def make_change(self, vocabulary):
        """The change of a vocabulary; logs what it is. Raises UserError where there is none."""
        raise NotImplementedError

    def table(self, tokens):
        """Yields the rows of `table_file`, tuples of str; `tokens`: of the old vocabulary."""
        raise NotImplementedError

    def check(self, source, vocabulary):
        """See conversion.Edition."""
        if task_file.path_beside(source.prefix):
            raise UserError(
                "{} is fine-tuned (task.json lies beside it); {} the pre-trained checkpoint, and "
                "fine-tune the result".format(source.prefix, self.what_to_do)
            )
        self._old_size = len(vocabulary)
        self.change = self.make_change(vocabulary)

    def variables(self, values):
        """See conversion.Edition."""
        change, old_size = self.change, self._old_size
        tables = [name for name in values if vocabulary_rows.is_table(name)]
        for name in tables:
            if len(values[name]) != old_size:
                raise UserError(
                    "{} has {:,} rows, and the vocabulary has {:,}: the checkpoint is of another "
                    "one".format(name, len(values[name]), old_size)
                )
            values[name] = vocabulary_rows.remake(values[name], change.copied, change.means)
        log("a row for each token of the vocabulary, made anew: " + ", ".join(tables))
        others = [n for n, v in values.items() if n not in tables and old_size in v.shape]
        if others and change.size != old_size:
            warn("left as they are, though as long as the vocabulary was: " + some(others))
        return values

    def copy_config(self, path, target):
        """See conversion.Edition."""
        if self.change.size == self._old_size:
            super().copy_config(path, target)
            return
        values = read_json_object(path, "model config")
        values["vocab_size"] = self.change.size
        export.write_json(target, values)

    def write_vocabulary(self, vocabulary, folder):
        """See conversion.Edition."""
        with folders.writing(folder):
            _write(os.path.join(folder, vocabulary.file_name), self.change.content)
            rows = "\n".join("\t".join(row) for row in self.table(vocabulary.tokens))
            _write(os.path.join(folder, self.table_file), (rows + "\n").encode("utf-8"))


def _write(path, content):
    with files.open_file(path, "wb") as writer:
        writer.write(content)
