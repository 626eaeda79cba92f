"""A vocabulary with a part of another one's rows, alone or with the model that it is of."""

import typing

from cli import model_folder
from cli.vocabulary import report
from cli.vocabulary.edition import NewVocabulary, write_model
from common import files, outputs
from common.errors import some
from common.log import log, warn
from data.jobs.shard import cannot_write
from data.text import encodings
from data.text.characters import ascii_quotes
from data.tokenizers.building import clue_style, from_corpus, subset
from data.tokenizers.building.extension import shown
from data.tokenizers.vocabularies import read_vocabulary

# Beside the model: the rows kept, with their ids before.
ROWS_FILE = "rows.tsv"
_SHOWN = 5


class Selection(typing.NamedTuple):
    """What says which rows are kept; see subset.Wanted.

    Attributes:
      paths: text files.
      lines: list of extension.Line.
      encoding: of the files, see encodings.CHOICES.
      min_frequency, size, is_clue: see subset.Wanted.
      do_lower_case: as asked for; None: as the vocabulary's or the model's folder says.
    """

    paths: typing.Sequence[str] = ()
    lines: typing.Sequence = ()
    encoding: str = encodings.UTF8
    min_frequency: int = 1
    size: typing.Optional[int] = None
    is_clue: bool = False
    do_lower_case: typing.Optional[bool] = None


def pick(path, selection, target):
    """Vocabulary -> a vocab.txt with a part of its rows.

    pick("vocab.txt", Selection(["corpus.txt"], min_frequency=10), "small/vocab.txt")

    Args:
      path: of the vocabulary.
      selection: Selection.
      target: file to write.

    Raises:
      UserError: a file cannot be read or written, or see subset.choose.
    """
    change = _choose(read_vocabulary(path), selection, [], target)
    try:
        with outputs.replacing(target) as f:
            f.write(change.content)
    except files.failures() as error:
        raise cannot_write(target, error) from None
    log("{}: {:,} rows".format(target, change.size))


def pick_model(model, selection, folder, write_meta_graph=False):
    """Checkpoint -> folder with the checkpoint, config and vocabulary of a part of the rows.

    The model is the same but for the rows that are left out: its states for texts of the pieces
    kept, and the scores of these pieces, are those of before.

    Args:
      model: conversion.ModelFiles, with the vocabulary.
      selection: Selection.
      folder: directory to write.
      write_meta_graph: whether to write a .meta file; see modeling.meta_graph.

    Raises:
      UserError: a file is missing or does not fit the others, see subset.choose, the model is
        fine-tuned, or the folder holds something else.
    """
    write_model(model, folder, _WithRows(selection), write_meta_graph)


class _WithRows(NewVocabulary):
    """A release with a part of the rows."""

    title = "a model with a part of its rows"
    what_to_do, table_file = "pick the rows of", ROWS_FILE

    def __init__(self, selection):
        super().__init__()
        self._selection = selection
        self._beside = []

    def check(self, source, vocabulary):
        """See conversion.Edition."""
        self._beside = model_folder.folders_of(source.prefix)
        super().check(source, vocabulary)

    def make_change(self, vocabulary):
        """See NewVocabulary."""
        return _choose(vocabulary, self._selection, self._beside, vocabulary.file_name)

    def table(self, tokens):
        """See NewVocabulary."""
        counts = self.change.counts
        yield ("row", "row before", "token", "count in the corpus")
        for row, old in enumerate(self.change.copied.tolist()):
            yield (str(row), str(old), tokens[old], "" if counts is None else str(counts[old]))


def _choose(vocabulary, selection, beside, target):
    """subset.Subset of a Selection; reports what it is. `beside`: folders of the model."""
    texts = model_folder.choose_texts(vocabulary, beside, lower=selection.do_lower_case)
    lower, words = texts.do_lower_case, None
    simplifier = clue_style.Simplifier() if selection.is_clue or texts.t2s else None
    if selection.paths:
        prepare = _prepared(texts.normalize_quotes, simplifier)
        words = from_corpus.count_words(selection.paths, lower, selection.encoding, prepare)
    wanted = subset.Wanted(
        words,
        selection.lines,
        selection.min_frequency,
        selection.size,
        selection.is_clue,
        lower,
    )
    change = subset.choose(vocabulary, wanted, target)
    _report(vocabulary, change, wanted, simplifier)
    return change


def _prepared(quotes, simplifier):
    """The function that prepares a line, as the model's records were."""
    if not quotes:
        return simplifier
    return lambda line: ascii_quotes(simplifier(line) if simplifier else line)


def _report(vocabulary, change, wanted, simplifier):
    log("{:,} of {:,} rows are kept".format(change.size, len(vocabulary)))
    if wanted.is_clue:
        for line in report.class_lines(change.vocabulary.tokens, vocabulary.tokens):
            log(line)
    if wanted.words is not None:
        before, after = (
            from_corpus.coverage(wanted.words, of, wanted.do_lower_case)
            for of in (vocabulary, change.vocabulary)
        )
        log(report.coverage_line(after, before))
        if simplifier and simplifier.changed:
            log(report.changed_line(simplifier.changed, after.characters))
        left_out = [
            "{} ({:,} times)".format(vocabulary.tokens[i], change.counts[i])
            for i in change.left_out()
        ]
        if left_out:
            log(
                "{:,} rows that the corpus uses are left out: {}".format(
                    len(left_out), some(left_out, _SHOWN)
                )
            )
    if change.unknown:
        lines = "{:,} of --words hold characters without a row: {}"
        warn(lines.format(len(change.unknown), shown(change.unknown)))
