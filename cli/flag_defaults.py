"""Values from a JSON file become defaults of flags: the one engine of presets and hyperparameters.

Values from the command line stay; overridden values of the file are reported.
"""

import difflib
from typing import List, NamedTuple

from absl import flags as absl_flags

from common.errors import UserError, quoted
from common.validation import number_fault

_LONGEST_REASON = 200  # characters


class Applied(NamedTuple):
    """The effect of the values of a file, for the log.

    Attributes:
      in_effect: "--name=value" of each flag that has its value from the file.
      overridden: "--name=value (SOURCE: value)" of each flag that the command line gave, too.
    """

    in_effect: List[str]
    overridden: List[str]


def apply(flags, values, where, source, reported=None, lists=False):
    """Makes values the defaults of flags.

    Args:
      flags: absl FlagValues, parsed.
      values: ordered dict name of a flag -> number, text, bool or list.
      where: what messages call the file.
      source: word for it in the log: "preset", "hparams".
      reported: names whose value is reported where the command line overrides it; None: all.
      lists: whether a value may be a list of texts.

    Returns:
      Applied.

    Raises:
      UserError: a flag refuses its value.
    """
    applied = Applied([], [])
    for name, value in values.items():
        _set_default(flags, name, value, where, lists)
        text = shown(name, flags[name].value)
        # Not `present`: a flag that a program has set is no default either.
        if flags[name].using_default_value:
            applied.in_effect.append(text)
        elif reported is None or name in reported:
            applied.overridden.append("{} ({}: {})".format(text, source, value))
    return applied


def _set_default(flags, name, value, where, lists):
    """Gives a flag another default, which is its value unless the command line gave one."""
    reason = None
    if isinstance(value, bool) and flags[name].flag_type() != "bool":
        # absl of older versions takes true for 1.
        reason = "the flag is of type {}".format(flags[name].flag_type())
    elif not isinstance(value, (bool, int, float, str) + ((list,) if lists else ())):
        reason = "a value must be a number, a text, true or false"
    else:
        try:
            flags.set_default(name, value)
            reason = number_fault(flags[name].default)
        except absl_flags.IllegalFlagValueError as error:
            reason = str(error).split("flag --{}={}: ".format(name, value))[-1]
    if reason:
        raise UserError(
            "{}: {} cannot be {}: {}".format(
                where, name, quoted(value), " ".join(reason.split())[:_LONGEST_REASON]
            )
        )


def shown(name, value):
    """A flag with its value as on a command line."""
    return "--{}={}".format(name, ",".join(value) if isinstance(value, list) else value)


def advice(name, known):
    """Advice for a name that is not among `known`: "did you mean X?", or "remove it"."""
    close = difflib.get_close_matches(name, sorted(known))
    return "did you mean {}?".format(" or ".join(close)) if close else "remove it"
