"""A network as a function of rows: ids in, arrays out."""

import collections
import tempfile

import numpy as np
import tensorflow.compat.v1 as tf

from common.errors import UserError, some
from common.log import log
from modeling import checkpoint
from modeling.kernels import PlainKernels
from modeling.parameters import ParameterStore
from training.checkpoints.initial_weights import InitialWeights

# The part of a network that results hang on beside the encoder. prefix: of its variables; name:
# what messages call it; hint: which checkpoints have it.
Head = collections.namedtuple("Head", ["prefix", "name", "hint"])

# Features with a value for every token of a row.
_PER_TOKEN = ("input_ids", "segment_ids")


class Predictor:
    """A trained network in a session.

    Rows are sorted by length and padded to little more than the longest of their batch: short
    texts cost little. A network is built once for every padded length that occurs, all over the
    same variables, since the encoder wants to know its length.

    Attributes:
      new: names of variables that the checkpoint lacks; `network.optional` allowed for them, and
        what is computed with them is noise.
    """

    def __init__(self, model_config, network, path, max_seq_length, batch_size):
        """Loads the weights and checks that they are all there.

        Args:
          model_config: model config.
          network: an object with
            feature_names: input_ids, input_mask, segment_ids, and others that hold a list of ints
              for a row, of any length;
            build(config, store, kernels, features): dict name -> tensor [batch, ...] of features
              int32 [batch, seq], for others [batch, most values in a row];
            head: Head, or None where the encoder is all;
            optional: part of the names of variables that it can do without, or None.
          path: a checkpoint's prefix, or a Hugging Face directory.
          max_seq_length: longest row.
          batch_size: rows computed at a time.

        Raises:
          UserError: the checkpoint is damaged, of other sizes, or lacks what the network needs.
        """
        self._config, self._network, self._path = model_config, network, path
        self._max_seq_length, self._batch_size = max_seq_length, batch_size
        self._graph, self._passes, self._store = tf.Graph(), {}, None
        with tempfile.TemporaryDirectory(prefix="quanci-") as folder, self._graph.as_default():
            weights = InitialWeights(path, folder)
            prefix = weights.prefix
            self._pass_for(1)
            plan = weights.plan(self._store.shapes(), model_config.source)
            _check_whole(plan, network, model_config)
            self.new = plan.new
            checkpoint.initialize(prefix, plan.loaded)
            options = tf.GPUOptions(allow_growth=True)
            self._session = tf.Session(config=tf.ConfigProto(gpu_options=options))
            self._session.run(tf.global_variables_initializer())
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
          longest of their batch: what lies behind a row's own tokens or values is padding.

        Raises:
          UserError: memory does not suffice, or the weights give no finite numbers.
        """
        order = sorted(range(len(rows)), key=lambda i: len(rows[i]["input_ids"]))
        results = [None] * len(rows)
        for at in range(0, len(rows), self._batch_size):
            batch = order[at : at + self._batch_size]
            outputs = self._run_batch([rows[i] for i in batch])
            for place, i in enumerate(batch):
                results[i] = {name: values[place] for name, values in outputs.items()}
        return results

    def _run_batch(self, rows):
        inputs, outputs = self._pass_for(max(len(row["input_ids"]) for row in rows))
        lengths = [len(row["input_ids"]) for row in rows]
        seq_length = inputs["input_ids"].shape.as_list()[1]
        feed = {}
        for name, placeholder in inputs.items():
            if name == "input_mask":
                values = np.arange(seq_length) < np.array(lengths)[:, None]
            else:
                width = seq_length if name in _PER_TOKEN else max(len(row[name]) for row in rows)
                values = _padded([row[name] for row in rows], width)
            feed[placeholder] = values
        try:
            found = self._session.run(outputs, feed)
        except tf.errors.ResourceExhaustedError as error:
            raise UserError(
                "out of memory at {} rows of {} tokens; take a smaller --batch_size".format(
                    len(rows), seq_length
                )
            ) from error
        for name, values in found.items():
            if not np.isfinite(values).all():
                raise UserError(
                    "checkpoint {} gives {} that are not finite numbers: its weights are "
                    "damaged, or a training that went wrong wrote them".format(self._path, name)
                )
        return found

    def _pass_for(self, length):
        """(placeholders by feature name, output tensors by name) for rows of up to `length`."""
        seq_length = min(_rounded_up(length), self._max_seq_length)
        if seq_length not in self._passes:
            with self._graph.as_default():
                self._store = self._store.again() if self._store else ParameterStore()
                inputs = collections.OrderedDict()
                for name in self._network.feature_names:
                    per_token = name in _PER_TOKEN or name == "input_mask"
                    shape = [None, seq_length if per_token else None]
                    inputs[name] = tf.placeholder(tf.int32, shape)
                outputs = self._network.build(self._config, self._store, PlainKernels(), inputs)
            self._passes[seq_length] = inputs, outputs
        return self._passes[seq_length]


def _check_whole(plan, network, config):
    """Refuses weights with holes: random values in their place would give plausible rubbish."""
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
    left_over = [n for n in plan.unused if n.startswith(config.scope + "/encoder/")]
    if left_over:
        raise UserError(
            "the encoder in {} is larger than {} says, {} would be left out; take the "
            "checkpoint's own config".format(plan.shown, config.source, some(left_over, 1))
        )


def _rounded_up(length):
    """The length that a batch is padded to; every one that occurs costs a graph."""
    step = 16 if length <= 128 else 64
    return -(-length // step) * step


def _padded(rows, width):
    """int32 [rows, width]; the padding is 0, which every table has a row for."""
    values = np.zeros([len(rows), width], np.int32)
    for i, row in enumerate(rows):
        values[i, : len(row)] = row
    return values
