"""Flags of the programs that read a corpus, and the checks of them.

Imports no TensorFlow: worker processes import their program, and this module with it.
"""

import os

from absl import flags

from cli.app import given_values, require
from cli.help import topics
from common import files, outputs, packed
from common.errors import UserError
from common.log import log, warn
from common.processes import available_cores
from common.terminal import say
from data.records.checks.completeness import check_complete
from data.records.manifest import find_manifests, manifest_path
from data.records.side_paths import name_in_set, set_of
from data.text import encodings, privacy
from data.text.ltp import precision
from data.text.sentences import DEFAULT_MAX_CHARS

FLAGS = flags.FLAGS
_SHOWN_WORDS = 10


def define_corpus_flags(formats, input_format):
    """Input, output and how text is read.

    Args:
      formats: choices of --input_format.
      input_format: its default.
    """
    topics.begin("Input and output")
    flags.DEFINE_string(
        "input_file", None, "Text files to read: names or globs, a comma between them."
    )
    flags.DEFINE_string(
        "output_file",
        None,
        "File to write, or a comma list of names. With --num_shards above 1, NAME-00000-of-00008; "
        "a * in the name takes the shard number.",
    )
    flags.DEFINE_enum(
        "input_format",
        input_format,
        formats,
        "Format of the text: a sentence a line, a blank line between documents (text); raw: "
        "paragraphs, split into sentences; jsonl: an object a line{}. Each may be compressed (.gz, "
        ".bz2).".format(
            "; presegmented: text with words separated by blanks; conllu: words with tags, as "
            "annotate_corpus.py writes them; pairs: two sentences a line and, where it is known, 1 "
            "(similar) or 0, parted by tabs"
            if "pairs" in formats
            else ""
        ),
    )
    define_encoding()
    flags.DEFINE_list("text_fields", ["text"], "Fields of --input_format=jsonl that hold text.")
    topics.begin("Text and words")
    flags.DEFINE_bool(
        "keep_text_private",
        False,
        "Print no text of the corpus, no words of --user_dict, and keep none in the manifest.",
    )
    flags.DEFINE_bool(
        "normalize_quotes",
        False,
        "Write “ ” ‘ ’ — … as their ASCII forms, which Google's Chinese vocabulary knows.",
    )
    flags.DEFINE_bool(
        "t2s", False, "Write traditional characters as simplified ones, by OpenCC (pip: opencc)."
    )
    flags.DEFINE_integer(
        "max_sentence_chars",
        DEFAULT_MAX_CHARS,
        "Most characters of a sentence of raw text; longer ones are cut.",
    )
    flags.DEFINE_string(
        "ltp_model", None, "LTP model: a directory, or a name of the hub (LTP/small)."
    )
    flags.DEFINE_enum(
        "ltp_precision",
        precision.FP32,
        precision.CHOICES,
        "Precision of a neural LTP model; auto: bf16 where a product in it is faster here.",
    )
    flags.DEFINE_string(
        "user_dict",
        None,
        "Dictionary of words that must be known, a line each: word [frequency] [tag].",
    )
    topics.begin("Input and output")
    flags.DEFINE_integer("num_shards", 1, "Number of output files.")
    flags.DEFINE_integer("num_workers", 0, "Worker processes; 0: one for each core.")


def define_encoding(default=encodings.UTF8):
    """--encoding, for every program that reads a corpus."""
    flags.DEFINE_enum(
        "encoding",
        default,
        encodings.CHOICES,
        "Encoding of the input files (gb18030 for GBK and GB2312, too); auto: of each file by its "
        "beginning.",
    )


def text_settings():
    """Settings of reading text, for data creation and for annotation: dict.

    With --keep_text_private no message of this process shows the text from here on.
    """
    privacy.keep_text_private(FLAGS.keep_text_private)
    names = (
        "input_format",
        "encoding",
        "keep_text_private",
        "normalize_quotes",
        "t2s",
        "max_sentence_chars",
        "ltp_model",
        "user_dict",
    )
    settings = dict(given_values(FLAGS, names), text_fields=tuple(FLAGS.text_fields))
    choice = precision.choose(FLAGS.ltp_precision)
    if choice.reason:
        (warn if choice.is_warning else log)(choice.reason)
    return dict(settings, ltp_precision=choice.precision)


def refuse_idle_flags(*more):
    """Refuses a given flag that has no effect beside the others.

    Args:
      more: (flag, whether it is idle, why), besides those of `define_corpus_flags`.

    Raises:
      UserError: naming the flag.
    """
    split = FLAGS.input_format in ("raw", "jsonl")
    idle = (
        ("text_fields", FLAGS.input_format != "jsonl", "needs --input_format=jsonl"),
        ("max_sentence_chars", not split, "needs --input_format=raw or jsonl"),
        *more,
    )
    for name, is_idle, why in idle:
        if FLAGS[name].present and is_idle:
            raise UserError("--{} {}; remove it".format(name, why))


