"""Fine-tunes a model on one task or several, evaluates it and predicts.

python run_finetuning.py --task_name=chnsenticorp --data_dir=data/chnsenticorp \
    --bert_config_file=bert_config.json --vocab_file=vocab.txt --init_checkpoint=bert_model.ckpt \
    --output_dir=out --do_train --do_eval --do_predict
"""

import collections
import os

# Before TensorFlow is imported: its start-up messages are no concern of the user.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import tensorflow.compat.v1 as tf
from absl import flags

from cli import finetuning_flags, run_flags
from cli.app import run_script
from common.errors import UserError
from common.log import log, warn
from finetuning import audit, loading, task_defaults, task_file
from finetuning.features import fingerprint, union_of_features, write_features
from finetuning.head_styles import heads_for
from finetuning.registry import get_task
from finetuning.scoring import reports
from finetuning.task_split import TaskSplit
from modeling import checkpoint
from modeling.layer_depths import layers_below_heads
from modeling.objectives.several import Several
from optimization.config import is_layerwise
from training.checkpoints.initial_weights import InitialWeights
from training.failures import output_errors
from training.finetuning_runner import FinetuningRunner, check_start
from training.model_fn import model_parameters
from training.run_config import RunConfig

FLAGS = flags.FLAGS

finetuning_flags.define()
for module in (finetuning_flags, run_flags):
    flags.adopt_module_key_flags(module)

# What records are called in output_dir, by split; Google's names.
RECORD_FILES = {"train": "train.tf_record", "dev": "eval.tf_record", "test": "predict.tf_record"}

# model_config: model config; weights: InitialWeights or None; layers: of layers_below_heads, None
# where rates are not layer-wise; objective: what is trained; devices: strategies.Devices; parts:
# dict split -> list of TaskSplit.
Job = collections.namedtuple(
    "Job", ["model_config", "weights", "layers", "objective", "devices", "parts"]
)


def main(argv):
    """Runs what the flags ask for."""
    del argv
    # TensorFlow's warnings are about its own deprecations.
    tf.logging.set_verbosity(tf.logging.ERROR)
    tf.disable_v2_behavior()
    hparams = finetuning_flags.apply_hparams()
    finetuning_flags.check(has_model=hparams is not None)
    tasks = [get_task(name) for name in FLAGS.task_name]
    init_checkpoint = run_flags.initial_checkpoint()
    model_dir, saved = saved_tasks(tasks, init_checkpoint)
    model_config = finetuning_flags.model_config(hparams)
    take_defaults(tasks, saved, model_config)
    finetuning_flags.configure(tasks)
    layers = None
    if FLAGS.do_train and is_layerwise(FLAGS.layerwise_lr_decay):
        layers = layers_below_heads(model_config)
    tokenizer = run_flags.read_vocabulary(model_config).make_tokenizer(FLAGS.do_lower_case)
    loaded = [load(task, entry, model_dir, model_config) for task, entry in zip(tasks, saved)]
    objectives = make_objectives(tasks, model_config)
    objective = objectives[0] if len(tasks) == 1 else Several(objectives)
    chosen_devices = run_flags.find_devices([FLAGS.output_dir])
    with run_flags.locked_output(FLAGS.do_train):
        weights = initial_weights(init_checkpoint, model_config, objective)
        parts = write_parts(tasks, loaded, objectives, tokenizer)
        check_batch_size(parts["train"])
        job = Job(model_config, weights, layers, objective, chosen_devices, parts)
        trials = run_trials(job, hparams and hparams.results_dir)
        report_trials(job, trials, hparams and hparams.results_dir)


def saved_tasks(tasks, init_checkpoint):
    """loading.read_saved of the model that is gone on with, evaluated or predicted with."""
    trained = checkpoint.latest(first_folder())
    return loading.read_saved(tasks, trained or (None if FLAGS.do_train else init_checkpoint))


def first_folder():
    """Output directory of the first trial."""
    return trial_folder(0) if FLAGS.num_trials > 1 else FLAGS.output_dir


def trial_folder(number):
    """Output directory of a trial of several."""
    return os.path.join(FLAGS.output_dir, "trial_{}".format(number))


def take_defaults(tasks, saved, model_config):
    """Sets flags that were not given to what the model was trained with or what is usual for the
    task (of several the first one) and the model's size, and says so. Refuses rows that are too
    short or too long."""
    size = task_defaults.size_of(model_config)
    defaults = dict(tasks[0].defaults.of(size), do_lower_case=True)
    for name in ("max_seq_length", "do_lower_case"):
        defaults[name] = saved[0].get(name, defaults[name])
    for entry in saved:
        defaults.update(entry.get("row_options", {}), **entry.get("head_options", {}))
    taken = {name: value for name, value in defaults.items() if getattr(FLAGS, name) is None}
    for name, value in taken.items():
        setattr(FLAGS, name, value)
    if taken:
        shown = " ".join("--{}={}".format(*item) for item in sorted(taken.items()))
        log("defaults of {} for {} models: {}".format(tasks[0].name, size, shown))
    if FLAGS.warmup is None:
        FLAGS.warmup = "replace"
    if FLAGS.max_seq_length < finetuning_flags.SHORTEST_ROW:
        raise UserError(
            "--max_seq_length={} is below {}".format(
                FLAGS.max_seq_length, finetuning_flags.SHORTEST_ROW
            )
        )
    run_flags.check_length(model_config, FLAGS.max_seq_length)


