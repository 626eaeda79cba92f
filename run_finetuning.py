"""Fine-tunes a model on a task, evaluates it and predicts.

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

import script_flags
from errors import UserError, require, run_script, some
from finetuning import audit, report, settings, task_file
from finetuning.classification import SPLITS
from finetuning.features import write_features
from finetuning.tasks import TASK_NAMES, get_task
from modeling import checkpoint
from modeling.conversion import huggingface
from training.faults import output_errors
from training.finetuning import Finetuning
from training.log import log, warn
from training.run_config import RunConfig

FLAGS = flags.FLAGS

script_flags.define_model_flags()
script_flags.define_optimizer_flags()
script_flags.define_device_flags()
flags.adopt_module_key_flags(script_flags)
flags.DEFINE_string("task_name", None, "One of {}.".format(", ".join(TASK_NAMES)))
flags.DEFINE_string("data_dir", None, "Folder of the task's files: train, dev and test.")
flags.DEFINE_list("labels", None, "The labels of --task_name=tsv, by class number.")
flags.DEFINE_string("vocab_file", None, "The model's vocab.txt or SentencePiece model.")
flags.DEFINE_bool(
    "do_lower_case",
    None,
    "As the model was trained. Default: as in training where that is over, else true.",
)
flags.DEFINE_string("output_dir", None, "Where checkpoints and results go; resumes from there.")
flags.DEFINE_bool("do_train", False, "Train; with --do_eval the best epoch's checkpoint is kept.")
flags.DEFINE_bool("do_eval", False, "Evaluate on the dev examples, in training after each epoch.")
flags.DEFINE_bool("do_predict", False, "Predict the test examples.")
flags.DEFINE_integer("max_seq_length", None, "Pieces in a row; default: the task's.")
flags.DEFINE_integer("train_batch_size", None, "Examples of one update; default: the task's.")
flags.DEFINE_integer("eval_batch_size", 32, "Examples in a batch of evaluation and prediction.")
flags.DEFINE_float("learning_rate", None, "Peak learning rate; default: the task's.")
flags.DEFINE_float("num_train_epochs", None, "Passes over the examples; default: the task's.")
flags.DEFINE_float("warmup_proportion", 0.1, "Share of the updates over which the rate rises.")
flags.DEFINE_integer("num_trials", 1, "Runs with the seeds --seed, --seed + 1, ...")
flags.DEFINE_integer("seed", 12345, "Seed of weights, dropout and shuffling.")
flags.DEFINE_integer("keep_checkpoint_max", 1, "Checkpoints that are kept beside the best one.")

POSITIVE = (
    "max_seq_length",
    "train_batch_size",
    "eval_batch_size",
    "learning_rate",
    "num_train_epochs",
    "num_trials",
    "keep_checkpoint_max",
    "gradient_accumulation_steps",
    "num_tpu_cores",
    "iterations_per_loop",
)
NOT_NEGATIVE = ("warmup_proportion", "weight_decay_rate", "lr_decay_power")
# What records are called in output_dir, by split; Google's names.
RECORD_FILES = {"train": "train.tf_record", "dev": "eval.tf_record", "test": "predict.tf_record"}
SHORTEST_ROW = 8

# splits: dict split -> list of examples; numbers: dict split -> int32 [examples], their classes;
# features: dict split -> FeatureFile.
Data = collections.namedtuple("Data", ["splits", "numbers", "features"])

# model_config: BertConfig; init_checkpoint: prefix, Hugging Face directory or None.
Start = collections.namedtuple("Start", ["model_config", "init_checkpoint"])


def main(argv):
    """Runs what the flags ask for."""
    del argv
    # TensorFlow's warnings are about its own deprecations.
    tf.logging.set_verbosity(tf.logging.ERROR)
    tf.disable_v2_behavior()
    check_flags()
    task = get_task(FLAGS.task_name)
    init_checkpoint = script_flags.initial_checkpoint()
    saved = saved_task(task, init_checkpoint)
    model_config = script_flags.read_model_config(FLAGS.max_seq_length or SHORTEST_ROW)
    take_defaults(task, saved, model_config)
    vocabulary = script_flags.read_vocabulary(model_config)
    tokenizer = vocabulary.make_tokenizer(FLAGS.do_lower_case)
    splits = read_splits(task)
    check_pairs(splits, model_config)
    source = choose_labels(task, splits, saved)
    check_same_data(splits, saved)
    numbers = {split: task.label_numbers(examples) for split, examples in splits.items()}
    check_batch_sizes(splits)
    chosen_devices = script_flags.find_devices([FLAGS.output_dir])
    log("task: {}, labels {} ({})".format(task.name, ", ".join(task.labels[:20]), source))
    with script_flags.locked_output(FLAGS.do_train):
        data = Data(splits, numbers, write_records(splits, numbers, tokenizer))
        for is_warning, line in audit.describe(
            splits, data.features, task.labels, FLAGS.max_seq_length
        ):
            (warn if is_warning else log)(line)
        start = Start(model_config, init_checkpoint)
        report_trials(task, run_trials(task, data, start, chosen_devices))


def run_trials(task, data, start, chosen_devices):
    """Runs all trials; a list of what run_trial returns."""
    trials = []
    for trial in range(FLAGS.num_trials):
        folder = FLAGS.output_dir
        if FLAGS.num_trials > 1:
            folder = os.path.join(folder, trial_name(trial))
            log("trial {} of {}".format(trial + 1, FLAGS.num_trials))
        run = make_run(task, data, folder, FLAGS.seed + trial, start, chosen_devices)
        trials.append(run_trial(run, task, data, folder))
    return trials


def check_flags():
    """Refuses flags that cannot work, before any file is opened.

    Raises:
      UserError: naming the flag.
    """
    if not FLAGS.do_train and not FLAGS.do_eval and not FLAGS.do_predict:
        raise UserError("nothing to do; give --do_train, --do_eval, --do_predict or several")
    require(FLAGS, "task_name", "data_dir", "bert_config_file", "vocab_file", "output_dir")
    script_flags.check_numbers(POSITIVE, NOT_NEGATIVE)
    script_flags.check_devices()
    if FLAGS.warmup_proportion >= 1:
        raise UserError("--warmup_proportion={} must be below 1".format(FLAGS.warmup_proportion))


def saved_task(task, init_checkpoint):
    """What task.json says of the model that is gone on with or evaluated; {} for a new one.

    Args:
      task: task object.
      init_checkpoint: prefix, Hugging Face directory or None.

    Raises:
      UserError: it is damaged, or the model is one for another kind of task.
    """
    folder = FLAGS.output_dir
    if FLAGS.num_trials > 1:
        folder = os.path.join(folder, trial_name(0))
    prefix = checkpoint.latest(folder)
    if not prefix and not FLAGS.do_train:
        prefix = init_checkpoint
        if prefix and huggingface.is_directory(prefix):
            prefix = os.path.join(prefix, "")
    path = prefix and task_file.path_beside(prefix)
    return task_file.read(path, task.kind) if path else {}


def trial_name(number):
    """Folder of a trial, below output_dir."""
    return "trial_{}".format(number)


def take_defaults(task, saved, model_config):
    """Sets flags that were not given to what the model was trained with or what is usual for the
    task and the model's size, and says so. Refuses rows that are too short or too long."""
    size = settings.size_of(model_config)
    defaults = dict(task.settings.of(size), do_lower_case=True)
    for name in ("max_seq_length", "do_lower_case"):
        defaults[name] = saved.get(name, defaults[name])
    taken = {name: value for name, value in defaults.items() if getattr(FLAGS, name) is None}
    for name, value in taken.items():
        setattr(FLAGS, name, value)
    if taken:
        shown = " ".join("--{}={}".format(*item) for item in sorted(taken.items()))
        log("defaults of {} for {} models: {}".format(task.name, size, shown))
    if FLAGS.max_seq_length < SHORTEST_ROW:
        raise UserError(
            "--max_seq_length={} is below {}".format(FLAGS.max_seq_length, SHORTEST_ROW)
        )
    script_flags.check_length(model_config, FLAGS.max_seq_length)


