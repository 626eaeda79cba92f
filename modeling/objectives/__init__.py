"""Pre-training objectives by name."""

from common.errors import UserError
from common.features import SENTENCE_LABEL
from modeling.objectives.electra import Electra
from modeling.objectives.lert import Lert
from modeling.objectives.macbert import Macbert
from modeling.objectives.masked_lm import MaskedLm
from modeling.objectives.pert import Pert

OBJECTIVES = {
    "bert": MaskedLm("bert", sentence_pair="next_sentence", recognised_by=SENTENCE_LABEL),
    "roberta": MaskedLm("roberta", sentence_pair=None),
    "lert": Lert("lert"),
    "albert": MaskedLm("albert", sentence_pair="sentence_order"),
    "electra": Electra("electra"),
    "macbert": Macbert("macbert"),
    "pert": Pert("pert"),
}


def option_classes():
    """The options of all objectives: list of FamilyOptions subclasses."""
    return [type(objective.options) for objective in OBJECTIVES.values()]


def get_objective(name):
    """The objective called `name`.

        objective = get_objective("lert").for_run(num_train_steps=2000000)

    Raises:
      UserError: there is none of that name.
    """
    if name not in OBJECTIVES:
        raise UserError(
            "objective {!r} is not known; known are {}".format(name, ", ".join(sorted(OBJECTIVES)))
        )
    return OBJECTIVES[name]
