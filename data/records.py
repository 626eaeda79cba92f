"""The one table that says which features a record holds.

Writer, reader, manifest and the run scripts all use it: a recipe and an objective only name
features. Nothing here imports TensorFlow, because data-creation workers must not.
"""

import collections

from errors import UserError

# shape: "S" = max_seq_length, "P" = max_predictions_per_seq, "1" = one value a record.
Feature = collections.namedtuple("Feature", ["dtype", "shape", "pad"])

FEATURES = {
    "input_ids": Feature("int64", "S", 0),
    "input_mask": Feature("int64", "S", 0),
    "segment_ids": Feature("int64", "S", 0),
    "masked_lm_positions": Feature("int64", "P", 0),
    "masked_lm_ids": Feature("int64", "P", 0),
    "masked_lm_weights": Feature("float32", "P", 0.0),
    "next_sentence_labels": Feature("int64", "1", 0),
}


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