def read_splits(task):
    """dict split -> examples of the files that the flags need.

    Raises:
      UserError: a file that is needed is missing or wrong.
    """
    splits = {}
    for split, is_needed in zip(SPLITS, (FLAGS.do_train, FLAGS.do_eval, FLAGS.do_predict)):
        if not is_needed:
            continue
        examples = task.read(FLAGS.data_dir, split)
        if examples is None and split == "test" and (FLAGS.do_train or FLAGS.do_eval):
            log("no {} in {}: no predictions".format(task.file_names(split), FLAGS.data_dir))
            continue
        if examples is None:
            raise task.lacks(FLAGS.data_dir, split)
        unlabelled = next((e for e in examples if e.label is None), None)
        if split != "test" and unlabelled:
            raise UserError("{} has no label".format(unlabelled.where))
        splits[split] = examples
    return splits


def check_pairs(splits, model_config):
    """Raises UserError where a model without a second token type is given pairs."""
    if model_config.type_vocab_size > 1:
        return
    for examples in splits.values():
        for example in examples:
            if example.text_b is not None:
                raise UserError(
                    "{} is a pair of texts, but {} has token types for one only "
                    "(type_vocab_size)".format(example.where, model_config.source)
                )


def choose_labels(task, splits, saved):
    """Settles the task's labels; those of the trained model come first.

    Returns:
      Where they are from, a few words.

    Raises:
      UserError: they are not known, or not those of the trained model.
    """
    known = saved.get("labels")
    if not known or task.labels == known:
        return task.choose_labels(FLAGS.labels, FLAGS.data_dir, splits)
    if FLAGS.do_train or FLAGS.labels or task.labels is not None:
        task.choose_labels(FLAGS.labels, FLAGS.data_dir, splits)
        if task.labels != known:
            raise UserError(
                "the labels are {}, but the model in {} was trained with {}; use another "
                "--output_dir".format(some(task.labels), FLAGS.output_dir, some(known))
            )
    task.labels = known
    return "of the trained model"


