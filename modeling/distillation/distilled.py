"""The objective of a student with a teacher: its own losses, and those between the two."""

import collections

from common.errors import UserError
from common.lazy_tensorflow import tf
from modeling import layers, losses
from modeling.distillation import losses as comparisons
from modeling.distillation.options import COSINE, MINILM, layer_pairs
from modeling.distillation.outputs import (
    RecordingKernels,
    TopLabels,
    attention_bias,
    outputs_of,
    token_weights,
)
from modeling.load_plan import PROJECTIONS

# Guard against a batch without tokens that count.
_EPSILON = 1e-5


class Distilled:
    """What a student is trained on: the weighted sum of its own losses, of the divergence from the
    teacher's soft labels, of the distances of hidden states and of the differences of attention.

        distilled = Distilled(get_objective("roberta"), DistillationOptions(), teacher)
        distilled.check(student_config)
        output = distilled.build(student_config, store, kernels, features, teacher_kernels)
    """

    def __init__(self, objective, options, teacher):
        """Takes the parts.

        Args:
          objective: the student's.
          options: DistillationOptions.
          teacher: NetworkTeacher, or an object with its `flag`, `config` and `outputs`.
        """
        self._objective, self._options, self._teacher = objective, options, teacher

    def check(self, config):
        """Refuses what cannot be compared.

        Args:
          config: model config of the student.

        Raises:
          UserError: the objective takes no teacher, predicts nothing that the teacher does, layers
            are not there, or heads do not fit.
        """
        check_objective(self._objective, self._options, self._teacher.flag)
        self._pairs("hidden", config)
        if self._pairs("attention", config):
            self._check_heads(config)

    def own_parameters(self, config, store):
        """Creates the variables that the distillation alone has: layers from the student's width
        to the teacher's."""
        if config.hidden_size == self._teacher.config.hidden_size:
            return
        for pair in self._pairs("hidden", config):
            self._projection(config, store, pair)

    def build(self, config, store, kernels, features, teacher_kernels):
        """Builds student and teacher, and the losses of a training step.

        Args:
          config, store, kernels, features: see Objective.build, of the student.
          teacher_kernels: of the teacher, whose precision may be another.

        Returns:
          ObjectiveOutput of the student, with soft_label_loss (or <name>_soft_label_loss each where
          there are several), hidden_loss and attention_loss as far as they are wanted.
        """
        options, recording = self._options, RecordingKernels(kernels)
        output = self._objective.build(config, store, recording, features, is_training=True)
        positions = options.soft_positions()
        own = []
        if positions:
            own = self._objective.soft_labels(
                config, store, kernels, features, output.tensors, positions
            )
        student = outputs_of(output.tensors["encoder"], recording.attended, own)
        features = self._objective.sequences(features)
        teacher = self._teacher.outputs(store, teacher_kernels, features, positions)
        compared = collections.OrderedDict(self._soft_label_losses(student, teacher))
        if options.hidden_weight:
            compared["hidden_loss"] = self._hidden_loss(config, store, student, teacher, features)
        if options.attention_weight:
            compared["attention_loss"] = self._attention_loss(config, student, teacher, features)
        return output._replace(
            losses=collections.OrderedDict(self._weighted(output.losses), **compared)
        )

    def _weighted(self, own):
        """The student's own losses by their weight; none where it is 0, so that heads that nothing
        else needs are not trained."""
        weight = self._options.hard_label_weight
        if not weight:
            return {}
        if losses.is_full(weight):
            return own
        return collections.OrderedDict(
            (name, ratio._replace(weight=weight * ratio.weight)) for name, ratio in own.items()
        )

    def _soft_label_losses(self, student, teacher):
        """Yields (name of a loss, Ratio)."""
        temperature = self._options.distill_temperature
        for own, others in zip(student.soft_labels, teacher.soft_labels):
            if isinstance(others, TopLabels):
                values = comparisons.divergence_at(own.logits, *others, temperature=temperature)
            else:
                compare = comparisons.divergence
                if own.is_binary:
                    compare = comparisons.binary_divergence
                values = compare(own.logits, others.logits, temperature)
            stem = own.name + "_" if len(student.soft_labels) > 1 else ""
            yield stem + "soft_label_loss", self._soft_label_ratio(own, values)

    def _soft_label_ratio(self, own, values):
        weight = own.share * self._options.soft_label_weight
        if own.is_summed:
            return losses.summed(values, own.weights)._replace(weight=weight)
        return losses.weighted_ratio(values, own.weights, _EPSILON, weight)

    def _hidden_loss(self, config, store, student, teacher, features):
        """The sum over the pairs of layers of the mean distance of a token's states."""
        compare = comparisons.squared_error
        if self._options.hidden_loss == COSINE:
            compare = comparisons.cosine_distance
        distances = []
        for pair in self._pairs("hidden", config):
            own, others = student.hidden[pair[0]], tf.stop_gradient(teacher.hidden[pair[1]])
            if own.shape.as_list()[-1] != others.shape.as_list()[-1]:
                own = self._project(own, *self._projection(config, store, pair))
            distances.append(compare(own, others))
        weights, weight = token_weights(features), self._options.hidden_weight
        return losses.weighted_ratio(tf.add_n(distances), weights, _EPSILON, weight)

    def _attention_loss(self, config, student, teacher, features):
        """The sum over the pairs of layers."""
        bias, weights, ratios = attention_bias(features), token_weights(features), []
        for pair in self._pairs("attention", config):
            own, others = student.attention[pair[0]], teacher.attention[pair[1]]
            others = [tf.stop_gradient(states) for states in others]
            if self._options.attention_loss == MINILM:
                ratios.append(self._relation_ratio(own, others, bias, weights))
            else:
                ratios.append(comparisons.score_error(own[:2], others[:2], bias, weights))
        # The denominators are the same.
        total = tf.add_n([ratio.numerator for ratio in ratios])
        weight = self._options.attention_weight
        return losses.Ratio(total, ratios[0].denominator, _EPSILON, weight)

    def _relation_ratio(self, own, others, bias, weights):
        """Relations of queries with keys, and of values with values."""
        heads = self._relation_heads()
        divergences = [
            comparisons.relation_divergence([a[i] for i in of], [b[i] for i in of], bias, heads)
            for a, b, of in ((own, others, (0, 1)), (own, others, (2, 2)))
        ]
        return losses.weighted_ratio(tf.add_n(divergences), weights)

    def _relation_heads(self):
        return self._options.relation_heads or self._teacher.config.num_attention_heads

    def _pairs(self, kind, config):
        if not getattr(self._options, kind + "_weight"):
            return []
        return layer_pairs(self._options, kind + "_layers", config, self._teacher.config)

    def _check_heads(self, config):
        teacher = self._teacher.config
        if self._options.attention_loss != MINILM:
            if config.num_attention_heads != teacher.num_attention_heads:
                raise UserError(
                    "--attention_loss=maps compares heads one by one, and the student has {} ({}), "
                    "the teacher {} ({}); take --attention_loss=minilm".format(
                        config.num_attention_heads,
                        config.source,
                        teacher.num_attention_heads,
                        teacher.source,
                    )
                )
            return
        heads = self._relation_heads()
        for whose, network in (("student", config), ("teacher", teacher)):
            if network.hidden_size % heads:
                raise UserError(
                    "hidden_size {} of the {} ({}) cannot be cut into {} heads; give another "
                    "--relation_heads".format(network.hidden_size, whose, network.source, heads)
                )

    def _projection(self, config, store, pair):
        """(kernel, bias) of the layer from the student's states to the width of the teacher's."""
        name = PROJECTIONS + "hidden_{}_to_{}".format(*pair)
        widths = config.hidden_size, self._teacher.config.hidden_size
        return layers.dense_parameters(config, store, name, *widths)

    @staticmethod
    def _project(states, kernel, bias):
        width, wide = kernel.shape.as_list()
        flat = tf.matmul(tf.reshape(states, [-1, width]), kernel) + bias
        return tf.reshape(flat, [-1, layers.axis_size(states, 1), wide])


def check_objective(objective, options, flag="--teacher_checkpoint"):
    """Refuses a student's objective that no teacher can be compared by.

    Args:
      objective: the student's.
      options: DistillationOptions.
      flag: that names the teacher.

    Raises:
      UserError: it cannot, and why.
    """
    fault = objective.distillation_fault(bool(options.soft_label_weight))
    if fault:
        raise UserError("{} cannot be combined with {}: {}".format(flag, objective.name, fault))
