"""Puts words into a model's vocabulary: into its [unused] rows, or after the last row.

python -m data.extend_vocab --vocab_file=vocab.txt --words=words.txt \\
    --init_checkpoint=bert_model.ckpt --config_file=bert_config.json --output_dir=extended

The embedding and the output bias of a new row are means over the pieces that the word had before.
"""

from cli.start import watched_imports

with watched_imports():
    from cli import original_names
    from cli.app import prepare_tensorflow, require, run_script
    from cli.conversion import ModelFiles
    from cli.help import topics
    from cli.vocabulary import extension
    from common import files
    from data.tokenizers.building.extension import PLACES, UNUSED, read_words


def _define_flags(flags):
    topics.lead(("words", "vocab_file", "init_checkpoint", "config_file", "output_dir"), ("where",))
    flags.DEFINE_string("vocab_file", None, "Vocabulary of the model, a vocab.txt.")
    flags.DEFINE_string(
        "words", None, "Files with a word a line: names or globs, a comma between them."
    )
    flags.DEFINE_string(
        "init_checkpoint", None, "Weights of the model: a prefix, an .index file or a directory."
    )
    flags.DEFINE_string("config_file", None, "JSON file with the model's sizes.")
    original_names.add_names("config_file", "bert_config_file")
    flags.DEFINE_string("output_dir", None, "Directory for the checkpoint, config and vocabulary.")
    flags.DEFINE_enum(
        "where",
        UNUSED,
        PLACES,
        "Place of the new rows: unused, the [unused] rows, whose number is limited; end, "
        "after the last row, which changes vocab_size.",
    )
    flags.DEFINE_bool("do_lower_case", True, "Lower-case the words, as the model was trained.")
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
    require(FLAGS, "vocab_file", "words", "init_checkpoint", "config_file", "output_dir")
    lines = read_words(files.matching(FLAGS.words, "--words"))
    prepare_tensorflow()
    model = ModelFiles(FLAGS.init_checkpoint, FLAGS.config_file, FLAGS.vocab_file)
    words = extension.Words(lines, FLAGS.where, FLAGS.do_lower_case)
    extension.extend(model, words, FLAGS.output_dir, FLAGS.write_meta_graph)
    return 0


if __name__ == "__main__":
    from absl import flags

    _define_flags(flags)
    run_script(main)
