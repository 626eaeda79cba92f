"""TensorFlow's API of version 1, imported when it is first used.

from common.lazy_tensorflow import tf

Its import takes seconds. Modules that use `tf` inside functions alone can be imported without it,
so that a wrong flag or a missing file is told of at once. A module that needs it while it is
imported itself, for a class of TensorFlow to be derived from, is imported inside functions. Before
a further module of TensorFlow is imported there, load() imports TensorFlow as the program wants it.
"""

import contextlib
import types


class _Api(types.ModuleType):
    """Stands for tensorflow.compat.v1."""

    def __getattr__(self, name):
        return getattr(_import.load(), name)


class _Import:
    """The import, and what belongs to it.

    Attributes:
      api: tensorflow.compat.v1; None before its first use.
    """

    def __init__(self):
        self.api = None
        self._context, self._prepare = contextlib.nullcontext, None

    def surround(self, context, prepare):
        """Has TensorFlow imported within `context()`, and `prepare` called after that."""
        self._context, self._prepare = context, prepare
        if self.api:
            prepare()

    def load(self):
        """Imports TensorFlow, if it is not; returns its API."""
        if self.api is None:
            with self._context():
                import tensorflow.compat.v1 as api
            self.api = api
            if self._prepare:
                self._prepare()
        return self.api


_import = _Import()
when_used, load = _import.surround, _import.load
tf = _Api("tensorflow.compat.v1", __doc__)
