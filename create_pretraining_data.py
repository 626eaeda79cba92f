"""Raw or segmented Chinese text to whole-word-masked TFRecord shards and a manifest.

python create_pretraining_data.py --input_file='corpus/*.txt' --input_format=raw \\
    --output_file=records/train.tfrecord --vocab_file=vocab.txt --objective=bert
"""

import os

# Before numpy is imported: threads inside one of several processes only get in each other's way.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from absl import flags

from data import corpus, files, manifest, masking, recipes, runner, segmentation
from data.creation import CreationSettings
from errors import UserError, require, run_script

FLAGS = flags.FLAGS

flags.DEFINE_string("input_file", None, "Text files: names or globs, a comma between them.")
flags.DEFINE_string(
    "output_file",
    None,
    "Shard name, or a comma list of names. With --num_shards above 1, NAME-00000-of-00008; a * in "
    "the name takes the shard number.",
)
flags.DEFINE_string("vocab_file", None, "vocab.txt, a token a line.")
flags.DEFINE_string("objective", "bert", "What the records are for: bert or roberta.")
flags.DEFINE_enum(
    "input_format",
    "text",
    corpus.FORMATS,
    "text: a sentence a line, a blank line between documents; raw: paragraphs, split into "
    "sentences; jsonl: an object a line; presegmented: text with words parted by blanks. Each may "
    "be gzipped (.gz).",
)
flags.DEFINE_list("text_fields", ["text"], "Fields of --input_format=jsonl that hold text.")
flags.DEFINE_bool(
    "normalize_quotes",
    False,
    "Write “ ” ‘ ’ — … as their ASCII forms, which Google's Chinese vocabulary knows.",
)
flags.DEFINE_integer(
    "max_sentence_chars", 256, "Sentences of raw text are cut at this many characters."
)
flags.DEFINE_enum("segmenter", "rjieba", segmentation.SEGMENTERS, "Who finds the words.")
flags.DEFINE_string("ltp_model", None, "Directory or hub name (LTP/small) for --segmenter=ltp.")
flags.DEFINE_string("user_dict", None, "Words the segmenter should know: word [frequency] [tag].")
flags.DEFINE_enum(
    "masking_unit",
    None,
    masking.UNITS,
    "What is masked at a time: wordpiece, word, or ngram (runs of words). Default: the "
    "objective's own, which is word.",
)
flags.DEFINE_bool(
    "do_whole_word_mask", None, "Google's name for --masking_unit: true is word, false wordpiece."
)
flags.DEFINE_list(
    "ngram_probs", None, "Shares of runs of 1, 2, ... words; default 0.4,0.3,0.2,0.1."
)
flags.DEFINE_enum(
    "masking",
    "static",
    ["static", "dynamic"],
    "static: masks are drawn here, --dupe_factor times; dynamic: run_pretraining.py draws new ones "
    "for every batch, and the records hold the words.",
)
flags.DEFINE_bool("do_lower_case", True, "Lower-case and strip accents (uncased vocabularies).")
flags.DEFINE_integer("max_seq_length", 128, "Longest row in pieces, with [CLS] and [SEP].")
flags.DEFINE_integer("max_predictions_per_seq", 20, "Most masked pieces of a row.")
flags.DEFINE_integer("random_seed", 12345, "Seed of every random choice.")
flags.DEFINE_integer(
    "dupe_factor",
    None,
    "How often the corpus is gone through, masked anew (default: static 10, dynamic 1).",
)
flags.DEFINE_float("masked_lm_prob", 0.15, "Share of pieces to mask.")
flags.DEFINE_float(
    "short_seq_prob", None, "Share of documents with shorter rows (default: bert 0.1, roberta 0)."
)
flags.DEFINE_integer("num_shards", 1, "Number of output files.")
flags.DEFINE_integer("num_workers", 0, "Worker processes; 0: one for each core.")


def settings_from_flags():
    """CreationSettings from the command line.

    Raises:
      UserError: a flag is missing, or two contradict each other.
    """
    require(FLAGS, "input_file", "output_file", "vocab_file")
    refuse_idle_flags()
    short_seq_prob = FLAGS.short_seq_prob
    if short_seq_prob is None:
        short_seq_prob = 0.1 if recipes.get_recipe(FLAGS.objective).short_sequences else 0.0
    dupe_factor = FLAGS.dupe_factor
    if dupe_factor is None:
        dupe_factor = 10 if FLAGS.masking == "static" else 1
    return CreationSettings(
        vocab_file=FLAGS.vocab_file,
        objective=FLAGS.objective,
        input_format=FLAGS.input_format,
        text_fields=tuple(FLAGS.text_fields),
        normalize_quotes=FLAGS.normalize_quotes,
        max_sentence_chars=FLAGS.max_sentence_chars,
        do_lower_case=FLAGS.do_lower_case,
        segmenter=FLAGS.segmenter,
        ltp_model=FLAGS.ltp_model,
        user_dict=FLAGS.user_dict,
        masking_unit=_masking_unit(),
        masked_lm_prob=FLAGS.masked_lm_prob,
        ngram_probs=_ngram_probs(),
        max_seq_length=FLAGS.max_seq_length,
        max_predictions_per_seq=FLAGS.max_predictions_per_seq,
        short_seq_prob=short_seq_prob,
        masking=FLAGS.masking,
        dupe_factor=dupe_factor,
        random_seed=FLAGS.random_seed,
    )


