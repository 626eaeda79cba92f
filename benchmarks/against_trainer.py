"""Fine-tunes random weights with run_finetuning.py and with transformers' Trainer: a check of our
training loop.

python benchmarks/against_trainer.py --data_dir=chnsenticorp --bert_config_file=config.json \
    --vocab_file=vocab.txt --output_dir=/tmp/against

Both start from the same weights, which transformers draws, a model for each seed. Needs accelerate
(pip install accelerate).
"""

import json
import os
import re
import subprocess
import sys

from absl import app, flags

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, ROOT)

from finetuning.registry import get_task  # noqa: E402
from finetuning.scoring.reports import maximum_and_mean  # noqa: E402

FLAGS = flags.FLAGS
flags.DEFINE_string("task_name", "chnsenticorp", "A task of classes.")
flags.DEFINE_string("data_dir", None, "Its files.", required=True)
flags.DEFINE_string("bert_config_file", None, "Config of a BERT model.", required=True)
flags.DEFINE_string("vocab_file", None, "Vocabulary.", required=True)
flags.DEFINE_string("output_dir", None, "For models and results.", required=True)
flags.DEFINE_integer("trials", 3, "Seeds.")
flags.DEFINE_integer("max_seq_length", 128, "Pieces.")
flags.DEFINE_integer("batch_size", 32, "Examples of an update.")
flags.DEFINE_float("learning_rate", 1e-4, "Peak rate.")
flags.DEFINE_float("num_train_epochs", 4, "Epochs.")


def main(argv):
    """Prints dev accuracy after each epoch of every run, and a row for each program."""
    del argv
    task = get_task(FLAGS.task_name)
    task.choose_labels(None, FLAGS.data_dir, {"train": task.read(FLAGS.data_dir, "train")})
    rows = {"run_finetuning.py": [], "transformers' Trainer": []}
    for seed in range(FLAGS.trials):
        start = random_model(seed, len(task.labels))
        for name, accuracies in zip(rows, (ours(start, seed), theirs(start, seed, task))):
            print("{} seed {}: {}".format(name, seed, accuracies), flush=True)
            rows[name].append(accuracies)
    print("\n| program | best dev accuracy of each seed | maximum (mean) | last epoch |")
    print("| --- | --- | --- | --- |")
    for name, trials in rows.items():
        best = [max(trial) for trial in trials]
        cells = shown(best), maximum_and_mean(best), shown([trial[-1] for trial in trials])
        print("| {} | {} |".format(name, " | ".join(cells)))


def shown(values):
    """Shares as percentages."""
    return " ".join("{:.1f}".format(100 * value) for value in values)


def random_model(seed, num_labels):
    """Directory of a classifier of random weights."""
    import torch
    import transformers

    folder = os.path.join(FLAGS.output_dir, "random_{}".format(seed))
    with open(FLAGS.bert_config_file, encoding="utf-8") as f:
        config = transformers.BertConfig(**json.load(f), num_labels=num_labels)
    torch.manual_seed(seed)
    transformers.BertForSequenceClassification(config).save_pretrained(folder)
    return folder


def ours(start, seed):
    """Dev accuracy after each epoch of run_finetuning.py."""
    folder = os.path.join(FLAGS.output_dir, "ours_{}".format(seed))
    if os.path.exists(folder):
        sys.exit("error: {} is of an earlier run; remove it".format(folder))
    given = {
        "init_checkpoint": start,
        "output_dir": folder,
        "do_train": True,
        "do_eval": True,
        "seed": seed,
        "train_batch_size": FLAGS.batch_size,
    }
    for name in ("task_name", "data_dir", "bert_config_file", "vocab_file"):
        given[name] = getattr(FLAGS, name)
    for name in ("max_seq_length", "learning_rate", "num_train_epochs"):
        given[name] = getattr(FLAGS, name)
    done = subprocess.run(
        [sys.executable, os.path.join(ROOT, "run_finetuning.py")]
        + ["--{}={}".format(*flag) for flag in given.items()],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    accuracies = [float(value) for value in re.findall("eval_accuracy = (.*)", done.stdout)]
    return accuracies[:-1]  # the last line repeats the best


def theirs(start, seed, task):
    """Dev accuracy after each epoch of transformers' Trainer."""
    import transformers

    tokenizer = transformers.BertTokenizerFast(FLAGS.vocab_file, do_lower_case=True)
    sets = {split: _encoded(tokenizer, task, split) for split in ("train", "dev")}
    arguments = transformers.TrainingArguments(
        output_dir=os.path.join(FLAGS.output_dir, "trainer_{}".format(seed)),
        per_device_train_batch_size=FLAGS.batch_size,
        per_device_eval_batch_size=FLAGS.batch_size,
        learning_rate=FLAGS.learning_rate,
        weight_decay=0.01,
        adam_epsilon=1e-6,
        warmup_ratio=0.1,
        num_train_epochs=FLAGS.num_train_epochs,
        eval_strategy="epoch",
        save_strategy="no",
        report_to=[],
        disable_tqdm=True,
        seed=seed,
        use_cpu=True,
    )
    trainer = transformers.Trainer(
        model=transformers.BertForSequenceClassification.from_pretrained(start),
        args=arguments,
        train_dataset=sets["train"],
        eval_dataset=sets["dev"],
        compute_metrics=lambda p: {"accuracy": (p[0].argmax(-1) == p[1]).mean()},
    )
    trainer.train()
    logged = trainer.state.log_history
    return [float(log["eval_accuracy"]) for log in logged if "eval_accuracy" in log]


def _encoded(tokenizer, task, split):
    examples = task.read(FLAGS.data_dir, split)
    second = [e.text_b for e in examples] if examples[0].text_b is not None else None
    rows = tokenizer(
        [e.text_a for e in examples],
        second,
        truncation=True,
        max_length=FLAGS.max_seq_length,
        padding="max_length",
    )
    return [
        dict({name: values[i] for name, values in rows.items()}, labels=task.labels.index(e.label))
        for i, e in enumerate(examples)
    ]


if __name__ == "__main__":
    app.run(main)
