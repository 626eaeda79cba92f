"""Trains a model in float32 and in bfloat16 on the same batches, and shows what that changes.

* Pre-training (RoBERTa's objective), three runs from the same random weights, of the same rows in
  the same order: float32 with plain kernels, bfloat16 with fused ones, and float32 again with
  other dropout masks, which says how much of a difference is chance. Every twentieth document is
  held out.
* Fine-tuning of the first run's model in both precisions, with several seeds.

Writes RESULT.json and, with matplotlib, RESULT.png into --output_dir; prints tables in Markdown.

python benchmarks/precision_curves.py --output_dir=/tmp/curves --corpus corpus.txt \\
    --vocab_file=vocab.txt --task=chnsenticorp=data/chnsenticorp,max_seq_length=64

Without corpus and task it takes the sample's, which are too small for more than a look at whether
everything runs. Finished runs are not repeated.
"""

import argparse
import datetime
import glob
import json
import os
import statistics
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from benchmarks.creation.corpora import read_documents, split_documents
from benchmarks.programs import ROOT, run
from benchmarks.speed import machine

FP32, BF16, CHANCE = "fp32 plain", "bf16 fused", "fp32 plain, other dropout"
_FP32, _BF16 = ["--precision=fp32", "--kernels=plain"], ["--precision=bf16", "--kernels=fused"]
# The seed draws dropout alone: weights come from a checkpoint, rows in the order of their file.
RUNS = {FP32: [*_FP32, "--seed=1"], BF16: [*_BF16, "--seed=1"], CHANCE: [*_FP32, "--seed=2"]}
TUNINGS = {FP32: _FP32, BF16: _BF16}
EVALUATIONS = 4


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    sample = os.path.join(ROOT, "sample")
    corpora = sorted(glob.glob(os.path.join(sample, "corpus", "*.txt")))
    task = "tsv=" + os.path.join(sample, "classification")
    parser.add_argument("--output_dir", required=True, help="models, records, results")
    parser.add_argument("--corpus", nargs="+", default=corpora, help="text format")
    parser.add_argument("--vocab_file", default=os.path.join(sample, "vocab.txt"))
    parser.add_argument("--task", default=task, help="NAME=FOLDER,FLAG=VALUE,... of fine-tuning")
    parser.add_argument("--trials", type=int, default=3, help="seeds of fine-tuning")
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--hidden", type=int, default=256)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--length", type=int, default=64, help="pieces of a row")
    parser.add_argument("--batch", type=int, default=16, help="rows of an update")
    parser.add_argument("--learning_rate", default="5e-4")
    parser.add_argument("--result", default="precision_curves", help="name of the results")
    return parser.parse_args()


# Data and the common start.


