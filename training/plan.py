"""The cost of a run: the plan that --dry_run prints."""

import dataclasses

from common.lazy_tensorflow import tf
from common.progress import duration
from modeling.flops import step_flops
from training import row_use
from training.devices import products, this_machine

# Tensors that a backward pass keeps, in floats: widths of the hidden state and of the inner layer
# for each token, matrices of attention scores for each head, rows of vocabulary scores for each
# prediction; and the memory of a process without a model. Fitted to the peak memory of runs
# with 4 x 256 and 12 x 768 models in rows of 128 and 512, within 10 %.
KEPT_HIDDEN, KEPT_INNER, KEPT_SCORES, KEPT_VOCABULARY = 12, 5, 3.5, 1.6
PROCESS_BYTES = 0.7e9
# Share of the speed of a matrix product that a training step reaches, by precision.
EFFICIENCY = {"fp32": 0.45, "bf16": 0.33}
# A step's operations by those of its forward pass.
FORWARD_SHARE = 3
_FLOAT = 4


def describe(run, parameters, teacher_count=0):
    """The plan.

    Args:
      run: training.run.Run.
      parameters: ParameterStore of the model.
      teacher_count: weights of its teacher, 0 without one.

    Returns:
      list of lines.
    """
    networks, optimizer = run.objective.networks(run.model_config), run.optimizer_config
    steps = min(optimizer.num_train_steps, run.config.stop_step or optimizer.num_train_steps)
    use = row_use.measure(run.config, optimizer.gradient_accumulation_steps, run.devices.replicas)
    config = _with_packed_rows(run.config, use, optimizer.gradient_accumulation_steps)
    tokens = config.train_batch_size * config.max_seq_length
    if not run.objective.predicts_words:  # no scores of the vocabulary
        config = dataclasses.replace(config, max_predictions_per_seq=0)
    lines = [
        "plan: {:,} parameters, {} with rate {:g}, {:,} steps ({:,} of them warm-up)".format(
            parameters.count(),
            optimizer.optimizer,
            optimizer.learning_rate,
            steps,
            optimizer.num_warmup_steps,
        ),
        "plan: {:,} rows or {:,} tokens a step, {:,} tokens in all".format(
            config.train_batch_size, tokens, tokens * steps
        ),
        _epochs(run.config, steps),
        "plan: "
        + (
            "packs " + use.shown_packing(run.config)
            if config.pack
            else use.shown(config, run.objective)
        ),
        "plan: about {:.1f} GB of memory{}".format(
            memory_bytes(config, networks, optimizer, parameters.count()) / 1e9,
            " on each TPU core" if config.use_tpu else "",
        ),
    ]
    if config.use_tpu:
        lines.append("plan: no estimate of the time for a TPU")
    else:
        _, device = this_machine.describe(config.distribution == "mirrored")
        lines.append("plan: TensorFlow {}, {}".format(tf.__version__, device))
        rate = EFFICIENCY[config.precision] * products.flops_per_second(config.precision)
        seconds = _step_flops(config, networks) / rate
        lines.append(
            "plan: about {:.2g} s a step, {:,.0f} tokens/s, {} in all on this machine's {}".format(
                seconds,
                tokens / seconds,
                duration(seconds * steps),
                "GPU" if device.startswith("device: GPU") else "CPU",
            )
        )
    if run.distillation and run.distillation.numerics:
        lines.append(_teacher(run.distillation, teacher_count, config))
    lines.append("dry run: nothing was written")
    return lines


def _teacher(distillation, count, config):
    """What the teacher of a distillation adds, which is computed forwards alone."""
    network, precision = distillation.teacher.config, distillation.numerics.precision
    text = "plan: a teacher of {} layers x {} and {:,} parameters adds about {:.1f} GB".format(
        network.num_hidden_layers, network.hidden_size, count, _FLOAT * count / 1e9
    )
    if config.use_tpu:
        return text
    rate = EFFICIENCY[precision] * products.flops_per_second(precision)
    seconds = _step_flops(config, {"teacher": network}) / FORWARD_SHARE / rate
    return text + " and {:.2g} s a step".format(seconds)


def _with_packed_rows(config, use, num_micro_batches):
    """The RunConfig with the rows that a batch takes in the place of its texts."""
    if not config.pack:
        return config
    rows = -(-round(use.rows) // num_micro_batches) * num_micro_batches
    return dataclasses.replace(config, train_batch_size=rows)


def memory_bytes(config, networks, optimizer, parameter_count):
    """Memory of training on one device in bytes: weights, moments, gradients, activations; on this
    machine also the process itself."""
    num_micro_batches = optimizer.gradient_accumulation_steps
    rows = config.train_batch_size // (
        num_micro_batches * (config.num_tpu_cores if config.use_tpu else 1)
    )
    tokens = rows * config.max_seq_length
    # Weight, two moments, gradient and its clipped copy; micro-batches add up in a sixth.
    copies = 5 + (1 if num_micro_batches > 1 else 0)
    kept, last = 0, list(networks.values())[-1]
    for model in networks.values():
        layer = KEPT_HIDDEN * model.hidden_size + KEPT_INNER * model.intermediate_size
        layer += KEPT_SCORES * model.num_attention_heads * config.max_seq_length
        kept += tokens * layer * model.num_blocks
    vocabulary = KEPT_VOCABULARY * rows * config.max_predictions_per_seq * last.vocab_size
    floats = copies * parameter_count + kept + vocabulary
    return _FLOAT * floats + (0 if config.use_tpu else PROCESS_BYTES)


def training_flops(run_config, networks, num_train_steps):
    """Floating-point operations of a whole training, 0 where there is none."""
    return _step_flops(run_config, networks) * num_train_steps if run_config.do_train else 0.0


def _step_flops(config, networks):
    return step_flops(
        list(networks.values()),
        config.train_batch_size,
        config.max_seq_length,
        config.max_predictions_per_seq,
    )


def _epochs(config, steps):
    rows = config.train_batch_size * steps
    if not config.train_records:
        return "plan: no manifest beside the records, so their number is not known"
    return "plan: {:,} records, so {:.2f} epochs".format(
        config.train_records, rows / config.train_records
    )
