"""--task=features: vectors of tokens or of whole lines."""

import numpy as np
import tensorflow.compat.v1 as tf

from common.errors import UserError
from common.log import warn
from modeling.encoder import encode
from modeling.load_plan import POOLER
from prediction.prediction_task import WINDOW_LINES, PredictionTask

POOLINGS = ("none", "cls", "mean")
DECIMALS = 6
# Numbers that the results of a window may hold: 64 MB of float32.
_MAX_NUMBERS = 1 << 24


class Features(PredictionTask):
    """Outputs of chosen layers.

    Without pooling {"text", "tokens", "layers": [{"index", "values": [tokens][hidden]}],
    "pooled"}: `pooled` is the output of the pooler, absent where the checkpoint has none. With
    pooling {"text", "vector"}: the vector of [CLS], or the mean over all tokens of the row
    including [CLS] and [SEP]; those of several layers concatenated in the order of --layers.

    An empty line is [CLS] [SEP].
    """

    options = ("layers", "pooling")
    optional = POOLER

    def __init__(self, setup, layers, pooling):
        """`layers`: list of str, 1 the first to -1 the last, 0 the embeddings; `pooling`: one of
        POOLINGS.

        Raises:
          UserError: there is no such layer or pooling.
        """
        super().__init__(setup)
        if pooling not in POOLINGS:
            raise UserError(
                "--pooling={} is not known; known are {}".format(pooling, ", ".join(POOLINGS))
            )
        self._pooling = pooling
        self._layers = _parse_layers(layers, setup.config)
        numbers = len(self._layers) * setup.config.hidden_size
        if pooling == "none":
            numbers *= setup.max_seq_length
        self.window_lines = max(1, min(WINDOW_LINES, _MAX_NUMBERS // numbers))

    def build(self, config, store, kernels, features):
        """layers [batch, layers, seq, hidden] and pooled [batch, hidden], or vector [batch,
        layers * hidden]; see Predictor."""
        mask = features["input_mask"]
        encoded = encode(config, store, kernels, features)
        outputs = [encoded.embedding_output] + list(encoded.all_encoder_layers)
        chosen = [outputs[i if i >= 0 else i + len(outputs)] for i in self._layers]
        if self._pooling == "none":
            return {"layers": tf.stack(chosen, axis=1), "pooled": encoded.pooled_output}
        if self._pooling == "cls":
            vectors = [layer[:, 0, :] for layer in chosen]
        else:
            weights = tf.cast(mask, tf.float32)[:, :, tf.newaxis]
            count = tf.reduce_sum(weights, axis=1)
            vectors = [tf.reduce_sum(layer * weights, axis=1) / count for layer in chosen]
        return {"vector": tf.concat(vectors, axis=-1)}

    def start(self, predictor):
        """Warns where the checkpoint has no pooler."""
        super().start(predictor)
        if predictor.new and self._pooling == "none":
            warn("the checkpoint has no pooler; the results come without `pooled`")

    def predict(self, lines):
        """See PredictionTask."""
        rows = [self.make_row(line, self.pieces(line.text)) for line in lines]
        for line, row, output in zip(lines, rows, self.predictor.run(rows)):
            if self._pooling != "none":
                yield {"text": line.text, "vector": _rounded(output["vector"])}
                continue
            ids = row["input_ids"]
            result = {
                "text": line.text,
                "tokens": [self.vocabulary.tokens[i] for i in ids],
                "layers": [
                    {"index": index, "values": _rounded(values[: len(ids)])}
                    for index, values in zip(self._layers, output["layers"])
                ],
            }
            if not self.predictor.new:
                result["pooled"] = _rounded(output["pooled"])
            yield result


def _parse_layers(layers, config):
    shown, count = ",".join(layers), config.num_blocks
    try:
        numbers = [int(layer) for layer in layers]
    except ValueError:
        numbers = []
    if not numbers:
        raise UserError("--layers={} must be layer numbers with commas, as -1,-2".format(shown))
    for number in numbers:
        if not -count <= number <= count:
            raise UserError(
                "--layers={} asks for layer {}, but {} has {} layers: 1 to {} or -{} to -1, and 0 "
                "for the embeddings".format(shown, number, config.source, count, count, count)
            )
    return numbers


def _rounded(values):
    # float64 first: rounded numbers of float32 would print with all their digits.
    return np.round(values.astype(np.float64), DECIMALS).tolist()
