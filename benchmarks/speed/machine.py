"""What the machine is and can do: its name, releases, and the rate of its matrix products."""

import json
import math
import os
import platform
import subprocess
import sys
import time

from benchmarks.speed.rounds import ROOT

_SIZES = ((1024, 768, 3072), (2048, 2048, 2048))
_TURNS, _CALLS = 5, 10


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
        [python, "-m", "benchmarks.speed.machine", str(threads)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=dict(os.environ, TF_CPP_MIN_LOG_LEVEL="3"),
    )
    if done.returncode:
        sys.exit("error: no matrix product can be timed:\n" + done.stderr)
    return json.loads(done.stdout)


def _print_rates(threads):
    # A process of its own calls this: the one that measures holds no TensorFlow.
    import tensorflow.compat.v1 as tf

    from training.devices.products import product

    config, rates = tf.ConfigProto(intra_op_parallelism_threads=threads), {}
    for precision in ("fp32", "bf16"):
        rates[precision] = 0.0
        for sizes in _SIZES:
            with product(precision, *sizes, config) as multiply:
                rate = 2.0 * math.prod(sizes) / _least_seconds(multiply)
            rates[precision] = max(rates[precision], rate)
    print(json.dumps(rates))


def _least_seconds(function):
    """CPU seconds of a call: the least mean of several turns."""
    turns = []
    for _ in range(_TURNS + 1):  # the first one warms up
        begin = time.process_time()
        for _ in range(_CALLS):
            function()
        turns.append((time.process_time() - begin) / _CALLS)
    return min(turns[1:])


if __name__ == "__main__":
    _print_rates(int(sys.argv[1]))
