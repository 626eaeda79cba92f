"""Fine-tuning tasks by name."""

from errors import UserError
from finetuning.classification import ClassificationTask


def _settings(max_seq_length, num_train_epochs, learning_rate):
    return {
        "max_seq_length": max_seq_length,
        "num_train_epochs": num_train_epochs,
        "learning_rate": learning_rate,
    }


# Lengths, epochs and rates of ChnSentiCorp and LCQMC: Cui et al. 2021 (IEEE/ACM TASLP 29,
# "Pre-Training With Whole Word Masking for Chinese BERT"), table of fine-tuning settings.
_TASKS = {
    "chnsenticorp": lambda: ClassificationTask(
        "chnsenticorp", _settings(256, 3, 2e-5), labels=["0", "1"], is_pair=False
    ),
    "lcqmc": lambda: ClassificationTask(
        "lcqmc", _settings(128, 3, 2e-5), labels=["0", "1"], is_pair=True
    ),
    "tsv": lambda: ClassificationTask("tsv", _settings(128, 3, 2e-5)),
}
TASK_NAMES = tuple(sorted(_TASKS))


def get_task(name):
    """A new task object.

    Raises:
      UserError: no task is called so.
    """
    if name not in _TASKS:
        raise UserError(
            "task {!r} is not known (--task_name); known are {}".format(name, ", ".join(TASK_NAMES))
        )
    return _TASKS[name]()
