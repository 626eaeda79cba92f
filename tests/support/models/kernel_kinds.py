"""Kernels to run a test with, and the plain form of what fusions draw."""

import pytest
import tensorflow.compat.v1 as tf

from modeling.kernels.draws import draw_key, keep_scale
from modeling.kernels.fused import FusedKernels
from modeling.kernels.plain import PlainKernels

HAS_COMPILER = not tf.__version__.startswith("1.")
needs_compiler = pytest.mark.skipif(not HAS_COMPILER, reason="TensorFlow 1 compiles no functions")

# For pytest.mark.parametrize: all kernels whose numbers are those of the original programs.
EXACT_KERNELS = [
    pytest.param(PlainKernels, id="plain"),
    pytest.param(FusedKernels, id="fused", marks=needs_compiler),
]
# Whether updates of variables are compiled.
UPDATES = [
    pytest.param(False, id="ordinary"),
    pytest.param(True, id="compiled", marks=needs_compiler),
]


class SameDraws(PlainKernels):
    """PlainKernels with the dropout masks of FusedKernels, by ordinary operations."""

    def dropout(self, x, rate):
        if not rate:
            return x
        self._draws += 1
        return x * keep_scale(tf.shape(x), rate, draw_key(self._seed, self._draws, self._step_seed))
