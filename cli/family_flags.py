"""Flags of the options that families declare (common/options.py).

family_flags.define(recipe.options for recipe in all_recipes().values())
...
given = family_flags.given(FLAGS, (recipe.options for recipe in all_recipes().values()))
options = get_recipe("electra").options.of(given, "--objective=electra")
"""

import collections

from absl import flags

from cli.help import topics
from common import options

# The flags belong to the program, or the module of flags, that calls `define`.
flags.disclaim_key_flags()


def define(option_classes, flag_values=flags.FLAGS):
    """Defines a flag for each option; one that the user does not give is None.

    Args:
      option_classes: FamilyOptions subclasses. An option that several of them declare alike is one
        flag.
      flag_values: absl FlagValues that take the flags.

    Raises:
      ValueError: two families declare an option of one name in different ways.
    """
    for declared, titles in _declarations(option_classes):
        text = declared.help
        if declared.kind != options.SWITCH and declared.default not in (None, ""):
            text = "{} (default: {})".format(text, declared.default)
        elif declared.default is True:
            text += " The default; --no{} is the opposite.".format(declared.name)
        if titles:
            topics.place(", ".join(titles), declared.name)
        name, more = declared.name, {"flag_values": flag_values}
        if declared.kind == options.CHOICE:
            flags.DEFINE_enum(name, None, declared.choices, text, **more)
        else:
            _DEFINITIONS[declared.kind](name, None, text, **more)


def declared(option_classes):
    """The options of several families: list of Option, one for each name.

    Args:
      option_classes: those of `define`.
    """
    return [option for option, _ in _declarations(option_classes)]


def given(flag_values, option_classes):
    """The values of the flags of families.

    Args:
      flag_values: absl FlagValues.
      option_classes: those of `define`.

    Returns:
      dict name -> value, None where the user gave none: for FamilyOptions.of, except that an option
      of the kind MODEL_CONFIG is still the path of its file.

    Raises:
      UserError: a value is no list of steps.
    """
    values = {}
    for declared, _ in _declarations(option_classes):
        value = getattr(flag_values, declared.name)
        if declared.kind == options.STEPS and value is not None:
            value = options.parse_steps(declared, value)
        values[declared.name] = value
    return values


_DEFINITIONS = {
    options.SWITCH: flags.DEFINE_bool,
    options.WHOLE: flags.DEFINE_integer,
    options.NUMBER: flags.DEFINE_float,
    options.TEXT: flags.DEFINE_string,
    options.STEPS: flags.DEFINE_list,
    options.MODEL_CONFIG: flags.DEFINE_string,
}


def _declarations(option_classes):
    """[(Option, titles of the families that have it)], one for each name."""
    by_name = collections.OrderedDict()
    for option_class in dict.fromkeys(option_classes):
        for declared in option_class.declared():
            known, titles = by_name.setdefault(declared.name, (declared, []))
            if declared != known:
                raise ValueError(
                    "option {} is declared in two ways: {} and {}".format(
                        declared.name, known, declared
                    )
                )
            if option_class.title and option_class.title not in titles:
                titles.append(option_class.title)
    return list(by_name.values())
