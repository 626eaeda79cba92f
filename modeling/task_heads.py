"""Heads of fine-tuned models, in two styles with one interface.

A style defines the layers on the encoder, their names and the reduction of the losses of rows.
Google's programs (google-research/bert and its successors) have `output_weights` and a mean over
rows; google-research/electra has `task_specific/<task>/dense` and a sum. Objectives use either
through the same interface.
"""

import typing

from common.lazy_tensorflow import tf
from modeling import answer_spans, heads, layers, losses
from modeling.kernels.activations import gelu_erf
from modeling.question_options import QuestionOptions


class Trunk(typing.NamedTuple):
    """The network below the heads.

    Attributes:
      config: model config.
      store, kernels: see modules parameters and kernels.
      encoded: EncoderOutput.
      is_training: dropout on or off.
    """

    config: typing.Any
    store: typing.Any
    kernels: typing.Any
    encoded: typing.Any
    is_training: bool


class Answers(typing.NamedTuple):
    """Scores of the answers to questions.

    Attributes:
      start_logits: [batch, seq].
      end_logits: [batch, seq], given the true start where they depend on it.
      spans: answer_spans.Spans, None in training.
      kinds: tuple of the names of the kinds of answers, None where they are not predicted.
      kind_logits: [batch, kinds], None where they are not predicted.
      kind_weight: float, weight of their loss.
      null_scores: [batch], how likely it is that there is no answer: the score of the first token
        as a span, or where a classifier predicts it, its log odds; None in training.
    """

    start_logits: typing.Any
    end_logits: typing.Any
    spans: typing.Any
    kinds: typing.Any
    kind_logits: typing.Any
    kind_weight: float
    null_scores: typing.Any = None


# Rate of dropout before a classifier, independent of the config.
DROPOUT = 0.1
# Beginnings of the names of variables of Google's heads, which have no scope of their own.
ROOT_HEADS = ("output_weights", "output_bias", "cls/squad/")
# Width of the hidden layers over two concatenated vectors.
QA_WIDTH = 512
# The kinds of answers that the answerable classifier predicts.
ANSWERABLE = ("span", "unanswerable")


class GoogleHeads:
    """google-research/bert's run_classifier.py and run_squad.py, CLUE's run_ner.py.

    Attributes:
      scope: prefix of the variables' names.
      has_null_odds: whether null_scores are log odds.
      sums_rows: whether row_loss is a sum.
      joins_ends: whether the ends of answers are predicted given their starts.
      kind_weight: see Answers.
    """

    has_null_odds = sums_rows = joins_ends = False
    kind_weight = 1.0

    def __init__(self, task_name=None, beam_size=20):
        """Makes the heads.

        Args:
          task_name: variables lie in the scope task_specific/<task_name>/, so that several tasks
            can be trained at once; None: at the root, as in released models.
          beam_size: number of starts and of ends of answers that are kept.
        """
        self.scope = "task_specific/{}/".format(task_name) if task_name else ""
        self._beam_size = beam_size

    def class_logits(self, trunk, num_labels):
        """Scores of the classes of rows: [batch, num_labels]."""
        pooled = _dropped(trunk, trunk.encoded.pooled_output)
        return self._dense(trunk, pooled, num_labels)

    def tag_logits(self, trunk, num_tags):
        """Scores of the tags of all tokens: [batch, seq, num_tags]."""
        sequence = _dropped(trunk, trunk.encoded.sequence_output)
        flat = tf.reshape(sequence, [-1, trunk.config.hidden_size])
        return _by_token(self._dense(trunk, flat, num_tags), sequence)

    def answers(self, trunk, features, kinds):
        """Scores of answers to questions; start and end are independent of each other.

        In training the question and padding keep their scores, as in the original. Spans are
        searched only among the tokens that can be in an answer, so that the beam is not spent on
        others and does not depend on the amount of padding.

        Args:
          trunk: Trunk.
          features: dict of input_mask, segment_ids int32 [batch, seq].
          kinds: tuple of the names of the kinds of answers; empty: they are not predicted.

        Returns:
          Answers.
        """
        sequence = trunk.encoded.sequence_output
        flat = tf.reshape(sequence, [-1, trunk.config.hidden_size])
        logits = _by_token(self._dense(trunk, flat, 2, "cls/squad/"), sequence)
        start_logits, end_logits = logits[:, :, 0], logits[:, :, 1]
        spans = null_scores = None
        if not trunk.is_training:
            bias = answer_spans.outside_bias(features)
            spans = answer_spans.independent(
                start_logits + bias, end_logits + bias, self._beam_size
            )
            null_scores = start_logits[:, 0] + end_logits[:, 0]
        kind_logits = self.class_logits(trunk, len(kinds)) if kinds else None
        return Answers(
            start_logits,
            end_logits,
            spans,
            kinds or None,
            kind_logits,
            self.kind_weight,
            null_scores,
        )

    def kind_names(self, kinds):
        """The kinds of answers that are predicted, by those of a task: a tuple, perhaps empty."""
        return kinds

    def row_loss(self, row_losses, counted):
        """The loss that is trained on, a mean over rows: see losses.mean_over_rows."""
        return losses.mean_over_rows(row_losses, counted)

    def _dense(self, trunk, vectors, count, prefix=""):
        config, store, kernels = trunk.config, trunk.store, trunk.kernels
        prefix = self.scope + prefix
        return heads.classification_logits(config, store, kernels, vectors, count, prefix)


