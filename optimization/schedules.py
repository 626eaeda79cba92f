"""Learning rates as functions of the step.

Arguments of both: step: scalar tensor or number, the updates done so far; learning_rate: float,
the peak; num_train_steps, num_warmup_steps: numbers of updates; power: float, of the polynomial
decay. Both return a float32 scalar tensor.
"""

from common.lazy_tensorflow import tf


def warmup_then_decay(step, learning_rate, num_train_steps, num_warmup_steps=0, power=1.0):
    """The schedule of google-research/bert and google-research/albert, and of LERT.

    Polynomial decay to 0 over all steps; while step < num_warmup_steps, a linear warm-up
    *replaces* it, so the rate drops from learning_rate to the decayed one after it:

      step < warm-up:  learning_rate * step / num_warmup_steps
      otherwise:       learning_rate * (1 - min(step, N) / N) ** power,  N = num_train_steps
    """
    step = tf.cast(step, tf.float32)
    decayed = _decayed(step, learning_rate, num_train_steps, power)
    if not num_warmup_steps:
        return decayed
    warming = learning_rate * step / float(num_warmup_steps)
    return tf.where(step < float(num_warmup_steps), warming, decayed)


def warmup_times_decay(step, learning_rate, num_train_steps, num_warmup_steps=0, power=1.0):
    """The schedule of google-research/electra: the warm-up *multiplies* the decayed rate.

      learning_rate * (1 - min(step, N) / N) ** power * min(1, step / num_warmup_steps)

    Without a warm-up the factor is 1; the original divides 0 by 0 at step 0.
    """
    step = tf.cast(step, tf.float32)
    decayed = _decayed(step, learning_rate, num_train_steps, power)
    if not num_warmup_steps:
        return decayed
    return decayed * tf.minimum(1.0, step / float(num_warmup_steps))


WARMUPS = {"replace": warmup_then_decay, "multiply": warmup_times_decay}


def _decayed(step, learning_rate, num_train_steps, power):
    remaining = 1.0 - tf.minimum(step / float(num_train_steps), 1.0)
    return learning_rate * tf.pow(remaining, power)
