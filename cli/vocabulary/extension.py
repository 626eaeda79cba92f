"""A model with further words in its vocabulary: embeddings, output biases, configs, vocab.txt."""

import typing

from cli.vocabulary.edition import NewVocabulary, write_model
from common.log import log, warn
from data.tokenizers.building import extension
from data.tokenizers.building.extension import UNUSED, shown

# Beside the model: what became of each word.
WORDS_FILE = "words.tsv"


class Words(typing.NamedTuple):
    """The words to add.

    Attributes:
      lines: list of extension.Line.
      where: one of extension.PLACES.
      do_lower_case: of the tokenizer.
    """

    lines: typing.List[extension.Line]
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
    write_model(model, folder, _WithWords(words), write_meta_graph)


class _WithWords(NewVocabulary):
    """A release with further words."""

    title = "a model with further words"
    what_to_do, table_file = "add the words to", WORDS_FILE

    def __init__(self, words):
        super().__init__()
        self._words = words

    def make_change(self, vocabulary):
        """See NewVocabulary."""
        change = extension.extend(vocabulary, *self._words)
        self._report(change, vocabulary)
        return change

    def table(self, tokens):
        """See NewVocabulary."""
        yield ("place", "word", "row", "token", "former pieces, or why it is not added")
        for word in self.change.added:
            pieces = " ".join(tokens[piece] for piece in word.pieces)
            yield (word.line.place, word.line.word, str(word.row), word.token, pieces)
        for reason, lines in self.change.refused.items():
            for line in lines:
                yield (line.place, line.word.replace("\t", " "), "", "", reason)

    def _report(self, change, vocabulary):
        added, size = change.added, change.size
        what = "{:,} of {:,} words are added".format(len(added), len(self._words.lines))
        if self._words.where == UNUSED:
            log("{} in [unused] rows, {} to {}".format(what, added[0].row, added[-1].row))
        else:
            old_size = len(vocabulary)
            log("{} at the end; vocab_size is {}, and was {}".format(what, size, old_size))
        log("a new row is the mean of the word's former pieces")
        changed = [
            w.line._replace(word=w.line.word + " as " + w.token)
            for w in added
            if w.token != w.line.word
        ]
        if changed:
            log("as the tokenizer normalises them: " + shown(changed))
        unknown = [w.line for w in added if set(w.pieces) == {vocabulary.unk}]
        if unknown:
            log("were [UNK] alone, and begin with its values: " + shown(unknown))
        for reason, lines in change.refused.items():
            warn("{:,} not added, {}: {}".format(len(lines), reason, shown(lines)))
        log("all words with their rows or reasons are in " + WORDS_FILE)
