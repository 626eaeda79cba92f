"""The options of families in a pre-training: of flags, and of files beside the weights."""

import os

from absl import flags

from cli import family_flags
from common import files, options
from common.log import log
from modeling.config_families import read_config
from modeling.objectives import option_classes

FLAGS = flags.FLAGS


def given_options():
    """The families' options that flags give: dict option -> value, None where there is none.

    Raises:
      UserError: a value is refused, or a model config cannot be read.
    """
    given = family_flags.given(FLAGS, option_classes())
    configs = [
        option
        for option in family_flags.declared(option_classes())
        if option.kind == options.MODEL_CONFIG
    ]
    for option in configs:
        path = given[option.name]
        # An empty name takes back what a preset gives.
        given[option.name] = read_config(path, FLAGS.gelu) if path else None
        superseded = [name for name in option.supersedes if given[name] is not None and path]
        for name in superseded:
            if FLAGS[name].using_default_value:
                log(
                    "{}={} of --hparams overridden by the command line: --{}={}".format(
                        name, given[name], option.name, path
                    )
                )
                given[name] = None
    return given


def options_beside(given, folders):
    """The options that files beside the weights give, by Option.beside: dict option -> value.

    Args:
      given: what given_options returned.
      folders: what model_folder.settle returned.

    Raises:
      UserError: a model config cannot be read.
    """
    found = {}
    for option in family_flags.declared(option_classes()):
        is_open = option.beside and not FLAGS[option.name].present
        if not is_open or any(given[n] is not None for n in (option.name, *option.supersedes)):
            continue
        paths = [os.path.join(folder, option.beside) for folder in folders]
        path = next(filter(files.exists, paths), None)
        if path:
            found[option.name] = read_config(path, FLAGS.gelu)
    return found
