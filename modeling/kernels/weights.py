"""Weights in the type of matrix products."""

import tensorflow.compat.v1 as tf


class CastWeights:
    """Weight matrices of float32 in another type, each cast once a pass however often it is used.

    casts = CastWeights(tf.bfloat16)
    product = tf.matmul(x, casts(kernel))

    Gradients of all uses of a matrix are added in float32.
    """

    def __init__(self, dtype, held=False):
        """Makes the casts of one pass.

        Args:
          dtype: of the casts.
          held: cast in advance, into local variables: for networks without a gradient whose
            weights stay the same. To be initialised after the weights are loaded.
        """
        self._dtype, self._held = dtype, held
        self._casts = {}  # id of a weight -> (weight, cast); weights keep their ids while held

    def __call__(self, weight):
        """The matrix `weight` in the type of products."""
        if weight.dtype == self._dtype:
            return weight
        if id(weight) not in self._casts:
            self._casts[id(weight)] = weight, self._cast(weight)
        cast = self._casts[id(weight)][1]
        if self._held:
            return cast

        @tf.custom_gradient
        def used(weight):
            return tf.identity(cast), lambda slope: tf.cast(slope, weight.dtype)

        return used(weight)

    def _cast(self, weight):
        cast = tf.cast(weight, self._dtype)
        if not self._held:
            return cast
        variable = tf.Variable(
            cast,
            trainable=False,
            collections=[tf.GraphKeys.LOCAL_VARIABLES],
            use_resource=True,
        )
        return variable.read_value()
