"""A network as a function of rows: ids in, arrays out."""

import tempfile
import typing

import numpy as np
import tensorflow.compat.v1 as tf

from common.errors import UserError, some
from common.log import log
from modeling import checkpoint
from modeling.kernels import make_kernels
from modeling.parameters import ParameterStore
from training.checkpoints.initial_weights import InitialWeights
from training.devices.numerics import Numerics

PLAIN = Numerics()
# Fusions are compiled for each shape: lengths are rounded up to multiples, batches filled up.
LENGTH_STEP = 16
# Features with a value for every token of a row.
_PER_TOKEN = ("input_ids", "segment_ids")


class Head(typing.NamedTuple):
    """The head on the encoder that the results depend on.

    Attributes:
      prefix: str, or tuple of them: beginnings of its variables' names.
      name: name in messages.
      hint: what to do about a checkpoint without it.
    """

    prefix: typing.Any
    name: str
    hint: str


class Predictor:
    """A trained network in a session.

    Rows are sorted by length and padded to the longest of their batch, so short texts cost little.
    One graph serves all lengths.

    with Predictor(config, task, "bert_model.ckpt", batch_size=32) as predictor:
        outputs = predictor.run([{"input_ids": [101, 791, 102], "segment_ids": [0, 0, 0]}])

    Attributes:
      new: names of variables that the checkpoint lacks; `network.optional` allowed for them, and
        what is computed with them is noise.
    """

    def __init__(self, model_config, network, path, batch_size, numerics=PLAIN):
        """Loads the weights and checks that none is missing.

        Args:
          model_config: model config.
          network: an object with
            feature_names: input_ids, input_mask, segment_ids, and others that hold a list of ints
              for a row, of any length;
            build(config, store, kernels, features): dict name -> tensor [batch, ...] of features
              int32 [batch, seq], for others [batch, most values in a row];
            head: Head, or None where the encoder suffices;
            optional: part of the names of variables that the checkpoint may lack, or None.
          path: a checkpoint's prefix, or a Hugging Face directory.
          batch_size: rows computed at a time.
          numerics: Numerics to compute with.

        Raises:
          UserError: the checkpoint is damaged, of other sizes, or lacks what the network needs.
        """
        self._path, self._batch_size = path, batch_size
        self._is_compiled = numerics.kernels == "fused"
        self._longest = model_config.max_position_embeddings
        with tempfile.TemporaryDirectory(prefix="quanci-") as folder, tf.Graph().as_default():
            weights = InitialWeights(path, folder)
            prefix, store = weights.prefix, ParameterStore()
            self._inputs = {
                n: tf.placeholder(tf.int32, [None, None]) for n in network.feature_names
            }
            kernels = make_kernels(*numerics, holds_weights=True)
            self._outputs = network.build(model_config, store, kernels, self._inputs)
            plan = weights.plan(store.shapes(), model_config.source)
            for line in plan.spellings:
                log(line)
            _check_complete(plan, network, model_config)
            self.new = plan.new
            checkpoint.initialize(prefix, plan.loaded)
            options = tf.GPUOptions(allow_growth=True)
            self._session = tf.Session(config=tf.ConfigProto(gpu_options=options))
            self._session.run(tf.global_variables_initializer())
            self._session.run(tf.local_variables_initializer())  # casts of the weights
        log("checkpoint {}: {} variables loaded".format(path, len(plan.loaded)))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._session.close()

    def run(self, rows):
        """Computes rows.

        Args:
          rows: list of dict feature name -> list of ints, without padding and without input_mask.

        Returns:
          list of dict output name -> array, in the order of `rows`. Arrays are as long as the
          longest of their batch: what follows a row's own tokens or values is padding.

        Raises:
          UserError: memory does not suffice, or the weights give no finite numbers.
        """
        order = sorted(range(len(rows)), key=lambda i: len(rows[i]["input_ids"]))
        results = [None] * len(rows)
        for begin in range(0, len(rows), self._batch_size):
            batch = order[begin : begin + self._batch_size]
            outputs = self._run_batch([rows[i] for i in batch])
            for place, i in enumerate(batch):
                results[i] = {name: values[place] for name, values in outputs.items()}
        return results

    def _run_batch(self, rows):
        lengths = [len(row["input_ids"]) for row in rows]
        seq_length, count = self._rounded(max(lengths)), len(rows)
        if self._is_compiled:
            count = self._batch_size
        feed = {}
        for name, placeholder in self._inputs.items():
            if name == "input_mask":
                values = np.zeros([count, seq_length], np.int32)
                values[: len(rows)] = np.arange(seq_length) < np.array(lengths)[:, None]
            else:
                width = seq_length
                if name not in _PER_TOKEN:
                    width = self._rounded(max(len(row[name]) for row in rows))
                values = _padded([row[name] for row in rows], count, width)
            feed[placeholder] = values
        try:
            outputs = self._session.run(self._outputs, feed)
        except tf.errors.ResourceExhaustedError as error:
            raise UserError(
                "out of memory at {} rows of {} tokens; take a smaller --batch_size".format(
                    len(rows), seq_length
                )
            ) from error
        outputs = {name: values[: len(rows)] for name, values in outputs.items()}
        for name, values in outputs.items():
            if not np.isfinite(values).all():
                raise UserError(
                    "checkpoint {} gives {} that are not finite numbers: its weights are "
                    "damaged, or a training that went wrong wrote them".format(self._path, name)
                )
        return outputs

    def _rounded(self, length):
        """The length that is computed for one of the rows."""
        if not self._is_compiled:
            return length
        return max(length, min(-(-length // LENGTH_STEP) * LENGTH_STEP, self._longest))


def _check_complete(plan, network, config):
    """Refuses weights with gaps: random values in their place would give plausible rubbish."""
    missing = plan.lacks(network.optional)
    head = network.head
    body = [n for n in missing if not (head and n.startswith(head.prefix))]
    if body:
        raise UserError(
            "the encoder in {} is not whole, it lacks {}; is {} its own config?".format(
                plan.shown, some(body, 1), config.source
            )
        )
    if missing:
        raise UserError(
            "checkpoint {} has no {} (it lacks {}), and a random one would give rubbish; {}".format(
                plan.shown, head.name, some(missing, 1), head.hint
            )
        )
    surplus = [n for n in plan.unused if n.startswith(config.scope + "/encoder/")]
    if surplus:
        raise UserError(
            "the encoder in {} is larger than {} says, {} would be skipped; take the "
            "checkpoint's own config".format(plan.shown, config.source, some(surplus, 1))
        )


def _padded(rows, count, width):
    """int32 [count, width] of lists of ints; the padding is 0, which every table has a row for."""
    values = np.zeros([count, width], np.int32)
    for i, row in enumerate(rows):
        values[i, : len(row)] = row
    return values
