"""A vocabulary from a corpus, by the `tokenizers` and `sentencepiece` libraries.

python -m data.build_vocab --input_file='sample/corpus/*.txt' --output_file=vocab.txt
python -m data.build_vocab --input_file='sample/corpus/*.txt' --output_file=spiece.model \\
    --tokenizer=sentencepiece
"""

from cli.start import watched_imports

with watched_imports():
    from cli import corpus_flags
    from cli.app import require, run_script
    from cli.help import topics
    from common import files, outputs
    from common.errors import UserError
    from common.terminal import say
    from data.jobs.shard import cannot_write
    from data.tokenizers.building.from_corpus import build_vocabulary
    from data.tokenizers.building.sentencepiece_training import train_model
    from data.tokenizers.vocabularies import read_vocabulary
    from data.tokenizers.vocabulary_file import (
        KINDS,
        SENTENCEPIECE,
        SENTENCEPIECE_ENDING,
        WORDPIECE,
    )
    from data.tokenizers.wordpiece import SPECIAL_TOKENS


def _define_flags(flags):
    topics.lead(("input_file", "output_file"), ("tokenizer", "vocab_size"))
    corpus_flags.define_encoding()
    flags.DEFINE_string(
        "input_file", None, "Text files to read: names or globs, a comma between them."
    )
    flags.DEFINE_string(
        "output_file", None, "File to write: a token a line, or a SentencePiece model (.model)."
    )
    flags.DEFINE_enum("tokenizer", WORDPIECE, KINDS, "Tokenizer that the vocabulary is for.")
    flags.DEFINE_integer("vocab_size", 8000, "Most entries of the vocabulary.")
    flags.DEFINE_integer(
        "min_frequency",
        1,
        "Least count of characters and words, rarer ones are skipped; wordpiece only.",
    )
    flags.DEFINE_bool("do_lower_case", True, "Lower-case and strip accents.")


def main(argv):
    del argv
    from absl import flags

    FLAGS = flags.FLAGS
    require(FLAGS, "input_file", "output_file")
    if FLAGS.vocab_size <= len(SPECIAL_TOKENS):
        raise UserError("--vocab_size must be above {}".format(len(SPECIAL_TOKENS)))
    is_model = FLAGS.tokenizer == SENTENCEPIECE
    if FLAGS["min_frequency"].present and is_model:
        raise UserError(
            "--min_frequency cannot be combined with --tokenizer=sentencepiece: remove it"
        )
    if FLAGS.output_file.endswith(SENTENCEPIECE_ENDING) != is_model:
        raise UserError(
            "--output_file {} with --tokenizer={}: SentencePiece models, and they alone, are to "
            "be called *{}".format(FLAGS.output_file, FLAGS.tokenizer, SENTENCEPIECE_ENDING)
        )
    outputs.check(FLAGS.output_file, "--output_file")
    paths = files.matching(FLAGS.input_file, "--input_file")
    if is_model:
        content = train_model(paths, FLAGS.vocab_size, FLAGS.do_lower_case, FLAGS.encoding)
    else:
        tokens = build_vocabulary(
            paths, FLAGS.vocab_size, FLAGS.min_frequency, FLAGS.do_lower_case, FLAGS.encoding
        )
        content = ("\n".join(tokens) + "\n").encode("utf-8")
    try:
        with outputs.replacing(FLAGS.output_file) as f:
            f.write(content)
    except files.failures() as error:
        raise cannot_write(FLAGS.output_file, error) from None
    size = len(read_vocabulary(FLAGS.output_file)) if is_model else len(tokens)
    say("{}: {:,} tokens".format(FLAGS.output_file, size))
    return 0


if __name__ == "__main__":
    from absl import flags

    _define_flags(flags)
    run_script(main)
