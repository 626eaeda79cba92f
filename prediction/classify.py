"""--task=classify: classes of texts, by a fine-tuned checkpoint."""

import numpy as np
import tensorflow.compat.v1 as tf

from common.errors import UserError
from finetuning.kinds.classification import ClassificationTask
from modeling.objectives.classification import Classification
from prediction.fine_tuned_models import make_heads, read_settings
from prediction.prediction_task import PredictionTask, rounded_probability

# Number of texts of a line -> words for it.
_WORDS = {1: "a single text, without a tab", 2: "two texts with a tab between"}


class Classify(PredictionTask):
    """{"text", "label", "probability", "probabilities": {label: probability}} of a line, or of
    `first<TAB>second`; an empty line is [CLS] [SEP].

    task.json beside the checkpoint has the names of the classes and the defaults of
    --max_seq_length and --do_lower_case.
    """

    saved_options = ("task_name",)

    def __init__(self, setup):
        super().__init__(setup)
        self._texts = setup.saved.get("texts")
        saved = setup.saved
        self._labels = saved["labels"]
        heads, self.head = make_heads(setup, "classification head")
        self._objective = Classification("classify", len(self._labels), heads)

    @staticmethod
    def saved_settings(path, task_name=None):
        """See fine_tuned_models.read_settings."""
        return read_settings(path, ClassificationTask.kind, task_name)

    def build(self, config, store, kernels, features):
        """probabilities [batch, labels]; see Predictor."""
        # The objective of fine-tuning itself; its loss is never computed.
        no_labels = tf.zeros([tf.shape(features["input_ids"])[0], 1], tf.int32)
        features = dict(features, label_ids=no_labels)
        output = self._objective.build(config, store, kernels, features, is_training=False)
        return {"probabilities": output.tensors["probabilities"]}

    def predict(self, lines):
        """See PredictionTask.

        Raises:
          UserError: a line has more than two texts, or another number than the examples of the
            model's task.
        """
        rows = [self._row(line) for line in lines]
        for line, output in zip(lines, self.predictor.run(rows)):
            probabilities = [rounded_probability(p) for p in output["probabilities"]]
            best = int(np.argmax(output["probabilities"]))
            yield {
                "text": line.text,
                "label": self._labels[best],
                "probability": probabilities[best],
                "probabilities": dict(zip(self._labels, probabilities)),
            }

    def _row(self, line):
        texts = line.text.split("\t")
        if len(texts) > 2:
            raise UserError(
                "{} has {} tabs; a line is a text, or two texts with a tab between".format(
                    line.where, len(texts) - 1
                )
            )
        if self._texts not in (None, len(texts)) and line.text:
            raise UserError(
                "{} has {}, but the model was fine-tuned on {}".format(
                    line.where, *(_WORDS[n] for n in (len(texts), self._texts))
                )
            )
        if len(texts) > self.config.type_vocab_size:
            raise UserError(
                "{} is a pair of texts, but {} has token types for one only "
                "(type_vocab_size)".format(line.where, self.config.source)
            )
        return self.make_row(line, *(self.pieces(text) for text in texts))