def say_user_dict(result):
    """How many words of the user's dictionary the text has.

    Args:
      result: a manifest.
    """
    found = result["user_dict"]
    if not found:
        return
    path, never = result["flags"]["user_dict"], found["never"]
    line = "{}: {:,} of {:,} words occur".format(path, found["found"], found["words"])
    missing = found["words"] - found["found"]
    if missing:
        text = (
            "; {:,} never do, as they are written (case does not count, width does) and as words "
            "of their own"
        )
        line += text.format(missing)
    if never:
        line += ": " + " ".join(never[:_SHOWN_WORDS]) + " ..." * (missing > _SHOWN_WORDS)
    (say if found["found"] else warn)(line)


def files_and_workers():
    """Input files, output files and the number of workers.

    Returns:
      input files, shard names, number of worker processes.

    Raises:
      UserError: a flag is missing, out of range or names no file; an output is an input, or a
        name that no file can have; an input is unfinished.
    """
    require(FLAGS, "input_file", "output_file")
    if FLAGS.num_workers < 0:
        raise UserError("--num_workers must be 0 or more, found {}".format(FLAGS.num_workers))
    names = _output_names()
    _check_outputs(names, "--output_file", FLAGS.output_file.split(","))
    inputs = files.matching(FLAGS.input_file, "--input_file")
    read = {os.path.abspath(path) for path in inputs}
    for name in names:
        if os.path.abspath(name) in read:
            raise UserError("--output_file {} is one of the input files".format(name))
    if FLAGS.input_format == "conllu":  # shards of annotate_corpus.py
        check_complete(inputs, find_manifests(inputs), warn)
    return inputs, names, FLAGS.num_workers or available_cores()


def define_held_out_flags():
    """--eval_fraction and --eval_output_file."""
    topics.begin("Documents held out")
    flags.DEFINE_float(
        "eval_fraction",
        None,
        "Share of the documents to hold out, as 0.02; their records go to --eval_output_file. "
        "Chosen by a hash of their text: the same ones in every run, equal ones together.",
    )
    flags.DEFINE_string(
        "eval_output_file",
        None,
        "Name of the records held out; default: train.eval.tfrecord beside train.tfrecord.",
    )


def held_out_name(names):
    """The file for the records of documents that are held out, None where none are.

    Args:
      names: the other output files.

    Raises:
      UserError: it is missing, idle, one of the others, or no name that a file can have.
    """
    given = FLAGS.eval_output_file
    if FLAGS.eval_fraction is None:
        if given:
            raise UserError("--eval_output_file needs --eval_fraction; remove it")
        return None
    if not given:
        if names[0] != FLAGS.output_file and set_of(names[0]) is None:
            raise UserError(
                "--output_file={} does not tell a name for what --eval_fraction holds out; give "
                "--eval_output_file".format(FLAGS.output_file)
            )
        stem, ending = os.path.splitext(FLAGS.output_file)
        given = stem + ".eval" + ending
    if os.path.abspath(given) in map(os.path.abspath, names):
        raise UserError("--eval_output_file={} is one of --output_file; give another".format(given))
    _check_outputs([given], "--eval_output_file")
    return given


def _check_outputs(names, flag, as_given=()):
    """Raises UserError for a name that an output cannot have.

    Args:
      names: of the files.
      flag: that gives them.
      as_given: its values, before shard numbers are appended.
    """
    for name in [*as_given, *names]:
        if packed.is_packed(name.strip()):
            raise UserError(
                "{} {} would not be compressed; remove {}".format(
                    flag, name, os.path.splitext(name.strip())[1]
                )
            )
    for name in names:
        if not os.path.basename(name) or files.is_directory(name):
            raise UserError("{} is a directory, not a file name ({})".format(name, flag))
        outputs.check(name, flag)
        if any("\ud800" <= c <= "\udfff" for c in name):
            raise UserError("the name {!r} ({}) is not UTF-8".format(name, flag))
    outputs.check_length(manifest_path(names), "{} ({})".format(names[0], flag))


def _output_names():
    """Shard names from --output_file and --num_shards."""
    shards = FLAGS.num_shards
    if shards < 1 or shards > 99999:
        raise UserError("--num_shards must be from 1 to 99999, found {}".format(shards))
    names = [FLAGS.output_file]
    if "," in _new_part(names[0]):
        names = [name.strip() for name in names[0].split(",") if name.strip()]
    if len(names) > 1:
        if shards not in (1, len(names)):
            raise UserError(
                "--output_file names {} files but --num_shards is {}".format(len(names), shards)
            )
        if any("*" in os.path.basename(name) for name in names):
            raise UserError("--output_file takes a list of names or one name with a *, not both")
        if len({os.path.normpath(name) for name in names}) < len(names):
            raise UserError("--output_file names a file twice")
        if len({os.path.dirname(os.path.normpath(name)) for name in names}) > 1:
            raise UserError("the files of --output_file must lie in one folder")
        return names
    if not names or not names[0].strip():
        raise UserError("--output_file names no file")
    folder, name = os.path.split(names[0])
    if "*" in _new_part(folder):
        raise UserError("the * of --output_file must stand in the file's name")
    if "*" in name:
        return [os.path.join(folder, name.replace("*", "{:05d}".format(i))) for i in range(shards)]
    if shards > 1:
        return [name_in_set(names[0], i, shards) for i in range(shards)]
    return names


def _new_part(path):
    """The end of a path that is in no folder yet: the rest means what it is called."""
    there = path
    while there and not files.is_directory(there):
        there = os.path.dirname(there)
    return path[len(there) :]
