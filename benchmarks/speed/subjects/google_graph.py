"""A training step with the choices of google-research/bert, written anew: float32, operations of
TensorFlow one by one, Adam in assignments.

It is the 1 of the tables. The graph has what the original's has: tf.gather of the words, dropout by
tf.nn.dropout, the tanh form of gelu, moments and batch_normalization as layer norm, one-hot labels,
and an update of seven operations for each variable (run_pretraining.py, modeling.py and
optimization.py there).
"""

import math
import platform
import re

import numpy as np
import tensorflow.compat.v1 as tf

from benchmarks.speed.shapes import DROPOUT, VOCAB, Shape

FEATURES = (
    "input_ids",
    "input_mask",
    "segment_ids",
    "masked_lm_positions",
    "masked_lm_ids",
    "masked_lm_weights",
    "next_sentence_labels",
)
RATE, DECAY, BETA_1, BETA_2, EPSILON = 1e-4, 0.01, 0.9, 0.999, 1e-6


def prepare(shape, threads):
    """A function that trains a number of steps."""
    from benchmarks.speed.subjects.rows import random_features

    tf.disable_eager_execution()
    shape = Shape(*shape)
    arrays = random_features(FEATURES, shape, VOCAB, shape.batch)
    fed = {name: tf.placeholder(tf.int32, values.shape) for name, values in arrays.items()}
    fed["masked_lm_weights"] = tf.placeholder(tf.float32, arrays["masked_lm_weights"].shape)
    loss = _loss(shape, fed)
    update = _update(loss)
    config = tf.ConfigProto(
        intra_op_parallelism_threads=threads, inter_op_parallelism_threads=threads
    )
    session = tf.Session(config=config)
    session.run(tf.global_variables_initializer())
    feed = {fed[name]: arrays[name] for name in fed}

    def run_steps(count):
        for _ in range(count):
            session.run([update, loss], feed)

    return run_steps


def versions():
    """What runs, for the report."""
    return "TensorFlow {}, Python {}".format(tf.__version__, platform.python_version())


def _loss(shape, features):
    width, heads = shape.hidden, shape.heads
    table = _weights("embeddings/words", [VOCAB, width])
    states = tf.gather(table, features["input_ids"])
    types = tf.one_hot(tf.reshape(features["segment_ids"], [-1]), 2)
    types = tf.matmul(types, _weights("embeddings/types", [2, width]))
    states += tf.reshape(types, [shape.batch, shape.seq, width])
    states += _weights("embeddings/positions", [max(shape.seq, 128), width])[None, : shape.seq]
    states = _dropout(_norm(states, "embeddings/LayerNorm"))
    # Google's program makes the mask of an outer product with ones.
    ones = tf.ones([shape.batch, shape.seq, 1])
    mask = ones * tf.cast(features["input_mask"][:, None, :], tf.float32)
    bias = (1.0 - mask[:, None]) * -10000.0
    states = tf.reshape(states, [-1, width])
    for layer in range(shape.layers):
        states = _block(states, bias, shape, heads, "layer_{}".format(layer))
    states = tf.reshape(states, [shape.batch, shape.seq, width])
    pooled = _dense(states[:, 0], width, "pooler", tf.tanh)
    return _masked_lm_loss(states, features, table, shape) + _pair_loss(pooled, features)


def _block(states, bias, shape, heads, name):
    width, size = shape.hidden, shape.hidden // heads

    def split(part):
        parts = _dense(states, width, name + part)
        return tf.transpose(tf.reshape(parts, [shape.batch, shape.seq, heads, size]), [0, 2, 1, 3])

    query, key, value = split("/query"), split("/key"), split("/value")
    scores = tf.multiply(tf.matmul(query, key, transpose_b=True), 1.0 / math.sqrt(size))
    probabilities = _dropout(tf.nn.softmax(scores + bias))
    context = tf.transpose(tf.matmul(probabilities, value), [0, 2, 1, 3])
    context = tf.reshape(context, [-1, width])
    attended = _dropout(_dense(context, width, name + "/attention"))
    attended = _norm(attended + states, name + "/attention/LayerNorm")
    inner = _dense(attended, 4 * width, name + "/intermediate", _gelu)
    outer = _dropout(_dense(inner, width, name + "/output"))
    return _norm(outer + attended, name + "/output/LayerNorm")


