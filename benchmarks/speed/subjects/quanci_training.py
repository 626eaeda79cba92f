"""This project's training step: records, input pipeline, model, gradients and update as in
run_pretraining.py and run_finetuning.py."""

import json
import os
import platform
import tempfile

import tensorflow.compat.v1 as tf

from benchmarks.speed.shapes import Shape
from benchmarks.speed.subjects.rows import write_records
from data.input.pipeline import TrainingOrder, make_input_fn
from modeling.config_families import read_config
from modeling.objectives import get_objective
from modeling.objectives.classification import Classification
from optimization.config import OptimizerConfig
from training.model_fn import make_model_fn
from training.run import Run
from training.run_config import RunConfig

STEPS, CLASSES = 1000000, 2


def prepare(shape, threads, objective="bert", config=None, run=None):
    """A function that trains a number of steps.

    Args:
      shape: fields of a Shape.
      threads: of TensorFlow.
      objective: of pre-training, or "classification".
      config: dict of further keys of the model config.
      run: dict of further settings of a RunConfig.
    """
    tf.disable_eager_execution()
    shape = Shape(*shape)
    folder = tempfile.mkdtemp(prefix="benchmark-")
    model = model_config(folder, shape.config(**(config or {})))
    chosen = _objective(objective)
    optimizer = OptimizerConfig(1e-4, STEPS, num_warmup_steps=10)
    records = write_records(
        folder, chosen.feature_names, shape, model.vocab_size, chosen.label_counts()
    )
    settings = RunConfig(
        os.path.join(folder, "out"),
        objective,
        [records],
        [],
        max_seq_length=shape.seq,
        max_predictions_per_seq=shape.predictions,
        train_batch_size=shape.batch,
        train_records=None,
        **(run or {}),
    )
    input_fn = make_input_fn(
        [records],
        chosen.feature_names,
        shape.seq,
        shape.predictions,
        TrainingOrder(shuffle_buffer_size=shape.batch, seed=1),
        labels=chosen.label_counts(),
    )
    features = tf.data.make_one_shot_iterator(input_fn({"batch_size": shape.batch})).get_next()
    tf.train.get_or_create_global_step()
    spec = make_model_fn(Run(settings, model, chosen, optimizer))(features, None, "train", {})
    session = tf.Session(
        config=tf.ConfigProto(
            intra_op_parallelism_threads=threads, inter_op_parallelism_threads=threads
        )
    )
    session.run([tf.global_variables_initializer(), tf.local_variables_initializer()])

    def run_steps(count, **traced):
        for _ in range(count):
            session.run([spec.train_op, spec.loss], **traced)

    return run_steps


def versions():
    """What runs, for the report."""
    return "TensorFlow {}, Python {}".format(tf.__version__, platform.python_version())


def _objective(name):
    if name != "classification":
        return get_objective(name).for_run(STEPS)
    return Classification("sentences", CLASSES)


def model_config(folder, values):
    """The model config with these values, written to a file in `folder`."""
    path = os.path.join(folder, "config.json")
    with open(path, "w", encoding="utf-8") as writer:
        json.dump(values, writer)
    return read_config(path)
