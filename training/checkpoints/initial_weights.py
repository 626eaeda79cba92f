"""The weights that a training or a prediction starts from, in the form that TensorFlow reads."""

import os
import tempfile

from common.log import log, warn
from modeling import checkpoint
from modeling.conversion import huggingface


class InitialWeights:
    """A checkpoint, or a Hugging Face directory, which is laid down as a checkpoint when it is
    asked for first; the log then says what became of it.

    Attributes:
      path: its prefix, or the directory.
    """

    def __init__(self, path, folder=None, task_name=None):
        """Reads nothing yet.

        Args:
          path: see the class.
          folder: where a directory is laid down; None: a temporary one, which goes with this
            object.
          task_name: see huggingface.import_checkpoint.
        """
        self.path, self._folder, self._task_name = path, folder, task_name
        self._scratch = self._prefix = None

    @property
    def prefix(self):
        """The checkpoint's prefix; it has been read once against its checksums.

        Raises:
          UserError: it cannot be read, or the folder not be written to.
        """
        if self._prefix is None:
            prefix = self._laid_down() if huggingface.is_directory(self.path) else self.path
            checkpoint.verify(prefix)
            self._prefix = prefix
        return self._prefix

    def plan(self, shapes, config_source, init_layers=None):
        """LoadPlan for a model; see checkpoint.plan_loading."""
        return checkpoint.plan_loading(
            self.prefix, shapes, config_source, init_layers, shown=self.path
        )

    def _laid_down(self):
        folder = self._folder
        if folder is None:
            self._scratch = tempfile.TemporaryDirectory(prefix="quanci-")
            folder = self._scratch.name
        prefix = os.path.join(folder, "init_from_huggingface", "model.ckpt")
        report = huggingface.import_checkpoint(self.path, prefix, task_name=self._task_name)
        for is_warning, line in report.lines():
            (warn if is_warning else log)(line)
        return prefix
