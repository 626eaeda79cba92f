"""The heads of a task by the network of its encoder."""

from common.errors import UserError
from modeling.question_options import QuestionOptions
from modeling.task_heads import ElectraHeads, GoogleHeads


def _google(task_name, is_one_of_several, options):
    return GoogleHeads(task_name if is_one_of_several else None, **options)


def _electra(task_name, is_one_of_several, options):
    del is_one_of_several  # variables carry the task's name in any case
    return ElectraHeads(task_name, QuestionOptions(**options))


_GOOGLE = _google, ("beam_size",), {}
# Options of ELECTRA's heads -> a variable, below the heads' scope, that is there with them alone.
_SIGNS = {
    "joint_prediction": "qa_hidden/kernel",
    "answerable_classifier": "dense_2/kernel",
    "answerable_uses_start_logits": "dense_3/kernel",
}
# Network of a model config -> (function that makes heads, names of their options, their signs);
# other networks have Google's.
_STYLES = {"electra": (_electra, [option.name for option in QuestionOptions.declared()], _SIGNS)}


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
    make, known = _STYLES.get(config.network, _GOOGLE)[:2]
    for name in options or ():
        if name not in known:
            raise UserError(
                "--{} is for ELECTRA models, and {} is another; remove it".format(
                    name, config.source
                )
            )
    return make(task_name, is_one_of_several, options or {})


def heads_in(shapes, config, task_name, is_one_of_several=False, options=None):
    """heads_for a checkpoint, whose variables come before options where they tell: converted heads
    may have lost a part.

    Args:
      shapes: dict variable name -> list of ints of the checkpoint.
      config, task_name, is_one_of_several, options: see heads_for.
    """
    signs = _STYLES.get(config.network, _GOOGLE)[2]
    scope = heads_for(config, task_name, is_one_of_several).scope
    told = {option: scope + variable in shapes for option, variable in signs.items()}
    return heads_for(config, task_name, is_one_of_several, dict(options or {}, **told))
