"""The best checkpoint of a run, in a folder of its own, and the file of its figures."""

import math
import os

from common import bounded_json, files
from common.errors import UserError
from common.outputs import copy_atomically, write_atomically
from modeling import checkpoint, checkpoint_files, meta_graph
from training import model_files
from training.checkpoints.recovery import (
    BEST_FOLDER,
    NAME_OF_STEP,
    checkpoint_of,
    remove_checkpoint,
    remove_debris,
    write_state,
)

RESULTS_FILE = "eval_results.txt"
# Results that are no numbers, see evaluations.rows_read and evaluations.joined.
TEXTS = ("all_rows_read", "records", "rows_id", "set")
# Between the name of a set and that of its figure.
OF_SET = "."


def results_text(results):
    """The text of an eval_results.txt: one `name = value` a line.

    Args:
      results: dict name -> number, or text of TEXTS.
    """
    return "".join("{} = {}\n".format(name, value) for name, value in results.items())


def read_results(path):
    """The figures of an eval_results.txt.

    Args:
      path: of the file.

    Returns:
      dict name -> number, a whole one for the step, or text of TEXTS; empty where there is no such
      file.

    Raises:
      UserError: the file holds anything but `name = value` lines.
    """
    if not files.exists(path):
        return {}
    try:
        with files.open_file(path, "rb") as reader:
            lines = bounded_json.read(reader, path, bounded_json.CONFIG_BYTES).decode("utf-8")
        pairs = [_split(line) for line in lines.splitlines()]
        results = {n: value if _is_text(n) else float(value) for n, value in pairs}
        if results.get("global_step", 0) % 1:  # nan % 1 is nan, which is true
            raise ValueError("no step")
    except ValueError:
        raise UserError(
            "{} is damaged: not one `name = value` a line; restore that file from a copy, or "
            "rename it: without it, the next evaluation counts as the best".format(path)
        ) from None
    if "global_step" in results:
        results["global_step"] = int(results["global_step"])
    return results


def _split(line):
    """[name, value]; the name of a file may have the sign, too."""
    name = line.split(" = ", 1)[0]
    return line.split(" = ", 1 if _is_text(name) else -1)


def _is_text(name):
    return name.rpartition(OF_SET)[2] in TEXTS


class Ranking:
    """The order of evaluations, by which the best checkpoint is chosen: by a figure; of equal ones
    the lower loss is better, then the later step.

    Attributes:
      key: name of the figure.
    """

    def __init__(self, key="loss", larger_is_better=False):
        self.key, self._sign = key, -1 if larger_is_better else 1

    def is_better(self, results, than):
        """Whether an evaluation is better than another one.

        Args:
          results, than: dicts name -> number, of an evaluation; `than` may be empty or None. One
            whose figure is missing or nan is better than none.
        """
        if not self._has_figure(results):
            return False
        return not self._has_figure(than) or self._place(results) < self._place(than)

    def _has_figure(self, results):
        return bool(results) and not math.isnan(results.get(self.key, math.nan))

    def _place(self, results):
        """Smaller is better."""
        # Of several tasks each has a loss.
        losses = [v for name, v in results.items() if name == "loss" or name.endswith("eval_loss")]
        loss = sum(losses)
        loss = math.inf if math.isnan(loss) else loss
        return self._sign * results[self.key], loss, -results.get("global_step", 0)


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
        """Reads the best figure of an earlier process of the same run, and removes what that one
        left unfinished in the folder: only for the process that trains in output_dir.

        Args:
          output_dir: of the run.
          key: name of the figure that checkpoints are compared by.
          larger_is_better: True for an accuracy, False for a loss.
        """
        self.folder = os.path.join(output_dir, BEST_FOLDER)
        self.key, self._ranking = key, Ranking(key, larger_is_better)
        self._results = results = read_results(os.path.join(self.folder, RESULTS_FILE))
        remove_debris(self.folder)
        if "global_step" in results:
            self._settle(NAME_OF_STEP.format(results["global_step"]))

    @property
    def value(self):
        """See the class."""
        return self._results.get(self.key)

    def offer(self, prefix, results):
        """Keeps a copy of a checkpoint if it is better than all before it, see Ranking.

        Args:
          prefix: of the checkpoint.
          results: its evaluation, dict name -> number, with `key`.

        Returns:
          Whether it was kept.
        """
        if not self._ranking.is_better(results, self._results):
            return False
        self.keep(prefix, results)
        return True

    def keep(self, prefix, results):
        """Keeps a copy of a checkpoint in place of the one before; see `offer`."""
        files.make_directories(self.folder)
        model_files.copy(os.path.dirname(self.folder), self.folder)
        name = os.path.basename(prefix)
        graph = prefix + meta_graph.ENDING
        if files.exists(graph):
            copy_atomically(graph, os.path.join(self.folder, name + meta_graph.ENDING))
        # Where it can be read even when a training has removed it meanwhile.
        place = checkpoint_files.place(prefix)
        # The index last: data without an index is no checkpoint to any reader.
        for source in [*checkpoint_files.data_files(place), place + ".index"]:
            copy_atomically(source, os.path.join(self.folder, name + source[len(place) :]))
        write_state(self.folder, [name])
        # After what they speak of: a start trusts them. Then what they do not speak of can go.
        write_atomically(os.path.join(self.folder, RESULTS_FILE), results_text(results))
        self._remove_others(name)
        self._results = results

    def shown(self):
        """The best figure as a text for the log."""
        if self.value is None:
            return "no {} that is a number".format(self.key)
        return "{} {:.4f}".format(self.key, self.value)

    def _settle(self, name):
        """Makes the folder hold the checkpoint that its figures are of, and no other."""
        prefix = os.path.join(self.folder, name)
        if not files.exists(prefix + ".index"):
            return
        if checkpoint.listed(self.folder)[:1] != [prefix]:
            write_state(self.folder, [name])
        self._remove_others(name)

    def _remove_others(self, name):
        """Removes the other checkpoints of a training."""
        others = {checkpoint_of(n) for n in files.names_in(self.folder)} - {name, None}
        for other in sorted(others):
            remove_checkpoint(os.path.join(self.folder, other))
