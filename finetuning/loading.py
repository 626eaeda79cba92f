"""Examples of a task's splits, and their comparison with the data of the trained model."""

import os

from common.errors import UserError, some
from common.log import warn
from finetuning import placeholders, task_file
from finetuning.features import fingerprint
from finetuning.task import FOUND, SPLITS
from modeling.conversion import config_keys, huggingface


def read_saved(tasks, path):
    """The record of a trained model: its task.json, or the labels of a Hugging Face directory.

    Args:
      tasks: list of task objects.
      path: a checkpoint's prefix, a Hugging Face directory, or None for a new model.

    Returns:
      (the model's folder or None, list of a dict for each task, {} where nothing is known).

    Raises:
      UserError: it is damaged, or the model is for another kind of task.
    """
    if path is None:
        return None, [{} for _ in tasks]
    is_directory = huggingface.is_directory(path)
    folder = path if is_directory else os.path.dirname(path)
    task_path = _task_path(path)
    if is_directory and len(tasks) == 1:
        _check_problem_type(tasks[0], path)
    if not task_path:
        # No such directory holds the heads of several tasks.
        names = huggingface.class_names(path) if is_directory and len(tasks) == 1 else None
        return folder, [{"labels": names} if names else {} for _ in tasks]
    names = [entry.get("task") for entry in task_file.entries_of(os.path.dirname(task_path))]
    are_several = len(tasks) > 1
    entries = []
    for task in tasks:
        is_named = are_several or (len(names) > 1 and task.name in names)
        entries.append(task_file.read(task_path, task.kind, name=task.name if is_named else None))
    for task, entry in zip(tasks, entries):
        task_file.check_options(task_path, entry, task)
    return os.path.dirname(task_path), entries


def other_kind(task, path):
    """The kind of task that a model was fine-tuned for, or its problem_type.

    Args:
      task: task object.
      path: a checkpoint's prefix or a Hugging Face directory.

    Returns:
      str; None where it is that of `task`, or not known.

    Raises:
      UserError: task.json or config.json is damaged.
    """
    task_path = _task_path(path)
    if task_path:
        kinds = {entry.get("kind") for entry in task_file.entries_of(os.path.dirname(task_path))}
        return None if task.kind in kinds else ", ".join(sorted(map(str, kinds)))
    said = huggingface.problem_type(path) if huggingface.is_directory(path) else None
    return None if said == task.problem_type or task.problem_type is None else said


def _task_path(path):
    """Path of the task.json beside a checkpoint or in a Hugging Face directory; None without."""
    is_directory = huggingface.is_directory(path)
    return task_file.path_beside(os.path.join(path, "") if is_directory else path)


def _check_problem_type(task, path):
    """Refuses a Hugging Face directory whose outputs mean something else than the task's; warns
    where it does not say what they mean and transformers would take them for something else."""
    said, config = huggingface.problem_type(path), huggingface.config_file(path)
    if task.problem_type is None or said == task.problem_type:
        return
    if said:
        raise UserError(
            "{} says problem_type {}, but task {} is {}: the model's outputs mean something else; "
            "{}".format(
                config,
                said,
                task.name,
                task.problem_type,
                "there is no task of numbers"
                if said == config_keys.REGRESSION
                else "choose a task of its kind",
            )
        )
    if task.problem_type != config_keys.ONE_CLASS:
        warn(
            "{} has no problem_type; the outputs are taken for those of {}, as task {} is".format(
                config, task.problem_type, task.name
            )
        )


