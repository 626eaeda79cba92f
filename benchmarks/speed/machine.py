"""What the machine is and can do: its name, releases, and the rate of its matrix products."""

import json
import os
import platform
import subprocess
import sys

from benchmarks.speed.rounds import ROOT

_PRODUCTS = """
import json, sys, time
import tensorflow.compat.v1 as tf
tf.disable_eager_execution()
rates = {}
for name, dtype in (("fp32", tf.float32), ("bf16", tf.bfloat16)):
    best = 0.0
    for rows, inner, columns in ((1024, 768, 3072), (2048, 2048, 2048)):
        with tf.Graph().as_default(), tf.Session(
            config=tf.ConfigProto(intra_op_parallelism_threads=int(sys.argv[1]))
        ) as session:
            left = tf.Variable(tf.cast(tf.random.normal([rows, inner]), dtype))
            right = tf.Variable(tf.cast(tf.random.normal([inner, columns]), dtype))
            product = tf.matmul(left, right).op
            session.run(tf.global_variables_initializer())
            for _ in range(5):
                session.run(product)
            for _ in range(5):
                begin = time.process_time()
                for _ in range(10):
                    session.run(product)
                seconds = (time.process_time() - begin) / 10
                best = max(best, 2.0 * rows * inner * columns / seconds)
    rates[name] = best
print(json.dumps(rates))
"""


def describe():
    """dict of the processor's name, its matrix instructions and the number of cores."""
    with open("/proc/cpuinfo", encoding="utf-8") as reader:
        lines = [line.split(":", 1) for line in reader if ":" in line]
    values = {key.strip(): value.strip() for key, value in lines}
    flags = values.get("flags", "").split()
    return {
        "processor": values.get("model name", platform.processor()),
        "instructions": [f for f in ("amx_bf16", "avx512_bf16", "avx512f", "avx2") if f in flags],
        "cores": os.cpu_count(),
    }


def product_rates(python, threads):
    """dict fp32, bf16 -> floating-point operations of a matrix product in a CPU second: the best of
    TensorFlow's at two sizes."""
    done = subprocess.run(
        [python, "-c", _PRODUCTS, str(threads)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=dict(os.environ, TF_CPP_MIN_LOG_LEVEL="3"),
    )
    if done.returncode:
        sys.exit("error: no matrix product can be timed:\n" + done.stderr)
    return json.loads(done.stdout)
