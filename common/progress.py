"""The progress display of long work."""

import sys
import time

from tqdm import tqdm

from common.terminal import printable

BYTES = "B"
_LINE_SECONDS = 15.0


class Progress:
    """Counts work done: a bar on a terminal, elsewhere a line now and then.

        with Progress("verifying", total_bytes, say) as progress:
            progress(1 << 20)

    Attributes:
      total: the whole work, in units, or None.
      done: the work done.
      is_bar: whether a bar is shown.
    """

    def __init__(self, what, total, say, unit=BYTES, done=0, stays=False, hidden=False):
        """Makes the bar.

        Args:
          what: word for the work.
          total: int, in units; None: unknown.
          say: called with lines for the user; None: no lines where there is no bar.
          unit: BYTES, or a word for the things counted.
          done: int, work done before.
          stays: whether the bar stays on the terminal after close().
          hidden: whether no bar is shown, though there is a terminal.
        """
        self.total, self.done = total, done
        self._what, self._unit, self._say = what, unit, say
        self._said = time.monotonic()
        self._bar = tqdm(
            total=total,
            initial=done,
            unit=unit,
            unit_scale=unit == BYTES,
            desc=printable(what),
            dynamic_ncols=True,
            disable=hidden or not sys.stderr.isatty(),
            leave=stays,
            # A rate is shown for bytes only: of other work the caller may know a better one.
            bar_format=(
                None
                if unit == BYTES or total is None
                else "{l_bar}{bar}| {n_fmt}/{total_fmt}{postfix}"
            ),
        )
        self.is_bar = not self._bar.disable

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def close(self):
        """Ends the bar."""
        self._bar.close()

    def note(self, text):
        """Shows a text after the bar."""
        self._bar.set_postfix_str(printable(text))

    def __call__(self, count):
        """Counts `count` units more; a negative number for work to be done again."""
        self._bar.update(count)
        self.done += count
        now = time.monotonic()
        if self._say and not self.is_bar and now - self._said > _LINE_SECONDS:
            self._said = now
            line = "{}: {}".format(self._what, self._shown(self.done))
            if self.total is not None:
                line += " of " + self._shown(self.total)
            self._say(line)

    def _shown(self, count):
        return size(count) if self._unit == BYTES else "{:,} {}".format(count, self._unit)


def counted(items, progress):
    """Yields the items; each counts one unit of a Progress."""
    for item in items:
        yield item
        progress(1)


def size(count):
    """A number of bytes for people: 1.23GB."""
    return tqdm.format_sizeof(count, "B")


def duration(seconds):
    """Seconds as 1d 02:03:04."""
    days, rest = divmod(int(max(0.0, seconds) + 0.5), 86400)
    clock = "{:02d}:{:02d}:{:02d}".format(rest // 3600, rest % 3600 // 60, rest % 60)
    return "{}d {}".format(days, clock) if days else clock
