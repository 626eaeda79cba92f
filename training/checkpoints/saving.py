"""Writes the checkpoints of a run, and checks beforehand that the disk has room for them."""

import os
import shutil

from common import files, literal_paths
from common.errors import UserError
from common.lazy_tensorflow import tf
from common.log import warn
from modeling import checkpoint, checkpoint_files, meta_graph
from training.checkpoints.recovery import remove_debris

NAME = "model.ckpt"
_FLOAT_BYTES = 4


class SaverHook(tf.train.SessionRunHook):
    """Saves at every multiple of `every_steps`, and at the end of training.

    TensorFlow's own hook counts from the step at which the process started, so a resumed run would
    save at other steps than an uninterrupted one; it also writes the checkpoint that a run resumes
    from a second time.

    Attributes:
      saved: the step of the newest checkpoint, in a session.
    """

    def __init__(self, output_dir, every_steps, write_meta_graph=False):
        """Makes the hook.

        Args:
          output_dir: of the run.
          every_steps: int, in updates.
          write_meta_graph: whether each checkpoint gets a .meta file; see modeling.meta_graph.
        """
        self._output_dir, self._every = output_dir, every_steps
        self._write_meta_graph = write_meta_graph

    def begin(self):
        self._global_step = tf.train.get_global_step()

    def after_create_session(self, session, coord):
        self.saved = session.run(self._global_step)
        if not files.exists(self._prefix() + "-{}.index".format(self.saved)):
            self._save(session, self.saved)

    def before_run(self, run_context):
        return tf.train.SessionRunArgs(self._global_step)

    def after_run(self, run_context, run_values):
        # The fetched step may be that before or after the update: enough for the interval.
        if self._is_due(run_values.results + 1):
            step = run_context.session.run(self._global_step)
            if self._is_due(step):
                self._save(run_context.session, step)

    def end(self, session):
        step = session.run(self._global_step)
        if step != self.saved:
            self._save(session, step)

    def _is_due(self, step):
        return step // self._every > self.saved // self._every

    def _prefix(self):
        return os.path.join(self._output_dir, NAME)

    def _save(self, session, step):
        (saver,) = tf.get_collection(tf.GraphKeys.SAVERS)
        try:
            place = checkpoint_files.place(self._prefix())
            saver.save(session, place, global_step=step, write_meta_graph=False)
            if self._write_meta_graph:
                meta_graph.write("{}-{}".format(self._prefix(), step))
        except files.failures() as error:
            raise self._not_saved(step, error) from error
        self.saved = step

    def _not_saved(self, step, error):
        remove_debris(self._output_dir, "{}-{}".format(NAME, step))
        good, advice = checkpoint.latest(self._output_dir), "make room and start again"
        if good:
            advice = "{} is intact: make room, and the same command resumes from it".format(
                os.path.basename(good)
            )
        return UserError(
            "the checkpoint of step {} cannot be saved in --output_dir {}: {}{}; {}".format(
                step, self._output_dir, _short_reason(error), _space_left(self._output_dir), advice
            )
        )


def check_space(output_dir, numbers, kept):
    """Compares the free disk space with the size of checkpoints; warns where it is short.

    Args:
      output_dir: an existing directory; remote ones are not checked.
      numbers: count of float32 numbers in a checkpoint, optimizer state included.
      kept: most checkpoints that are there at a time.

    Raises:
      UserError: not even one checkpoint would fit.
    """
    if files.is_remote(output_dir):
        return
    size, free = numbers * _FLOAT_BYTES, shutil.disk_usage(output_dir).free
    if free < size:
        raise UserError(
            "--output_dir {} has {} left, and one checkpoint takes {}; make room or use another "
            "--output_dir".format(output_dir, _megabytes(free), _megabytes(size))
        )
    existing = sum(
        files.size(path) for path in files.beginning_with(os.path.join(output_dir, NAME + "-"))
    )
    if free + existing < size * kept:
        warn(
            "--output_dir {} has {} left, and {} checkpoints of {} will be kept there; make room "
            "or use a smaller --keep_checkpoint_max".format(
                output_dir, _megabytes(free), kept, _megabytes(size)
            )
        )


def _short_reason(error):
    text = literal_paths.shown(files.reason(error))
    return "the disk is full" if "No space left" in str(error) else text[:200]


def _space_left(output_dir):
    if files.is_remote(output_dir):
        return ""
    return " ({} left)".format(_megabytes(shutil.disk_usage(output_dir).free))


def _megabytes(count):
    return "{:,.1f} MB".format(count / 1e6)
