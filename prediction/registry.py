"""The prediction tasks of run_prediction.py: a module each, and a line here."""

from common.errors import UserError
from prediction.answer import Answer
from prediction.choose import Choose
from prediction.classify import Classify
from prediction.correct import Correct
from prediction.features import Features
from prediction.fill_mask import FillMask
from prediction.ner import Ner
from prediction.positions import Positions
from prediction.replaced import Replaced
from prediction.tags import Tags

PREDICTION_TASKS = {
    "answer": Answer,
    "choose": Choose,
    "classify": Classify,
    "correct": Correct,
    "features": Features,
    "fill_mask": FillMask,
    "ner": Ner,
    "positions": Positions,
    "replaced": Replaced,
    "tags": Tags,
}


def get_prediction_task(name):
    """The class of the prediction task called `name`.

    Raises:
      UserError: there is no such prediction task.
    """
    if name not in PREDICTION_TASKS:
        raise UserError(
            "--task={} is not known; known are {}".format(name, ", ".join(PREDICTION_TASKS))
        )
    return PREDICTION_TASKS[name]
