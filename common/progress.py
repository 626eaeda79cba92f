"""How far a long work is: the one display of it."""

import sys
import time

from tqdm import tqdm

BYTES = "B"
_LINE_SECONDS = 15.0


class Progress:
    """Counts what is done: a bar on a terminal, elsewhere a line now and then.

        with Progress("verifying", total_bytes, print) as progress:
            progress(1 << 20)

    Attributes:
      total: the whole.
      done: how much of it is done.
    """

    def __init__(self, what, total, say, unit=BYTES):
        """Makes the bar.

        Args:
          what: word for the work.
          total: int, in units.
          say: called with lines for the user.
          unit: BYTES, or a word for what is counted.
        """
        self.total, self.done = total, 0
        self._what, self._unit, self._say = what, unit, say
        self._said = time.monotonic()
        self._bar = tqdm(
            total=total,
            unit=unit,
            unit_scale=unit == BYTES,
            desc=what,
            dynamic_ncols=True,
            disable=not sys.stderr.isatty(),
            leave=False,
        )

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self._bar.close()

    def __call__(self, count):
        """Counts so much more; less, where something must be done again."""
        self._bar.update(count)
        self.done += count
        now = time.monotonic()
        if self._bar.disable and now - self._said > _LINE_SECONDS:
            self._said = now
            self._say(
                "{}: {} of {}".format(self._what, self._shown(self.done), self._shown(self.total))
            )

    def _shown(self, count):
        return size(count) if self._unit == BYTES else "{:,} {}".format(count, self._unit)


def size(count):
    """A number of bytes for people: 1.23GB."""
    return tqdm.format_sizeof(count, "B")
