"""A vocabulary from a corpus, or a part of an existing one, with the model that it is of.

python -m data.build_vocab --input_file='sample/corpus/*.txt' --output_file=vocab.txt
python -m data.build_vocab --input_file='sample/corpus/*.txt' --output_file=spiece.model \\
    --tokenizer=sentencepiece
python -m data.build_vocab --input_file='sample/corpus/*.txt' --from_vocab=vocab.txt \\
    --init_checkpoint=bert_model.ckpt --config_file=bert_config.json --output_dir=small
"""

from cli.start import watched_imports

with watched_imports():
    from cli import corpus_flags, original_names
    from cli.app import prepare_tensorflow, require, run_script
    from cli.conversion import ModelFiles
    from cli.help import topics
    from cli.vocabulary import report, subset
    from common import files, outputs
    from common.errors import UserError
    from common.terminal import say
    from data.jobs.shard import cannot_write, make_room
    from data.tokenizers.building import clue_style, from_corpus
    from data.tokenizers.building.extension import read_words
    from data.tokenizers.building.sentencepiece_training import train_model
    from data.tokenizers.vocabularies import read_vocabulary
    from data.tokenizers.vocabulary_file import (
        KINDS,
        SENTENCEPIECE,
        SENTENCEPIECE_ENDING,
        WORDPIECE,
    )
    from data.tokenizers.wordpiece import SPECIAL_TOKENS, Vocabulary

PLAIN, CLUE = STYLES = ("plain", "clue")
SIZES = {PLAIN: 8000, CLUE: clue_style.SIZE}
_OF_A_PART = ("words", "init_checkpoint", "config_file", "output_dir", "write_meta_graph")


def _define_flags(flags):
    topics.lead(("input_file", "output_file"), ("tokenizer", "vocab_size", "style", "from_vocab"))
    corpus_flags.define_encoding()
    flags.DEFINE_string(
        "input_file", None, "Text files to read: names or globs, a comma between them."
    )
    flags.DEFINE_string(
        "output_file", None, "File to write: a token a line, or a SentencePiece model (.model)."
    )
    flags.DEFINE_enum("tokenizer", WORDPIECE, KINDS, "Tokenizer that the vocabulary is for.")
    flags.DEFINE_enum(
        "style",
        PLAIN,
        STYLES,
        "Rules for the rows: plain, every character of the text; clue, those of CLUE's vocabulary, "
        "simplified characters by frequency, English, numbers and symbols, in its shares.",
    )
    flags.DEFINE_integer(
        "vocab_size",
        None,
        "Most entries of the vocabulary; by default {PLAIN:,}, with --style=clue {CLUE:,}, with "
        "--from_vocab all that are used.".format(PLAIN=SIZES[PLAIN], CLUE=SIZES[CLUE]),
    )
    flags.DEFINE_integer(
        "min_frequency",
        1,
        "Least count of characters and words (with --from_vocab: of rows), rarer ones are skipped; "
        "wordpiece only.",
    )
    flags.DEFINE_bool("do_lower_case", True, "Lower-case and strip accents.")
    topics.begin("A part of a vocabulary")
    flags.DEFINE_string(
        "from_vocab",
        None,
        "Vocabulary to pick rows of: those that --input_file uses, or --words; special tokens, "
        "letters, digits and ASCII punctuation always.",
    )
    flags.DEFINE_string(
        "words",
        None,
        "Files of rows, or words whose rows are kept, one a line: names or globs, a comma between "
        "them.",
    )
    flags.DEFINE_string(
        "init_checkpoint",
        None,
        "Weights of the model whose rows are picked: a prefix, an .index file or a directory.",
    )
    flags.DEFINE_string("config_file", None, "JSON file with the model's sizes.")
    original_names.add_names("config_file", "bert_config_file")
    flags.DEFINE_string("output_dir", None, "Directory for the checkpoint, config and vocabulary.")
    flags.DEFINE_bool(
        "write_meta_graph",
        True,
        "Write a .meta file with the checkpoint: its variables and their saver, for "
        "tf.train.import_meta_graph.",
    )


def main(argv):
    del argv
    from absl import flags

    FLAGS = flags.FLAGS
    if FLAGS.vocab_size is not None and FLAGS.vocab_size <= len(SPECIAL_TOKENS):
        raise UserError("--vocab_size must be above {}".format(len(SPECIAL_TOKENS)))
    _check_tokenizer(FLAGS)
    if FLAGS.from_vocab:
        _pick(FLAGS)
    else:
        _build(FLAGS)
    return 0


