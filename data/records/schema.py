"""The one table that says which features a record holds.

Writer, reader, manifest and the run scripts all use it: a recipe and an objective only name
features. Nothing here imports TensorFlow, because data-creation workers must not.
"""

import collections

from common.errors import UserError

# shape: "S" = max_seq_length, "P" = max_predictions_per_seq, "1" = one value a record.
# limit: what values stay below: "V" = vocabulary size, "S" = max_seq_length, or a number.
# low: the least value; -1 where a label may be unknown.
Feature = collections.namedtuple("Feature", ["dtype", "shape", "pad", "limit", "low"], defaults=[0])

FEATURES = {
    "input_ids": Feature("int64", "S", 0, "V"),
    "input_mask": Feature("int64", "S", 0, 2),
    "segment_ids": Feature("int64", "S", 0, 2),
    "masked_input_ids": Feature("int64", "S", 0, "V"),
    "masked_lm_positions": Feature("int64", "P", 0, "S"),
    "masked_lm_ids": Feature("int64", "P", 0, "V"),
    "masked_lm_weights": Feature("float32", "P", 0.0, None),
    # Tags of the masked pieces' words, in LERT's order (data/text/tags.py); -1: unknown, padding.
    "pos_labels": Feature("int64", "P", -1, 28, -1),
    "ner_labels": Feature("int64", "P", -1, 13, -1),
    "dep_labels": Feature("int64", "P", -1, 14, -1),
    "next_sentence_labels": Feature("int64", "1", 0, 2),
    # Class of a fine-tuning example; the objective knows how many there are.
    "label_ids": Feature("int64", "1", 0, 1 << 21),
    # Tag of a piece, the objective knows how many there are; -1 where it has none: special tokens,
    # padding, pieces behind a word's first.
    "tag_ids": Feature("int64", "S", -1, 1 << 21, -1),
    # First and last piece of the answer to a question, 0 where it is no span of this row.
    "start_positions": Feature("int64", "1", 0, "S"),
    "end_positions": Feature("int64", "1", 0, "S"),
    # 0 a span, 1 yes, 2 no, 3 unanswerable.
    "answer_kinds": Feature("int64", "1", 0, 4),
    # Which of the tasks that are trained together the row is of.
    "task_numbers": Feature("int64", "1", 0, 64),
    # Number of the word a piece belongs to, from 1 in each row; 0: special tokens and padding.
    "word_groups": Feature("int64", "S", 0, "S"),
    # Tag of the piece's word, from 1 in LERT's order; 0: unknown, special tokens and padding.
    "pos_tags": Feature("int64", "S", 0, 29),
    "ner_tags": Feature("int64", "S", 0, 14),
    "dep_tags": Feature("int64", "S", 0, 15),
}

# What masking makes of a row; absent where masks are drawn in training.
MASKED_FEATURES = ("masked_lm_positions", "masked_lm_ids", "masked_lm_weights")
# The masked ids of an objective that reads the original ones, too; never in a record.
MASKED_IDS = "masked_input_ids"
# Labels of masked pieces, and the feature of all pieces that stands for them until masks are drawn.
LABELS_FROM = {"pos_labels": "pos_tags", "ner_labels": "ner_tags", "dep_labels": "dep_tags"}


def stored_features(names, drawn=None):
    """Names of the features in the records, for what a model reads.

    Args:
      names: features of a model.
      drawn: masking.MaskingSpec of masks that are drawn in training, None where the records hold
        them.
    """
    if drawn is None:
        return tuple(names)
    made = {*MASKED_FEATURES, MASKED_IDS, *LABELS_FROM}
    kept = [name for name in names if name not in made]
    groups = [] if drawn.with_replacement else ["word_groups"]
    tags = [LABELS_FROM[name] for name in names if name in LABELS_FROM]
    return (*kept, *groups, *tags)


def feature_length(name, max_seq_length, max_predictions_per_seq):
    """Number of values that feature `name` holds in one record.

    Raises:
      UserError: the table has no such feature.
    """
    if name not in FEATURES:
        raise UserError(
            "unknown record feature {!r}; known are {}".format(name, ", ".join(sorted(FEATURES)))
        )
    lengths = {"S": max_seq_length, "P": max_predictions_per_seq, "1": 1}
    return lengths[FEATURES[name].shape]
