"""Everything between and including the matrix products of a network, in kinds with the same
methods.
"""

from common.lazy_tensorflow import tf
from modeling.kernels.bfloat16 import Bfloat16Kernels
from modeling.kernels.fused import FusedKernels
from modeling.kernels.plain import LAYER_NORM_EPSILON, PlainKernels

__all__ = ["KINDS", "LAYER_NORM_EPSILON", "PRECISIONS", "PlainKernels", "make_kernels"]

KINDS = ("plain", "fused")
PRECISIONS = ("fp32", "bf16")


def make_kernels(
    kind="plain",
    precision="fp32",
    seed=0,
    step_seed=0,
    one_hot_embedding=False,
    holds_weights=False,
    earlier=None,
):
    """The kernels of one pass through a model.

    Args:
      kind: of KINDS. plain: ordinary operations; fused: compiled ones, on TensorFlow 2.
      precision: of PRECISIONS, the type of states and of matrix products.
      seed, step_seed, one_hot_embedding: see PlainKernels; fused ones always gather.
      holds_weights: see CastWeights.
      earlier: kernels of another pass through the same network in the same step, whose casts of
        weights serve this one, too; None: there was none.

    Returns:
      an object with PlainKernels' methods.
    """
    if kind == "fused":
        dtype = tf.bfloat16 if precision == "bf16" else tf.float32
        return FusedKernels(seed, step_seed, dtype, holds_weights, earlier)
    if precision == "bf16":
        return Bfloat16Kernels(seed, step_seed, one_hot_embedding, holds_weights, earlier)
    return PlainKernels(seed, step_seed, one_hot_embedding)
