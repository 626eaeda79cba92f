"""What tests expect of a TPU, by the TensorFlow that runs."""

import pytest

from training import estimators

needs_tpu_support = pytest.mark.skipif(
    estimators.tpu_fault() is not None, reason="this TensorFlow has no sessions on a TPU"
)


def said_of_a_tpu(message):
    """A refusal's message; where no TPU can be used at all, the one that says so."""
    return estimators.tpu_fault() or message
