"""Trains a small LTP model from annotated sentences.

python -m sample.train_ltp --annotations='sample/annotations/*.conllu' --output_dir=ltp

The result is a directory like those of LTP's own releases, for --ltp_model. From the sample's few
hundred sentences it learns little beyond these: it serves to try things out without a download.
"""

import contextlib
import os
import shutil
import sys
import time

from absl import flags

from cli.app import require, run_script
from common import files
from common.errors import UserError
from common.terminal import complain, printable, say
from sample import conllu_files, ltp_accuracy, ltp_legacy, ltp_neural

KINDS = ("neural", "legacy")
SAMPLE = os.path.dirname(os.path.abspath(__file__))
_EPOCHS = {"neural": 30, "legacy": 20}


def train(kind, sentences, directory, epochs=None, seed=1, vocab_tokens=(), progress=None):
    """Trains a model in an existing directory.

      tasks = train("legacy", conllu_files.read(["train.conllu"]), "ltp")

    Args:
      kind: one of KINDS.
      sentences: list of conllu_files.Sentence; the annotations that all of them have are learned.
      directory: str, empty.
      epochs: int, or None for the number that the sample needs.
      seed: int, of the neural model.
      vocab_tokens: single characters among these are known to the neural model.
      progress: called with a line for the user, or None.

    Returns:
      list of str, the tasks that the model has learned.

    Raises:
      UserError: a sentence is too long for the neural model.
    """
    tasks = conllu_files.tasks_of(sentences)
    epochs = epochs or _EPOCHS[kind]
    progress = progress or (lambda line: None)
    if kind == "legacy":
        return ltp_legacy.train(sentences, tasks, directory, epochs, progress)
    return ltp_neural.train(sentences, tasks, directory, epochs, progress, vocab_tokens, seed)


def read_tokens(path):
    """The tokens of a vocabulary file.

    Raises:
      UserError: it cannot be read.
    """
    try:
        with open(path, encoding="utf-8") as f:
            return f.read().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError("cannot read {}: {} (--vocab_file)".format(path, error)) from None


@contextlib.contextmanager
def new_directory(path):
    """A directory that is renamed to `path` where the block succeeds, and removed where it fails.

    Raises:
      UserError: there is something at `path`, or nothing can be written there.
    """
    if files.is_remote(path):
        raise UserError("{} must be a local directory (--output_dir)".format(path))
    path = os.path.abspath(path)
    if os.path.exists(path) and (not os.path.isdir(path) or os.listdir(path)):
        raise UserError("{} is there already; name a new --output_dir".format(path))
    partial = os.path.join(os.path.dirname(path), "_" + os.path.basename(path) + ".partial")
    try:
        shutil.rmtree(partial, ignore_errors=True)  # debris of a run that was killed
        os.makedirs(partial)
        yield partial
        os.replace(partial, path)
    except OSError as error:
        raise UserError(
            "cannot write {}: {} (--output_dir)".format(path, error.strerror or error)
        ) from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)


class _Line:
    """Progress on stderr: one line that changes on a terminal, elsewhere a line now and then."""

    def __init__(self):
        self._moves = sys.stderr.isatty()
        self._said = 0.0

    def __call__(self, text):
        now = time.monotonic()
        if self._moves:
            print("\r\x1b[K" + printable(text), end="", file=sys.stderr, flush=True)
        elif now - self._said > 5.0:
            self._said = now
            complain(text)

    def close(self):
        if self._moves:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _report(name, directory, sentences, tasks):
    """Prints how the model does on sentences."""
    known = [task for task in conllu_files.tasks_of(sentences) if task in tasks]
    measured = ltp_accuracy.measure(directory, sentences, known)
    words = sum(len(sentence.words) for sentence in sentences)
    shown = ", ".join("{} {:.1f} %".format(k, v) for k, v in measured.items())
    say("{} ({:,} sentences, {:,} words): {}".format(name, len(sentences), words, shown))


def _define_flags():
    flags.DEFINE_string("annotations", None, "CoNLL-U files: names or globs, a comma between them.")
    flags.DEFINE_string("eval_annotations", None, "Others, only to measure the model on.")
    flags.DEFINE_string("output_dir", None, "The model's directory; must be new.")
    flags.DEFINE_enum("kind", "neural", KINDS, "neural: all tasks; legacy: faster, no dep.")
    flags.DEFINE_integer("epochs", None, "Passes over the sentences.", lower_bound=1)
    flags.DEFINE_integer("seed", 1, "Of the neural model.", lower_bound=0)
    flags.DEFINE_string(
        "vocab_file",
        os.path.join(SAMPLE, "vocab.txt"),
        "Its single characters are known to the neural model besides those of the annotations.",
    )


def main(argv):
    del argv
    options = flags.FLAGS
    require(options, "annotations", "output_dir")
    sentences = conllu_files.read(files.matching(options.annotations, "--annotations"))
    held_out = []
    if options.eval_annotations:
        paths = files.matching(options.eval_annotations, "--eval_annotations")
        held_out = conllu_files.read(paths, "--eval_annotations")
    tokens = read_tokens(options.vocab_file) if options.kind == "neural" else ()
    begin = time.monotonic()
    with new_directory(options.output_dir) as directory:
        line = _Line()
        try:
            settings = (options.epochs, options.seed, tokens, line)
            tasks = train(options.kind, sentences, directory, *settings)
        finally:
            line.close()
        seconds = time.monotonic() - begin
        _report("training sentences", directory, sentences, tasks)
        if held_out:
            _report("other sentences", directory, held_out, tasks)
    say(
        "{}: a {} model for {} in {:.0f} s".format(
            options.output_dir, options.kind, ", ".join(tasks), seconds
        )
    )


if __name__ == "__main__":
    _define_flags()
    run_script(main)
