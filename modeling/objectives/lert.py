"""LERT: masked language modelling and three kinds of tags of the masked words."""

import collections
import dataclasses
from typing import Optional, Tuple

from common import options
from common.lazy_tensorflow import tf
from common.options import FamilyOptions, option
from common.tags import KINDS, TAGS
from modeling import heads, losses
from modeling.objectives import tag_tables
from modeling.objectives.masked_lm import MASKED_LM_EPSILON, MaskedLm

# Steps after which a task has full weight, as shares of all steps: 333,000, 666,000 and 1,000,000
# of the paper's 2,000,000 (Cui et al. 2022, section 3.3).
LIP_SHARES = (0.1665, 0.333, 0.5)


@dataclasses.dataclass(frozen=True)
class LertOptions(FamilyOptions):
    """Options of LERT's training.

    Attributes:
      lip_steps: T of pos, ner and dep in steps, see Lert; 0: full weight from the start; None:
        LIP_SHARES of all steps.
    """

    title = "LERT"

    lip_steps: Optional[Tuple[float, ...]] = option(
        None,
        "Steps after which the POS, entity and dependency tasks count in full, as "
        "300,600,1000; 0: from the start, for continuing. Default: 0.1665, 0.333 and 0.5 of "
        "--num_train_steps.",
        options.STEPS,
        length=len(KINDS),
        from_training=True,
    )


class Lert(MaskedLm):
    """The objective of Cui et al. 2022 (arXiv 2211.05344, section 3): L_mlm + sum of w_t L_t with
    w_t = min(step / T_t, 1), all at the masked positions; no sentence pairs.

    Attributes:
      lip_steps: T of pos, ner and dep.
    """

    options = LertOptions()

    # The sum of the losses grows with the weights, which does not make a later checkpoint worse.
    best_by = "masked_lm_loss"
    recognised_by = "pos_labels"
    follows_steps = ("lip_steps",)

    def __init__(self, name, lip_steps=(0, 0, 0)):
        super().__init__(name, sentence_pair=None)
        self.lip_steps = tuple(lip_steps)
        self.feature_names += [kind + "_labels" for kind in KINDS]

    def for_run(self, num_train_steps, **given):
        """See Objective."""
        chosen = super().for_run(num_train_steps, **given)
        lip_steps = chosen.options.lip_steps
        if lip_steps is None:
            lip_steps = [share * num_train_steps for share in LIP_SHARES]
        chosen.lip_steps = tuple(lip_steps)
        return chosen

    def settings(self, config):
        """See Objective."""
        return dict(super().settings(config), lip_steps=list(self.lip_steps))

    def notes(self):
        """See Objective."""
        if not any(self.lip_steps):
            return []
        steps = ["{:,.0f} ({})".format(end, kind) for kind, end in zip(KINDS, self.lip_steps)]
        return [
            "loss is masked_lm_loss and the tasks' losses by their weights, which rise from 0 to 1 "
            "up to steps {}: the sum rises with them while its parts fall; masked_lm_loss tells "
            "how well it learns".format(", ".join(steps))
        ]

    def tables(self, counts):
        """See Objective: how well each tag is predicted, a table for each kind."""
        return tag_tables.tables(counts)

    def _add_heads(self, config, store, kernels, features, output):
        """Adds pos_loss, pos_accuracy and the like; labels of -1 are ignored."""
        step = tf.train.get_global_step()
        step = tf.zeros([]) if step is None else tf.cast(step, tf.float32)
        masked = tf.reshape(features["masked_lm_weights"], [-1])
        transformed = output.tensors["masked_lm_transformed"]
        logits_by_kind = all_tag_logits(config, store, kernels, transformed)
        for (kind, logits), end in zip(logits_by_kind.items(), self.lip_steps):
            labels = tf.reshape(features[kind + "_labels"], [-1])
            weights = masked * tf.cast(labels >= 0, tf.float32)
            labels = tf.maximum(labels, 0)
            nll = losses.cross_entropy(logits, labels)
            output.losses[kind + "_loss"] = losses.weighted_ratio(
                nll, weights, MASKED_LM_EPSILON, lip_weight(step, end)
            )
            output.metrics[kind + "_accuracy"] = losses.accuracy_ratio(logits, labels, weights)
            output.counts.update(_counts(kind, logits, labels, weights))
            output.tensors[kind + "_logits"] = logits


def all_tag_logits(config, store, kernels, transformed):
    """Scores of all tags: ordered dict kind -> [N, tags] of transformed [N, embedding]."""
    return collections.OrderedDict(
        (kind, heads.tag_logits(config, store, kernels, transformed, kind, len(tags)))
        for kind, tags in TAGS.items()
    )


def _counts(kind, logits, labels, weights):
    """Counts of each tag as label, as prediction, and as both: dict of float32 [tags]."""
    size = logits.shape.as_list()[-1]
    wanted = tf.one_hot(labels, size) * weights[:, tf.newaxis]
    chosen = tf.one_hot(tf.argmax(logits, axis=-1, output_type=tf.int32), size)
    counts = {
        "labels": wanted,
        "predicted": chosen * weights[:, tf.newaxis],
        "correct": wanted * chosen,
    }
    return {
        "{}_{}".format(kind, name): tf.reduce_sum(value, axis=0) for name, value in counts.items()
    }


def lip_weight(step, end):
    """min(step / end, 1), and 1.0 where end is 0: step a float32 scalar, end a number."""
    return tf.minimum(step / end, 1.0) if end else 1.0