def _masked_lm_loss(states, features, table, shape):
    offsets = tf.reshape(tf.range(shape.batch) * shape.seq, [-1, 1])
    places = tf.reshape(features["masked_lm_positions"] + offsets, [-1])
    picked = tf.gather(tf.reshape(states, [-1, shape.hidden]), places)
    picked = _norm(_dense(picked, shape.hidden, "transform", _gelu), "transform/LayerNorm")
    logits = tf.matmul(picked, table, transpose_b=True)
    logits = tf.nn.bias_add(logits, _weights("output_bias", [VOCAB], tf.zeros_initializer()))
    labels = tf.one_hot(tf.reshape(features["masked_lm_ids"], [-1]), VOCAB)
    losses = -tf.reduce_sum(tf.nn.log_softmax(logits) * labels, axis=-1)
    weights = tf.reshape(features["masked_lm_weights"], [-1])
    return tf.reduce_sum(weights * losses) / (tf.reduce_sum(weights) + 1e-5)


def _pair_loss(pooled, features):
    log_shares = tf.nn.log_softmax(_dense(pooled, 2, "pair"))
    labels = tf.one_hot(tf.reshape(features["next_sentence_labels"], [-1]), 2)
    return tf.reduce_mean(-tf.reduce_sum(labels * log_shares, axis=-1))


def _update(loss):
    variables = tf.trainable_variables()
    gradients = tf.gradients(loss, variables)
    gradients, _ = tf.clip_by_global_norm(gradients, 1.0)
    updates = []
    for gradient, variable in zip(gradients, variables):
        if isinstance(gradient, tf.IndexedSlices):
            gradient = tf.convert_to_tensor(gradient)
        moments = [
            tf.get_variable(
                variable.op.name + "/" + name,
                shape=variable.shape,
                trainable=False,
                initializer=tf.zeros_initializer(),
            )
            for name in ("adam_m", "adam_v")
        ]
        first = BETA_1 * moments[0] + (1.0 - BETA_1) * gradient
        second = BETA_2 * moments[1] + (1.0 - BETA_2) * tf.square(gradient)
        step = first / (tf.sqrt(second) + EPSILON)
        if not re.search("LayerNorm|bias", variable.op.name):
            step += DECAY * variable
        updates += [
            variable.assign(variable - RATE * step),
            moments[0].assign(first),
            moments[1].assign(second),
        ]
    return tf.group(*updates)


def _weights(name, size, initializer=None):
    initializer = initializer or tf.truncated_normal_initializer(stddev=0.02)
    return tf.get_variable(name, size, initializer=initializer)


def _dense(states, width, name, activation=lambda x: x):
    kernel = _weights(name + "/kernel", [int(states.shape[-1]), width])
    bias = _weights(name + "/bias", [width], tf.zeros_initializer())
    return activation(tf.nn.bias_add(tf.matmul(states, kernel), bias))


def _norm(states, name):
    width = int(states.shape[-1])
    beta = _weights(name + "/beta", [width], tf.zeros_initializer())
    gamma = _weights(name + "/gamma", [width], tf.ones_initializer())
    mean, variance = tf.nn.moments(states, [-1], keepdims=True)
    return tf.nn.batch_normalization(states, mean, variance, beta, gamma, 1e-12)


def _dropout(states):
    return tf.nn.dropout(states, rate=DROPOUT)


def _gelu(x):
    inner = np.sqrt(2.0 / np.pi) * (x + 0.044715 * tf.pow(x, 3))
    return x * 0.5 * (1.0 + tf.tanh(inner))
