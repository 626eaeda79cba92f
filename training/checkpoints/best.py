"""The best checkpoint of a run, in a folder of its own, and the file of its figures."""

import math
import os

from common import bounded_json, files
from common.errors import UserError
from common.outputs import copy_atomically, write_atomically
from training.checkpoints.recovery import write_state

FOLDER = "best"
RESULTS_FILE = "eval_results.txt"


def results_text(results):
    """The text of an eval_results.txt: one `name = value` a line.

    Args:
      results: dict name -> number.
    """
    return "".join("{} = {}\n".format(name, value) for name, value in results.items())


def read_results(path):
    """The figures of an eval_results.txt.

    Args:
      path: of the file.

    Returns:
      dict name -> float, empty where there is no such file.

    Raises:
      UserError: the file holds anything but `name = value` lines.
    """
    if not files.exists(path):
        return {}
    try:
        with files.open_file(path, "rb") as reader:
            lines = bounded_json.read(reader, path, bounded_json.CONFIG_BYTES).decode("utf-8")
        pairs = [line.split(" = ") for line in lines.splitlines()]
        results = {name: float(value) for name, value in pairs}
        if results.get("global_step", 0) % 1:  # nan % 1 is nan, which is true
            raise ValueError("no step")
        return results
    except ValueError:
        raise UserError(
            "{} is damaged: not one `name = value` a line; remove its folder".format(path)
        ) from None


class BestCheckpoint:
    """output_dir/best: the checkpoint with the best evaluation, and its figures.

      best = BestCheckpoint(output_dir, key="accuracy", larger_is_better=True)
      if best.offer(prefix, {"global_step": 100, "accuracy": 0.9}):
          log("best so far: " + best.shown())

    Attributes:
      folder: its path.
      key: name of the figure that checkpoints are compared by.
      value: the best figure so far, None before the first evaluation.
    """

    def __init__(self, output_dir, key="loss", larger_is_better=False):
        """Reads the best figure of an earlier process of the same run.

        Args:
          output_dir: of the run.
          key: name of the figure that checkpoints are compared by.
          larger_is_better: True for an accuracy, False for a loss.
        """
        self.folder = os.path.join(output_dir, FOLDER)
        self.key, self._sign = key, -1 if larger_is_better else 1
        self.value = self._saved_value()

    def offer(self, prefix, results):
        """Keeps a copy of a checkpoint if it is better than all before it.

        Args:
          prefix: of the checkpoint.
          results: its evaluation, dict name -> number, with `key`.

        Returns:
          Whether it was kept.
        """
        value = results[self.key]
        if math.isnan(value):  # no later figure would compare as better
            return False
        if self.value is not None and not self._sign * value < self._sign * self.value:
            return False
        files.make_directories(self.folder)
        older = [
            os.path.join(self.folder, name)
            for name in files.names_in(self.folder)
            if name.endswith(".index") or ".data-" in name
        ]
        name = os.path.basename(prefix)
        # The index last: data without an index is no checkpoint to any reader.
        sources = [*files.beginning_with(prefix + ".data-"), prefix + ".index"]
        targets = [self._copy(source) for source in sources]
        write_state(self.folder, [name])
        write_atomically(os.path.join(self.folder, RESULTS_FILE), results_text(results))
        for path in older:
            if path not in targets:
                files.remove(path)
        self.value = value
        return True

    def shown(self):
        """The best figure as a text for the log."""
        if self.value is None:
            return "no {} that is a number".format(self.key)
        return "{} {:.4f}".format(self.key, self.value)

    def _copy(self, source):
        target = os.path.join(self.folder, os.path.basename(source))
        copy_atomically(source, target)
        return target

    def _saved_value(self):
        return read_results(os.path.join(self.folder, RESULTS_FILE)).get(self.key)