def data_dir_of(task):
    """Folder of a task's files: --data_dir, with several tasks one in it."""
    several = len(FLAGS.task_name) > 1
    return os.path.join(FLAGS.data_dir, task.name) if several else FLAGS.data_dir


def load(task, saved, model_dir, model_config):
    """dict split -> Examples of a task, checked against the model and what it was trained on."""
    data_dir = data_dir_of(task)
    asked = {"train": FLAGS.do_train, "dev": FLAGS.do_eval, "test": FLAGS.do_predict}
    wanted = [split for split, is_wanted in asked.items() if is_wanted]
    splits, absent = loading.read_splits(task, data_dir, wanted)
    if absent:
        log(absent)
    source = loading.choose_labels(
        task, splits, data_dir, FLAGS.labels, saved, FLAGS.do_train, model_dir
    )
    for examples in splits.values():
        task.check(examples, model_config)
    if FLAGS.do_train:
        loading.check_same_data(splits, saved, data_dir, FLAGS.output_dir)
        settings = {name: getattr(FLAGS, name) for name in ("max_seq_length", "do_lower_case")}
        loading.check_same_settings(dict(settings, **task.row_options), saved, FLAGS.output_dir)
    log("task: {}, labels {} ({})".format(task.name, ", ".join(task.labels[:20]), source))
    return splits


def make_objectives(tasks, model_config):
    """What is trained for each task; the options of heads are those of reading comprehension."""
    options = finetuning_flags.given(finetuning_flags.HEAD_FLAGS)
    objectives = []
    for task in tasks:
        task.head_options = options if task.has_head_options else {}
        heads = heads_for(model_config, task.name, len(tasks) > 1, task.head_options)
        objectives.append(task.objective(heads))
    return objectives


def initial_weights(path, model_config, objective):
    """InitialWeights of --init_checkpoint, None without; what does not fit is refused here, before
    rows are written for it."""
    folder = FLAGS.output_dir if FLAGS.use_tpu else None
    # A head of ELECTRA's is called by its task; as a start it is not meant to be taken over.
    name = None if FLAGS.do_train or len(FLAGS.task_name) > 1 else FLAGS.task_name[0]
    weights = InitialWeights(path, folder, name) if path else None
    if not checkpoint.latest(first_folder()):
        shapes = model_parameters(model_config, objective, FLAGS.max_seq_length).shapes()
        plan = weights.plan(shapes, model_config.source) if weights else None
        check_start(plan, objective, FLAGS.do_train, FLAGS.output_dir)
    return weights


def write_parts(tasks, loaded, objectives, tokenizer):
    """dict split -> list of TaskSplit, whose rows are written to output_dir; logs what they are."""
    parts = {split: [] for split in RECORD_FILES}
    several = len(tasks) > 1
    for number, (task, splits, objective) in enumerate(zip(tasks, loaded, objectives)):
        folder = os.path.join(FLAGS.output_dir, task.name) if several else FLAGS.output_dir
        features = {}
        with output_errors(folder):
            tf.io.gfile.makedirs(folder)
            for split, examples in splits.items():
                options = {}
                if split == "train" and several:
                    options["names"] = union_of_features(tasks)
                    options["constants"] = {"task_numbers": number}
                elif FLAGS.use_tpu and split != "train":
                    options["multiple_of"] = FLAGS.eval_batch_size
                path = os.path.join(folder, RECORD_FILES[split])
                features[split] = write_features(
                    path, task, examples, tokenizer, FLAGS.max_seq_length, **options
                )
        lines = audit.describe(task, splits, features, FLAGS.max_seq_length)
        for is_warning, line in lines:
            (warn if is_warning else log)(line)
        encoding = tokenizer, FLAGS.max_seq_length
        for split, examples in splits.items():
            part = TaskSplit(task, split, examples, features[split], objective, encoding, several)
            parts[split].append(part)
    return parts


def check_batch_size(trained):
    """Raises UserError where a batch has more rows than there are in all."""
    count = sum(part.rows for part in trained)
    if FLAGS.do_train and count < FLAGS.train_batch_size:
        raise UserError(
            "--train_batch_size={} is more than the {} training examples".format(
                FLAGS.train_batch_size, count
            )
        )


def run_trials(job, results_dir):
    """Runs all trials; a list of what run_trial returns."""
    trials = []
    for trial in range(FLAGS.num_trials):
        folder, number = FLAGS.output_dir, None
        if FLAGS.num_trials > 1:
            folder, number = trial_folder(trial), trial + 1
            log("trial {} of {}".format(number, FLAGS.num_trials))
        run = make_run(job, folder, FLAGS.seed + trial)
        trials.append(run_trial(run, job, folder))
        if results_dir:
            with output_errors(results_dir):
                for part in job.parts["dev"] + job.parts["test"]:
                    reports.publish_answers(part, part_folder(folder, part), results_dir, number)
    return trials


