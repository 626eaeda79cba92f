"""Tiny runs of run_pretraining.py and what they write, for tests."""

import script_driver
import tensorflow.compat.v1 as tf
from record_files import PREDICTIONS, SEQ


def run_many(command_lines):
    """script_driver.run_many of this script."""
    return script_driver.run_many("run_pretraining", command_lines)


def flags_of(folder, **changes):
    """The command line of a tiny run in `folder`; None takes a flag out."""
    values = {
        "input_file": str(folder / "train.tfrecord"),
        "bert_config_file": str(folder / "config.json"),
        "output_dir": str(folder / "out"),
        "max_seq_length": SEQ,
        "max_predictions_per_seq": PREDICTIONS,
        "do_train": True,
        "train_batch_size": 8,
        "learning_rate": 0.01,
        "num_train_steps": 20,
        "num_warmup_steps": 2,
        "shuffle_buffer_size": 32,
    }
    values.update(changes)
    if "num_warmup_steps" not in changes:
        values["num_warmup_steps"] = min(2, (values["num_train_steps"] or 3) - 1)
    return ["--{}={}".format(k, v) for k, v in sorted(values.items()) if v is not None]


# What eval_results.txt says of the rows that were read.
OF_ROWS = ["rows", "files", "all_rows_read", "records", "rows_id"]


def results_of(path, name="eval_results.txt"):
    """The figures of an eval_results.txt as an ordered list of (name, number), without OF_ROWS."""
    with open(str(path / name), encoding="utf-8") as reader:
        lines = [line.rstrip("\n").split(" = ") for line in reader]
    return [(name, float(value)) for name, value in lines if name not in OF_ROWS]


def checkpoint_values(prefix):
    reader = tf.train.NewCheckpointReader(str(prefix))
    return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}
