"""Learning rates as functions of the step."""

import tensorflow.compat.v1 as tf


def warmup_then_decay(step, learning_rate, num_train_steps, num_warmup_steps=0, power=1.0):
    """The rate of BERT, LERT and ALBERT's programs.

    Polynomial decay to 0 over all steps; while step < num_warmup_steps, a linear warm-up
    *replaces* it, so the rate drops from learning_rate to the decayed one where they meet:

      step < warm-up:  learning_rate * step / num_warmup_steps
      otherwise:       learning_rate * (1 - min(step, N) / N) ** power,  N = num_train_steps

    Args:
      step: scalar tensor or number, the updates done so far.
      learning_rate: float, the peak.
      num_train_steps, num_warmup_steps: numbers of updates.
      power: float.

    Returns:
      float32 scalar tensor.
    """
    step = tf.cast(step, tf.float32)
    remaining = 1.0 - tf.minimum(step / float(num_train_steps), 1.0)
    decayed = learning_rate * tf.pow(remaining, power)
    if not num_warmup_steps:
        return decayed
    warming = learning_rate * step / float(num_warmup_steps)
    return tf.where(step < float(num_warmup_steps), warming, decayed)
