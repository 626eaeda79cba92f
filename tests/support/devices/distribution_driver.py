"""Trains on one or two virtual CPUs: whole runs, and single optimizers.

Reads a JSON list of cases from standard input, writes a JSON list of what became of them. One
import of TensorFlow serves all, and virtual devices must be asked for before a process's first
session.

A case with "optimizer_alone" is a name of copies_after(). Any other is a run through
training.pretraining_runner.PretrainingRunner; its keys: output_dir, train_file; optional:
replicas, num_micro_batches, optimizer, kernels, dropout, stop_step, save_steps, init (a checkpoint
with its slots), packed (the objective is roberta's then), teacher (a checkpoint; the student is
half as wide then), "counts": "own" (each replica divides by its own counts, which is wrong),
"poison": an id; where it is in a replica's rows, the replica's
losses are infinite. It gives log: lines; apart: variable name -> largest difference between its
copies, with replicas; masks, with dropout: list of [replica, step, checksum of the pass's first
dropout mask].
"""

import contextlib
import io
import json
import re
import sys
import tempfile
import zlib

from cli.start import watched_imports

with watched_imports():
    import numpy as np
    import tensorflow.compat.v1 as tf
    from fast_sessions import hurry
    from record_files import PREDICTIONS, SEQ, TINY_CONFIG

    from common.greetings import without_greetings
    from modeling.config import BertConfig
    from modeling.distillation.options import PretrainingDistillationOptions
    from modeling.kernels import PlainKernels
    from modeling.losses import Ratio
    from modeling.objectives import get_objective
    from modeling.objectives.masked_lm import MaskedLm
    from optimization import compiled_updates
    from optimization.config import OPTIMIZERS, OptimizerConfig, optimizer_class
    from optimization.replicas import StrategyReplicas
    from training import hooks, model_fn
    from training.devices.strategies import Devices
    from training.distillation import distillation
    from training.distillation.distillation import TeacherRequest
    from training.pretraining_runner import PretrainingRunner
    from training.run import Run
    from training.run_config import RunConfig

DEVICES = ["/cpu:0", "/cpu:1"]
BATCH, STEPS, LEARNING_RATE, CLIP_NORM = 8, 5, 0.001, 0.5


class PoisonedBert(MaskedLm):
    """BERT's objective; the losses are infinite where the rows hold the poisonous id."""

    def __init__(self, poison):
        super().__init__("bert", sentence_pair="next_sentence")
        self._poison = poison

    def build(self, config, store, kernels, features, is_training):
        output = super().build(config, store, kernels, features, is_training)
        there = tf.reduce_any(tf.equal(features["input_ids"], self._poison))
        factor = tf.where(there, float("inf"), 1.0)
        for name, ratio in output.losses.items():
            output.losses[name] = Ratio(ratio.numerator * factor, *ratio[1:])
        return output


class OwnCounts(StrategyReplicas):
    """What is wrong: the mean of the replicas' gradients, each over the replica's own counts."""

    def __init__(self):
        super().__init__()
        self._has_counts = False

    def sum(self, tensors):
        if self._has_counts:
            return super().sum(tensors)
        self._has_counts = True  # the first call is for the denominators
        return [tensor * self.update_shares for tensor in tensors]


class WitnessHook(hooks.FaultHook):
    """Compares the copies of all variables when training ends."""

    apart = {}

    def end(self, session):
        super().end(session)
        copies = session.run({v.name: list(v.values) for v in tf.global_variables()})
        for name, (first, second) in copies.items():
            self.apart[name] = float(np.max(np.abs(first - second)))


class WitnessKernels(PlainKernels):
    """Notes replica, step and the mask of the first dropout of a pass."""

    masks = []

    def dropout(self, x, rate):
        result = super().dropout(x, rate)
        if not rate or self._draws > 1:
            return result
        replica = tf.distribute.get_replica_context().replica_id_in_sync_group
        step = tf.train.get_global_step()
        note = tf.py_func(self._note, [replica, step, tf.not_equal(result, 0.0)], [])
        with tf.control_dependencies([note]):
            return tf.identity(result)

    def _note(self, replica, step, kept):
        self.masks.append([int(replica), int(step), zlib.crc32(kept.tobytes())])


def make_witness(kind="plain", precision="fp32", seed=0, step_seed=0, **settings):
    """modeling.kernels.make_kernels, with witnesses."""
    del kind, precision, settings
    return WitnessKernels(seed, step_seed)


@contextlib.contextmanager
def watched(case):
    """Puts witnesses and, if asked for, the wrong sums into model_fn."""
    WitnessHook.apart, WitnessKernels.masks = {}, []
    compiled_updates.LEAST_WEIGHTS = 1000  # so that some of this small model's are compiled
    changes = {}
    if case.get("replicas", 1) > 1:
        changes["FaultHook"] = WitnessHook
    if case.get("dropout") and not case.get("kernels"):
        changes["make_kernels"] = make_witness
    if case.get("counts") == "own":
        changes["current_replicas"] = lambda on_tpu: OwnCounts()
    old = {name: getattr(model_fn, name) for name in changes}
    for name, value in changes.items():
        setattr(model_fn, name, value)
    try:
        yield
    finally:
        for name, value in old.items():
            setattr(model_fn, name, value)


