"""Model config + objective + optimizer -> the model_fn of a TPUEstimator."""

import collections
import dataclasses

from common.features import TEXT_STARTS
from common.lazy_tensorflow import tf
from data.input.pipeline import ROW_NUMBERS
from data.records.schema import FEATURES, feature_length
from modeling import checkpoint, losses
from modeling.kernels import make_kernels
from modeling.parameters import ParameterStore
from optimization.gradients import Forward
from optimization.replicas import current_replicas
from optimization.train_op import build_train_op
from training import estimators
from training.hooks import FaultHook, ProgressHook
from training.host_values import HostValues

# The estimator keeps "loss" for its own mean over batches.
TOTAL_LOSS = "total_loss"
# Metric of an evaluation: how many texts it has read.
TEXTS = "evaluated_texts"


def make_model_fn(run, plans=()):
    """Composes the model_fn.

    Args:
      run: training.run.Run.
      plans: list of LoadPlan of the variables that a session starts with: those of a start where
        output_dir has no checkpoint, and those of a teacher.

    Returns:
      model_fn(features, labels, mode, params) -> TPUEstimatorSpec.
    """
    objective, run_config = run.objective, run.config
    estimator = estimators.load()

    def model_fn(features, labels, mode, params):
        del labels, params
        slots = run.optimizer_config.slot_names if run_config.init_slots else ()
        # An evaluation alone is of the checkpoint as it is, its step included: weights of losses
        # depend on it. A training begins at step 0.
        has_own_step = mode == estimator.ModeKeys.EVAL and not run_config.do_train
        scaffold_fn = _scaffold_fn(plans, slots, has_own_step) if plans else None
        if mode == estimator.ModeKeys.TRAIN:
            return _train_spec(run, features, scaffold_fn)
        store = ParameterStore(seed=run_config.seed)
        # No dropout here, but an objective may draw samples: different ones for different rows.
        step_seed = tf.reduce_sum(features["input_ids"])
        kernels = _kernels(run_config, step_seed, holds_weights=not run_config.use_tpu)
        output = objective.build(run.model_config, store, kernels, features, is_training=False)
        if mode == estimator.ModeKeys.PREDICT:
            predictions = {name: output.tensors[name] for name in objective.predicted}
            if ROW_NUMBERS in features:
                predictions[ROW_NUMBERS] = features[ROW_NUMBERS]
            if checkpoint.latest(run_config.output_dir):
                scaffold_fn = None  # the weights come from there; the initial ones may be gone
            return estimator.tpu.TPUEstimatorSpec(
                mode=mode, predictions=predictions, scaffold_fn=scaffold_fn
            )
        loss = losses.total(output.losses.values())
        return estimator.tpu.TPUEstimatorSpec(
            mode=mode,
            loss=loss,
            scaffold_fn=scaffold_fn,
            eval_metrics=eval_metrics(output, _text_count(features)),
        )

    return model_fn


def _train_spec(run, features, scaffold_fn):
    estimator, run_config, objective = estimators.load(), run.config, run.objective
    global_step = tf.train.get_global_step()
    forward = make_forward(run.model_config, objective, run_config, global_step, run.distillation)
    replicas = current_replicas(on_tpu=run_config.use_tpu)
    train = build_train_op(
        forward,
        features,
        run.optimizer_config,
        global_step,
        replicas,
        run.layers,
        compiled=run_config.kernels == "fused",
    )
    values = collections.OrderedDict(train.shown)
    loss = values["loss"]
    for name, weight in train.weights.items():
        if not losses.is_full(weight):
            values[losses.weight_name(name)] = weight
    values["learning_rate"] = train.learning_rate
    values["gradient_norm"] = train.global_norm
    host_values = HostValues(values, train.is_finite)
    return estimator.tpu.TPUEstimatorSpec(
        mode=estimator.ModeKeys.TRAIN,
        # The estimator stops at the first loss that is not finite; FaultHook allows some.
        loss=tf.where(tf.math.is_finite(loss), loss, tf.zeros_like(loss)),
        train_op=train.op,
        scaffold_fn=scaffold_fn,
        host_call=host_values.host_call,
        training_hooks=[
            ProgressHook(
                host_values,
                _per_step(run_config, objective, features),
                num_train_steps=run.optimizer_config.num_train_steps,
                output_dir=run_config.output_dir,
                compiles=run_config.kernels == "fused",
            ),
            FaultHook(host_values),
        ],
    )


