"""The parts of a fine-tuning run, made from the user's request in two steps: `read_inputs`
reads and checks everything, `compose` writes the rows."""

import dataclasses
import os
from typing import Any, Dict, List, NamedTuple, Optional

from cli import finetuning_flags, model_folder, run_flags
from cli.distillation import task_teacher
from cli.finetuning_flags import SHORTEST_ROW
from cli.finetuning_trials import FinetuningSettings, FinetuningTrials
from common import files, outputs
from common.errors import UserError
from common.log import log, log_lines, warn
from data.tokenizers.text_settings import TextSettings
from finetuning import audit, loading, task_defaults, task_file
from finetuning.examples import Examples
from finetuning.features import write_splits
from finetuning.head_styles import heads_for
from finetuning.registry import get_task, option_classes
from finetuning.task import SPLITS, Task
from finetuning.task_split import TaskSplit
from modeling import checkpoint
from modeling.layer_depths import layers_below_heads
from modeling.objectives.several import Several
from optimization.layerwise_rates import is_layerwise
from training.checkpoints.initial_weights import InitialWeights, check_whole
from training.devices.strategies import Devices
from training.failures import output_errors
from training.row_use import check_packing


class TaskInputs(NamedTuple):
    """A task of the run.

    Attributes:
      task: with its labels and options settled.
      examples: Examples of each split that is needed.
      objective: of modeling.objectives.
    """

    task: Task
    examples: Dict[str, Examples]
    objective: Any


class RunInputs(NamedTuple):
    """The inputs of a run, read and checked before anything is written.

    Attributes:
      settings: FinetuningSettings.
      model_config: model config.
      init_checkpoint: prefix, Hugging Face directory or None.
      tokenizer: of the model's vocabulary.
      tasks: one or more.
      objective: what is trained, for all tasks.
      layers: of layers_below_heads; None where learning rates are not layer-wise.
      devices: Devices.
      distillation: training.distillation.distillation.Distillation, None without a teacher.
    """

    settings: FinetuningSettings
    model_config: Any
    init_checkpoint: Optional[str]
    tokenizer: Any
    tasks: List[TaskInputs]
    objective: Any
    layers: Optional[Dict[str, int]]
    devices: Devices
    distillation: Any


def read_inputs(request):
    """Reads the trained model's settings, the model config, the vocabulary and the examples, and
    checks them against each other.

    Args:
      request: FinetuningRequest.

    Returns:
      RunInputs.

    Raises:
      UserError: a file is missing or wrong, or does not fit the others or the flags.
    """
    tasks = [get_task(name) for name in request.task_names]
    _check_together(tasks)
    _check_folders(request, tasks)
    init_checkpoint = run_flags.initial_checkpoint()
    needed = ("vocab_file",) if request.hparams else ("config_file", "vocab_file")
    folders = model_folder.settle(init_checkpoint, request.trial_dirs()[0], needed)
    model_dir, saved = _read_saved(request, tasks, init_checkpoint)
    model_config = finetuning_flags.read_model_config(request, init_checkpoint)
    run_flags.settle_lamb(model_config)
    vocabulary = run_flags.read_vocabulary(model_config)
    texts = model_folder.settle_texts(vocabulary, folders, saved[0])
    settings = settle(request, tasks[0], saved, model_config, texts)
    _configure(tasks, settings)
    layers = None
    if settings.do_train and is_layerwise(settings.layerwise_lr_decay):
        layers = layers_below_heads(model_config)
    for entry in saved:
        task_file.check_vocabulary(entry, vocabulary, model_dir)
    tokenizer = texts.make_tokenizer(vocabulary)
    examples = [
        _read_examples(task, entry, model_dir, model_config, settings)
        for task, entry in zip(tasks, saved)
    ]
    _check_trials(settings, tasks, examples, vocabulary)
    objectives = [_make_objective(task, model_config, settings) for task in tasks]
    objective = Several(objectives) if settings.has_several_tasks else objectives[0]
    _check_packing(settings, objective)
    return RunInputs(
        settings,
        model_config,
        init_checkpoint,
        tokenizer,
        [TaskInputs(*parts) for parts in zip(tasks, examples, objectives)],
        objective,
        layers,
        run_flags.find_devices([settings.output_dir]),
        task_teacher.settle(settings, tasks[0], objective, model_config, vocabulary),
    )


def compose(inputs):
    """Plans the initial weights and writes the rows of all examples to output_dir.

    Args:
      inputs: RunInputs.

    Returns:
      FinetuningTrials.

    Raises:
      UserError: the initial weights do not fit, output_dir cannot be written to, or a batch has
        more rows than there are in all.
    """
    weights = _initial_weights(inputs)
    splits = _write_splits(inputs)
    _check_batch_size(splits["train"], inputs.settings)
    return FinetuningTrials(
        inputs.settings,
        inputs.model_config,
        inputs.objective,
        splits,
        inputs.layers,
        weights,
        inputs.devices,
        inputs.distillation,
    )


