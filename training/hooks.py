"""Session hooks of a training run."""

import time

from common import literal_paths
from common.errors import UserError
from common.lazy_tensorflow import tf
from common.log import log, record, warn
from common.progress import Progress, duration
from modeling import losses
from training.host_values import SKIPPED, SKIPPED_IN_A_ROW

# A line after this many steps or seconds, whichever comes first.
LINE_STEPS = 100
LINE_SECONDS = 30.0
# So many skipped updates in a row end the run: the weights no longer change.
SKIPPED_LIMIT = 5


class ProgressHook(tf.train.SessionRunHook):
    """Shows loss, step, speed and time left; writes the scalars for TensorBoard.

    On a terminal it draws a bar, elsewhere it writes lines.
    """

    def __init__(self, host_values, per_step, num_train_steps, output_dir, compiles=False):
        """Makes the hook.

        Args:
          host_values: HostValues; "loss" and "learning_rate" among them.
          per_step: (number, name) of what a training batch has: tokens, padding counted, or texts.
          num_train_steps: the step at which training ends.
          output_dir: where the event file goes.
          compiles: whether the first step takes much longer than others, which is then said.
        """
        self._host_values = host_values
        self._per_step = per_step
        self._num_train_steps = num_train_steps
        self._output_dir = output_dir
        self._compiles, self._begun = compiles, None
        self._every = max(1, min(LINE_STEPS, num_train_steps // 20))
        self._progress = self._left = None

    def begin(self):
        self._global_step = tf.train.get_global_step()
        self._writer = tf.summary.FileWriterCache.get(literal_paths.folder(self._output_dir))

    def after_create_session(self, session, coord):
        # Here, not in begin(): only now is the step restored.
        self._last_step = session.run(self._global_step)
        self._rate_start = self._begun = self._left = None
        if self._progress is None:
            total = self._num_train_steps
            self._progress = Progress(
                "training", total, None, "steps", int(self._last_step), stays=True
            )

    def before_run(self, run_context):
        now = time.time()
        self._begun = self._begun or now
        if self._left is not None:  # hooks before this one may have evaluated since then
            pause = now - self._left
            self._rate_start = self._rate_start[0], self._rate_start[1] + pause
            self._last_time += pause
        return tf.train.SessionRunArgs(self._global_step)

    def after_run(self, run_context, run_values):
        self._count(run_context, run_values)
        self._left = time.time()

    def _count(self, run_context, run_values):
        # The fetched step may be the one before or after the update: good enough for the interval.
        seen, now = run_values.results, time.time()
        if self._rate_start is None:
            # The first step compiles the graph and is excluded from the rate.
            if self._compiles:
                log(
                    "kernels: compiled in the first step, which took {:.1f} s".format(
                        now - self._begun
                    )
                )
            step, values = self._read(run_context.session)
            self._rate_start = (step, now)
            self._show(step, values, now)
        elif seen + 1 >= self._last_step + self._every or now - self._last_time >= LINE_SECONDS:
            step, values = self._read(run_context.session)
            if step >= self._last_step + self._every or now - self._last_time >= LINE_SECONDS:
                self._show(step, values, now)

    def end(self, session):
        (step, values), now = self._read(session), time.time()
        if self._rate_start is not None and step > self._last_step:
            self._show(step, values, now)
        self._progress.close()
        self._writer.flush()

    def _read(self, session):
        """(step, name -> value) after the last update."""
        return session.run([self._global_step, dict(self._host_values.reads)])

    def _show(self, step, values, now):
        first_step, first_time = self._rate_start
        elapsed = now - first_time
        rate = (step - first_step) / elapsed if elapsed > 0 else 0.0
        summary = tf.Summary()
        for name, value in values.items():
            summary.value.add(tag=name, simple_value=float(value))
        if rate:
            summary.value.add(tag="steps_per_second", simple_value=rate)
        self._writer.add_summary(summary, step)
        if self._progress.is_bar:
            self._progress(int(step) - self._progress.done)
            shown = self._losses(values) if self._has_weights() else [_shown("loss", values)]
            shown += self._speed(step, rate)
            self._progress.note("  ".join(shown))
            record(self._line(step, values, rate))
        else:
            log(self._line(step, values, rate))
        self._last_step, self._last_time = step, now

    def _line(self, step, values, rate):
        parts = ["step {}/{}".format(step, self._num_train_steps), *self._losses(values)]
        parts.append("learning_rate {:.3g}".format(values["learning_rate"]))
        return "  ".join(parts + self._speed(step, rate))

    def _losses(self, values):
        """The loss and its parts, each with its weight where it is not 1."""
        names = [name for name in self._host_values.reads if name.endswith("loss")]
        return [_shown(name, values) for name in names]

    def _has_weights(self):
        return any(name.endswith("_weight") for name in self._host_values.reads)

    def _speed(self, step, rate):
        if not rate:
            return []
        amount, name = rate * self._per_step[0], self._per_step[1]
        return [
            "{:.2f} steps/s".format(rate),
            "{:.{}f} {}/s".format(amount, 0 if amount >= 10 else 1, name),
            "ETA " + duration((self._num_train_steps - step) / rate),
        ]


class BatchesHook(tf.train.SessionRunHook):
    """Shows how many batches of an evaluation are done."""

    def __init__(self, total):
        """`total`: number of batches, None where it is unknown."""
        self._total = total

    def begin(self):
        self._progress = Progress("evaluating", self._total, log, "batches")

    def after_run(self, run_context, run_values):
        self._progress(1)

    def end(self, session):
        self._progress.close()


class EvaluationHook(tf.train.SessionRunHook):
    """Evaluates each checkpoint before the next step; the last one is left to the caller.

    The session of the training stays: another one would compile its graph again.
    """

    def __init__(self, saver, evaluate):
        """Makes the hook.

        Args:
          saver: SaverHook, which precedes this hook.
          evaluate: function without arguments that evaluates the newest checkpoint.
        """
        self._saver, self._evaluate = saver, evaluate

    def after_create_session(self, session, coord):
        self._seen = self._saver.saved

    def before_run(self, run_context):
        if self._seen != self._saver.saved:
            self._evaluate()
            self._seen = self._saver.saved


class FaultHook(tf.train.SessionRunHook):
    """Reports updates skipped for a gradient that is not finite; stops a run of such updates."""

    def __init__(self, host_values):
        self._host_values = host_values
        self._reported = 0

    def begin(self):
        self._watched = self._host_values.reads[SKIPPED]
        self._global_step = tf.train.get_global_step()

    def after_run(self, run_context, run_values):
        # A separate call: the step's own call may read the values of the previous step.
        if run_context.session.run(self._watched) > self._reported:
            self._look(run_context.session)

    def end(self, session):
        self._look(session)

    def _look(self, session):
        step, values = session.run([self._global_step, dict(self._host_values.reads)])
        in_a_row = int(values[SKIPPED_IN_A_ROW])
        if in_a_row >= SKIPPED_LIMIT:
            raise UserError(
                "the gradient was not finite in {} steps in a row (steps {} to {}; learning rate "
                "{:.3g}, gradient norm {}, loss {}); take a lower "
                "--learning_rate or more --num_warmup_steps".format(
                    in_a_row,
                    step - in_a_row + 1,
                    step,
                    values["learning_rate"],
                    values["gradient_norm"],
                    values["loss"],
                )
            )
        if values[SKIPPED] > self._reported:
            self._reported = values[SKIPPED]
            warn(
                "step {}: the gradient is not finite (norm {}), the update is skipped; {:.0f} "
                "so far".format(step, values["gradient_norm"], values[SKIPPED])
            )


def _shown(name, values):
    weight = values.get(losses.weight_name(name))
    shown = "{} {:.4f}".format(name, values[name])
    return shown if weight is None else "{} x {:.3g}".format(shown, weight)
