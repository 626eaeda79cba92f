"""Reading comprehension: answers to questions as spans of a text."""

from common.lazy_tensorflow import tf
from modeling import answer_spans, losses
from modeling.load_plan import POOLER
from modeling.objectives.objective import new_output
from modeling.objectives.task import TaskObjective, labels_of, labels_of_rows

# Kinds of answers by their number in the feature answer_kinds.
ANSWER_KINDS = ("span", "yes", "no", "unanswerable")


class Questions(TaskObjective):
    """First and last token of the answer, and its kind where a task has several.

    Attributes:
      kinds: tuple of those of ANSWER_KINDS that the task has, in the order of kind_scores; empty:
        spans only. For the others see TaskObjective.
    """

    feature_names = (
        "input_ids",
        "input_mask",
        "segment_ids",
        "start_positions",
        "end_positions",
        "answer_kinds",
    )

    def __init__(self, name, heads, kinds=(), may_lack_answers=False):
        """See the class; `may_lack_answers`: null_scores are predicted, see task_heads.Answers.

        Raises:
          ValueError: a kind is not known, or there are kinds without spans.
        """
        super().__init__(name, heads)
        self.kinds = tuple(kinds)
        if set(self.kinds) - set(ANSWER_KINDS) or (self.kinds and "span" not in self.kinds):
            raise ValueError("{}: kinds of answers {}".format(name, self.kinds))
        self.predicted = ("span_starts", "span_ends", "span_scores", "example_loss")
        # Kinds stand on the pooled output.
        self.optional = None if self.kinds else POOLER
        if self.kinds:
            self.predicted += ("kind_scores",)
        if may_lack_answers:
            self.predicted += ("null_scores",)

    def comparison_fault(self, heads):
        """See TaskObjective."""
        how = {True: "given their starts", False: "without their starts"}
        if heads.joins_ends != self.heads.joins_ends:
            return (
                "the teacher predicts ends {}, the student {}; fine-tune both with one "
                "--joint_prediction".format(how[heads.joins_ends], how[self.heads.joins_ends])
            )
        kinds = [h.kind_names(self.kinds) for h in (heads, self.heads)]
        if kinds[0] != kinds[1]:
            named = [", ".join(names) or "none" for names in kinds]
            return (
                "the teacher predicts kinds of answers ({}), the student others ({}); fine-tune "
                "both with one --answerable_classifier".format(*named)
            )
        return None

    def soft_labels(self, config, store, kernels, features, tensors, positions):
        """See Objective: start and end, among the tokens that can be in an answer alone, as styles
        of heads differ in the scores of others; the kind where it is predicted."""
        bias = answer_spans.outside_bias(features)
        labels = [
            labels_of_rows(side, tensors[side + "_logits"] + bias, self.heads, share=0.5)
            for side in ("start", "end")
        ]
        if "kind_scores" in tensors:
            share = self.heads.kind_weight
            labels.append(labels_of_rows("kind", tensors["kind_scores"], self.heads, share=share))
        return labels

    def build_on(self, trunk, features, counted):
        """See TaskObjective.

        features: input_mask, segment_ids int32 [batch, seq]; start_positions, end_positions int32
        [batch, 1], 0 where the answer is no span of the row; answer_kinds int32 [batch, 1].
        Tensors: start_logits, end_logits [batch, seq] (given the true start where ends depend on
        it); example_loss [batch], (start + end) / 2 + weight * kind; not in training span_starts,
        span_ends int32 [batch, C], span_scores [batch, C], see answer_spans; with kinds
        kind_scores [batch, kinds], log probabilities. The loss is the heads' row_loss.
        """
        output = new_output()
        answers = self.heads.answers(trunk, features, self.kinds)
        row_losses = tf.zeros_like(counted)
        for side in ("start", "end"):
            logits = getattr(answers, side + "_logits")
            labels = labels_of(features[side + "_positions"], counted)
            row_losses += losses.cross_entropy(logits, labels) / 2.0
            output.metrics[side + "_accuracy"] = losses.accuracy_ratio(logits, labels, counted)
            output.tensors[side + "_logits"] = logits
        if answers.kinds:
            labels = kind_labels(labels_of(features["answer_kinds"], counted), answers.kinds)
            logits = answers.kind_logits
            row_losses += answers.kind_weight * losses.cross_entropy(logits, labels)
            output.metrics["kind_accuracy"] = losses.accuracy_ratio(logits, labels, counted)
            output.tensors["kind_scores"] = tf.nn.log_softmax(logits)
        if answers.null_scores is not None:
            output.tensors["null_scores"] = answers.null_scores
        if answers.spans:
            output.tensors.update(
                span_starts=answers.spans.starts,
                span_ends=answers.spans.ends,
                span_scores=answers.spans.scores,
            )
        output.tensors["example_loss"] = row_losses
        output.losses["answer_loss"] = self.heads.row_loss(row_losses, counted)
        return output


def kind_labels(answer_kinds, kinds):
    """Places in `kinds`, a tuple of names, of answer_kinds int32 [batch]; -1, which no loss takes,
    for a kind that is not among them."""
    places = [kinds.index(name) if name in kinds else -1 for name in ANSWER_KINDS]
    return tf.gather(tf.constant(places, tf.int32), answer_kinds)
