"""Sums over the replicas of a model that train together."""

from common.lazy_tensorflow import tf


class OneReplica:
    """A single replica: sums are the values themselves.

    Attributes:
      update_shares: number of replicas whose gradients the optimizer itself adds up; each must
        contribute the joint gradient divided by it.
    """

    update_shares = 1

    def sum(self, tensors):
        """The sum of each tensor over all replicas: list of tensors -> list of tensors."""
        return list(tensors)


class TpuReplicas(OneReplica):
    """The cores of a TPU; each applies the joint gradient to its own replica."""

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
    """The replicas that the calling code runs in.

    Args:
      on_tpu: whether the model is built for the cores of a TPU.

    Returns:
      an object with the methods and attributes of OneReplica.
    """
    if on_tpu:
        return TpuReplicas()
    return StrategyReplicas() if tf.distribute.has_strategy() else OneReplica()
