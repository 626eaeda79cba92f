"""Sums over the copies of a model that train together."""

import tensorflow.compat.v1 as tf


class OneReplica:
    """A single copy: sums are the values themselves.

    Attributes:
      update_shares: how many replicas' gradients an optimizer adds up by itself; each must give
        that share of the joint gradient.
    """

    update_shares = 1

    def sum(self, tensors):
        """The sum of each tensor over all replicas: list of tensors -> list of tensors."""
        return list(tensors)


class TpuReplicas(OneReplica):
    """The cores of a TPU; each of them applies the joint gradient to its own copy."""

    def sum(self, tensors):
        return [tf.tpu.cross_replica_sum(tensor) for tensor in tensors]


class StrategyReplicas(OneReplica):
    """The replicas of the tf.distribute strategy in whose replica context this is called."""

    def __init__(self):
        self.update_shares = tf.distribute.get_strategy().num_replicas_in_sync

    def sum(self, tensors):
        def reduce(strategy, *values):
            # Each value is its own destination: the sum comes back to every replica.
            pairs = [(value, value) for value in values]
            return strategy.extended.batch_reduce_to(tf.distribute.ReduceOp.SUM, pairs)

        return list(tf.distribute.get_replica_context().merge_call(reduce, args=tuple(tensors)))


def current_replicas(on_tpu=False):
    """The replicas of this place in the program."""
    if on_tpu:
        return TpuReplicas()
    return StrategyReplicas() if tf.distribute.has_strategy() else OneReplica()
