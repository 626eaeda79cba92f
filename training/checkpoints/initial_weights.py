"""The weights that a training or a prediction starts from, as a TensorFlow checkpoint."""

import hashlib
import json
import os
import tempfile

from common import files
from common.errors import UserError, some
from common.log import log_lines
from modeling import checkpoint
from modeling.conversion import huggingface

# What digest_of says of weights in the output directory itself.
OWN = "output_dir"


def digest_of(path, output_dir):
    """What tells the weights that a training starts from from others, wherever they lie.

    Args:
      path: a checkpoint's prefix that is held (checkpoint.hold), a Hugging Face directory, or None.
      output_dir: of the training.

    Returns:
      SHA-256 of the checkpoint's index, which has the checksums of all variables, or of both ends
      of the directory's files of weights; OWN for a checkpoint in output_dir, from which the
      training goes on in any case; None without a path.

    Raises:
      UserError: a file cannot be read.
    """
    if not path:
        return None
    if not huggingface.is_directory(path):
        if os.path.abspath(os.path.dirname(path)) == os.path.abspath(output_dir):
            return OWN
        return checkpoint.digest(path)
    names = sorted(filter(huggingface.holds_weights, files.names_in(path)))
    try:
        paths = {name: os.path.join(path, name) for name in names}
        ends = [[name, files.size(p), files.digest_of_ends(p)] for name, p in paths.items()]
    except files.failures() as error:
        raise UserError("cannot read {}: {}".format(path, files.reason(error))) from None
    return hashlib.sha256(json.dumps(ends).encode("utf-8")).hexdigest()


class InitialWeights:
    """A checkpoint, or a Hugging Face directory, which is converted to a checkpoint at its first
    use; the report of the conversion goes to the log.

    Attributes:
      path: the checkpoint's prefix, or the directory.
    """

    def __init__(self, path, folder=None, task_name=None, is_replaceable=None):
        """Reads nothing yet.

        Args:
          path: see the class.
          folder: where the converted checkpoint is written; None: a temporary folder, which is
            removed with this object.
          task_name: see huggingface.import_checkpoint.
          is_replaceable: see checkpoint.plan_loading.
        """
        self.path, self._folder, self._task_name = path, folder, task_name
        self._is_replaceable = is_replaceable
        self._scratch = self._prefix = None

    @property
    def prefix(self):
        """The checkpoint's prefix; its checksums have been verified.

        Raises:
          UserError: the checkpoint cannot be read, or the folder cannot be written to.
        """
        if self._prefix is None:
            prefix = self._converted() if huggingface.is_directory(self.path) else self.path
            checkpoint.verify(prefix)
            self._prefix = prefix
        return self._prefix

    def plan(self, shapes, config_source, init_layers=None):
        """The LoadPlan of these weights for a model; see checkpoint.plan_loading."""
        return checkpoint.plan_loading(
            self.prefix,
            shapes,
            config_source,
            init_layers,
            shown=self.path,
            is_replaceable=self._is_replaceable,
        )

    def _converted(self):
        folder = self._folder
        if folder is None:
            self._scratch = tempfile.TemporaryDirectory(prefix="quanci-")
            folder = self._scratch.name
        prefix = os.path.join(folder, "init_from_huggingface", "model.ckpt")
        report = huggingface.import_checkpoint(self.path, prefix, task_name=self._task_name)
        log_lines(report.lines())
        return prefix


def check_whole(plan, allow_partial_init):
    """Refuses weights with gaps, as the conversion does.

    Args:
      plan: LoadPlan.
      allow_partial_init: whether the user asked for random values in their place.

    Raises:
      UserError: a network or head that the checkpoint has lacks variables.
    """
    gaps = plan.gaps()
    if gaps and not allow_partial_init:
        raise UserError(
            "{} is not whole: it lacks {}, by config {}; take another copy of it, or its own "
            "config (--allow_partial_init starts what is missing at random values)".format(
                plan.shown, some(gaps, 3), plan.config_source
            )
        )
