"""The best checkpoint of a run, kept beside the latest ones."""

import math
import os

import tensorflow.compat.v1 as tf

from common import bounded_json
from common.errors import UserError
from common.files import copy_atomically, write_atomically
from training.checkpoints.recovery import write_state

FOLDER = "best"
RESULTS_FILE = "eval_results.txt"


def results_text(results):
    """One `name = value` a line."""
    return "".join("{} = {}\n".format(name, value) for name, value in results.items())


def read_results(path):
    """What results_text wrote, as a dict of floats; empty where there is no such file.

    Raises:
      UserError: it holds something else.
    """
    if not tf.io.gfile.exists(path):
        return {}
    try:
        with tf.io.gfile.GFile(path, "rb") as reader:
            lines = bounded_json.read(reader, path, bounded_json.CONFIG_BYTES).decode("utf-8")
        pairs = [line.split(" = ") for line in lines.splitlines()]
        results = {name: float(value) for name, value in pairs}
        if results.get("global_step", 0) % 1:  # so written for nan
            raise ValueError("no step")
        return results
    except ValueError:
        raise UserError(
            "{} is damaged: not one `name = value` a line; remove its folder".format(path)
        ) from None


class BestCheckpoint:
    """output_dir/best: the checkpoint with the best evaluation, and its figures.

    Attributes:
      folder: where it is.
      key: name of the figure that decides.
      value: its figure, None before the first evaluation.
    """

    def __init__(self, output_dir, key="loss", larger_is_better=False):
        """Takes up what an earlier part of the run left there.

        Args:
          output_dir: of the run.
          key: name of the figure that decides.
          larger_is_better: whether it is an accuracy rather than a loss.
        """
        self.folder = os.path.join(output_dir, FOLDER)
        self.key, self._sign = key, -1 if larger_is_better else 1
        self.value = self._saved_value()

    def offer(self, prefix, results):
        """Keeps a copy of a checkpoint if it is better than all so far.

        Args:
          prefix: the checkpoint.
          results: its evaluation, a dict with the key that decides.

        Returns:
          Whether it was kept.
        """
        value = results[self.key]
        if math.isnan(value):  # nothing would be better than that
            return False
        if self.value is not None and not self._sign * value < self._sign * self.value:
            return False
        tf.io.gfile.makedirs(self.folder)
        older = tf.io.gfile.glob(os.path.join(self.folder, "*.data-*"))
        older += tf.io.gfile.glob(os.path.join(self.folder, "*.index"))
        name = os.path.basename(prefix)
        # The index last: without it nothing takes the data for a checkpoint.
        sources = sorted(tf.io.gfile.glob(prefix + ".data-*")) + [prefix + ".index"]
        targets = [self._copy(source) for source in sources]
        write_state(self.folder, [name])
        write_atomically(os.path.join(self.folder, RESULTS_FILE), results_text(results))
        for path in older:
            if path not in targets:
                tf.io.gfile.remove(path)
        self.value = value
        return True

    def shown(self):
        """The figure for the log."""
        if self.value is None:
            return "no {} that is a number".format(self.key)
        return "{} {:.4f}".format(self.key, self.value)

    def _copy(self, source):
        target = os.path.join(self.folder, os.path.basename(source))
        copy_atomically(source, target)
        return target

    def _saved_value(self):
        return read_results(os.path.join(self.folder, RESULTS_FILE)).get(self.key)
