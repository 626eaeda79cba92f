"""Which kernels and which precision a program computes with.

numerics = choose("auto", "fp32", place_of(use_tpu=False), flops=3e15)
"""

import functools
from typing import NamedTuple

from common.compiled import compiled
from common.errors import UserError
from common.greetings import without_greetings
from common.lazy_tensorflow import tf
from common.log import log, warn
from modeling import kernels as kernel_kinds
from training import estimators
from training.devices import products

AUTO = "auto"
KERNELS = (AUTO, *kernel_kinds.KINDS)
PRECISIONS = (*kernel_kinds.PRECISIONS, AUTO)
# Compiling takes some ten seconds of a processor, which a training of fewer operations, about two
# minutes, would not win back.
FEW_FLOPS = 2e13
# How much faster products must be in bfloat16 for --precision=auto to take it: all else in a step
# is no faster.
LEAST_GAIN = 1.5
# Compute capability from which on GPUs multiply bfloat16.
_GPU_WITH_BF16 = (8, 0)


class Numerics(NamedTuple):
    """What a program computes with.

    Attributes:
      kernels: of modeling.kernels.KINDS.
      precision: of modeling.kernels.PRECISIONS.
    """

    kernels: str = "plain"
    precision: str = "fp32"


def place_of(use_tpu):
    """Where a program computes: "TPU", "GPU" or "CPU"."""
    if use_tpu:
        return "TPU"
    return "GPU" if tf.config.experimental.list_physical_devices("GPU") else "CPU"


def choose(kernels, precision, place, flops=0.0, before=None, logs=True):
    """Settles --kernels and --precision; logs them where they are not plain and float32.

    Args:
      kernels: of KERNELS.
      precision: of PRECISIONS.
      place: see place_of.
      flops: floating-point operations of the training to come; 0: there is none.
      before: Numerics of the steps before in a run that is resumed, which "auto" keeps; else None.
      logs: whether the choice is logged.

    Returns:
      Numerics.

    Raises:
      UserError: what was asked for cannot be had here.
    """
    if precision == AUTO:
        precision = before.precision if before else _best_precision(place)
    elif precision == "bf16" and _lacks_bf16(place):
        raise UserError("--precision=bf16 {}; remove it".format(_lacks_bf16(place)))
    if kernels == AUTO:
        kernels = _best_kernels(place, precision, flops, before)
    elif kernels == "fused" and _lacks_compiler(place):
        raise UserError("--kernels=fused {}; remove it".format(_lacks_compiler(place)))
    chosen = Numerics(kernels, precision)
    if logs:
        _report(chosen, place)
    return chosen


def _best_precision(place):
    if _lacks_bf16(place):
        return "fp32"
    if place == "TPU":
        return "bf16"
    if place == "GPU":
        return "bf16" if all(map(_multiplies_bf16, _gpus())) else "fp32"
    return "bf16" if products.bf16_gain() >= LEAST_GAIN else "fp32"


def _best_kernels(place, precision, flops, before):
    if _lacks_compiler(place):
        return "plain"
    if before:
        return before.kernels
    if precision == "bf16":  # ordinary operations would cast to and fro
        return "fused"
    # In float32, a GPU's numbers stay those of earlier releases.
    return "fused" if place == "CPU" and flops >= FEW_FLOPS else "plain"


def _lacks_bf16(place):
    """Why bfloat16 cannot be had, the end of a sentence; None where it can."""
    if place != "TPU" and estimators.version() < (2, 0):
        return "needs a TPU, or TensorFlow 2 in place of {}".format(tf.__version__)
    return None


def _lacks_compiler(place):
    """Why fused kernels cannot be had, the end of a sentence; None where they can."""
    if place == "TPU":
        return "is for CPUs and GPUs, as a TPU's compiler sees the whole step anyway"
    if estimators.version() < (2, 0):
        return "needs TensorFlow 2 in place of {}".format(tf.__version__)
    return _fault_of_compiler()


@functools.lru_cache(maxsize=None)
def _fault_of_compiler():
    """Why XLA compiles nothing here, the end of a sentence; None where it does.

    The first function that it compiles in a process makes it greet on standard error.
    """
    with without_greetings(), tf.Graph().as_default(), tf.Session() as session:
        number = tf.placeholder(tf.float32, [1])
        doubled = compiled(lambda x: x * 2.0)(number)
        try:
            session.run(doubled, {number: [1.0]})
        except (tf.errors.OpError, ValueError) as error:
            return "needs XLA, which does not run here ({})".format(str(error).split("\n")[0][:200])
    return None


def _gpus():
    return tf.config.experimental.list_physical_devices("GPU")


def _multiplies_bf16(gpu):
    details = tf.config.experimental.get_device_details(gpu)
    return details.get("compute_capability", (0, 0)) >= _GPU_WITH_BF16


def _report(chosen, place):
    """Logs what is not plain float32, and warns of bfloat16 where it is slow."""
    text = {"plain": "", "fused": "fused"}[chosen.kernels]
    if chosen.precision == "bf16":
        text = ", ".join(filter(None, [text or "plain", "products in bfloat16"]))
    if text:
        log("kernels: " + text)
    if chosen.precision == "bf16" and place == "CPU" and products.bf16_gain() < 1.0:
        warn(
            "--precision=bf16 is slow on this CPU: a product takes {:.1f} times as long as in "
            "float32; --precision=auto chooses by that".format(1.0 / products.bf16_gain())
        )