def _check_together(tasks):
    """Refuses tasks whose rows cannot be mixed with others in a batch."""
    for task in tasks if len(tasks) > 1 else ():
        if task.texts_per_row > 1:
            raise UserError(
                "--task_name: a row of {} holds {} texts, and cannot be mixed with rows of other "
                "tasks; train it alone".format(task.name, task.texts_per_row)
            )


def _check_folders(request, tasks):
    """Refuses a folder of examples that is not there, before the weights are looked into."""
    splits = [request.do_train and "train", request.do_eval and "dev", "test"]
    for task in tasks if not request.given_files else ():
        folder = request.task_dir(task.name)
        if not files.is_remote(folder) and not files.is_directory(folder):
            raise task.lacks(folder, next(filter(None, splits)))


def settle(request, task, saved, model_config, texts):
    """Settles the values that were not given: by the trained model, else by the defaults for the
    task and the model's size; logs them.

    Args:
      request: FinetuningRequest.
      task: task object, of several the first.
      saved: list of dicts, see loading.read_saved.
      model_config: model config.
      texts: TextSettings.

    Returns:
      FinetuningSettings.

    Raises:
      UserError: rows would be too short, or longer than the model's table of positions.
    """
    size = task_defaults.size_of(model_config)
    defaults = dict(task.defaults.of(size), **texts._asdict())
    defaults["max_seq_length"] = saved[0].get("max_seq_length", defaults["max_seq_length"])
    defaults = {n: value for n, value in defaults.items() if getattr(request, n) is None}
    options = {}
    for entry in saved:
        options.update(entry.get("row_options", {}), **entry.get("head_options", {}))
    options = {n: value for n, value in options.items() if n not in request.task_options}
    if defaults or options:
        taken = sorted(dict(defaults, **options).items())
        usual = (("normalize_quotes", False), ("t2s", False))
        taken = [item for item in taken if item not in usual]
        shown = " ".join("--{}={}".format(*item) for item in taken)
        log("defaults of {} for {} models: {}".format(task.name, size, shown))
    values = {f.name: getattr(request, f.name) for f in dataclasses.fields(request)}
    values.update(defaults, task_options=dict(options, **request.task_options))
    values["warmup"] = values["warmup"] or "replace"
    settings = FinetuningSettings(**values)
    if settings.max_seq_length < SHORTEST_ROW:
        raise UserError(
            "--max_seq_length={} is below {}".format(settings.max_seq_length, SHORTEST_ROW)
        )
    run_flags.check_length(model_config, settings.max_seq_length)
    return settings


def _read_saved(request, tasks, init_checkpoint):
    """loading.read_saved of the model that is resumed, evaluated or predicted with."""
    folder = request.trial_dirs()[0]
    trained = checkpoint.latest(folder)
    if trained and request.do_train:
        loading.check_same_tasks(tasks, folder)
    return loading.read_saved(tasks, trained or (None if request.do_train else init_checkpoint))


def _configure(tasks, settings):
    """Gives the tasks their options.

    Raises:
      UserError: an option is on the command line that none of the tasks has.
    """
    for task in tasks:
        task.given_files = settings.given_files
    used = {name for task in tasks for name in task.configure(settings.task_options)}
    for option_class in option_classes():
        for option in option_class.declared():
            if option.name in settings.typed_options and option.name not in used:
                raise UserError(
                    "--{} is for {} and has no meaning for --task_name={}; remove it".format(
                        option.name, option_class.title.lower(), ",".join(settings.task_names)
                    )
                )


def _read_examples(task, saved, model_dir, model_config, settings):
    """dict split -> Examples of a task, checked against the model and its training data; settles
    the task's labels."""
    data_dir = settings.task_dir(task.name)
    asked = {"train": settings.do_train, "dev": settings.do_eval, "test": settings.do_predict}
    wanted = [split for split, is_wanted in asked.items() if is_wanted]
    splits, absent = loading.read_splits(task, data_dir, wanted)
    if absent:
        log(absent)
    source = loading.choose_labels(
        task, splits, data_dir, settings.labels, saved, settings.do_train, model_dir
    )
    loading.set_aside_placeholders(task, splits, data_dir)
    for examples in splits.values():
        task.check(examples, model_config)
    log("task: {}, labels {} ({})".format(task.name, ", ".join(task.labels[:20]), source))
    return splits


def _check_packing(settings, objective):
    """Refuses to pack rows that cannot be; says where there is nothing to pack."""
    if settings.pack and not settings.do_train:
        log("note: --pack has no effect without --do_train: rows are read by length")
    elif settings.pack:
        check_packing(objective, "--task_name")