def _check_tokenizer(FLAGS):
    """Refuses what SentencePiece models do not have, and names that mislead."""
    is_model = FLAGS.tokenizer == SENTENCEPIECE
    for name in ("min_frequency", "style", "from_vocab"):
        if FLAGS[name].present and is_model:
            raise UserError(
                "--{} cannot be combined with --tokenizer=sentencepiece: remove it".format(name)
            )
    if FLAGS.output_file and FLAGS.output_file.endswith(SENTENCEPIECE_ENDING) != is_model:
        raise UserError(
            "--output_file {} with --tokenizer={}: SentencePiece models, and they alone, are to "
            "be called *{}".format(FLAGS.output_file, FLAGS.tokenizer, SENTENCEPIECE_ENDING)
        )


def _build(FLAGS):
    """A vocabulary of a corpus alone."""
    for name in _OF_A_PART:
        if FLAGS[name].present:
            raise UserError(
                "--{} is for a part of an existing vocabulary: give --from_vocab, too".format(name)
            )
    require(FLAGS, "input_file", "output_file")
    make_room(FLAGS.output_file)
    paths = files.matching(FLAGS.input_file, "--input_file")
    size = FLAGS.vocab_size or SIZES[FLAGS.style]
    if FLAGS.tokenizer == SENTENCEPIECE:
        content = train_model(paths, size, FLAGS.do_lower_case, FLAGS.encoding)
    else:
        tokens = _tokens(FLAGS, paths, size)
        content = ("\n".join(tokens) + "\n").encode("utf-8")
    try:
        with outputs.replacing(FLAGS.output_file) as f:
            f.write(content)
    except files.failures() as error:
        raise cannot_write(FLAGS.output_file, error) from None
    size = len(read_vocabulary(FLAGS.output_file))
    say("{}: {:,} tokens".format(FLAGS.output_file, size))


def _tokens(FLAGS, paths, size):
    """The rows of a vocab.txt in the style asked for; reports those of CLUE's."""
    lower = FLAGS.do_lower_case
    if FLAGS.style == PLAIN:
        return from_corpus.build_vocabulary(paths, size, FLAGS.min_frequency, lower, FLAGS.encoding)
    simplifier = clue_style.Simplifier()
    words = from_corpus.count_words(paths, lower, FLAGS.encoding, simplifier)
    tokens = clue_style.build_vocabulary(words, size, FLAGS.min_frequency, lower)
    coverage = from_corpus.coverage(words, Vocabulary(FLAGS.output_file, tokens), lower)
    for line in report.class_lines(tokens):
        say(line)
    say(report.coverage_line(coverage))
    if simplifier.changed:
        say(report.changed_line(simplifier.changed, coverage.characters))
    return tokens


def _pick(FLAGS):
    """A part of a vocabulary, alone or with its model."""
    if not (FLAGS.input_file or FLAGS.words):
        raise UserError(
            "--from_vocab needs what says which rows are kept: --input_file (texts that use them), "
            "--words (a list), or both"
        )
    for name in ("min_frequency", "vocab_size", "style"):
        if FLAGS[name].present and not FLAGS.input_file:
            raise UserError("--{} chooses among the rows of texts: give --input_file".format(name))
    selection = subset.Selection(
        files.matching(FLAGS.input_file, "--input_file") if FLAGS.input_file else (),
        read_words(files.matching(FLAGS.words, "--words")) if FLAGS.words else (),
        FLAGS.encoding,
        FLAGS.min_frequency,
        FLAGS.vocab_size,
        FLAGS.style == CLUE,
        FLAGS.do_lower_case if FLAGS["do_lower_case"].present else None,
    )
    if not FLAGS.init_checkpoint:
        for name in ("config_file", "output_dir", "write_meta_graph"):
            if FLAGS[name].present:
                raise UserError("--{} is of a model: give --init_checkpoint, too".format(name))
        require(FLAGS, "output_file")
        make_room(FLAGS.output_file)
        subset.pick(FLAGS.from_vocab, selection, FLAGS.output_file)
        return
    if FLAGS.output_file:
        raise UserError(
            "--output_file is for a vocabulary alone; with --init_checkpoint everything goes to "
            "--output_dir: remove it"
        )
    require(FLAGS, "output_dir")
    prepare_tensorflow()
    model = ModelFiles(FLAGS.init_checkpoint, FLAGS.config_file, FLAGS.from_vocab)
    subset.pick_model(model, selection, FLAGS.output_dir, FLAGS.write_meta_graph)


if __name__ == "__main__":
    from absl import flags

    _define_flags(flags)
    run_script(main)
