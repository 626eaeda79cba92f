"""CPU seconds of a training step, of starts and of data creation on several TensorFlows.

python benchmarks/release_speed.py --pythons=.venv/bin/python,.venv-tf2.15.1/bin/python

Every figure is the median of --rounds, in which the interpreters take turns. A step's seconds are
the difference of two trainings of different lengths: starts and compilation do not count.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# Name -> (layers, hidden size, heads, batch, steps of the shorter and of the longer training).
SIZES = {"small 128": (12, 256, 4, 16, (5, 25)), "base 128": (12, 768, 12, 8, (3, 11))}
VOCABULARY = 21128
START = """
from cli.start import watched_imports
with watched_imports():
    from training import estimators
estimators.load()
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--pythons", default=".venv/bin/python,.venv-tf2.15.1/bin/python")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tasks", default="", help="those whose names begin so; all without")
    arguments = parser.parse_args()
    pythons = [os.path.join(ROOT, python) for python in arguments.pythons.split(",")]
    with tempfile.TemporaryDirectory(prefix="quanci-") as folder:
        write_vocabulary(folder)
        data_creation(pythons[0], folder, folder, dupe_factor=1)
        tasks = {"start of a program": lambda python: cpu_seconds([python, "-c", START])}
        tasks["data creation"] = lambda python: created_anew(python, folder)
        for name in SIZES:
            write_config(folder, name)
            tasks["step, " + name] = lambda python, name=name: step(python, folder, name)
        tasks = {n: task for n, task in tasks.items() if n.startswith(arguments.tasks)}
        measured = {name: {python: [] for python in pythons} for name in tasks}
        for _ in range(arguments.rounds):
            for name, task in tasks.items():
                for python in pythons:
                    measured[name][python].append(task(python))
    show(pythons, measured)


def show(pythons, measured):
    """Prints a line for every task: CPU seconds on each TensorFlow, ratio to the last one."""
    print("| CPU seconds | " + " | ".join(map(release, pythons)) + " |")
    print("|---" * (len(pythons) + 1) + "|")
    for name, figures in measured.items():
        medians = [statistics.median(figures[python]) for python in pythons]
        shown = ["{:.3f} ({:.2f})".format(m, m / medians[-1]) for m in medians]
        print("| {} | {} |".format(name, " | ".join(shown)))


def release(python):
    code = "import sys, tensorflow as tf; print(tf.__version__, *sys.version_info[:2])"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    return "TensorFlow {}, Python {}.{}".format(*done.stdout.split())


def write_vocabulary(folder):
    """Writes the sample's vocabulary, filled up to the size of Google's."""
    with open(os.path.join(ROOT, "sample", "vocab.txt"), encoding="utf-8") as reader:
        lines = reader.read().splitlines()
    lines += ["[unused{}]".format(i) for i in range(len(lines), VOCABULARY)]
    with open(os.path.join(folder, "vocab.txt"), "w", encoding="utf-8") as writer:
        writer.write("\n".join(lines) + "\n")


def write_config(folder, name):
    layers, hidden, heads, _, _ = SIZES[name]
    values = {"num_hidden_layers": layers, "hidden_size": hidden, "num_attention_heads": heads}
    values.update(intermediate_size=4 * hidden, max_position_embeddings=128, vocab_size=VOCABULARY)
    values.update(hidden_act="gelu", hidden_dropout_prob=0.1, attention_probs_dropout_prob=0.1)
    values.update(type_vocab_size=2, initializer_range=0.02)
    with open(os.path.join(folder, name + ".json"), "w", encoding="utf-8") as writer:
        json.dump(values, writer)


def created_anew(python, folder):
    """CPU seconds of data creation into a new folder: what is finished is not made again."""
    with tempfile.TemporaryDirectory(dir=folder) as new:
        return data_creation(python, folder, new, dupe_factor=400)


def data_creation(python, folder, output_dir, dupe_factor):
    """CPU seconds of data creation from the sample."""
    return cpu_seconds(
        [
            python,
            "create_pretraining_data.py",
            "--input_file=sample/corpus/*.txt",
            "--input_format=raw",
            "--output_file=" + os.path.join(output_dir, "records"),
            "--vocab_file=" + os.path.join(folder, "vocab.txt"),
            "--objective=bert",
            "--num_workers=1",
            "--dupe_factor={}".format(dupe_factor),
        ]
    )


def step(python, folder, name):
    """CPU seconds of a training step of a size."""
    *_, batch, lengths = SIZES[name]
    seconds = []
    for steps in lengths:
        with tempfile.TemporaryDirectory(dir=folder) as output_dir:
            command = [
                python,
                "run_pretraining.py",
                "--do_train",
                "--input_file=" + os.path.join(folder, "records"),
                "--bert_config_file=" + os.path.join(folder, name + ".json"),
                "--output_dir=" + output_dir,
                "--max_seq_length=128",
                "--max_predictions_per_seq=20",
                "--train_batch_size={}".format(batch),
                "--num_train_steps={}".format(steps),
                "--num_warmup_steps=1",
            ]
            seconds.append(cpu_seconds(command))
    return (seconds[1] - seconds[0]) / (lengths[1] - lengths[0])


def cpu_seconds(command):
    """User and system seconds of a command and the processes that it waits for."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = dict(os.environ, TF_CPP_MIN_LOG_LEVEL="3")
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    if done.returncode:
        sys.exit("error: {} ended with {}:\n{}".format(command, done.returncode, done.stderr))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


if __name__ == "__main__":
    main()