def refuse_idle_flags():
    """Raises UserError for a flag that was given but has no effect beside the others."""
    split = FLAGS.input_format in ("raw", "jsonl")
    presegmented = FLAGS.input_format == "presegmented"
    idle = (
        ("text_fields", FLAGS.input_format != "jsonl", "needs --input_format=jsonl"),
        ("max_sentence_chars", not split, "needs --input_format=raw or jsonl"),
        ("segmenter", presegmented, "has no use with --input_format=presegmented"),
    )
    for name, is_idle, why in idle:
        if FLAGS[name].present and is_idle:
            raise UserError("--{} {}: leave it out".format(name, why))


def _masking_unit():
    if FLAGS.do_whole_word_mask is None:
        return FLAGS.masking_unit
    unit = "word" if FLAGS.do_whole_word_mask else "wordpiece"
    if FLAGS.masking_unit not in (None, unit):
        raise UserError(
            "--do_whole_word_mask={} contradicts --masking_unit={}: leave one out".format(
                str(FLAGS.do_whole_word_mask).lower(), FLAGS.masking_unit
            )
        )
    return unit


def _ngram_probs():
    if FLAGS.ngram_probs is None:
        return masking.DEFAULT_NGRAM_PROBS
    if FLAGS.masking_unit != "ngram":
        raise UserError("--ngram_probs needs --masking_unit=ngram")
    try:
        return tuple(float(p) for p in FLAGS.ngram_probs)
    except ValueError:
        raise UserError(
            "--ngram_probs must be numbers with commas, found {}".format(
                ",".join(FLAGS.ngram_probs)
            )
        ) from None


def output_names():
    """Shard names from --output_file and --num_shards.

    Raises:
      UserError: the two do not fit.
    """
    shards = FLAGS.num_shards
    if shards < 1 or shards > 99999:
        raise UserError("--num_shards must be from 1 to 99999, found {}".format(shards))
    names = [name.strip() for name in FLAGS.output_file.split(",") if name.strip()]
    if len(names) > 1:
        if shards not in (1, len(names)):
            raise UserError(
                "--output_file names {} files but --num_shards is {}".format(len(names), shards)
            )
        if any("*" in name for name in names):
            raise UserError("--output_file takes a list of names or one name with a *, not both")
        if len({os.path.normpath(name) for name in names}) < len(names):
            raise UserError("--output_file names a file twice")
        if len({os.path.dirname(os.path.normpath(name)) for name in names}) > 1:
            raise UserError("the files of --output_file must lie in one folder")
    elif not names:
        raise UserError("--output_file names no file")
    elif "*" in os.path.dirname(names[0]):
        raise UserError("the * of --output_file must stand in the file's name")
    elif "*" in names[0]:
        names = [names[0].replace("*", "{:05d}".format(i)) for i in range(shards)]
    elif shards > 1:
        names = ["{}-{:05d}-of-{:05d}".format(names[0], i, shards) for i in range(shards)]
    for name in names:
        if not os.path.basename(name) or files.is_directory(name):
            raise UserError("{} is a directory, not a file name (--output_file)".format(name))
    return names


def print_report(result, names):
    """The manifest in a few lines, and some rows with their words in brackets."""
    print(
        "{:,} records, {:,} tokens from {:,} documents, {:,} sentences, {:,} characters".format(
            *(result[k] for k in ("records", "tokens", "documents", "sentences", "characters"))
        )
    )
    masked = "masks are drawn in training"
    if result["masking"]["kind"] == "static":
        masked = "masked {:.2%} of the tokens".format(result["masked_share"])
    print(
        "{}, [UNK] {:.2%} of the pieces ({}), {:,} words unaligned".format(
            masked,
            result["unknown_share"],
            " ".join(list(result["unknown_top"])[:10]) or "none",
            result["unaligned_words"],
        )
    )
    if result["objective"] == "bert" and result["one_document_share"] > 0.01:
        print(
            "note: {:.1%} of the parts hold one document only, so their random second sentences "
            "are its own; part documents by blank lines".format(result["one_document_share"])
        )
    print("manifest: {}".format(manifest.manifest_path(names)))
    for example in result["examples"][:2]:
        print("example: {}".format(example))


def refuse_to_overwrite(inputs, names):
    """Raises UserError where an output is an input."""
    read = {os.path.abspath(path) for path in inputs}
    for name in names:
        if os.path.abspath(name) in read:
            raise UserError("--output_file {} is one of the input files".format(name))


def available_cores():
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def main(argv):
    del argv
    if FLAGS.num_workers < 0:
        raise UserError("--num_workers must be 0 or more, found {}".format(FLAGS.num_workers))
    settings = settings_from_flags()
    settings.check()
    names = output_names()
    inputs = files.matching(FLAGS.input_file, "--input_file")
    refuse_to_overwrite(inputs, names)
    workers = FLAGS.num_workers or available_cores()
    print_report(runner.create(settings, inputs, names, workers), names)
    return 0


if __name__ == "__main__":
    run_script(main)
