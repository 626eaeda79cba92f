"""The teacher whose outputs were written before (run_prediction.py --task=teach)."""

import typing

from common.errors import UserError
from common.features import (
    TEACHER_HIDDEN,
    TEACHER_IDS,
    TEACHER_LOG_PROBABILITIES,
    TEACHER_NORMALISERS,
)
from common.lazy_tensorflow import tf
from modeling.distillation.options import ALL, MASKED, layer_pairs
from modeling.distillation.outputs import Outputs, TopLabels


class RecordedSizes(typing.NamedTuple):
    """What a distillation asks of a teacher's model config.

    Attributes:
      num_blocks, num_attention_heads, hidden_size, vocab_size: see BertConfig.
      source: name of the teacher records, for messages.
    """

    num_blocks: int
    num_attention_heads: int
    hidden_size: int
    vocab_size: int
    source: str


class RecordedTeacher:
    """A teacher in the features of a batch; it has no variables and computes nothing.

    Attributes:
      config: RecordedSizes.
      positions: tokens that have soft labels: MASKED, ALL, or anything else for none.
      layers: whose hidden states there are.
      temperatures: at which the probabilities of soft labels are known.
      temperature: of the distillation.
      flag: what names it, for messages.
    """

    flag = "--teacher_records"

    def __init__(self, config, positions, layers, temperatures, temperature):
        self.config, self.positions, self.layers = config, positions, tuple(layers)
        self.temperatures, self.temperature = tuple(temperatures), temperature

    def check(self, options, student):
        """Refuses what the records do not hold.

        Args:
          options: DistillationOptions.
          student: its model config.

        Raises:
          UserError: naming what they hold.
        """
        if options.attention_weight:
            raise UserError(
                "--attention_weight needs a teacher that computes, and --teacher_records hold no "
                "attention; remove it, or give --teacher_checkpoint"
            )
        wanted = options.soft_positions()
        if wanted and self.positions not in (wanted, ALL):
            has = "soft labels at masked tokens alone" if self.positions == MASKED else "none"
            raise UserError(
                "soft labels at {} tokens are asked for, and {} has {}; give {}".format(
                    wanted,
                    self.config.source,
                    has,
                    "--soft_label_positions=masked"
                    if self.positions == MASKED
                    else "--soft_label_weight=0",
                )
            )
        if wanted and self.temperature not in self.temperatures:
            raise UserError(
                "--distill_temperature={:g} is none of those that {} has: {}; give one of them, or "
                "teach anew with --soft_label_temperatures".format(
                    self.temperature,
                    self.config.source,
                    ", ".join("{:g}".format(t) for t in self.temperatures),
                )
            )
        if options.hidden_weight:
            for _, layer in layer_pairs(options, "hidden_layers", student, self.config):
                if layer not in self.layers:
                    shown = ", ".join(map(str, self.layers)) or "none"
                    raise UserError(
                        "hidden states of layer {} of the teacher are asked for, and {} has those "
                        "of: {}; give others with --hidden_layers, or teach anew with "
                        "--teacher_layers".format(layer, self.config.source, shown)
                    )

    def outputs(self, store, kernels, features, positions):
        """See NetworkTeacher.

        Args:
          store, kernels: not used.
          features: dict of the batch: teacher_ids int32 and teacher_log_probabilities float32
            [batch, places, k]; teacher_log_normalisers float32 [batch, places, temperatures];
            teacher_hidden_LAYER float32 [batch, seq, width].
          positions: see NetworkTeacher; those at masked tokens are also taken from all.

        Returns:
          Outputs, with TopLabels.
        """
        del store, kernels
        soft_labels = [self._soft_labels(features, positions)] if positions else []
        hidden = {layer: features[TEACHER_HIDDEN.format(layer)] for layer in self.layers}
        return Outputs(soft_labels, hidden, {})

    def _soft_labels(self, features, positions):
        """TopLabels."""
        names = TEACHER_IDS, TEACHER_LOG_PROBABILITIES, TEACHER_NORMALISERS
        parts = [features[name] for name in names]
        if positions == MASKED and self.positions == ALL:
            parts = [tf.gather(x, features["masked_lm_positions"], batch_dims=1) for x in parts]
        ids, log_probabilities, normalisers = (
            tf.reshape(part, [-1, part.shape.as_list()[-1]]) for part in parts
        )
        column = self.temperatures.index(self.temperature)
        normaliser = normalisers[:, column : column + 1]
        return TopLabels(ids, log_probabilities / self.temperature - normaliser)