def train(case):
    """Trains one case as run_pretraining.py would."""
    run = RunConfig(
        output_dir=case["output_dir"],
        objective="bert",
        train_files=[case["train_file"]],
        eval_files=[],
        init_checkpoint=case.get("init"),
        init_slots=bool(case.get("init")),
        max_seq_length=SEQ,
        max_predictions_per_seq=PREDICTIONS,
        do_train=True,
        train_batch_size=BATCH,
        shuffle_buffer_size=0,
        save_checkpoints_steps=case.get("save_steps", 100),
        kernels=case.get("kernels", "plain"),
        stop_step=case.get("stop_step"),
        pack=bool(case.get("packed")),
    )
    optimizer = OptimizerConfig(
        learning_rate=LEARNING_RATE,
        num_train_steps=STEPS,
        optimizer=case.get("optimizer", "adamw"),
        clip_norm=CLIP_NORM,
        gradient_accumulation_steps=case.get("num_micro_batches", 1),
    )
    dropout = case.get("dropout", 0.0)
    config = dict(TINY_CONFIG, hidden_dropout_prob=dropout, attention_probs_dropout_prob=dropout)
    teaching = None
    if case.get("teacher"):
        config.update(hidden_size=16, intermediate_size=32)
        teaching = distillation_by(case["teacher"], get_objective("bert"), config, run)
    replicas = case.get("replicas", 1)
    strategy = tf.distribute.MirroredStrategy(DEVICES[:replicas]) if replicas > 1 else None
    PretrainingRunner(
        Run(
            run,
            BertConfig(config),
            get_objective("roberta")
            if case.get("packed")
            else PoisonedBert(case.get("poison", -1)),
            optimizer,
            devices=Devices(strategy=strategy, session_config=session_config()),
            distillation=teaching,
        )
    ).train()


def distillation_by(checkpoint, objective, config, run):
    """Every loss that a distillation has, by a teacher of TINY_CONFIG."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(TINY_CONFIG, file)
        file.flush()
        options = PretrainingDistillationOptions(hidden_weight=1.0, attention_weight=1.0)
        teacher = TeacherRequest(checkpoint, file.name, "auto", options, "fp32")
        settled = distillation.settle(teacher, objective, BertConfig(config), run)
    return distillation.settle_numerics(settled, run, "fp32")


def session_config():
    """As many CPUs as there are devices, on any machine."""
    return tf.ConfigProto(device_count={"CPU": len(DEVICES)})


class GoogleStyleOptimizer(tf.train.Optimizer):
    """Momentum written as BERT's and ALBERT's programs write Adam: all in apply_gradients."""

    def __init__(self, learning_rate):
        super().__init__(False, "GoogleStyleOptimizer")
        self._rate = learning_rate

    def apply_gradients(self, grads_and_vars, global_step=None, name=None):
        updates = []
        for grad, variable in grads_and_vars:
            m = tf.get_variable(
                re.match("^(.*):\\d+$", variable.name).group(1) + "/adam_m",
                shape=variable.shape.as_list(),
                trainable=False,
                initializer=tf.zeros_initializer(),
            )
            next_m = 0.9 * m + 0.1 * grad
            updates += [variable.assign(variable - self._rate * next_m), m.assign(next_m)]
        return tf.group(*updates, name=name)


def copies_after(kind):
    """Both copies of all variables after three steps in which replicas have other gradients.

    Args:
      kind: a name in OPTIMIZERS, or "google_style".

    Returns:
      variable name -> [first copy, second copy], as lists of numbers.
    """
    make = optimizer_class(kind) if kind in OPTIMIZERS else GoogleStyleOptimizer
    strategy = tf.distribute.MirroredStrategy(DEVICES)

    @tf.autograph.experimental.do_not_convert
    def step():
        replica = tf.distribute.get_replica_context().replica_id_in_sync_group
        kernel = tf.get_variable("w/kernel", initializer=tf.constant([1.0, 2.0]), use_resource=True)
        gradient = tf.cast(replica, tf.float32) + tf.constant([1.0, 2.0])
        return make(0.1).apply_gradients([(gradient, kernel)])

    with tf.Graph().as_default(), strategy.scope():
        update = strategy.group(strategy.extended.call_for_each_replica(step))
        with tf.Session(config=session_config()) as session:
            session.run(tf.global_variables_initializer())
            for _ in range(3):
                session.run(update)
            copies = session.run({v.name: list(v.values) for v in tf.global_variables()})
    return {name: [copy.tolist() for copy in both] for name, both in copies.items()}


def run_one(case):
    """What became of a case; the variables of a run are in its checkpoint."""
    if "optimizer_alone" in case:
        try:
            return {"copies": copies_after(case["optimizer_alone"])}
        except ValueError as error:
            return {"refused": str(error)}
    out = io.StringIO()
    with contextlib.redirect_stdout(out), watched(case):
        train(case)
    return {
        "log": out.getvalue().splitlines(),
        "apart": WitnessHook.apart,
        "masks": sorted(WitnessKernels.masks),
    }


if __name__ == "__main__":
    tf.logging.set_verbosity(tf.logging.ERROR)
    tf.disable_v2_behavior()
    hurry()
    with without_greetings():  # the first function that is compiled makes XLA write one
        results = [run_one(case) for case in json.load(sys.stdin)]
    json.dump(results, sys.stdout)
