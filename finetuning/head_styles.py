"""Which heads a task's network has, by the network that they stand on."""

from common.errors import UserError
from modeling.task_heads import ElectraHeads, GoogleHeads, QuestionOptions


def _google(task_name, is_one_of_several, options):
    return GoogleHeads(task_name if is_one_of_several else None, **options)


def _electra(task_name, is_one_of_several, options):
    del is_one_of_several  # its variables are called by the task in any case
    return ElectraHeads(task_name, QuestionOptions(**options))


_GOOGLE = _google, ("beam_size",)
# Network of a model config -> function that makes heads, and the options that they have; others
# have Google's.
_STYLES = {"electra": (_electra, QuestionOptions._fields)}


def heads_for(config, task_name, is_one_of_several=False, options=None):
    """Heads of modeling.task_heads: ELECTRA's with its summed loss for ELECTRA models
    (google-research/electra, finetune/), Google's for all others.

    Args:
      config: model config.
      task_name: what ELECTRA's variables are called by, and with several tasks all.
      is_one_of_several: whether other tasks have heads on the same encoder.
      options: dict of fields of task_heads.QuestionOptions -> value, or None.

    Raises:
      UserError: an option is given that the heads do not have.
    """
    make, known = _STYLES.get(config.network, _GOOGLE)
    for name in options or ():
        if name not in known:
            raise UserError(
                "--{} is for ELECTRA models, and {} is another; leave it out".format(
                    name, config.source
                )
            )
    return make(task_name, is_one_of_several, options or {})