def _per_step(run_config, objective, features):
    """(number, name) of what the speed of training is told by."""
    texts = run_config.train_batch_size * objective.texts_per_row
    if features["input_ids"].shape.is_fully_defined():
        return texts * run_config.max_seq_length, "tokens"
    return texts, "texts"  # how many tokens are computed differs from batch to batch


def make_forward(model_config, objective, run_config, global_step, distillation=None):
    """The pass through the model that build_train_op asks for.

    Args:
      model_config: model config.
      objective: an object of modeling.objectives.
      run_config: RunConfig.
      global_step: the step counter; dropout is a function of it, the seed and the rows.
      distillation: see Run.

    Returns:
      function of features (dict name -> [rows, ...]) that returns a Forward. Every call uses the
      same variables; a call inside a loop reads them inside the loop, but takes the casts of
      weights of the first call.
    """
    first, passes = ParameterStore(seed=run_config.seed), []

    def forward(features):
        store = first.again() if passes else first
        # The rows are part of the seed, so that micro-batches and replicas draw different masks.
        step_seed = tf.cast(global_step, tf.int32) + tf.reduce_sum(features["input_ids"])
        earlier, of_teacher = passes[0] if passes else (None, None)
        kernels = _kernels(run_config, step_seed, earlier=earlier)
        if distillation and distillation.numerics:
            numerics = distillation.numerics._asdict()
            settings = dataclasses.replace(run_config, **numerics)
            of_teacher = _kernels(settings, step_seed, earlier=of_teacher)
        if distillation:
            built = distillation.distilled(objective)
            output = built.build(model_config, store, kernels, features, of_teacher)
        else:
            output = objective.build(model_config, store, kernels, features, is_training=True)
        passes.append((kernels, of_teacher))
        return Forward(output.losses, store.trainable())

    return forward


def _kernels(run_config, step_seed, holds_weights=False, earlier=None):
    return make_kernels(
        run_config.kernels,
        run_config.precision,
        run_config.seed,
        step_seed,
        one_hot_embedding=run_config.use_tpu,
        holds_weights=holds_weights,
        earlier=earlier,
    )


def model_parameters(
    model_config, objective, max_seq_length, max_predictions_per_seq=None, distillation=None
):
    """The parameters of a model, from a temporary graph.

    Args:
      model_config: model config.
      objective: an object of modeling.objectives.
      max_seq_length, max_predictions_per_seq: of the records.
      distillation: see Run; of its parameters those that are trained.

    Returns:
      ParameterStore, for names, shapes and counts only.
    """
    with tf.Graph().as_default():
        store = ParameterStore()
        features = _placeholders(objective, max_seq_length, max_predictions_per_seq)
        objective.build(model_config, store, make_kernels(), features, is_training=False)
        if distillation:
            distillation.distilled(objective).own_parameters(model_config, store)
        return store


def teacher_parameters(distillation, objective, max_seq_length, max_predictions_per_seq=None):
    """The same of a teacher, under the names that its checkpoint has."""
    with tf.Graph().as_default():
        store = ParameterStore()
        features = _placeholders(objective, max_seq_length, max_predictions_per_seq)
        features = objective.sequences(features)
        positions = distillation.options.soft_positions()
        distillation.teacher.build(store, make_kernels(), features, positions)
        return store


def _placeholders(objective, max_seq_length, max_predictions_per_seq):
    """dict feature -> placeholder [None, ...] of what an objective reads."""
    features, labels = {}, objective.label_counts()
    for name in objective.feature_names:
        feature = FEATURES[name]
        dtype = tf.float32 if feature.dtype == "float32" else tf.int32
        shape = [None, feature_length(name, max_seq_length, max_predictions_per_seq, labels)]
        if feature.shape == "S" and objective.texts_per_row > 1:
            shape.insert(1, objective.texts_per_row)
        features[name] = tf.placeholder(dtype, shape, name=name)
    return features


