"""How far a long work on files is."""

import sys
import time

from tqdm import tqdm

_LINE_SECONDS = 15.0


class Progress:
    """Counts bytes: a bar on a terminal, elsewhere a line now and then."""

    def __init__(self, what, total, say):
        """Makes the bar.

        Args:
          what: word for the work.
          total: bytes in all.
          say: called with lines for the user.
        """
        self._what, self._total, self._say = what, total, say
        self._done, self._said = 0, time.monotonic()
        self._bar = tqdm(
            total=total,
            unit="B",
            unit_scale=True,
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
        """Counts so many bytes more."""
        self._bar.update(count)
        self._done += count
        now = time.monotonic()
        if self._bar.disable and now - self._said > _LINE_SECONDS:
            self._said = now
            self._say("{}: {} of {}".format(self._what, size(self._done), size(self._total)))


def size(count):
    """A number of bytes for people: 1.23GB."""
    return tqdm.format_sizeof(count, "B")
