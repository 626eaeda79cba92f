"""The examples of a task's splits, read and compared with what a model was trained on."""

from errors import UserError, some
from finetuning.features import fingerprint
from finetuning.task import SPLITS


def read_splits(task, data_dir, wanted):
    """The examples of the splits that a run needs.

    Args:
      task: task object.
      data_dir: the folder.
      wanted: collection of splits. Test examples are wanted only if they are there, unless they
        are all that is wanted.

    Returns:
      (dict split -> Examples, what to say of test examples that are not there or None).

    Raises:
      UserError: a file that is needed is missing or wrong.
    """
    splits, absent = {}, None
    for split in (split for split in SPLITS if split in wanted):
        examples = task.read(data_dir, split)
        if examples is None and split == "test" and len(wanted) > 1:
            absent = "no {} in {}: no predictions".format(task.file_names(split), data_dir)
            continue
        if examples is None:
            raise task.lacks(data_dir, split)
        unlabelled = next((e for e in examples if not task.is_labelled(e)), None)
        if split != "test" and unlabelled:
            raise UserError("{} has no {}".format(unlabelled.where, task.answer_name))
        splits[split] = examples
    return splits, absent


def choose_labels(task, splits, data_dir, given, saved, is_trained, model_dir):
    """Settles the task's labels; those of the trained model come first.

    Args:
      task: task object.
      splits: dict split -> Examples.
      data_dir: the folder that they are from.
      given: list of str or None, --labels.
      saved: what task.json of the trained model says, {} without one.
      is_trained: whether this run trains.
      model_dir: folder of the trained model, for messages.

    Returns:
      Where they are from, a few words.

    Raises:
      UserError: they are not known, or not those of the trained model.
    """
    known = saved.get("labels")
    if not known or task.labels == known:
        return task.choose_labels(given, data_dir, splits)
    if is_trained or given or task.labels is not None:
        task.choose_labels(given, data_dir, splits)
        if task.labels != known:
            raise UserError(
                "the labels are {}, but the model in {} was trained with {}; {}".format(
                    some(task.labels),
                    model_dir,
                    some(known),
                    "use another --output_dir" if is_trained else "give one that has these labels",
                )
            )
    task.labels = known
    return "of the trained model"


def check_same_data(splits, saved, data_dir, output_dir):
    """Raises UserError where training would go on with other examples than it began with."""
    before = saved.get("fingerprints", {})
    for split in ("train", "dev"):
        is_known = split in splits and split in before
        if is_known and fingerprint(splits[split]) != before[split]:
            raise UserError(
                "the model in --output_dir {} was trained with other {} examples than are in {}; "
                "use another --output_dir".format(output_dir, split, data_dir)
            )


def check_same_settings(settings, saved, output_dir):
    """Raises UserError where training would go on with other rows than it began with, and task.json
    would say of the model what is not so.

    Args:
      settings: dict name of a flag -> value, what rows depend on.
      saved: what task.json of the trained model says, {} without one.
      output_dir: for messages.
    """
    before = dict(saved, **saved.get("row_options", {}))
    for name, value in settings.items():
        if before.get(name, value) != value:
            raise UserError(
                "the model in --output_dir {} is trained with --{}={}, not {}; use another "
                "--output_dir, or leave out --do_train".format(
                    output_dir, name, before[name], value
                )
            )