def _text_count(features):
    """Texts of a batch, a scalar: its rows, or what they hold where several are packed in each."""
    if TEXT_STARTS in features:
        return tf.reduce_sum(tf.cast(features[TEXT_STARTS] >= 0, tf.float32))
    return tf.cast(tf.shape(features["input_ids"])[0], tf.float32)


def eval_metrics(output, texts):
    """Losses and metrics of a whole evaluation, for TPUEstimatorSpec.eval_metrics.

    Numerators and denominators are summed over all batches and divided once. Weights of losses are
    reported beside them, where they are not 1.

    Args:
      output: ObjectiveOutput.
      texts: scalar, how many the batch has.

    Returns:
      (metric_fn, tensors): each tensor begins with an axis of 1, so that TPU cores' values can be
      concatenated.
    """
    ratios = list(output.losses.items()) + list(output.metrics.items())
    trained = list(output.losses)
    tensors = [tf.reshape(tf.cast(r.weight, tf.float32), [1]) for r in output.losses.values()]
    for _, ratio in ratios:
        tensors.append(tf.reshape(ratio.numerator, [1]))
        tensors.append(tf.reshape(ratio.denominator, [1]))
    tensors += [tf.expand_dims(vector, 0) for vector in output.counts.values()]
    tensors.append(tf.reshape(tf.cast(texts, tf.float32), [1]))

    def metric_fn(*values):
        weights, sums = values[: len(trained)], values[len(trained) : -1]
        counts = sums[2 * len(ratios) :]
        metrics = {TEXTS: _streaming_sum(TEXTS, values[-1])}
        for name, weight in zip(trained, weights):
            if not losses.is_full(output.losses[name].weight):
                weight_name = losses.weight_name(name)
                metrics[weight_name] = _streaming_ratio(
                    weight_name, weight, tf.ones_like(weight), 0.0
                )
        for index, (name, ratio) in enumerate(ratios):
            metrics[name] = _streaming_ratio(
                name, sums[2 * index], sums[2 * index + 1], ratio.epsilon
            )
        metrics.update((n, _streaming_sum(n, vector)) for n, vector in zip(output.counts, counts))
        # A weight is the same on every core and in every batch.
        total = tf.add_n(
            [tf.cast(w[0], tf.float64) * metrics[name][0] for name, w in zip(trained, weights)]
        )
        metrics[TOTAL_LOSS] = (total, tf.group(*[metrics[name][1] for name in trained]))
        return metrics

    return metric_fn, tensors


def _streaming_ratio(name, numerator, denominator, epsilon):
    """(value, update op) like a tf.metrics function."""
    top, add_top = _streaming_sum(name + "/numerator", numerator)
    bottom, add_bottom = _streaming_sum(name + "/denominator", denominator)
    return tf.math.divide_no_nan(top, bottom + epsilon), tf.group(add_top, add_bottom)


def _streaming_sum(name, values):
    """(value, update op) of the sum over the first axis of `values` and over batches; float64 so
    that long sums stay exact."""
    total = tf.get_variable(
        name + "_sum",
        shape=values.shape[1:],
        dtype=tf.float64,
        initializer=tf.zeros_initializer(),
        trainable=False,
        use_resource=True,
        collections=[tf.GraphKeys.LOCAL_VARIABLES, tf.GraphKeys.METRIC_VARIABLES],
    )
    batch = tf.reduce_sum(tf.cast(values, tf.float64), axis=0)
    return total.read_value(), total.assign_add(batch)


def _scaffold_fn(plans, slot_names, has_own_step=False):
    """Function that starts variables at the values of LoadPlans, with those optimizer slots, and
    the step counter at a checkpoint's own step or at 0."""

    def scaffold_fn():
        there = checkpoint.variables_by_name()
        for plan in plans:
            sources = dict(plan.loaded)
            sources.update(plan.slots(slot_names))
            if has_own_step and checkpoint.has_step(plan.prefix):
                sources[checkpoint.STEP] = checkpoint.STEP
            # An evaluation has no slots and no teacher, and of several tasks one head only.
            sources = {name: source for name, source in sources.items() if name in there}
            checkpoint.initialize(plan.prefix, sources)
        return tf.train.Scaffold()

    return scaffold_fn