def read_splits(task, data_dir, wanted):
    """The examples of the splits that a run needs.

    Args:
      task: task object.
      data_dir: the folder.
      wanted: collection of splits. Test examples may be missing, unless they are the only ones
        wanted.

    Returns:
      (dict split -> Examples, a line for the log on missing test examples or None).

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
            reading = examples.table and examples.table.reading()
            raise UserError(
                "{} has no {}{}".format(
                    unlabelled.where,
                    task.answer_name,
                    "; the columns are read as {}".format(reading) if reading else "",
                )
            )
        splits[split] = examples
    return splits, absent


def set_aside_placeholders(task, splits, data_dir):
    """Removes answers of test examples that are placeholders, so that none of them is scored, and
    says so in `Examples.doubt`; it is set for dev examples whose answers are equal, too.

    Args:
      task: task object whose labels are settled.
      splits: dict split -> Examples; those of the test split are changed.
      data_dir: their folder.

    Raises:
      UserError: see Task.read; the answers of dev examples are placeholders without a doubt.
    """
    for split in ("dev", "test"):
        examples = splits.get(split)
        if not examples:
            continue
        known = splits.get("train") or (split == "test" and splits.get("dev")) or None
        examples.doubt = placeholders.fault_of(task, examples, known)
        if examples.doubt and not known:
            # A run that does not train looks into the training file only where it matters.
            known = task.read(data_dir, "train")
            examples.doubt = placeholders.fault_of(task, examples, known)
        if examples.doubt is None:
            continue
        if split == "test":
            examples[:] = [task.without_answer(example) for example in examples]
        elif not any(task.can_be_right(example) for example in examples):
            raise UserError(
                "dev: {}; these are placeholders, give examples with the right {}s".format(
                    examples.doubt, task.answer_name
                )
            )


def choose_labels(task, splits, data_dir, given, saved, is_trained, model_dir):
    """Settles the task's labels; those of the trained model come first.

    Args:
      task: task object.
      splits: dict split -> Examples.
      data_dir: their folder.
      given: list of str or None, --labels.
      saved: entry of the trained model's task.json, {} without one.
      is_trained: whether this run trains.
      model_dir: folder of the trained model, for messages.

    Returns:
      Their source, in a few words.

    Raises:
      UserError: they are not known, or not those of the trained model.
    """
    known = saved.get("labels")
    if not known or task.labels == known:
        source = task.choose_labels(given, data_dir, splits)
        if not is_trained and source.startswith(FOUND):
            warn(
                "the model in {} does not name its labels; those {} are taken in this order: {}; "
                "give --labels in the order of the model".format(
                    model_dir, source, some(task.labels)
                )
            )
        return source
    if is_trained or given or task.labels is not None:
        task.choose_labels(given, data_dir, splits)
        # Only --labels determines an order.
        if task.labels != known if given else set(task.labels) != set(known):
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
    """Raises UserError where training would resume with other examples than before."""
    before = saved.get("fingerprints", {})
    for split in ("train", "dev"):
        is_known = split in splits and split in before
        if is_known and fingerprint(splits[split]) != before[split]:
            raise UserError(
                "the model in --output_dir {} was trained with other {} examples than are in {}; "
                "use another --output_dir".format(output_dir, split, data_dir)
            )


def check_same_tasks(tasks, output_dir):
    """Raises UserError where training would resume with other tasks than before, by its task.json.

    Args:
      tasks: list of task objects.
      output_dir: of the training.
    """
    before = [str(entry.get("task")) for entry in task_file.entries_of(output_dir)]
    now = [task.name for task in tasks]
    if before and set(before) != set(now):
        raise UserError(
            "--output_dir {} holds another experiment: --task_name was {} and is {}; take another "
            "--output_dir for this one".format(output_dir, some(before), ",".join(now))
        )


def check_same_settings(task, encoding, saved, output_dir):
    """Raises UserError where training would resume with other rows, heads or figures than before,
    and task.json would describe the model wrongly.

    Args:
      task: task object.
      encoding: dict name of a flag -> value, of those that the pieces of rows depend on.
      saved: entry of the trained model's task.json, {} without one.
      output_dir: for messages.
    """
    if not saved:
        return
    heads = task.head_option_class().to_dict()
    before = dict(heads, **saved)
    for key in ("row_options", "head_options"):
        before.update(saved.get(key, {}))
    now = dict(heads, **encoding)
    for options in (task.saved_options, task.head_options):
        now.update(options)
    for name, value in now.items():
        if before.get(name, value) != value:
            raise UserError(
                "the model in --output_dir {} is trained with --{}={}, not {}; use another "
                "--output_dir, or remove --do_train".format(output_dir, name, before[name], value)
            )
