"""A teacher's outputs as they are written: likeliest pieces, and hidden states."""

from common.features import (
    TEACHER_HIDDEN,
    TEACHER_IDS,
    TEACHER_LOG_PROBABILITIES,
    TEACHER_NORMALISERS,
)
from common.lazy_tensorflow import tf
from data.records.teacher_outputs import MASKED, NONE
from modeling.distillation.teacher import NetworkTeacher
from modeling.distillation.words import WordTeacher
from prediction.prediction_task import PredictionTask

# Of a row: places of its masked pieces.
PLACES = "positions"


class TeacherNetwork:
    """The `network` of a prediction.predictor.Predictor, a text a row.

    Attributes:
      feature_names, shares, head, optional: see Predictor.
    """

    shares = None
    head, optional = WordTeacher.head, WordTeacher.optional

    def __init__(self, layout):
        """`layout`: teacher_outputs.Layout."""
        self._layout = layout
        is_masked = layout.soft_label_positions == MASKED
        self.feature_names = (*PredictionTask.feature_names, *([PLACES] if is_masked else []))

    def build(self, config, store, kernels, features):
        """See Predictor: dict feature of teacher_outputs -> [batch, places, top_k] or
        [batch, seq, hidden]; layers are float32, the pieces sorted from the likeliest on."""
        layout, positions = self._layout, self._layout.soft_label_positions
        places = features["input_ids"]
        if positions == MASKED:
            places = features[PLACES]
            ones = tf.ones_like(places, tf.float32)
            features = dict(features, masked_lm_positions=places, masked_lm_weights=ones)
        wanted = None if positions == NONE else positions
        teacher = NetworkTeacher(WordTeacher(), config)
        outputs = teacher.build(store, kernels, features, wanted)
        written = {
            TEACHER_HIDDEN.format(layer): outputs.hidden[layer] for layer in layout.teacher_layers
        }
        for labels in outputs.soft_labels:
            for name, values in self._soft_labels(labels.logits).items():
                shape = tf.concat([tf.shape(places), [values.shape.as_list()[-1]]], axis=0)
                written[name] = tf.reshape(values, shape)
        return written

    def _soft_labels(self, logits):
        """dict feature -> [N, top_k], or [N, temperatures], of logits [N, vocab]."""
        log_probabilities = tf.nn.log_softmax(logits)
        highest, ids = tf.math.top_k(log_probabilities, self._layout.soft_label_top_k)
        normalisers = [
            tf.reduce_logsumexp(log_probabilities / temperature, axis=-1)
            for temperature in self._layout.soft_label_temperatures
        ]
        return {
            TEACHER_IDS: ids,
            TEACHER_LOG_PROBABILITIES: highest,
            TEACHER_NORMALISERS: tf.stack(normalisers, axis=-1),
        }
