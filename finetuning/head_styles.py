"""The heads of a task by the network of its encoder."""

from common.errors import UserError
from modeling.question_options import QuestionOptions
from modeling.task_heads import ElectraHeads, GoogleHeads


def _google(task_name, is_one_of_several, options):
    return GoogleHeads(task_name if is_one_of_several else None, **options)


def _electra(task_name, is_one_of_several, options):
    del is_one_of_several  # variables carry the task's name in any case
    return ElectraHeads(task_name, QuestionOptions(**options))


_GOOGLE = _google, ("beam_size",)
# Network of a model config -> (function that makes heads, names of their options); other networks
# have Google's.
_STYLES = {"electra": (_electra, [option.name for option in QuestionOptions.declared()])}


def heads_for(config, task_name, is_one_of_several=False, options=None):
    """Heads of modeling.task_heads: ELECTRA's with its summed loss for ELECTRA models
    (google-research/electra, finetune/), Google's for all others.

    Args:
      config: model config.
      task_name: in the names of ELECTRA's variables and, with several tasks, of all.
      is_one_of_several: whether other tasks have heads on the same encoder.
      options: dict of fields of QuestionOptions -> value, or None.

    Raises:
      UserError: an option is given that the heads do not have.
    """
    make, known = _STYLES.get(config.network, _GOOGLE)
    for name in options or ():
        if name not in known:
            raise UserError(
                "--{} is for ELECTRA models, and {} is another; remove it".format(
                    name, config.source
                )
            )
    return make(task_name, is_one_of_several, options or {})
