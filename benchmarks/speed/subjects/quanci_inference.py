"""This project's predictions: the Predictor of run_prediction.py with a classifier on it."""

import contextlib
import io
import os
import tempfile

import numpy as np
import tensorflow.compat.v1 as tf

from benchmarks.speed.shapes import Shape
from benchmarks.speed.subjects.quanci_training import CLASSES, model_config, versions  # noqa: F401
from benchmarks.speed.subjects.rows import FIRST_WORD
from common.features import TEXT_STARTS
from modeling.conversion.huggingface import write_checkpoint
from modeling.objectives.classification import Classification
from prediction.batches import OF_TEXT
from prediction.predictor import Predictor
from training.devices.numerics import Numerics
from training.model_fn import model_parameters


class Classifier:
    """The network of a Predictor: classes of texts."""

    feature_names = ("input_ids", "input_mask", "segment_ids")
    head = optional = None
    shares = {"probabilities": OF_TEXT}

    def __init__(self):
        self.objective = Classification("sentences", CLASSES)

    def build(self, config, store, kernels, features):
        """See Predictor."""
        texts = tf.shape(features.get(TEXT_STARTS, features["input_ids"][:, 0]))
        labels = tf.zeros(tf.concat([texts, [1]], axis=0), tf.int32)
        features = dict(features, label_ids=labels)
        output = self.objective.build(config, store, kernels, features, is_training=False)
        return {"probabilities": output.tensors["probabilities"]}


def prepare(shape, threads, kernels, precision, lengths=None, batch=None):
    """A function that predicts classes a number of times.

    Args:
      shape: fields of a Shape.
      threads: of TensorFlow.
      kernels, precision: see training.devices.numerics.Numerics.
      lengths: pieces of each text; None: full rows of one batch.
      batch: with lengths: texts of a batch.
    """
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    shape = Shape(*shape)
    if lengths is None:
        lengths, batch = [shape.seq] * shape.batch, shape.batch
    rng = np.random.RandomState(1)
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        config, network = model_config(folder, shape.config()), Classifier()
        prefix = os.path.join(folder, "model.ckpt")
        shapes = model_parameters(config, network.objective, shape.seq).shapes()
        write_checkpoint(
            prefix, {n: rng.normal(0, 0.02, s).astype(np.float32) for n, s in shapes.items()}
        )
        with contextlib.redirect_stdout(io.StringIO()):
            numerics = Numerics(kernels, precision)
            made = Predictor(config, network, prefix, batch, numerics)
    rows = [
        {
            "input_ids": rng.randint(FIRST_WORD, config.vocab_size, size=length).tolist(),
            "segment_ids": [0] * length,
        }
        for length in lengths
    ]

    def run_passes(count):
        for _ in range(count):
            made.run(rows)

    return run_passes
