"""The best checkpoint of a run, kept beside the latest ones."""

import os

import tensorflow.compat.v1 as tf

from data.files import write_atomically

FOLDER = "best"
RESULTS_FILE = "eval_results.txt"


def results_text(results):
    """One `name = value` a line."""
    return "".join("{} = {}\n".format(name, value) for name, value in results.items())


class BestCheckpoint:
    """output_dir/best: the checkpoint with the lowest loss on --eval_file, and its figures."""

    def __init__(self, output_dir):
        """Takes up what an earlier part of the run left there."""
        self.folder = os.path.join(output_dir, FOLDER)
        self.loss = self._saved_loss()

    def offer(self, prefix, results):
        """Keeps a copy of a checkpoint if its loss is the lowest so far.

        Args:
          prefix: the checkpoint.
          results: its evaluation, a dict with "loss".

        Returns:
          Whether it was kept.
        """
        if self.loss is not None and not results["loss"] < self.loss:
            return False
        tf.io.gfile.makedirs(self.folder)
        older = tf.io.gfile.glob(os.path.join(self.folder, "*.data-*"))
        older += tf.io.gfile.glob(os.path.join(self.folder, "*.index"))
        name = os.path.basename(prefix)
        # The index last: without it nothing takes the data for a checkpoint.
        sources = sorted(tf.io.gfile.glob(prefix + ".data-*")) + [prefix + ".index"]
        targets = [self._copy(source) for source in sources]
        write_atomically(
            os.path.join(self.folder, "checkpoint"),
            'model_checkpoint_path: "{0}"\nall_model_checkpoint_paths: "{0}"\n'.format(name),
        )
        write_atomically(os.path.join(self.folder, RESULTS_FILE), results_text(results))
        for path in older:
            if path not in targets:
                tf.io.gfile.remove(path)
        self.loss = results["loss"]
        return True

    def _copy(self, source):
        target = os.path.join(self.folder, os.path.basename(source))
        tf.io.gfile.copy(source, target + ".tmp", overwrite=True)
        tf.io.gfile.rename(target + ".tmp", target, overwrite=True)
        return target

    def _saved_loss(self):
        path = os.path.join(self.folder, RESULTS_FILE)
        if not tf.io.gfile.exists(path):
            return None
        with tf.io.gfile.GFile(path, "r") as reader:
            values = dict(line.rstrip("\n").split(" = ") for line in reader)
        return float(values["loss"])
