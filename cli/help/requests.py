"""The flags that ask for help: -h, --help, --helpshort, --helpfull and --version."""

import platform
import sys

from absl import flags

from cli.help import page, topics
from cli.start import versions
from common import terminal
from common.version import VERSION


def define():
    """Defines them, in the place of absl's own of these names."""
    for name, short_name, text, make in (
        ("help", "?", "Show all flags by topic.", page.full),
        ("helpshort", "h", "Show the flags that are needed first.", page.short),
        ("helpfull", None, "Show all flags, absl's own too.", page.with_absl),
        ("version", None, "Show the versions of the program and of its libraries.", version),
    ):
        flags.DEFINE_flag(_Request(name, short_name, text, make))
        topics.place(topics.HELP, name)


def version():
    """The versions of this program, of Python and of the libraries that matter most."""
    others = ["Python " + platform.python_version(), *versions()]
    return "quanci {} ({})".format(VERSION, ", ".join(others))


class _Request(flags.BooleanFlag):
    """A switch that shows a page and ends the program."""

    def __init__(self, name, short_name, text, make):
        super().__init__(name, False, text, short_name=short_name, allow_override=True)
        self._make = make

    def parse(self, argument):
        if not self._parse(argument):
            return
        try:
            for line in self._make().splitlines():
                terminal.say(line)
        except BrokenPipeError:  # the reader of our output (head, less) has left
            terminal.drop_unwritable()
        sys.exit(0)