def make_run(job, folder, seed):
    """The FinetuningRunner of one trial.

    Args:
      job: Job.
      folder: the trial's output directory.
      seed: the trial's seed.
    """
    trained, devs = job.parts["train"], job.parts["dev"]
    count = sum(part.rows for part in trained) or FLAGS.train_batch_size
    steps = max(1, int(count / FLAGS.train_batch_size * FLAGS.num_train_epochs))
    run_config = RunConfig(
        output_dir=folder,
        objective=job.objective.name,
        train_files=[part.path for part in trained],
        eval_files=[part.path for part in devs + job.parts["test"]],
        init_checkpoint=job.weights.path if job.weights else None,
        max_seq_length=FLAGS.max_seq_length,
        do_train=FLAGS.do_train,
        do_eval=FLAGS.do_eval,
        train_batch_size=FLAGS.train_batch_size,
        eval_batch_size=FLAGS.eval_batch_size,
        save_checkpoints_steps=max(1, min(steps, round(count / FLAGS.train_batch_size))),
        iterations_per_loop=FLAGS.iterations_per_loop,
        keep_checkpoint_max=FLAGS.keep_checkpoint_max,
        shuffle_buffer_size=count,
        seed=seed,
        eval_while_training=FLAGS.do_train and FLAGS.do_eval,
        train_records=count,
        use_tpu=FLAGS.use_tpu,
        num_tpu_cores=FLAGS.num_tpu_cores,
        distribution=FLAGS.distribution,
    )
    optimizer_config = run_flags.make_optimizer_config(
        steps, int(steps * FLAGS.warmup_proportion), FLAGS.learning_rate, FLAGS.layerwise_lr_decay
    )
    return FinetuningRunner(
        run_config,
        job.model_config,
        optimizer_config,
        job.objective,
        devs,
        devices=job.devices,
        layers=job.layers,
        weights=job.weights,
    )


def run_trial(run, job, folder):
    """Trains, evaluates and predicts.

    Args:
      run: FinetuningRunner.
      job: Job.
      folder: the trial's output directory.

    Returns:
      dict of all figures.
    """
    with output_errors(folder):
        tf.io.gfile.makedirs(folder)
    if FLAGS.do_train:
        save_task(job.parts, folder)
        run.train()
    results = {}
    if FLAGS.do_eval:
        # A run that was trained before its evaluations were asked for has no best checkpoint.
        results = (FLAGS.do_train and run.finish()) or run.evaluate()
        for part in job.parts["dev"]:
            is_there = tf.io.gfile.exists(prediction_path(folder, part))
            predictions = run.predictions_of(part, or_none=is_there)
            if predictions is not None:
                save_predictions(part, folder, predictions)
    for part in job.parts["test"]:
        predictions = run.predictions_of(part)
        save_predictions(part, folder, predictions)
        if part.is_labelled:
            scores = part.score(predictions)
            results.update(scores)
            with output_errors(folder):
                reports.save_scores(part_folder(folder, part), scores)
            for name, value in scores.items():
                log("  {} = {}".format(name, value))
    return results


def part_folder(folder, part):
    """Where predictions go: the trial's folder, with several tasks one in it for each."""
    return os.path.join(folder, part.task.name) if len(FLAGS.task_name) > 1 else folder


def prediction_path(folder, part):
    """The first file that save_predictions writes."""
    return os.path.join(part_folder(folder, part), part.task.prediction_file(part.split))


def save_predictions(part, folder, predictions):
    """Writes predictions in the forms that scorers want."""
    target = part_folder(folder, part)
    with output_errors(target):
        tf.io.gfile.makedirs(target)
        part.task.save_predictions(target, part.split, part.examples, predictions)
    log("predictions of {} {} examples are in {}".format(len(predictions), part.split, target))


def save_task(parts, folder):
    """Writes what the model's outputs mean, and what it is trained on."""
    entries = []
    for part in parts["train"]:
        same = [p for found in parts.values() for p in found if p.task is part.task]
        entries.append((part.task, {p.split: fingerprint(p.examples) for p in same}))
    with output_errors(folder):
        task_file.save(folder, entries, FLAGS.max_seq_length, FLAGS.do_lower_case)


def report_trials(job, trials, results_dir):
    """Prints the figures of several trials as papers do, and keeps them all."""
    if not trials[0]:
        return
    parts = job.parts["dev"] + job.parts["test"]
    if results_dir:
        with output_errors(results_dir):
            path = reports.save_results_text(results_dir, job.parts["dev"], trials)
        log("figures are in {}".format(path))
    if len(trials) > 1:
        with output_errors(FLAGS.output_dir):
            reports.save_trials(FLAGS.output_dir, trials)
        for line in reports.trial_lines(",".join(FLAGS.task_name), trials):
            log(line)
    for line in reports.headlines(parts, trials):
        log(line)


if __name__ == "__main__":
    run_script(main)
