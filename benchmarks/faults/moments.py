"""Programs killed at random moments, and the same command again.

Data creation: SIGKILL to the program or to one of its workers. Every shard must equal the
undisturbed one's byte for byte, the manifest word for word. Training (with an evaluation of every
checkpoint): SIGKILL. All variables of the last checkpoint, those of the best one and the figures
must be equal, bit for bit.

A run that ends before its kill counts as a round; its results are compared and it starts over.
"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from benchmarks.faults.forked import ROOT

SAMPLE = os.path.join(ROOT, "sample")
CONFIG = {
    "vocab_size": 3500,
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 128,
    "max_position_embeddings": 128,
    "type_vocab_size": 2,
    "hidden_dropout_prob": 0.1,
    "attention_probs_dropout_prob": 0.1,
}


def kill_at_random(data_kills, training_kills, corpus_megabytes, seed):
    """Kills data creation and training, and prints what was done.

    Args:
      data_kills, training_kills: how many.
      corpus_megabytes: size of the corpus.
      seed: of the moments; where a kill hits still depends on the machine.

    Raises:
      AssertionError: a result differs from the undisturbed run's, or a program fails.
    """
    draw = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="kills-") as folder:
        corpus = write_corpus(folder, corpus_megabytes)
        records = create_command(corpus, os.path.join(folder, "straight", "t.tfrecord"))
        seconds = run_through(records)
        print("data creation, undisturbed: {:.1f} s".format(seconds), flush=True)
        disturb(
            "data creation",
            create_command(corpus, os.path.join(folder, "killed", "t.tfrecord")),
            (os.path.join(folder, "killed"), os.path.join(folder, "straight")),
            compare_records,
            data_kills,
            lambda: draw.uniform(0.2, seconds),
            lambda process: draw.choice(family(process.pid)),
        )
        train = train_command(folder, os.path.join(folder, "model"))
        seconds = run_through(train)
        print("training, undisturbed: {:.1f} s".format(seconds), flush=True)
        disturb(
            "training",
            train_command(folder, os.path.join(folder, "model_killed")),
            (os.path.join(folder, "model_killed"), os.path.join(folder, "model")),
            compare_models,
            training_kills,
            # Start-up takes a few seconds; most kills should hit later.
            lambda: draw.uniform(0.2 * seconds, seconds),
            lambda process: process.pid,
        )


def disturb(name, command, folders, compare, kills, draw_moment, choose_victim):
    """Runs a command again and again, killing it, and compares each finished round.

    Args:
      name: for the report.
      command: list of arguments.
      folders: (where it writes, where the undisturbed run wrote).
      compare: function of two folders; raises AssertionError where they differ.
      kills: how many.
      draw_moment: gives seconds after the start at which to kill.
      choose_victim: function of the Popen, gives the process to kill.
    """
    done = rounds = 0
    while done < kills or os.path.exists(folders[0]):
        process = start(command)
        while process.poll() is None and done < kills:
            try:
                process.wait(draw_moment())
            except subprocess.TimeoutExpired:
                done += kill(choose_victim(process))
        _, errors = process.communicate()
        assert process.returncode in (0, -signal.SIGKILL), errors
        if process.returncode == 0:
            compare(*folders)
            shutil.rmtree(folders[0])
            rounds += 1
    print("{}: {} kills, {} rounds, all equal".format(name, done, rounds), flush=True)


def kill(pid):
    """Whether the process was still there to be killed."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def start(command):
    return subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, cwd=ROOT
    )


def run_through(command):
    """Seconds that a command takes."""
    began = time.time()
    process = start(command)
    _, errors = process.communicate()
    assert process.returncode == 0, errors
    return time.time() - began


def family(pid):
    """A process and its children."""
    with open("/proc/{0}/task/{0}/children".format(pid), encoding="ascii") as f:
        return [pid, *map(int, f.read().split())]


def write_corpus(folder, megabytes):
    """The sample's documents over and over, distinguished by a number, up to a size."""
    texts = []
    for name in sorted(os.listdir(os.path.join(SAMPLE, "corpus"))):
        with open(os.path.join(SAMPLE, "corpus", name), encoding="utf-8") as f:
            texts += [text for text in f.read().split("\n\n") if text.strip()]
    path, written, count = os.path.join(folder, "corpus.txt"), 0, 0
    with open(path, "w", encoding="utf-8") as f:
        while written < megabytes * 1e6:
            text = "第{}篇。\n{}\n\n".format(count, texts[count % len(texts)])
            f.write(text)
            written, count = written + len(text.encode("utf-8")), count + 1
    return path


def create_command(corpus, output):
    flags = {
        "input_file": corpus,
        "input_format": "raw",
        "output_file": output,
        "num_shards": 4,
        "num_workers": 2,
        "vocab_file": os.path.join(SAMPLE, "vocab.txt"),
        "dupe_factor": 2,
    }
    return script("create_pretraining_data.py", flags)


def train_command(folder, output):
    with open(os.path.join(SAMPLE, "vocab.txt"), encoding="utf-8") as f:
        config = dict(CONFIG, vocab_size=sum(1 for _ in f))
    config_file = os.path.join(folder, "config.json")
    with open(config_file, "w", encoding="utf-8") as f:
        json.dump(config, f)
    shards = os.path.join(folder, "straight", "t.tfrecord-0000")
    flags = {
        "input_file": shards + "[012]*",
        "eval_file": shards + "3*",
        "output_dir": output,
        "bert_config_file": config_file,
        "do_train": True,
        "do_eval": True,
        "train_batch_size": 8,
        "max_eval_steps": 5,
        "learning_rate": 1e-3,
        "num_train_steps": 120,
        "num_warmup_steps": 10,
        "save_checkpoints_steps": 30,
    }
    return script("run_pretraining.py", flags)


def script(name, flags):
    named = ["--{}={}".format(flag, value) for flag, value in flags.items()]
    return [sys.executable, os.path.join(ROOT, name), *named]


def compare_records(killed, straight):
    names = sorted(os.listdir(straight))
    assert sorted(os.listdir(killed)) == names, sorted(os.listdir(killed))
    for name in names:
        with open(os.path.join(killed, name), "rb") as a, open(
            os.path.join(straight, name), "rb"
        ) as b:
            assert a.read() == b.read(), name


def compare_models(killed, straight):
    import numpy as np
    import tensorflow.compat.v1 as tf

    for place in ("", "best"):
        a, b = (os.path.join(folder, place) for folder in (killed, straight))
        readers = [tf.train.NewCheckpointReader(tf.train.latest_checkpoint(f)) for f in (a, b)]
        names = readers[1].get_variable_to_shape_map()
        assert readers[0].get_variable_to_shape_map() == names
        for name in names:
            np.testing.assert_array_equal(*(r.get_tensor(name) for r in readers), err_msg=name)
        with open(os.path.join(a, "eval_results.txt"), encoding="utf-8") as f:
            results = f.read()
        with open(os.path.join(b, "eval_results.txt"), encoding="utf-8") as f:
            assert f.read() == results, place
