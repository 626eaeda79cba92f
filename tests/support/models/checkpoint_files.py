"""Checkpoints of random values, for tests."""

import numpy as np
import tensorflow.compat.v1 as tf

tf.disable_v2_behavior()

WORDS = "bert/embeddings/word_embeddings"


def save(prefix, shapes, step=None):
    """Writes a checkpoint of random values without a state file."""
    with tf.Graph().as_default(), tf.Session() as session:
        for name, shape in shapes.items():
            tf.get_variable(name, shape=shape)
        if step is not None:
            tf.get_variable("global_step", initializer=np.int64(step))
        session.run(tf.global_variables_initializer())
        saver = tf.train.Saver(tf.global_variables())
        saver.save(session, str(prefix), write_meta_graph=False, write_state=False)
    return str(prefix)