def prepare(arguments):
    """Writes config.json, train.tfrecord, dev.tfrecord and the weights that all runs start from."""
    folder = arguments.output_dir
    os.makedirs(folder, exist_ok=True)
    with open(arguments.vocab_file, encoding="utf-8") as reader:
        size = sum(1 for _ in reader)
    config = {
        "vocab_size": size,
        "hidden_size": arguments.hidden,
        "num_hidden_layers": arguments.layers,
        "num_attention_heads": max(1, arguments.hidden // 64),
        "intermediate_size": 4 * arguments.hidden,
        "hidden_dropout_prob": 0.1,
        "attention_probs_dropout_prob": 0.1,
        "max_position_embeddings": 512,
        "type_vocab_size": 2,
    }
    with open(os.path.join(folder, "config.json"), "w", encoding="utf-8") as writer:
        json.dump(config, writer, indent=1)
    split_documents(read_documents(arguments.corpus), folder)
    for split in ("train", "dev"):
        run(
            "create_pretraining_data.py",
            "--input_file={}/{}.txt".format(folder, split),
            "--output_file={}/{}.tfrecord".format(folder, split),
            "--vocab_file=" + arguments.vocab_file,
            "--objective=roberta",
            "--normalize_quotes",
            "--dupe_factor=1",
            *_row(arguments),
        )
    pretrain(arguments, "start", [*_FP32, "--stop_step=1"], 1)


def _row(arguments):
    predictions = round(0.15 * arguments.length)
    return [
        "--max_seq_length={}".format(arguments.length),
        "--max_predictions_per_seq={}".format(predictions),
    ]


def pretrain(arguments, name, flags, last_step):
    """Pre-trains in a folder of that name, unless that is done."""
    folder = os.path.join(arguments.output_dir, name)
    if any(step == last_step for step, _ in curve(os.path.join(folder, "eval"))):
        return
    run(
        "run_pretraining.py",
        "--input_file={}/train.tfrecord".format(arguments.output_dir),
        "--eval_file={}/dev.tfrecord".format(arguments.output_dir),
        "--output_dir=" + folder,
        "--bert_config_file={}/config.json".format(arguments.output_dir),
        "--do_train",
        "--do_eval",
        "--train_batch_size={}".format(arguments.batch),
        "--eval_batch_size=32",
        "--max_eval_steps=30",
        "--learning_rate=" + arguments.learning_rate,
        "--num_train_steps={}".format(arguments.steps),
        "--num_warmup_steps={}".format(arguments.steps // 10),
        "--save_checkpoints_steps={}".format(max(1, arguments.steps // EVALUATIONS)),
        "--shuffle_buffer_size=0",
        *_row(arguments),
        *flags,
    )


# Figures.


def curve(folder):
    """[[step, loss], ...] of the event files of a folder, none where there is no folder."""
    paths, points = sorted(glob.glob(os.path.join(glob.escape(folder), "events.*"))), {}
    if paths:  # before the first training there is nothing to wait for
        import tensorflow.compat.v1 as tf
    for path in paths:
        for event in tf.train.summary_iterator(path):
            for value in event.summary.value:
                if value.tag == "loss":
                    points[event.step] = value.simple_value
    return sorted(map(list, points.items()))


def pretraining_figures(arguments):
    """dict run -> dict of its curves: of batches, and on held-out rows."""
    start = os.path.join(arguments.output_dir, "start", "model.ckpt-1")
    figures = {}
    for name, flags in RUNS.items():
        folder = name.replace(",", "").replace(" ", "_")
        pretrain(arguments, folder, [*flags, "--init_checkpoint=" + start], arguments.steps)
        folder = os.path.join(arguments.output_dir, folder)
        held_out = curve(os.path.join(folder, "eval"))
        figures[name] = {"training": curve(folder), "held_out": held_out}
    return figures


def tuning_figures(arguments):
    """dict precision -> list of the best dev figure of each seed."""
    name, _, rest = arguments.task.partition("=")
    data, *settings = rest.split(",")
    start = os.path.join(arguments.output_dir, FP32.replace(" ", "_"))
    figures = {}
    for precision, flags in TUNINGS.items():
        folder = os.path.join(arguments.output_dir, "tuned_" + precision.replace(" ", "_"))
        path = os.path.join(folder, "trials.json")
        if not os.path.exists(path):
            run(
                "run_finetuning.py",
                "--task_name=" + name,
                "--data_dir=" + data,
                "--output_dir=" + folder,
                "--bert_config_file={}/config.json".format(arguments.output_dir),
                "--vocab_file=" + arguments.vocab_file,
                "--init_checkpoint=" + start,
                "--do_train",
                "--do_eval",
                "--num_trials={}".format(arguments.trials),
                *("--" + setting for setting in settings),
                *flags,
            )
        with open(path, encoding="utf-8") as reader:
            figures[precision] = [trial["eval_accuracy"] for trial in json.load(reader)]
    return figures


def pretraining_lines(pretraining):
    """Lines of Markdown: the held-out loss of each run."""
    last = {name: figures["held_out"][-1] for name, figures in pretraining.items()}
    lines = ["| pre-training | updates | held-out loss | less the first |", "|---|---|---|---|"]
    for name, (step, loss) in last.items():
        row = name, step, loss, loss - last[FP32][1]
        lines.append("| {} | {:,} | {:.4f} | {:+.4f} |".format(*row))
    return lines


def tuning_lines(tuning):
    """Lines of Markdown: the accuracies of each precision."""
    lines = ["| fine-tuning | dev accuracy of each seed | mean | spread |", "|---|---|---|---|"]
    for name, values in tuning.items():
        shown = " ".join("{:.1f}".format(100 * value) for value in values)
        row = name, shown, 100 * statistics.mean(values), 100 * (max(values) - min(values))
        lines.append("| {} | {} | {:.1f} | {:.1f} |".format(*row))
    return lines


def draw(pretraining, path):
    """Draws the losses of all runs: of batches thin, of held-out rows with marks."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6, 4), layout="constrained")
    for number, (name, figures) in enumerate(pretraining.items()):
        color, style = "C{}".format(number), ("-", "--", ":")[number]
        axes.plot(*zip(*figures["training"]), color=color, linestyle=style, linewidth=0.7)
        held_out = zip(*figures["held_out"])
        axes.plot(*held_out, color=color, linestyle=style, marker="o", label=name)
    axes.set_xlabel("updates")
    axes.set_ylabel("loss (thin: of a batch; marks: held out)")
    axes.legend()
    figure.savefig(path, dpi=110)


def main():
    arguments = parse_arguments()
    prepare(arguments)
    content = {
        "date": datetime.date.today().isoformat(),
        "machine": machine.describe(),
        "settings": _settings(arguments),
        "pretraining": pretraining_figures(arguments),
    }
    print("\n".join(pretraining_lines(content["pretraining"])), flush=True)
    path = os.path.join(arguments.output_dir, arguments.result)
    _write(content, path)
    content["finetuning"] = tuning_figures(arguments)
    print("\n".join(["", *tuning_lines(content["finetuning"])]), flush=True)
    _write(content, path)
    draw(content["pretraining"], path + ".png")


def _settings(arguments):
    """dict of what results depend on, without the folders."""
    name, _, rest = arguments.task.partition("=")
    values = dict(
        vars(arguments),
        corpus=[os.path.basename(path) for path in arguments.corpus],
        vocab_file=os.path.basename(arguments.vocab_file),
        task=",".join([name, *rest.split(",")[1:]]),
    )
    del values["output_dir"], values["result"]
    return values


def _write(content, path):
    with open(path + ".json", "w", encoding="utf-8") as writer:
        json.dump(content, writer, indent=1)


if __name__ == "__main__":
    main()
