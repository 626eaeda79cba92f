"""The arithmetic inside layers, in several kinds with the same methods."""

from modeling.kernels.plain import LAYER_NORM_EPSILON, PlainKernels

__all__ = ["LAYER_NORM_EPSILON", "PlainKernels"]
