"""Fine-tunes from several starting points with several seeds, and prints a table.

python benchmarks/finetune_classification.py --data_dir=chnsenticorp \
    --bert_config_file=config.json --vocab_file=vocab.txt --output_dir=/tmp/bench \
    --start=pretrained=/tmp/model --start=random= --huggingface

A start is NAME=CHECKPOINT; without a checkpoint every seed has random weights of its own. With
--huggingface the same random weights are also fine-tuned by transformers' Trainer, as a check of
our training loop (pip install accelerate).
"""

import json
import os
import re
import subprocess
import sys

import numpy as np
import tensorflow.compat.v1 as tf
from absl import app, flags

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, ROOT)

from finetuning.report import maximum_and_mean  # noqa: E402
from finetuning.tasks import get_task  # noqa: E402
from modeling.config import BertConfig  # noqa: E402
from modeling.conversion.name_tables import BERT  # noqa: E402
from modeling.kernels import PlainKernels  # noqa: E402
from modeling.parameters import ParameterStore  # noqa: E402

FLAGS = flags.FLAGS
flags.DEFINE_string("task_name", "chnsenticorp", "Task.")
flags.DEFINE_string("data_dir", None, "Its files.")
flags.DEFINE_string("bert_config_file", None, "Config.")
flags.DEFINE_string("vocab_file", None, "Vocabulary.")
flags.DEFINE_string("output_dir", None, "For models and results.")
flags.DEFINE_multi_string("start", [], "NAME=CHECKPOINT, or NAME= for random weights.")
flags.DEFINE_bool("huggingface", False, "Also transformers' Trainer from the random weights.")
flags.DEFINE_integer("trials", 3, "Seeds.")
flags.DEFINE_integer("max_seq_length", 128, "Pieces.")
flags.DEFINE_integer("batch_size", 32, "Examples of an update.")
flags.DEFINE_float("learning_rate", 1e-4, "Peak rate.")
flags.DEFINE_float("num_train_epochs", 4, "Epochs.")
flags.mark_flags_as_required(["data_dir", "bert_config_file", "vocab_file", "output_dir"])


def main(argv):
    del argv
    tf.disable_v2_behavior()
    results = {}
    for start in FLAGS.start:
        name, _, checkpoint = start.partition("=")
        results[name] = [ours(name, checkpoint, seed) for seed in range(FLAGS.trials)]
    if FLAGS.huggingface:
        results["random, Hugging Face Trainer"] = [
            huggingface(seed) for seed in range(FLAGS.trials)
        ]
    print("\n| start | best dev accuracy of each seed | maximum (mean) | last epoch, mean |")
    print("|---|---|---|---|")
    for name, trials in results.items():
        best = [max(trial) for trial in trials]
        print(
            "| {} | {} | {} | {:.1f} |".format(
                name,
                " ".join("{:.1f}".format(100 * value) for value in best),
                maximum_and_mean(best),
                100 * np.mean([trial[-1] for trial in trials]),
            )
        )
    with open(os.path.join(FLAGS.output_dir, "results.json"), "w", encoding="utf-8") as f:
        json.dump(results, f, indent=1)


def ours(name, checkpoint, seed):
    """Dev accuracy after each epoch of run_finetuning.py."""
    folder = os.path.join(FLAGS.output_dir, name, str(seed))
    if os.path.exists(folder):
        sys.exit("error: {} is of an earlier run; remove it".format(folder))
    done = subprocess.run(
        [
            sys.executable,
            os.path.join(ROOT, "run_finetuning.py"),
            "--task_name=" + FLAGS.task_name,
            "--data_dir=" + FLAGS.data_dir,
            "--bert_config_file=" + FLAGS.bert_config_file,
            "--vocab_file=" + FLAGS.vocab_file,
            "--init_checkpoint=" + (checkpoint or random_weights(seed)),
            "--output_dir=" + folder,
            "--do_train",
            "--do_eval",
            "--seed={}".format(seed),
            "--max_seq_length={}".format(FLAGS.max_seq_length),
            "--train_batch_size={}".format(FLAGS.batch_size),
            "--learning_rate={}".format(FLAGS.learning_rate),
            "--num_train_epochs={}".format(FLAGS.num_train_epochs),
        ],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found = [float(value) for value in re.findall("eval_accuracy = (.*)", done.stdout)]
    found = found[:-1]  # the last line repeats the best
    print("{} seed {}: {}".format(name, seed, found), flush=True)
    return found


def task_with_labels():
    """The task object, its labels settled."""
    task = get_task(FLAGS.task_name)
    task.choose_labels(None, FLAGS.data_dir, {"train": task.read(FLAGS.data_dir, "train")})
    return task


def random_weights(seed):
    """Prefix of a checkpoint with random weights of a model with the task's head."""
    prefix = os.path.join(FLAGS.output_dir, "random_{}".format(seed), "model.ckpt")
    if os.path.exists(prefix + ".index"):
        return prefix
    os.makedirs(os.path.dirname(prefix), exist_ok=True)
    task = task_with_labels()
    config = BertConfig.from_json_file(FLAGS.bert_config_file)
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(seed)
        features = {
            name: tf.zeros([1, 1 if name == "label_ids" else 8], tf.int32)
            for name in task.objective().feature_names
        }
        task.objective().build(config, ParameterStore(seed), PlainKernels(), features, False)
        session.run(tf.global_variables_initializer())
        return tf.train.Saver().save(session, prefix, write_meta_graph=False)


def huggingface(seed):
    """Dev accuracy after each epoch of transformers' Trainer, from random_weights(seed)."""
    import torch
    import transformers

    task = task_with_labels()
    with open(FLAGS.bert_config_file, encoding="utf-8") as f:
        config = transformers.BertConfig(**json.load(f), num_labels=len(task.labels))
    model = transformers.BertForSequenceClassification(config)
    reader = tf.train.NewCheckpointReader(random_weights(seed))
    arrays = {n: reader.get_tensor(n) for n in reader.get_variable_to_shape_map()}
    state = BERT.to_huggingface(arrays).tensors
    model.load_state_dict({n: torch.tensor(v) for n, v in state.items()})
    tokenizer = transformers.BertTokenizerFast(FLAGS.vocab_file, do_lower_case=True)
    sets = {split: _encoded(tokenizer, task, split) for split in ("train", "dev")}
    arguments = transformers.TrainingArguments(
        output_dir=os.path.join(FLAGS.output_dir, "huggingface", str(seed)),
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
        model=model,
        args=arguments,
        train_dataset=sets["train"],
        eval_dataset=sets["dev"],
        compute_metrics=lambda p: {"accuracy": (p[0].argmax(-1) == p[1]).mean()},
    )
    trainer.train()
    found = [log["eval_accuracy"] for log in trainer.state.log_history if "eval_accuracy" in log]
    print("Hugging Face seed {}: {}".format(seed, found), flush=True)
    return [float(value) for value in found]


def _encoded(tokenizer, task, split):
    examples = task.read(FLAGS.data_dir, split)
    numbers = task.label_numbers(examples)
    second = [e.text_b for e in examples] if examples[0].text_b is not None else None
    rows = tokenizer(
        [e.text_a for e in examples],
        second,
        truncation=True,
        max_length=FLAGS.max_seq_length,
        padding="max_length",
    )
    return [
        dict({name: values[i] for name, values in rows.items()}, labels=int(numbers[i]))
        for i in range(len(examples))
    ]


if __name__ == "__main__":
    app.run(main)
