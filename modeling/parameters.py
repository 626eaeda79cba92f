"""The parameter store, which gives layers their weights."""

import collections
import typing
import zlib

from common.lazy_tensorflow import tf


class Parameter(typing.NamedTuple):
    """A parameter of a model.

    Attributes:
      variable: that holds it.
      tensor: to compute with, of the same shape.
    """

    variable: typing.Any
    tensor: typing.Any


class ParameterStore:
    """Creates variables under their released names and yields the tensors to compute with.

    store = ParameterStore(seed=12345)
    bias = store.get("bert/pooler/dense/bias", [768], tf.zeros_initializer())  # float32 [768]

    Layers compute with `tensor`, and gradients are taken with respect to it, so that a cast to
    bfloat16 can happen here, once a step, unseen by the layers. Getting a name twice returns the
    same tensor, which shares the weights.
    """

    def __init__(self, seed=0):
        """`seed`: the initial value of a variable depends on this and its name only."""
        self._seed = seed
        self._variables = collections.OrderedDict()
        self._parameters = collections.OrderedDict()

    def again(self):
        """A store of the same variables with new tensors.

        For a second pass through a model in another context of the graph (the body of a loop).
        """
        store = ParameterStore(self._seed)
        store._variables = self._variables
        return store

    def frozen(self, scope):
        """An object with `get`, whose variables are named below `scope` and are not trained, nor
        saved, nor given slots: they are local variables, which every session initializes anew."""
        return _FrozenParameters(self, scope)

    def get(self, name, shape, initializer, trainable=True, in_collections=None):
        """Returns the tensor of parameter `name`, creating its variable at first use.

        Args:
          name: full graph name, as in released checkpoints.
          shape: list of ints.
          initializer: a tf.keras-style v1 initializer; its seed is replaced.
          trainable: False excludes the parameter from `trainable()`.
          in_collections: list of the graph's collections that the variable is in; None: the usual.

        Returns:
          float32 tensor of `shape`.

        Raises:
          ValueError: the name was used before with another shape.
        """
        shape = list(shape)
        if name in self._parameters:
            known = self._parameters[name].variable.shape.as_list()
            if known != shape:
                raise ValueError("{} has shape {}, asked for {}".format(name, known, shape))
            return self._parameters[name].tensor
        variable = self._variables.get(name)
        if variable is None:
            variable = self._create(name, shape, initializer, trainable, in_collections)
        tensor = tf.convert_to_tensor(variable)
        self._parameters[name] = Parameter(variable, tensor)
        return tensor

    def trainable(self):
        """(variable, tensor) pairs of the trainable parameters, in creation order."""
        return [p for p in self._parameters.values() if p.variable.trainable]

    def shapes(self):
        """Ordered dict name -> list of ints, of all parameters."""
        return collections.OrderedDict(
            (name, p.variable.shape.as_list()) for name, p in self._parameters.items()
        )

    def count(self):
        """Number of weights in all parameters."""
        return sum(p.variable.shape.num_elements() for p in self._parameters.values())

    def _create(self, name, shape, initializer, trainable, in_collections):
        # Reading a resource variable copies its value on both TensorFlow versions; a reference
        # variable could change while it is read.
        self._variables[name] = tf.get_variable(
            name,
            shape=shape,
            dtype=tf.float32,
            initializer=self._seeded(initializer, name),
            trainable=trainable,
            collections=in_collections,
            use_resource=True,
        )
        return self._variables[name]

    def _seeded(self, initializer, name):
        # By name, not by order: the weights of a seed must not depend on the kernels object, which
        # may add operations.
        settings = initializer.get_config()
        if "seed" not in settings:
            return initializer
        settings["seed"] = (zlib.crc32(name.encode("utf-8")) + self._seed) % (2**31 - 1)
        return type(initializer).from_config(settings)


class _FrozenParameters:
    """See ParameterStore.frozen."""

    def __init__(self, store, scope):
        self._store, self._scope = store, scope

    def get(self, name, shape, initializer, trainable=True):
        """See ParameterStore."""
        del trainable
        collection = [tf.GraphKeys.LOCAL_VARIABLES]
        return self._store.get(self._scope + name, shape, initializer, False, collection)
