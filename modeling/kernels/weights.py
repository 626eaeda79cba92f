"""Weights in the type of matrix products."""

from common.lazy_tensorflow import tf


class CastWeights:
    """Weight matrices of float32 in another type, each cast once a pass however often it is used.

    casts = CastWeights(tf.bfloat16)
    product = tf.matmul(x, casts(kernel))

    Gradients of all uses of a matrix are added in float32.
    """

    def __init__(self, dtype, held=False, earlier=None):
        """Makes the casts of one pass.

        Args:
          dtype: of the casts.
          held: cast in advance, into local variables: for networks without a gradient whose
            weights stay the same. To be initialised after the weights are loaded.
          earlier: CastWeights of another pass through the same network in the same step, whose
            casts serve this one, too; None: there was none. A loop over micro-batches then casts
            nothing.
        """
        self._dtype, self._held, self._earlier = dtype, held, earlier
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
        def used(weight, cast):
            return tf.identity(cast), lambda slope: (tf.cast(slope, weight.dtype), None)

        return used(weight, cast)

    def nth(self, number, shape):
        """The cast that was made as the one of this number, counted from 0. Passes through a
        network use its weights in the same order, in tensors of their own."""
        cast = list(self._casts.values())[number][1]
        if cast.shape.as_list() != shape.as_list():
            raise ValueError("weight {}: {}, {} before".format(number, shape, cast.shape))
        return cast

    def _cast(self, weight):
        if self._earlier:
            return self._earlier.nth(len(self._casts), weight.shape)
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
