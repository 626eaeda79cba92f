"""LTP's legacy model (perceptrons for words, parts of speech and entities) from sentences."""

import contextlib
import json
import os
import sys

_DEPTH = {"cws": 1, "pos": 2, "ner": 3}  # columns of the trainer's file: word/pos/ner


def train(sentences, tasks, directory, epochs, progress):
    """Writes an LTP directory.

    Nothing is drawn: two runs tag alike, though their files differ (LTP numbers the features
    as a hash table gives them).

    Args:
      sentences: list of sample.conllu_files.Sentence.
      tasks: what to train, of "cws", "pos" and "ner"; others are ignored.
      directory: str, is there.
      epochs: int.
      progress: called with a line for the user.

    Returns:
      list of str, the tasks that were trained.
    """
    trained = [task for task in _DEPTH if task in tasks]
    if "pos" not in trained:  # entities are found with the help of parts of speech
        trained = ["cws"]
    for task in trained:
        progress("training {}, {} epochs".format(task, epochs))
        data = os.path.join(directory, task + ".txt")
        _write_training_file(sentences, _DEPTH[task], data)
        model = _train_perceptron(_trainer(task, sentences), data, epochs)
        model.save(os.path.join(directory, _file_name(task)))
        os.remove(data)
    with open(os.path.join(directory, "config.json"), "w", encoding="utf-8") as f:
        # LTP's spelling
        json.dump({"nerual": False, "tasks": {t: _file_name(t) for t in trained}}, f, indent=1)
    return trained


def _file_name(task):
    return task + "_model.bin"


def _write_training_file(sentences, depth, path):
    with open(path, "w", encoding="utf-8") as f:
        for sentence in sentences:
            columns = (sentence.words, sentence.pos, sentence.ner)[:depth]
            f.write(" ".join(map("/".join, zip(*columns))) + "\n")


def _trainer(task, sentences):
    from ltp_extension import perceptron

    if task == "cws":
        return perceptron.CWSTrainer()
    labels = sorted({label for s in sentences for label in getattr(s, task)})
    return {"pos": perceptron.POSTrainer, "ner": perceptron.NERTrainer}[task](labels)


def _train_perceptron(trainer, data, epochs):
    from ltp_extension.perceptron import Algorithm

    trainer.epoch = epochs
    trainer.shuffle = False
    trainer.verbose = False
    trainer.algorithm = Algorithm("AP", 1)
    trainer.eval_threads = 1
    # Together with ratio=0.0 it would end the process.
    trainer.compress = False
    trainer.load_train_data(data)
    # The best epoch is kept; without evaluation data that is the first, a poor one.
    trainer.load_eval_data(data)
    with _silence():
        return trainer.train()


@contextlib.contextmanager
def _silence():
    """Redirects standard output: the trainer, in Rust, prints every epoch, verbose or not."""
    sys.stdout.flush()
    kept = os.dup(1)
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 1)
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
