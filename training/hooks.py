"""Session hooks of a training run."""

import collections
import shutil
import sys
import time

import tensorflow.compat.v1 as tf

from training.log import log

# A line after this many steps or seconds, whichever comes first.
LINE_STEPS = 100
LINE_SECONDS = 30.0


class ProgressHook(tf.train.SessionRunHook):
    """Shows loss, step, speed and time left; writes the scalars for TensorBoard.

    On a terminal it draws a bar, elsewhere it writes lines.
    """

    def __init__(self, scalars, tokens_per_step, num_train_steps, output_dir):
        """Makes the hook.

        Args:
          scalars: dict name -> float32 scalar tensor; "loss" among them.
          tokens_per_step: tokens in a training batch, padding counted.
          num_train_steps: the step at which training ends.
          output_dir: where the event file goes.
        """
        self._scalars = collections.OrderedDict(sorted(scalars.items()))
        self._tokens_per_step = tokens_per_step
        self._num_train_steps = num_train_steps
        self._output_dir = output_dir
        self._every = max(1, min(LINE_STEPS, num_train_steps // 20))
        self._bar = None

    def begin(self):
        self._global_step = tf.train.get_global_step()
        self._writer = tf.summary.FileWriterCache.get(self._output_dir)

    def after_create_session(self, session, coord):
        # Here, not in begin(): only now is the step restored.
        self._last_step = session.run(self._global_step)
        self._rate_start = None
        self._values = None
        if self._bar is None and sys.stderr.isatty():
            from tqdm import tqdm

            # tqdm's own rate counts the compiling step; the postfix has the one of the lines.
            self._bar = tqdm(
                total=self._num_train_steps,
                initial=int(self._last_step),
                ncols=shutil.get_terminal_size().columns,
                bar_format="{l_bar}{bar}| {n_fmt}/{total_fmt}{postfix}",
            )

    def before_run(self, run_context):
        return tf.train.SessionRunArgs([self._global_step, self._scalars])

    def after_run(self, run_context, run_values):
        # The fetched step may be the one before or after the update; it only says when to look.
        seen, self._values = run_values.results
        now = time.time()
        if self._rate_start is None:
            # The first step compiles the graph, and is left out of the rate.
            step = run_context.session.run(self._global_step)
            self._rate_start = (step, now)
            self._show(step, now)
        elif seen + 1 >= self._last_step + self._every or now - self._last_time >= LINE_SECONDS:
            step = run_context.session.run(self._global_step)
            if step >= self._last_step + self._every or now - self._last_time >= LINE_SECONDS:
                self._show(step, now)

    def end(self, session):
        step, now = session.run(self._global_step), time.time()
        if self._values is not None and step > self._last_step:
            self._show(step, now)
        if self._bar is not None:
            self._bar.close()
        self._writer.flush()

    def _show(self, step, now):
        first_step, first_time = self._rate_start
        elapsed = now - first_time
        rate = (step - first_step) / elapsed if elapsed > 0 else 0.0
        summary = tf.Summary()
        for name, value in self._values.items():
            summary.value.add(tag=name, simple_value=float(value))
        if rate:
            summary.value.add(tag="steps_per_second", simple_value=rate)
        self._writer.add_summary(summary, step)
        if self._bar is not None:
            self._bar.n = int(step)
            shown = ["loss {:.4f}".format(self._values["loss"])] + self._speed(step, rate)
            self._bar.set_postfix_str("  ".join(shown))
        else:
            log(self._line(step, rate))
        self._last_step, self._last_time = step, now

    def _line(self, step, rate):
        parts = ["step {}/{}".format(step, self._num_train_steps)]
        parts.extend(
            "{} {:.4f}".format(name, value)
            for name, value in self._values.items()
            if name != "learning_rate"
        )
        parts.append("learning_rate {:.3g}".format(self._values["learning_rate"]))
        return "  ".join(parts + self._speed(step, rate))

    def _speed(self, step, rate):
        if not rate:
            return []
        return [
            "{:.2f} steps/s".format(rate),
            "{:.0f} tokens/s".format(rate * self._tokens_per_step),
            "ETA " + duration((self._num_train_steps - step) / rate),
        ]


def duration(seconds):
    """Seconds as 1d 02:03:04."""
    days, rest = divmod(int(max(0.0, seconds) + 0.5), 86400)
    clock = "{:02d}:{:02d}:{:02d}".format(rest // 3600, rest % 3600 // 60, rest % 60)
    return "{}d {}".format(days, clock) if days else clock