def check_same_data(splits, saved):
    """Raises UserError where training would go on with other examples than it began with."""
    before = saved.get("fingerprints", {}) if FLAGS.do_train else {}
    for split in ("train", "dev"):
        is_known = split in splits and split in before
        if is_known and task_file.fingerprint(splits[split]) != before[split]:
            raise UserError(
                "the model in --output_dir {} was trained with other {} examples than are in {}; "
                "use another --output_dir".format(FLAGS.output_dir, split, FLAGS.data_dir)
            )


def check_batch_sizes(splits):
    """Raises UserError where a batch has more examples than there are."""
    if FLAGS.do_train and len(splits["train"]) < FLAGS.train_batch_size:
        raise UserError(
            "--train_batch_size={} is more than the {} training examples".format(
                FLAGS.train_batch_size, len(splits["train"])
            )
        )


def write_records(splits, numbers, tokenizer):
    """dict split -> FeatureFile, written to output_dir."""
    found = {}
    with output_errors(FLAGS.output_dir):
        tf.io.gfile.makedirs(FLAGS.output_dir)
        for split, examples in splits.items():
            is_padded = FLAGS.use_tpu and split != "train"
            found[split] = write_features(
                os.path.join(FLAGS.output_dir, RECORD_FILES[split]),
                examples,
                numbers[split],
                tokenizer,
                FLAGS.max_seq_length,
                multiple_of=FLAGS.eval_batch_size if is_padded else 1,
            )
    return found


def make_run(task, data, folder, seed, start, chosen_devices):
    """The Finetuning of one trial.

    Args:
      task: task object.
      data: Data.
      folder: the trial's output directory.
      seed: the trial's seed.
      start: Start.
      chosen_devices: training.devices.Devices.
    """
    features = data.features
    train = features.get("train")
    count = train.count if train else FLAGS.train_batch_size
    steps = max(1, int(count / FLAGS.train_batch_size * FLAGS.num_train_epochs))
    run_config = RunConfig(
        output_dir=folder,
        objective=task.name,
        train_files=[train.path] if train else [],
        eval_files=[found.path for split, found in features.items() if split != "train"],
        init_checkpoint=start.init_checkpoint,
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
    optimizer_config = script_flags.make_optimizer_config(
        steps, int(steps * FLAGS.warmup_proportion), FLAGS.learning_rate
    )
    dev = (features["dev"].path, data.numbers["dev"]) if "dev" in features else None
    return Finetuning(run_config, start.model_config, optimizer_config, task, dev, chosen_devices)


def run_trial(run, task, data, folder):
    """Trains, evaluates and predicts.

    Args:
      run: Finetuning.
      task: task object.
      data: Data.
      folder: the trial's output directory.

    Returns:
      dict of all figures.
    """
    with output_errors(folder):
        tf.io.gfile.makedirs(folder)
    if FLAGS.do_train:
        save_task(task, data, folder)
        run.train()
    results = {}
    if FLAGS.do_eval:
        # A run that was trained before its evaluations were asked for has no best checkpoint.
        results = (FLAGS.do_train and run.finish()) or run.evaluate()
    if "test" in data.splits:
        test = data.features["test"]
        found = run.predict(test.path, test.count)["probabilities"]
        with output_errors(folder):
            report.save_predictions(folder, task.labels, found)
        if all(example.label is not None for example in data.splits["test"]):
            scores = task.score(data.numbers["test"], found, "test")
            results.update(scores)
            with output_errors(folder):
                report.save_scores(folder, scores)
            for name, value in scores.items():
                log("  {} = {}".format(name, value))
        log("predictions of {} examples are in {}".format(len(found), folder))
    return results


def save_task(task, data, folder):
    """Writes what the model's outputs mean, and what it is trained on."""
    fingerprints = {split: task_file.fingerprint(e) for split, e in data.splits.items()}
    with output_errors(folder):
        task_file.save(
            folder,
            task.name,
            task.kind,
            task.labels,
            FLAGS.max_seq_length,
            FLAGS.do_lower_case,
            fingerprints,
        )


def report_trials(task, trials):
    """Prints the figures of several trials as papers do, and keeps them all."""
    if len(trials) < 2 or not trials[0]:
        return
    with output_errors(FLAGS.output_dir):
        report.save_trials(FLAGS.output_dir, trials)
    for line in report.trial_lines(task.name, trials):
        log(line)


if __name__ == "__main__":
    run_script(main)
