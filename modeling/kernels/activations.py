"""Activation functions by name."""

import math

from common.lazy_tensorflow import tf


def gelu_erf(x):
    """x * Phi(x) with the error function; Hendrycks & Gimpel 2016, equation 1."""
    return 0.5 * x * (1.0 + tf.math.erf(x / math.sqrt(2.0)))


def gelu_tanh(x):
    """The tanh approximation of gelu; Hendrycks & Gimpel 2016, section 2."""
    inner = math.sqrt(2.0 / math.pi) * (x + 0.044715 * x * x * x)
    return 0.5 * x * (1.0 + tf.tanh(inner))


ACTIVATIONS = {
    "gelu_erf": gelu_erf,
    "gelu_tanh": gelu_tanh,
    "relu": lambda x: tf.nn.relu(x),
    "tanh": lambda x: tf.tanh(x),
    "linear": lambda x: x,
}
