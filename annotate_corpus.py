"""Raw Chinese text to CoNLL-U with LTP's words, parts of speech, entities and dependencies.

python annotate_corpus.py --input_file='corpus/*.txt' --output_file=annotated.conllu \\
    --ltp_model=models/LTP-small
"""

import os

# Before numpy is imported: threads inside one of several processes only get in each other's way.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from cli.start import watched_imports

with watched_imports():
    from absl import flags

    from cli import corpus_flags
    from cli.app import PARTS_KEPT, require, run_script
    from cli.help import topics
    from common.log import warn
    from common.tags import KINDS
    from common.terminal import say
    from data import annotation
    from data.jobs import runner
    from data.jobs.executors import LocalProcesses
    from data.records import manifest
    from data.text.ltp import annotator
    from data.text.tags import shown

FLAGS = flags.FLAGS

topics.lead(
    ("input_file", "output_file", "ltp_model"),
    ("input_format", "user_dict", "num_shards", "num_workers", "batch_size", "ltp_precision"),
)
corpus_flags.define_corpus_flags(annotation.FORMATS, "raw")
topics.begin("Text and words")
flags.DEFINE_integer(
    "batch_size", annotator.BATCH_SIZE, "Most stretches of sentences that LTP is given at a time."
)


def settings_from_flags():
    """AnnotationSettings from the command line.

    Raises:
      UserError: a flag is missing, or two contradict each other.
    """
    require(FLAGS, "input_file", "output_file", "ltp_model")
    corpus_flags.refuse_idle_flags()
    return annotation.AnnotationSettings(
        batch_size=FLAGS.batch_size, **corpus_flags.text_settings()
    )


def print_report(result, names):
    """The manifest in a few lines."""
    say(
        "{:,} documents, {:,} sentences, {:,} words, {:,} characters".format(
            *(result[k] for k in ("documents", "sentences", "words", "characters"))
        )
    )
    if result["unaligned_sentences"]:
        examples = ", ".join(result["unaligned_examples"])
        say(
            "note: {:,} sentences are written character by character, without tags: LTP's words do "
            "not join to them{}".format(
                result["unaligned_sentences"], examples and "; for instance " + examples
            )
        )
    corpus_flags.say_user_dict(result)
    for kind in KINDS:
        tags = {tag for tag in result["tag_counts"] if tag.startswith(shown(kind, ""))}
        if not tags - {shown(kind, "_")}:
            say("note: the model gives no tags of the kind {}".format(kind))
    say("manifest: {}".format(manifest.manifest_path(names)))


def main(argv):
    del argv
    settings = settings_from_flags()
    settings.check()
    inputs, names, workers = corpus_flags.files_and_workers()
    work = annotation.AnnotationWork(settings)
    for note in work.notes():
        warn(note)
    print_report(runner.create(work, inputs, names, LocalProcesses(workers)), names)
    return 0


if __name__ == "__main__":
    run_script(main, PARTS_KEPT)
