"""Looks through a corpus once: encodings, damaged lines, duplicate documents, sizes, in one table.

python -m data.scan_corpus --input_file='corpus/*.txt' --input_format=raw
python -m data.scan_corpus --input_file='corpus/*.txt' --input_format=raw \\
    --output_file=kept.txt --drop_duplicates

Prints and writes no text of the corpus but the documents of --output_file.
"""

import contextlib
import json
import os

# Before numpy is imported: threads inside one of several processes only get in each other's way.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from cli.start import watched_imports

with watched_imports():
    from absl import flags

    from cli.app import require, run_script
    from cli.corpus_flags import define_encoding
    from cli.help import topics
    from common import files, outputs, packed
    from common.errors import UserError
    from common.processes import available_cores
    from common.terminal import say
    from data.scan import blocks, duplicates, job, report
    from data.text import encodings

FLAGS = flags.FLAGS

topics.lead(
    ("input_file",),
    ("input_format", "report_file", "output_file", "drop_duplicates", "near_duplicates"),
)
flags.DEFINE_string("input_file", None, "Text files to read: names or globs, a comma between them.")
flags.DEFINE_enum(
    "input_format",
    "raw",
    blocks.FORMATS,
    "Format of the text, as in create_pretraining_data.py.",
)
define_encoding(encodings.AUTO)
flags.DEFINE_list("text_fields", ["text"], "Fields of --input_format=jsonl that hold text.")
flags.DEFINE_integer("long_line_chars", 5000, "Most characters of a line that is not very long.")
flags.DEFINE_bool(
    "near_duplicates",
    False,
    "Find near copies, too, by MinHash (pip: datasketch); some 3 KB of memory a document.",
)
flags.DEFINE_float(
    "near_duplicate_similarity",
    0.8,
    "Least share of common stretches of five characters by which a document is a near copy.",
)
flags.DEFINE_string("report_file", None, "File to write the table to, as JSON.")
flags.DEFINE_string(
    "output_file",
    None,
    "File to write the documents to, in UTF-8 and without damaged lines.",
)
flags.DEFINE_bool("drop_duplicates", False, "Leave copies of earlier documents out.")
flags.DEFINE_string(
    "duplicates_file",
    None,
    "File to list the copies in, each with its original; with --drop_duplicates: "
    "OUTPUT_FILE.duplicates.tsv.",
)
flags.DEFINE_integer("num_workers", 0, "Worker processes; 0: one for each core.")


def settings_from_flags():
    """ScanSettings from the command line.

    Raises:
      UserError: a flag is missing, out of range or without effect.
    """
    require(FLAGS, "input_file")
    similarity = FLAGS.near_duplicate_similarity
    for name, is_idle, needed in (
        ("text_fields", FLAGS.input_format != "jsonl", "input_format=jsonl"),
        ("near_duplicate_similarity", not FLAGS.near_duplicates, "near_duplicates"),
        ("drop_duplicates", not FLAGS.output_file, "output_file"),
    ):
        if FLAGS[name].present and is_idle:
            raise UserError("--{} needs --{}; remove it, or give that".format(name, needed))
    for name, is_right, range_of in (
        ("near_duplicate_similarity", 0 < similarity < 1, "above 0 and below 1"),
        ("long_line_chars", FLAGS.long_line_chars > 0, "1 or more"),
        ("num_workers", FLAGS.num_workers >= 0, "0 or more"),
    ):
        if not is_right:
            raise UserError("--{} must be {}, found {}".format(name, range_of, FLAGS[name].value))
    return blocks.ScanSettings(
        input_format=FLAGS.input_format,
        encoding=FLAGS.encoding,
        text_fields=tuple(FLAGS.text_fields),
        long_line_chars=FLAGS.long_line_chars,
        near_duplicates=similarity if FLAGS.near_duplicates else None,
        keeps=bool(FLAGS.output_file),
    )


def output_names(inputs):
    """dict flag -> name of a file to write, None where it is not asked for.

    Raises:
      UserError: one cannot be written, or is one of the input files.
    """
    listed = FLAGS.duplicates_file
    if FLAGS.drop_duplicates and not listed:
        listed = FLAGS.output_file + ".duplicates.tsv"
    names = {
        "output_file": FLAGS.output_file,
        "report_file": FLAGS.report_file,
        "duplicates_file": listed,
    }
    read = {os.path.abspath(path) for path in inputs}
    for flag, name in names.items():
        if not name:
            continue
        outputs.check(name, "--" + flag)
        if os.path.abspath(name) in read:
            raise UserError("--{} {} is one of the input files".format(flag, name))
        if packed.is_packed(name):
            raise UserError("--{} {} would not be compressed; give another name".format(flag, name))
        with _writing(flag, name):
            files.make_directories(os.path.dirname(name) or ".")
    return names


@contextlib.contextmanager
def _writing(flag, name):
    """Failures to write a file as errors for the user."""
    try:
        yield
    except files.failures() as error:
        raise UserError(
            "cannot write {} (--{}): {}".format(name, flag, files.reason(error))
        ) from None


def main(argv):
    del argv
    settings = settings_from_flags()
    inputs = files.matching(FLAGS.input_file, "--input_file")
    names = output_names(inputs)
    if settings.near_duplicates:
        duplicates.make_sketch()  # before any work
    workers = FLAGS.num_workers or available_cores()
    kept = names["output_file"]
    with _writing("output_file", kept) if kept else contextlib.nullcontext():
        of_files, found = job.scan(inputs, settings, workers, say, kept, FLAGS.drop_duplicates)
    for line in report.table(of_files, bool(settings.near_duplicates)):
        say(line)
    for line in report.notes(of_files, settings.input_format):
        say("note: " + line)
    if names["report_file"]:
        content = json.dumps(report.to_json(of_files, settings), ensure_ascii=False, indent=1)
        with _writing("report_file", names["report_file"]):
            outputs.write_atomically(names["report_file"], content + "\n")
    listed = names["duplicates_file"]
    if listed:
        with _writing("duplicates_file", listed), outputs.replacing(listed) as f:
            for line in report.duplicate_rows(of_files, found):
                f.write((line + "\n").encode("utf-8"))
    for flag, name in names.items():
        if name:
            say("{}: {}".format(flag.replace("_", " "), name))
    return 0


if __name__ == "__main__":
    run_script(main)
