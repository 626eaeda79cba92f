"""Looks into record shards: rows with their words in brackets, lengths, masks, unknown pieces.

python -m data.inspect --input_file='records/train.tfrecord*' --vocab_file=vocab.txt
"""

import functools
import itertools

from cli.start import watched_imports

with watched_imports():
    from cli.app import require, run_script
    from cli.help import topics
    from common import files
    from common.errors import UserError
    from common.log import warn
    from common.terminal import say
    from data.inspection import read_rows, show_row, summarize
    from data.recipes import stated_corruption
    from data.records import manifest
    from data.records.checks.completeness import check_complete
    from data.text import segmentation
    from data.text.documents import normalization
    from data.text.encodings import UTF8
    from data.text.ltp.precision import FP32
    from data.tokenizers.vocabularies import read_vocabulary


def _guess_of(path, description, override, ltp_model):
    """A _Guess with the segmenter that the records were made with, or the one asked for.

    Args:
      path: of the manifest, or None.
      description: the manifest, or an empty dict.
      override: --segmenter, or None.
      ltp_model: --ltp_model, or None.

    Raises:
      UserError: the manifest describes no masks.
    """
    made_with = description.get("flags", {})
    needs_words = override or _needs_words(path, description)
    name = override or made_with.get("segmenter", "none")
    if made_with.get("input_format") in ("presegmented", "conllu") and not override:
        name = "none"
    arguments = (
        ltp_model or made_with.get("ltp_model"),
        made_with.get("user_dict"),
        normalization(bool(made_with.get("normalize_quotes")), bool(made_with.get("t2s"))),
        made_with.get("ltp_precision", FP32),
        made_with.get("encoding", UTF8),
    )
    given = (("segmenter", override), ("ltp_model", ltp_model))
    unused = ", ".join("--{}={}".format(*flag) for flag in given if flag[1])
    return _Guess(name if needs_words else None, arguments, unused)


class _Guess:
    """The words of rows whose records do not say where words begin, and what is to say of them.

    Attributes:
      unused: the flags on words as they were given, which are not used where the records say where
        words begin.
    """

    def __init__(self, name, arguments, unused):
        self._name, self._arguments, self.unused = name, arguments, unused

    @functools.cached_property
    def segmenter(self):
        """The segmenter, made when it is first needed: a model of LTP may be large.

        Raises:
          UserError: it cannot be made.
        """
        return segmentation.make_segmenter(self._name or "none", *self._arguments)

    def origin(self, row):
        """Where the words of a ShownRow come from, in a sentence."""
        if row.starts is not None:
            note = "; not used: " + self.unused if self.unused else ""
            return "words: as in the records" + note
        if self._name is None:
            return "words: none, the masks are of single pieces; brackets join inner pieces"
        how = "by {}, from the restored text".format(self._name)
        if self._name == "none":
            how = "by joining inner pieces"
        return (
            "words: guessed {}; the records do not hold them, and the words that were masked may "
            "be others".format(how)
        )


def _needs_words(path, description):
    """Whether the words of the rows counted when the records were made."""
    return "masking" not in description or stated_corruption(path, description).needs_words


def _define_flags(flags):
    topics.lead(("input_file", "vocab_file"), ("rows", "max_records"))
    flags.DEFINE_string(
        "input_file", None, "Record files to look into: names or globs, a comma between them."
    )
    flags.DEFINE_string("vocab_file", None, "Vocabulary that the records were made with.")
    flags.DEFINE_integer("rows", 3, "Rows to show.")
    flags.DEFINE_integer("max_records", 20000, "Records to read for the figures; 0: all.")
    flags.DEFINE_enum(
        "segmenter",
        None,
        segmentation.SEGMENTERS,
        "Word segmenter where the records do not hold their words; default: the manifest's.",
    )
    flags.DEFINE_string("ltp_model", None, "LTP model of --segmenter=ltp; default: the manifest's.")


def _description(shards, vocabulary):
    """The manifest of the shards: its path and content; None and an empty dict without one.

    Raises:
      UserError: shards are unfinished or missing, or were made with another vocabulary.
    """
    manifests = manifest.find_manifests(shards)
    check_complete(shards, manifests, warn)
    for path, content in manifests.items():
        if content.get("vocab_sha256", vocabulary.sha256) != vocabulary.sha256:
            raise UserError(
                "{} is not the vocabulary of these records: it has {} tokens, {} says {}".format(
                    vocabulary.path, len(vocabulary), path, content.get("vocab_size", "no number")
                )
            )
    return next(iter(manifests.items()), (None, {}))


def _shown(rows, count, vocabulary, guess):
    """Passes rows on and prints the first ones, and where their words come from."""
    said = None
    for number, row in enumerate(rows):
        if number < count:
            if guess.origin(row) != said:
                said = guess.origin(row)
                say(said)
            segmenter = guess.segmenter if row.starts is None else None
            say(show_row(row, vocabulary, segmenter))
            say("")
        yield row


def main(argv):
    del argv
    from absl import flags

    FLAGS = flags.FLAGS
    require(FLAGS, "input_file", "vocab_file")
    vocabulary = read_vocabulary(FLAGS.vocab_file)
    shards = files.matching(FLAGS.input_file, "--input_file")
    path, description = _description(shards, vocabulary)
    guess = _guess_of(path, description, FLAGS.segmenter, FLAGS.ltp_model)
    rows = (row for shard in shards for row in read_rows(shard, len(vocabulary)))
    rows = itertools.islice(rows, FLAGS.max_records or None)
    for line in summarize(_shown(rows, FLAGS.rows, vocabulary, guess), vocabulary):
        say(line)
    if description:
        top = list(description.get("unknown_top", {}).items())[:20]
        say("[UNK] top list: " + (" ".join("{}:{}".format(*t) for t in top) or "none"))
    return 0


if __name__ == "__main__":
    from absl import flags

    _define_flags(flags)
    run_script(main)
