"""Speed of matrix products on this machine."""

import contextlib
import functools
import time

from common.lazy_tensorflow import tf

_SIZE, _SECONDS = 1024, 0.5


@contextlib.contextmanager
def product(precision, rows, inner, columns, config=None):
    """Context of a function that multiplies two matrices once.

        with product("bf16", 1024, 1024, 1024) as multiply:
            multiply()

    Args:
      precision: "fp32" or "bf16".
      rows, inner, columns: sizes.
      config: tf.ConfigProto of the session.
    """
    dtype = {"fp32": tf.float32, "bf16": tf.bfloat16}[precision]
    with tf.Graph().as_default(), tf.Session(config=config) as session:
        factors = [
            tf.Variable(tf.cast(tf.random.uniform(shape), dtype), use_resource=True)
            for shape in ([rows, inner], [inner, columns])
        ]
        session.run([factor.initializer for factor in factors])
        # One number of it: copying the product would take as long.
        operation = tf.matmul(*factors)[0, 0]
        yield lambda: session.run(operation)


@functools.lru_cache(maxsize=None)
def flops_per_second(precision="fp32"):
    """Floating-point operations a second of a matrix product, measured for half a second.

    Args:
      precision: "fp32" or "bf16".
    """
    with product(precision, _SIZE, _SIZE, _SIZE) as multiply:
        multiply()
        count, start = 0, time.time()
        while time.time() - start < _SECONDS:
            multiply()
            count += 1
        return 2.0 * _SIZE**3 * count / (time.time() - start)


def bf16_gain():
    """How many times as fast as a float32 product one in bfloat16 is."""
    return flops_per_second("bf16") / flops_per_second("fp32")
