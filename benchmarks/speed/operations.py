"""Where the time of a training step goes, by kinds of operations:

    python -m benchmarks.speed.operations --shape=base128 --kernels=fused --precision=fp32

Wall time of TensorFlow's trace of operations with one thread, the median of several steps. Products
are the matrix products; what XLA compiled as one is a fusion.
"""

import argparse
import collections
import os
import statistics

import tensorflow.compat.v1 as tf

from benchmarks.speed.shapes import SHAPES
from benchmarks.speed.subjects import quanci_training

# Beginnings of operations' types -> row of the table, the first that fits.
_ROWS = collections.OrderedDict(
    [
        (
            "products",
            ("MatMul", "BatchMatMul", "_FusedMatMul", "_MklMat", "_MklBatch", "_MklNative"),
        ),
        ("fusions", ("XlaLaunch", "_XlaRun", "_XlaCompile", "PartitionedCall", "StatefulPart")),
        ("softmax and cross-entropy", ("Softmax", "LogSoftmax", "SparseSoftmax", "_MklSoftmax")),
        ("updates", ("Assign", "Resource", "ReadVariable", "VarHandle")),
        ("embeddings", ("Gather", "Unsorted", "Scatter", "OneHot")),
        ("input", ("Iterator",)),
    ]
)
_OTHERS = "others"


def main():
    arguments = parse_arguments()
    steps, names = traced(arguments)
    totals = [sum(step.values()) for step in steps]
    whole = statistics.median(totals)
    print("| operations | ms | share |\n| --- | --- | --- |")
    for row in sorted(names, key=lambda n: -statistics.median(s.get(n, 0.0) for s in steps)):
        seconds = statistics.median(step.get(row, 0.0) for step in steps)
        print("| {} | {:.1f} | {:.1%} |".format(row, 1e3 * seconds, seconds / whole))
    print("| all | {:.1f} | |".format(1e3 * whole))


def traced(arguments):
    """Seconds of operations in each step, list of dict row -> seconds; and all rows."""
    run = {"kernels": arguments.kernels, "precision": arguments.precision}
    run_steps = quanci_training.prepare(SHAPES[arguments.shape], threads=1, run=run)
    run_steps(2)  # compiles
    steps = []
    for _ in range(arguments.steps):
        metadata = tf.RunMetadata()
        options = tf.RunOptions(trace_level=tf.RunOptions.FULL_TRACE)
        run_steps(1, options=options, run_metadata=metadata)
        steps.append(_by_row(metadata, arguments.types))
    return steps, sorted(set().union(*steps))


def _by_row(metadata, is_by_type):
    seconds = collections.Counter()
    for device in metadata.step_stats.dev_stats:
        for node in device.node_stats:
            kind = node.timeline_label.split(" = ")[-1].split("(")[0]
            row = kind if is_by_type else _row_of(kind)
            seconds[row] += (node.op_end_rel_micros - node.op_start_rel_micros) / 1e6
    return seconds


def _row_of(kind):
    for row, beginnings in _ROWS.items():
        if kind.startswith(beginnings):
            return row
    return _OTHERS


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shape", default="base128", choices=list(SHAPES))
    parser.add_argument("--kernels", default="fused", choices=["plain", "fused"])
    parser.add_argument("--precision", default="fp32", choices=["fp32", "bf16"])
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--types", action="store_true", help="a row for each type of operations")
    return parser.parse_args()


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    main()
