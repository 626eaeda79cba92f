"""Checkpoints between releases of TensorFlow: trained on each, read and resumed on all.

for release in 2.21.0 2.15.1 1.15.5; do
    QUANCI_TENSORFLOW=$release bash scripts/test.sh --version
done
.venv/bin/python benchmarks/releases.py

Prints a table: rows are the releases that trained ten steps, columns those that read all variables
and trained on. The first figure of a place is the number of variables that differ from what the
trainer reads in any bit, the second the largest relative difference of the losses of the next two
steps from those of the trainer itself. Exit code 1 where a figure is not within --tolerance.
"""

import argparse
import glob
import json
import os
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PYTHONS = ".venv/bin/python,.venv-tf2.15.1/bin/python,.venv-tf1.15.5/bin/python"
STEPS, FURTHER_STEPS = 10, 2
CONFIG = {
    "vocab_size": None,
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 128,
    "max_position_embeddings": 64,
    "type_vocab_size": 2,
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.1,
    "attention_probs_dropout_prob": 0.1,
    "initializer_range": 0.02,
}
# Run with each interpreter: prints a digest of every variable's bytes.
READ = """
import hashlib, json, sys
import tensorflow.compat.v1 as tf
reader = tf.train.load_checkpoint(tf.train.latest_checkpoint(sys.argv[1]))
names = reader.get_variable_to_shape_map()
print(tf.__version__)
print(json.dumps({n: hashlib.sha256(reader.get_tensor(n).tobytes()).hexdigest() for n in names}))
"""
# Run with the first one: prints the losses of steps in the event files of a folder.
LOSSES = """
import glob, json, sys
import tensorflow.compat.v1 as tf
losses = {}
for path in sorted(glob.glob(glob.escape(sys.argv[1]) + "/events.out.tfevents.*")):
    for event in tf.train.summary_iterator(path):
        losses.update({event.step: v.simple_value for v in event.summary.value if v.tag == "loss"})
print(json.dumps(losses))
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--pythons", default=PYTHONS, help="interpreters, the newest first")
    parser.add_argument("--objective", default="bert")
    parser.add_argument("--tolerance", type=float, default=1e-5, help="of losses, relative")
    arguments = parser.parse_args()
    pythons = [os.path.join(ROOT, python) for python in arguments.pythons.split(",")]
    with tempfile.TemporaryDirectory(prefix="quanci-") as folder:
        sys.exit(compare(pythons, folder, arguments.objective, arguments.tolerance))


def compare(pythons, folder, objective, tolerance):
    """Prints the table; the exit code.

    Args:
      pythons: list of interpreters; the first one makes the records.
      folder: an empty folder.
      objective: of the records.
      tolerance: largest relative difference of losses.
    """
    make_records(pythons[0], folder, objective)
    releases, rows, is_good = [], [], True
    for trainer, python in enumerate(pythons):
        trained = os.path.join(folder, str(trainer))
        train(python, folder, trained, STEPS)
        reads = [digests(other, trained) for other in pythons]
        releases = [release for release, _ in reads]
        losses = [further_losses(pythons, other, folder, trained) for other in pythons]
        rows.append([])
        for (_, read), further in zip(reads, losses):
            differing = sum(read.get(name) != digest for name, digest in reads[trainer][1].items())
            worst = largest_difference(losses[trainer], further)
            rows[-1].append("{}, {:.1e}".format(differing, worst))
            is_good = is_good and not differing and worst <= tolerance
    print("| trained on | " + " | ".join("resumed on " + r for r in releases) + " |")
    print("|---" * (len(pythons) + 1) + "|")
    for release, row in zip(releases, rows):
        print("| {} | {} |".format(release, " | ".join(row)))
    return 0 if is_good else 1


def make_records(python, folder, objective):
    """Writes records of the sample, and the config of a small model."""
    with open(os.path.join(ROOT, "sample", "vocab.txt"), encoding="utf-8") as reader:
        size = len(reader.read().splitlines())
    with open(os.path.join(folder, "config.json"), "w", encoding="utf-8") as writer:
        json.dump(dict(CONFIG, vocab_size=size), writer)
    run(
        python,
        "create_pretraining_data.py",
        input_file=os.path.join(ROOT, "sample", "corpus", "*.txt"),
        input_format="raw",
        output_file=os.path.join(folder, "records"),
        vocab_file=os.path.join(ROOT, "sample", "vocab.txt"),
        objective=objective,
        dupe_factor=1,
        max_seq_length=32,
        max_predictions_per_seq=5,
    )


def train(python, folder, output_dir, stop_step):
    """Trains, or goes on, up to a step of a schedule of all steps."""
    run(
        python,
        "run_pretraining.py",
        input_file=os.path.join(folder, "records*"),
        bert_config_file=os.path.join(folder, "config.json"),
        output_dir=output_dir,
        do_train=True,
        max_seq_length=32,
        max_predictions_per_seq=5,
        train_batch_size=16,
        learning_rate=1e-3,
        num_train_steps=STEPS + FURTHER_STEPS,
        num_warmup_steps=2,
        stop_step=stop_step,
    )


def further_losses(pythons, python, folder, trained):
    """Losses of the steps after a training, resumed from a copy of its folder."""
    resumed = trained + "-resumed"
    shutil.rmtree(resumed, ignore_errors=True)
    shutil.copytree(trained, resumed)
    for path in glob.glob(os.path.join(resumed, "events.*")):
        os.remove(path)
    train(python, folder, resumed, STEPS + FURTHER_STEPS)
    losses = json.loads(output([pythons[0], "-c", LOSSES, resumed]))
    return [losses[str(step)] for step in range(STEPS + 1, STEPS + FURTHER_STEPS + 1)]


def digests(python, folder):
    """(release of TensorFlow, dict name -> digest) of the newest checkpoint of a folder."""
    release, listed = output([python, "-c", READ, folder]).splitlines()[-2:]
    return release, json.loads(listed)


def largest_difference(expected, losses):
    return max(abs(a - b) / abs(a) for a, b in zip(expected, losses))


def run(python, script, **flags):
    output([python, script, *("--{}={}".format(name, value) for name, value in flags.items())])


def output(command):
    """Standard output of a command; ends with its standard error where it fails."""
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=dict(os.environ, TF_CPP_MIN_LOG_LEVEL="3"),
        capture_output=True,
        text=True,
    )
    if done.returncode:
        sys.exit("error: {} ended with {}:\n{}".format(command, done.returncode, done.stderr))
    return done.stdout


if __name__ == "__main__":
    main()
