"""The pages of help, laid out by argparse: a screen of the most needed, and all flags by topic."""

import argparse
import os
import re
import shutil
import sys
import textwrap

from absl import flags

from cli.help import topics

_LONG = 70  # characters; more take several lines beside the names
_VALUES = {"int": "N", "float": "X"}
_ALL = "All flags, by topic: --help. Versions: --version."
_SWITCHES = "A switch is set by --name and unset by --noname. One screen of help: -h."


class _Layout(argparse.RawDescriptionHelpFormatter):
    """Names of a flag in a column, its text beside them."""

    def __init__(self, prog):
        super().__init__(prog, max_help_position=30)

    def _format_action_invocation(self, action):
        first, *others = action.option_strings
        if action.metavar:
            first += "=" + action.metavar
        return ", ".join([first, *others])


def short():
    """The first screen: what the program is for, the flags that are needed and often used, and the
    topics of the others."""
    listed = topics.sections()
    leading = [s for s in listed if s[0] in (topics.NEEDED, topics.OFTEN)]
    if not leading:
        leading, listed = listed, []
    others = ["{} ({})".format(title, len(those)) for title, those in listed[len(leading) :]]
    more = "Further topics: {}. ".format(", ".join(others)) if others else ""
    width = shutil.get_terminal_size().columns - 2  # as argparse has it
    return _page(leading, textwrap.fill(more + _ALL, width), is_short=True)


def full():
    """All flags of the program by topic."""
    return _page(topics.sections(), _SWITCHES)


def with_absl():
    """All flags of the program by topic, and absl's own."""
    names = [n for n in flags.FLAGS if topics.is_of_absl(n) and flags.FLAGS[n].name == n]
    own = ("absl's own", [flags.FLAGS[name] for name in names])
    return _page([*topics.sections(), own], _SWITCHES)


def program():
    """The running program as on a command line."""
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    return "python -m " + spec.name if spec else "python " + os.path.basename(sys.argv[0])


def _page(sections, epilog, is_short=False):
    """The text of a page.

    Args:
      sections: [(title, [Flag])].
      epilog: last lines.
      is_short: whether flags have their first name and clause only.
    """
    parser = argparse.ArgumentParser(
        prog=program(),
        usage="%(prog)s --flag=value ...",
        description=(sys.modules["__main__"].__doc__ or "").strip(),
        epilog=epilog,
        formatter_class=_Layout,
        add_help=False,
        allow_abbrev=False,
    )
    for title, those in sections:
        group = parser.add_argument_group(title)
        for flag in those:
            names = topics.names_of(flag)[: 1 if is_short else None]
            text = _gist(_text(flag)) if is_short else _text(flag) + _default(flag)
            value = _value(flag)
            group.add_argument(
                *(_option(flag, name) for name in names),
                dest=flag.name,
                help=text.replace("%", "%%"),
                **({"metavar": value} if value else {"action": "store_true"}),
            )
    return parser.format_help()


def _option(flag, name):
    switch_off = flag.boolean and flag.default and name == flag.name
    return "-" * (1 + (len(name) > 1)) + ("[no]" if switch_off else "") + name


def _value(flag):
    """What stands for the value of a flag, None for a switch."""
    if flag.boolean:
        return None
    if isinstance(flag.parser, flags.EnumParser):
        return "|".join(flag.parser.enum_values)
    if isinstance(flag.parser, flags.BaseListParser):
        return "A,B"
    ending = flag.name.rsplit("_", 1)[-1]
    return _VALUES.get(flag.flag_type(), {"file": "FILE", "dir": "DIR"}.get(ending, "VALUE"))


def _text(flag):
    """The text of a flag, without the choices that absl puts before it."""
    text = flag.help or ""
    if isinstance(flag.parser, flags.EnumParser):
        text = text.split(">: ", 1)[-1]
    return " ".join(text.split())


def _gist(text):
    """What a text begins with: its first clause, without the list that a long one ends with."""
    clause = re.split(r"[.;] ", text)[0]
    return (clause.split(": ")[0] if len(clause) > _LONG else clause).rstrip(".") + "."


def _default(flag):
    """The default value in brackets; switches and flags whose text says it have none."""
    if flag.boolean or flag.default in (None, "", []):
        return ""
    value = ",".join(flag.default) if isinstance(flag.default, list) else flag.default
    return " (default: {})".format(value)
