"""A network as a function of rows: ids in, arrays out."""

import tempfile

import numpy as np

from common.errors import UserError
from common.lazy_tensorflow import tf
from common.log import log
from modeling import checkpoint
from modeling.kernels import make_kernels
from modeling.parameters import ParameterStore
from prediction.batches import PackedRows, PaddedRows
from training.checkpoints.initial_weights import InitialWeights
from training.devices.numerics import Numerics

PLAIN = Numerics()


def session_config():
    """The ConfigProto of a Predictor's session: memory of a GPU is taken as it is needed."""
    return tf.ConfigProto(gpu_options=tf.GPUOptions(allow_growth=True))


class Predictor:
    """A trained network in a session.

    A row of the network is a text: rows are sorted by length and padded to the longest of their
    batch, so short texts cost little. Where kernels are compiled and the network allows, a row
    holds several texts. One graph serves all lengths.

    with Predictor(config, task, "bert_model.ckpt", batch_size=32) as predictor:
        outputs = predictor.run([{"input_ids": [101, 791, 102], "segment_ids": [0, 0, 0]}])

    Attributes:
      new: names of variables that the checkpoint lacks; `network.optional` allowed for them, and
        what is computed with them is noise.
      progress: called in `run` with the share of the texts that is done; None at first.
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
            shares: dict output name -> prediction.batches.Share, where it computes rows of several
              texts, too (`features` then has PACKED_FEATURES); else None;
            head: load_plan.Head, or None where the encoder suffices;
            optional: part of the names of variables that the checkpoint may lack, or None.
          path: a checkpoint's prefix, or a Hugging Face directory.
          batch_size: rows computed at a time.
          numerics: Numerics to compute with.

        Raises:
          UserError: the checkpoint is damaged, of other sizes, or lacks what the network needs.
        """
        self.progress = None
        self._path, longest = path, model_config.max_position_embeddings
        is_compiled = numerics.kernels == "fused"
        if is_compiled and network.shares:
            self._rows = PackedRows(network.feature_names, batch_size, longest, network.shares)
        else:
            self._rows = PaddedRows(network.feature_names, batch_size, is_compiled, longest)
        with tempfile.TemporaryDirectory(prefix="quanci-") as folder, tf.Graph().as_default():
            weights = InitialWeights(path, folder)
            prefix, store = weights.prefix, ParameterStore()
            self._inputs = {
                n: tf.placeholder(tf.int32, [None, None]) for n in self._rows.feature_names
            }
            kernels = make_kernels(*numerics, holds_weights=True)
            self._outputs = network.build(model_config, store, kernels, self._inputs)
            plan = weights.plan(store.shapes(), model_config.source)
            for line in plan.spellings:
                log(line)
            plan.check_complete(model_config, network.head, network.optional)
            self.new = plan.new
            checkpoint.initialize(prefix, plan.loaded)
            self._session = tf.Session(config=session_config())
            self._session.run(tf.global_variables_initializer())
            self._session.run(tf.local_variables_initializer())  # casts of the weights
        log("checkpoint {}: {} variables loaded".format(path, len(plan.loaded)))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._session.close()

    def run(self, texts):
        """Computes texts.

        Args:
          texts: list of dict feature name -> list of ints, without padding and without input_mask.

        Returns:
          list of dict output name -> array, in the order of `texts`. Arrays may be longer than the
          text's own tokens or values: what follows these is padding.

        Raises:
          UserError: memory does not suffice, or the weights give no finite numbers.
        """
        results, done = [None] * len(texts), 0
        for batch in self._rows.batches(texts):
            for number, outputs in batch.divided(self._computed(batch)):
                results[number] = outputs
                done += 1
            if self.progress:
                self.progress(done / len(texts))
        return results

    def _computed(self, batch):
        feed = {self._inputs[name]: values for name, values in batch.arrays.items()}
        try:
            outputs = self._session.run(self._outputs, feed)
        except tf.errors.ResourceExhaustedError as error:
            raise UserError(
                "out of memory at {} rows of {} tokens; take a smaller --predict_batch_size".format(
                    *batch.arrays["input_ids"].shape
                )
            ) from error
        for name, values in outputs.items():
            if not np.isfinite(values).all():
                raise UserError(
                    "checkpoint {} gives {} that are not finite numbers: its weights are "
                    "damaged, or a training that went wrong wrote them".format(self._path, name)
                )
        return outputs
