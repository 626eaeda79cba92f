"""Model config + objective + optimizer -> the model_fn of a TPUEstimator."""

import tensorflow.compat.v1 as tf

from data.records import FEATURES, feature_length
from modeling.kernels import PlainKernels
from modeling.parameters import ParameterStore
from optimization.train_op import build_train_op
from training.hooks import ProgressHook

# The estimator keeps "loss" for its own mean over batches.
TOTAL_LOSS = "total_loss"


def make_model_fn(model_config, objective, optimizer_config, run_config, init_plan=None):
    """Composes the model_fn.

    Args:
      model_config: model config.
      objective: an object of modeling.objectives.
      optimizer_config: OptimizerConfig.
      run_config: RunConfig.
      init_plan: checkpoint.LoadPlan to start from where output_dir has no checkpoint, or None.

    Returns:
      model_fn(features, labels, mode, params) -> TPUEstimatorSpec.
    """

    def model_fn(features, labels, mode, params):
        del labels, params
        is_training = mode == tf.estimator.ModeKeys.TRAIN
        store = ParameterStore(seed=run_config.seed)
        kernels = PlainKernels(seed=run_config.seed)
        output = objective.build(model_config, store, kernels, features, is_training)
        loss = tf.add_n([ratio.value() for ratio in output.losses.values()])
        scaffold_fn = _scaffold_fn(init_plan) if init_plan else None
        if is_training:
            train = build_train_op(
                loss, store.trainable(), optimizer_config, tf.train.get_global_step()
            )
            return tf.estimator.tpu.TPUEstimatorSpec(
                mode=mode,
                loss=loss,
                train_op=train.op,
                scaffold_fn=scaffold_fn,
                training_hooks=[_progress(loss, output, train, optimizer_config, run_config)],
            )
        return tf.estimator.tpu.TPUEstimatorSpec(
            mode=mode, loss=loss, scaffold_fn=scaffold_fn, eval_metrics=eval_metrics(output)
        )

    return model_fn


def model_parameters(model_config, objective, run_config):
    """The parameters of a model, from a graph that is thrown away.

    Returns:
      ParameterStore, of use for names, shapes and counts.
    """
    with tf.Graph().as_default():
        store = ParameterStore()
        features = {
            name: tf.placeholder(
                tf.float32 if FEATURES[name].dtype == "float32" else tf.int32,
                [None, _length(name, run_config)],
                name=name,
            )
            for name in objective.feature_names
        }
        objective.build(model_config, store, PlainKernels(), features, is_training=False)
        return store


def eval_metrics(output):
    """Losses and metrics of a whole evaluation, for TPUEstimatorSpec.eval_metrics.

    Numerators and denominators are summed over all batches and divided once.

    Args:
      output: ObjectiveOutput.

    Returns:
      (metric_fn, tensors): each tensor is [1], so that TPU cores' values can be concatenated.
    """
    ratios = list(output.losses.items()) + list(output.metrics.items())
    trained = list(output.losses)
    tensors = []
    for _, ratio in ratios:
        tensors.append(tf.reshape(ratio.numerator, [1]))
        tensors.append(tf.reshape(ratio.denominator, [1]))

    def metric_fn(*sums):
        metrics = {}
        for index, (name, ratio) in enumerate(ratios):
            metrics[name] = _streaming_ratio(
                name, sums[2 * index], sums[2 * index + 1], ratio.epsilon
            )
        total = tf.add_n([metrics[name][0] for name in trained])
        metrics[TOTAL_LOSS] = (total, tf.group(*[metrics[name][1] for name in trained]))
        return metrics

    return metric_fn, tensors


def _streaming_ratio(name, numerator, denominator, epsilon):
    """(value, update op) like a tf.metrics function; float64 so that long sums stay exact."""
    with tf.variable_scope(name):
        sums = []
        for part, values in (("numerator", numerator), ("denominator", denominator)):
            total = tf.get_variable(
                part + "_sum",
                shape=[],
                dtype=tf.float64,
                initializer=tf.zeros_initializer(),
                trainable=False,
                use_resource=True,
                collections=[tf.GraphKeys.LOCAL_VARIABLES, tf.GraphKeys.METRIC_VARIABLES],
            )
            batch = tf.reduce_sum(tf.cast(values, tf.float64))
            sums.append((total, total.assign_add(batch)))
        (top, add_top), (bottom, add_bottom) = sums
        value = tf.math.divide_no_nan(top.read_value(), bottom.read_value() + epsilon)
        return value, tf.group(add_top, add_bottom)


def _length(name, run_config):
    return feature_length(name, run_config.max_seq_length, run_config.max_predictions_per_seq)


def _scaffold_fn(init_plan):
    def scaffold_fn():
        tf.train.init_from_checkpoint(init_plan.prefix, init_plan.assignment_map())
        return tf.train.Scaffold()

    return scaffold_fn


def _progress(loss, output, train, optimizer_config, run_config):
    scalars = {name: ratio.value() for name, ratio in output.losses.items()}
    scalars.update(loss=loss, learning_rate=train.learning_rate)
    return ProgressHook(
        scalars,
        tokens_per_step=run_config.train_batch_size * run_config.max_seq_length,
        num_train_steps=optimizer_config.num_train_steps,
        output_dir=run_config.output_dir,
    )