def _check_trials(settings, tasks, examples, vocabulary):
    """Refuses to resume the training of any trial with other rows than before, and another
    vocabulary than theirs."""
    encoding = {n: getattr(settings, n) for n in ("max_seq_length", *TextSettings._fields)}
    for folder in settings.trial_dirs():
        _, saved = loading.read_saved(tasks, checkpoint.latest(folder))
        for task, splits, entry in zip(tasks, examples, saved):
            task_file.check_vocabulary(entry, vocabulary, folder)
            if settings.do_train:
                loading.check_same_data(splits, entry, settings.task_dir(task.name), folder)
                loading.check_same_settings(task, encoding, entry, folder)


def _make_objective(task, model_config, settings):
    """The objective of a task, with heads in the style of the model's network."""
    return task.objective(
        heads_for(model_config, task.name, settings.has_several_tasks, task.head_options)
    )


def _initial_weights(inputs):
    """InitialWeights of --init_checkpoint, None without; what does not fit is refused here, before
    rows are written for it, as is a teacher."""
    # Late: their session hooks derive from TensorFlow's.
    from training.finetuning_runner import check_start
    from training.model_fn import model_parameters, teacher_parameters

    if inputs.distillation:
        length = inputs.settings.max_seq_length
        of_teacher = teacher_parameters(inputs.distillation, inputs.objective, length)
        inputs.distillation.check_weights(of_teacher.shapes())
    settings, path = inputs.settings, inputs.init_checkpoint
    folder = settings.output_dir if settings.use_tpu else None
    # ELECTRA's heads carry their task's name; training starts without the checkpoint's head.
    takes_head = not settings.do_train and not settings.has_several_tasks
    task_name = settings.task_names[0] if takes_head else None
    weights = InitialWeights(path, folder, task_name, _replaceable(inputs)) if path else None
    if not checkpoint.latest(settings.trial_dirs()[0]):
        config, objective = inputs.model_config, inputs.objective
        shapes = model_parameters(config, objective, settings.max_seq_length).shapes()
        plan = weights.plan(shapes, config.source) if weights else None
        if plan:
            check_whole(plan, settings.allow_partial_init)
        check_start(plan, objective, settings.do_train, settings.output_dir)
        _warn_of_other_kind(inputs, plan)
    return weights


def _replaceable(inputs):
    """For checkpoint.plan_loading: a task starts from a classifier of another one, whose output
    layer may have another size."""
    scope = inputs.model_config.scope + "/"
    return (lambda name: not name.startswith(scope)) if inputs.settings.do_train else None


def _warn_of_other_kind(inputs, plan):
    """Warns where training starts with the head of another kind of task.

    Args:
      inputs: RunInputs.
      plan: LoadPlan or None.
    """
    path, encoder = inputs.init_checkpoint, inputs.model_config.scope + "/"
    if not plan or not inputs.settings.do_train or inputs.settings.has_several_tasks:
        return
    if any(not name.startswith(encoder) for name in plan.loaded):
        task = inputs.tasks[0].task
        other = loading.other_kind(task, path)
        if other:
            warn(
                "the head of {} is of {}; task {} ({}) starts from it".format(
                    path, other, task.name, task.kind
                )
            )


def _write_splits(inputs):
    """dict split -> list of TaskSplit, whose rows are written to output_dir; logs what they are."""
    settings = inputs.settings
    encoding = inputs.tokenizer, settings.max_seq_length
    splits = {split: [] for split in SPLITS}
    for number, (task, examples, objective) in enumerate(inputs.tasks):
        features = _write_rows(inputs, number)
        log_lines(audit.describe(task, examples, features, settings.max_seq_length))
        for split in examples:
            splits[split].append(
                TaskSplit(
                    task,
                    split,
                    examples[split],
                    features[split],
                    objective,
                    encoding,
                    settings.has_several_tasks,
                )
            )
    return splits


def _write_rows(inputs, number):
    """dict split -> FeatureFile of the task with that number."""
    settings, folder = inputs.settings, inputs.settings.output_dir
    # A TPU takes full batches only.
    multiples = {"dev": settings.eval_batch_size, "test": settings.test_batch_size}
    if settings.has_several_tasks:
        folder = os.path.join(folder, inputs.tasks[number].task.name)
    with output_errors(folder):
        files.make_directories(folder)
        if settings.do_train:
            outputs.remove_debris(folder)
        return write_splits(
            folder,
            [entry.task for entry in inputs.tasks],
            number,
            inputs.tasks[number].examples,
            inputs.tokenizer,
            settings.max_seq_length,
            multiples if settings.use_tpu else None,
            is_owner=settings.do_train,
        )


def _check_batch_size(trained, settings):
    """Raises UserError where a batch has more rows than there are in all."""
    count = sum(split.rows for split in trained)
    if settings.do_train and count < settings.train_batch_size:
        raise UserError(
            "--train_batch_size={} is more than the {} training examples".format(
                settings.train_batch_size, count
            )
        )
