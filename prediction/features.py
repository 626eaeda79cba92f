"""--task=features: vectors of tokens or of whole lines."""

import collections
import re

import numpy as np

from common.errors import UserError
from common.features import ROW_SEGMENT_IDS, TEXT_STARTS
from common.lazy_tensorflow import tf
from common.log import warn
from modeling.encoder import encode, first_tokens
from modeling.load_plan import POOLER
from prediction.batches import OF_TEXT, Share
from prediction.prediction_task import WINDOW_LINES, PredictionTask

POOLINGS = ("none", "cls", "mean")
PLAIN, GOOGLE = FORMATS = ("plain", "google")
# In a line of google's format: what stands between the texts of a pair.
_PAIR = re.compile(r"(.*) \|\|\| (.*)")
_GOOGLE_LAYERS = 4
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

    In google's format a line is a text or a pair with " ||| " between, and its result that of
    google-research/bert, extract_features.py: {"linex_index", "features": [{"token", "layers":
    [{"index", "values": [hidden]}]}]}, lines counted from 0. Layers are counted as there: 0 is the
    first one, not the embeddings.
    """

    options = ("layers", "pooling", "features_format")
    shares = {"layers": Share("input_ids", axis=1), "pooled": OF_TEXT, "vector": OF_TEXT}
    optional = POOLER

    def __init__(self, setup, layers, pooling, features_format=PLAIN):
        """Chooses layers and form.

        Args:
          setup: TaskSetup.
          layers: list of str, 1 the first to -1 the last, 0 the embeddings; None: the last one, in
            google's format the last four, or all of a smaller network.
          pooling: one of POOLINGS.
          features_format: one of FORMATS.

        Raises:
          UserError: there is no such layer, pooling or format, or the last two do not go together.
        """
        super().__init__(setup)
        self._format = features_format
        if pooling not in POOLINGS:
            raise UserError(
                "--pooling={} is not known; known are {}".format(pooling, ", ".join(POOLINGS))
            )
        if features_format not in FORMATS:
            raise UserError(
                "--features_format={} is not known; known are {}".format(
                    features_format, ", ".join(FORMATS)
                )
            )
        if features_format == GOOGLE and pooling != "none":
            raise UserError(
                "--pooling={} cannot be combined with --features_format=google, which has a vector "
                "for every token: remove one".format(pooling)
            )
        self._pooling = pooling
        self._layers = self._chosen_layers(layers, setup.config)
        numbers = len(self._layers) * setup.config.hidden_size
        if pooling == "none":
            numbers *= setup.max_seq_length
        self.window_lines = max(1, min(WINDOW_LINES, _MAX_NUMBERS // numbers))

    def _chosen_layers(self, layers, config):
        if self._format == PLAIN:
            return _parse_layers(["-1"] if layers is None else layers, config, first=1)
        if layers is None:
            return [-1 - i for i in range(min(_GOOGLE_LAYERS, config.num_blocks))]
        return _parse_layers(layers, config, first=0)

    def build(self, config, store, kernels, features):
        """layers [batch, layers, seq, hidden] and pooled [texts, hidden], or vector [texts,
        layers * hidden]; see Predictor."""
        encoded = encode(config, store, kernels, features)
        outputs = [encoded.embedding_output] + list(encoded.all_encoder_layers)
        # Google's list of layers begins with the first one.
        offset = 1 if self._format == GOOGLE else 0
        chosen = [outputs[i + offset if i >= 0 else i + len(outputs)] for i in self._layers]
        chosen = [tf.cast(layer, tf.float32) for layer in chosen]
        if self._pooling == "none":
            pooled = tf.cast(encoded.pooled_output, tf.float32)
            return {"layers": tf.stack(chosen, axis=1), "pooled": pooled}
        if self._pooling == "cls":
            vectors = [first_tokens(layer, features.get(TEXT_STARTS)) for layer in chosen]
        else:
            vectors = [_means(layer, features) for layer in chosen]
        return {"vector": tf.concat(vectors, axis=-1)}

    def start(self, predictor):
        """Warns where the checkpoint has no pooler."""
        super().start(predictor)
        if predictor.new and self._pooling == "none":
            warn("the checkpoint has no pooler; the results come without `pooled`")

    def predict(self, lines):
        """See PredictionTask."""
        rows = [self._row(line) for line in lines]
        for line, row, output in zip(lines, rows, self.predictor.run(rows)):
            if self._format == GOOGLE:
                yield self._as_google(line, row["input_ids"], output["layers"])
                continue
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

    def _row(self, line):
        """The row of a line: a text, in google's format also a pair."""
        if self._format == PLAIN:
            return self.make_row(line, self.pieces(line.text))
        text = line.text.strip()
        pair = _PAIR.fullmatch(text)
        if pair is None and "|||" in text:
            self.notes.mark(line, "hold ||| without a blank on both sides, so they are one text")
        first, second = pair.groups() if pair else (text, None)
        return self.make_row(line, self.pieces(first), self.pieces(second) if second else None)

    def _as_google(self, line, ids, layers):
        """The result of a line in google's format.

        Args:
          line: Line.
          ids: list of ints, [CLS] and [SEP] among them.
          layers: float32 [layers, seq, hidden].
        """
        features = []
        for at, i in enumerate(ids):
            vectors = [
                collections.OrderedDict(
                    # Rounded one by one as there: NumPy rounds some halves otherwise.
                    [("index", index), ("values", [round(float(x), DECIMALS) for x in layer[at]])]
                )
                for index, layer in zip(self._layers, layers)
            ]
            token = self.vocabulary.tokens[i]
            features.append(collections.OrderedDict([("token", token), ("layers", vectors)]))
        return collections.OrderedDict([("linex_index", line.number - 1), ("features", features)])


def _means(layer, features):
    """Means over the tokens of texts: float32 [batch, seq, hidden] -> [texts, hidden]."""
    if TEXT_STARTS not in features:
        weights = tf.cast(features["input_mask"], tf.float32)[:, :, tf.newaxis]
        return tf.reduce_sum(layer * weights, axis=1) / tf.reduce_sum(weights, axis=1)
    starts = features[TEXT_STARTS]
    numbers = tf.range(1, tf.shape(starts)[1] + 1)[tf.newaxis, :, tf.newaxis]
    weights = tf.cast(tf.equal(features[ROW_SEGMENT_IDS][:, tf.newaxis, :], numbers), tf.float32)
    counts = tf.reduce_sum(weights, axis=2, keepdims=True)
    # Of a place without a text 0.
    means = tf.math.divide_no_nan(tf.matmul(weights, layer), counts)
    return tf.boolean_mask(means, starts >= 0)


def _parse_layers(layers, config, first):
    """List of ints; `first`: the number of the first layer, 1 where 0 is the embeddings."""
    shown, count = ",".join(layers), config.num_blocks
    try:
        numbers = [int(layer) for layer in layers]
    except ValueError:
        numbers = []
    if not numbers:
        raise UserError("--layers={} must be layer numbers with commas, as -1,-2".format(shown))
    last = count - 1 + first
    for number in numbers:
        if not -count <= number <= last:
            raise UserError(
                "--layers={} asks for layer {}, but {} has {} layers: {} to {} or -{} to -1"
                "{}".format(
                    shown,
                    number,
                    config.source,
                    count,
                    first,
                    last,
                    count,
                    ", and 0 for the embeddings" if first else "",
                )
            )
    return numbers


def _rounded(values):
    # float64 first: rounded numbers of float32 would print with all their digits.
    return np.round(values.astype(np.float64), DECIMALS).tolist()
