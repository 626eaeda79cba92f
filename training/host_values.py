"""Values that a training step hands to the host, for the hooks that show, count and write them.

On a TPU nothing else leaves a step. The same host_call runs on every device: it stores the values
of a step in variables of the host, which hooks read between steps.
"""

import collections

from common.lazy_tensorflow import tf

# Updates skipped because a gradient was not finite: in all since the start of the program, and in a
# row.
SKIPPED, SKIPPED_IN_A_ROW = "skipped_steps", "skipped_in_a_row"


class HostValues:
    """The scalars of the last step, and the updates that were skipped.

    Attributes:
      host_call: (function, tensors) for TPUEstimatorSpec.
      reads: name -> scalar tensor that reads the last step's value; filled when the estimator
        calls the function, so hooks look into it in begin() and later.
    """

    def __init__(self, values, is_finite):
        """Makes the values.

        Args:
          values: dict name -> scalar tensor, the same on all replicas.
          is_finite: bool scalar tensor, whether the step's update took place.
        """
        self._names = list(values)
        self.reads = collections.OrderedDict()
        columns = [tf.cast(value, tf.float32) for value in values.values()]
        columns.append(tf.cast(is_finite, tf.float32))
        # A TPU concatenates the cores' values along the first axis.
        self.host_call = (self._store, [tf.reshape(column, [1]) for column in columns])

    def _store(self, *columns):
        stored = [
            self._variable(name).assign(column[0]) for name, column in zip(self._names, columns)
        ]
        failed = 1.0 - columns[-1][0]
        in_a_row, total = self._variable(SKIPPED_IN_A_ROW), self._variable(SKIPPED)
        stored.append(in_a_row.assign(failed * (in_a_row.read_value() + 1.0)))
        stored.append(total.assign(total.read_value() + failed))
        return tf.group(*[value.op for value in stored])

    def _variable(self, name):
        """A local variable: on the host, in no checkpoint."""
        variable = tf.get_variable(
            "progress/" + name,
            shape=[],
            dtype=tf.float32,
            initializer=tf.zeros_initializer(),
            trainable=False,
            use_resource=True,
            collections=[tf.GraphKeys.LOCAL_VARIABLES],
            # Under a strategy the first replica's copy is the one that hooks see.
            synchronization=tf.VariableSynchronization.ON_READ,
            aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
        )
        self.reads[name] = variable.read_value()
        return variable
