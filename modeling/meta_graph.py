"""The .meta file of a checkpoint: a graph of its variables and of what saves and restores them.

TensorFlow's own is the whole graph of the process that trained: megabytes of operations, which
another release may not know. This one holds what a released `bert_model.ckpt.meta` is read for: the
variables, for tf.train.import_meta_graph of any TensorFlow from 1.15 on, and a saver for them.
"""

from common import outputs
from common.lazy_tensorflow import tf
from modeling import checkpoint

ENDING = ".meta"


def write(prefix):
    """Writes prefix.meta for the checkpoint that is there; one that exists is replaced.

        write("release/bert_model.ckpt")
        saver = tf.train.import_meta_graph("release/bert_model.ckpt.meta")
        saver.restore(session, "release/bert_model.ckpt")

    Args:
      prefix: of a whole checkpoint, local or remote.

    Raises:
      UserError: its index is damaged.
      OSError, tf.errors.OpError: the file cannot be written; see files.failures.
    """
    shapes = checkpoint.read_shapes(prefix)
    types = checkpoint.open_reader(prefix).get_variable_to_dtype_map()
    content = _meta_graph({name: (shape, types[name]) for name, shape in shapes.items()})
    with outputs.replacing(prefix + ENDING) as f:
        f.write(content)


def _meta_graph(variables):
    """A serialized MetaGraphDef.

    Args:
      variables: dict name -> (list of ints, type of TensorFlow).
    """
    with tf.Graph().as_default() as graph:
        made = [
            # No values: a constant of the word table would be as large as the checkpoint.
            tf.get_variable(
                name, shape, dtype, initializer=tf.zeros_initializer(), use_resource=False
            )
            for name, (shape, dtype) in sorted(variables.items())
        ]
        saver = tf.train.Saver(made)
        meta_graph = tf.train.export_meta_graph(
            graph=graph,
            saver_def=saver.as_saver_def(),
            clear_devices=True,
            strip_default_attrs=True,  # what an older TensorFlow does not know
        )
    return meta_graph.SerializeToString()