class ElectraHeads:
    """google-research/electra, finetune/*/*_tasks.py.

    Attributes:
      scope: prefix of the variables' names.
      options: QuestionOptions.
      sums_rows: see GoogleHeads.
    """

    sums_rows = True

    def __init__(self, task_name, options=None):
        """`task_name`: in the names of the variables; `options`: QuestionOptions."""
        self.scope = "task_specific/{}/".format(task_name)
        self.options = options or QuestionOptions()

    def class_logits(self, trunk, num_labels):
        """Scores of the classes of rows: [batch, num_labels]."""
        pooled = _dropped(trunk, trunk.encoded.pooled_output)
        return self._scores(trunk, "dense", pooled, num_labels)

    def tag_logits(self, trunk, num_tags):
        """Scores of the tags of all tokens, without dropout: [batch, seq, num_tags]."""
        return self._on_tokens(trunk, "dense", num_tags)

    def answers(self, trunk, features, kinds):
        """Scores of answers to questions.

        Only the first token and those of the second segment can be in an answer; the scores of
        others are 1000 lower.

        Args:
          trunk: Trunk.
          features: dict of input_mask, segment_ids int32 [batch, seq], start_positions int32
            [batch, 1].
          kinds: tuple of the names of the kinds of answers. Without kinds, or with those of
            ANSWERABLE alone, the answerable classifier is built if the options have it; otherwise
            a layer on the first token, `answer_kind`, predicts the kinds.

        Returns:
          Answers.
        """
        bias = answer_spans.outside_bias(features)
        start_logits = self._on_tokens(trunk, "dense", 1)[:, :, 0] + bias
        if self.options.joint_prediction:
            end_logits, spans, null_scores = self._joint_ends(trunk, features, start_logits, bias)
        else:
            end_logits = self._on_tokens(trunk, "dense_1", 1)[:, :, 0] + bias
            spans = null_scores = None
            if not trunk.is_training:
                spans = answer_spans.independent(start_logits, end_logits, self.options.beam_size)
                null_scores = start_logits[:, 0] + end_logits[:, 0]
        names, kind_logits = self._kinds(trunk, start_logits, kinds)
        if names == ANSWERABLE and null_scores is not None:
            null_scores = kind_logits[:, 1] - kind_logits[:, 0]
        weight = self.kind_weight
        return Answers(start_logits, end_logits, spans, names, kind_logits, weight, null_scores)

    @property
    def has_null_odds(self):
        """See GoogleHeads."""
        return self.options.answerable_classifier

    @property
    def joins_ends(self):
        """See GoogleHeads."""
        return self.options.joint_prediction

    @property
    def kind_weight(self):
        """See GoogleHeads."""
        return self.options.answerable_weight

    def kind_names(self, kinds):
        """See GoogleHeads."""
        return (kinds or ANSWERABLE) if self._has_classifier(kinds) else kinds

    def row_loss(self, row_losses, counted):
        """The loss that is trained on, a sum over rows: see losses.summed."""
        return losses.summed(row_losses, counted)

    def _joint_ends(self, trunk, features, start_logits, bias):
        """(end logits given the true start [batch, seq], Spans, scores of the first token as a span
        [batch]; None and None in training).

        A layer over a start concatenated with a token is the sum of a layer over each, so the
        summand of the tokens is computed once for all starts.
        """
        sequence, width = trunk.encoded.sequence_output, trunk.config.hidden_size
        kernels = trunk.kernels
        kernel, kernel_bias = self._parameters(trunk, "qa_hidden", 2 * width, QA_WIDTH)
        last = self._parameters(trunk, "dense_1", QA_WIDTH, 1)
        # Here, not in end_logits, which a loop calls: a weight is cast once.
        for_starts, for_tokens = kernel[:width], kernel[width:]
        of_tokens = kernels.scores(tf.reshape(sequence, [-1, width]), for_tokens, kernel_bias)
        of_tokens = _by_token(of_tokens, sequence)

        def end_logits(starts):
            vectors = heads.gather_positions(sequence, starts[:, tf.newaxis])
            of_start = _float32(kernels.matmul(vectors, for_starts))[:, tf.newaxis, :]
            inner = tf.reshape(gelu_erf(of_start + of_tokens), [-1, QA_WIDTH])
            scores = _by_token(kernels.scores(inner, *last), sequence)
            return scores[:, :, 0] + bias

        given_true = end_logits(tf.reshape(features["start_positions"], [-1]))
        if trunk.is_training:
            return given_true, None, None
        spans = answer_spans.joint(start_logits, end_logits, self.options.beam_size)
        given_first = end_logits(tf.zeros_like(features["start_positions"][:, 0]))
        scores = [tf.nn.log_softmax(logits)[:, 0] for logits in (start_logits, given_first)]
        return given_true, spans, scores[0] + scores[1]

    def _kinds(self, trunk, start_logits, kinds):
        """(names of the kinds, their logits [batch, kinds]), or (None, None) without kinds."""
        first = _float32(trunk.encoded.sequence_output[:, 0, :])
        if self._has_classifier(kinds):
            impossible = self._impossible(trunk, start_logits, first)
            # The softmax over 0 and a score is the sigmoid of the score.
            by_name = {"span": tf.zeros_like(impossible), "unanswerable": impossible}
            names = self.kind_names(kinds)
            return names, tf.concat([by_name[name] for name in names], axis=-1)
        if not kinds:
            return None, None
        return kinds, self._scores(trunk, "answer_kind", first, len(kinds))

    def _has_classifier(self, kinds):
        return self.options.answerable_classifier and set(kinds) <= set(ANSWERABLE)

    def _impossible(self, trunk, start_logits, first):
        """Logits of having no answer: [batch, 1]."""
        if not self.options.answerable_uses_start_logits:
            return self._scores(trunk, "dense_2", first, 1)
        probabilities = tf.nn.softmax(start_logits)[:, tf.newaxis, :]
        sequence = _float32(trunk.encoded.sequence_output)
        likely = tf.matmul(probabilities, sequence)[:, 0, :]
        both = tf.concat([first, likely], axis=-1)
        parameters = self._parameters(trunk, "dense_2", both.shape.as_list()[-1], QA_WIDTH)
        inner = trunk.kernels.dense(both, *parameters, activation="gelu_erf")
        return self._scores(trunk, "dense_3", inner, 1)

    def _on_tokens(self, trunk, name, count):
        """A layer over every token: [batch, seq, count]."""
        sequence = trunk.encoded.sequence_output
        flat = tf.reshape(sequence, [-1, trunk.config.hidden_size])
        return _by_token(self._scores(trunk, name, flat, count), sequence)

    def _scores(self, trunk, name, vectors, count):
        kernel, bias = self._parameters(trunk, name, vectors.shape.as_list()[-1], count)
        return trunk.kernels.scores(vectors, kernel, bias)

    def _parameters(self, trunk, name, in_width, out_width):
        # TensorFlow's default initializer, as in the original.
        init = tf.glorot_uniform_initializer()
        return layers.dense_parameters(
            trunk.config, trunk.store, self.scope + name, in_width, out_width, init
        )


def _dropped(trunk, vectors):
    return trunk.kernels.dropout(vectors, DROPOUT if trunk.is_training else 0.0)


def _float32(state):
    """A state of the network's own type in the type of scores."""
    return tf.cast(state, tf.float32)


def _by_token(flat, sequence):
    """[batch * seq, width] -> [batch, seq, width], like `sequence`."""
    return tf.reshape(flat, [-1, layers.axis_size(sequence, 1), flat.shape.as_list()[-1]])
