"""The one table of the features that records hold.

Writer, reader, manifest and the run scripts all use it: a recipe and an objective only name
features. Nothing here imports TensorFlow, because data-creation workers must not.
"""

import collections
import math
from typing import NamedTuple, Optional, Union

from common.errors import UserError
from common.features import MASKED_IDS, PIECE_TAGS, SENTENCE_LABEL, TAG_LABELS, WORD_STARTS
from common.tags import TAGS

# Pieces whose bits share a value: it is a varint of one byte then.
BITS = 7

# Roles of features.
ROW_PART, TARGET, SOURCE = "row_part", "target", "source"


class Feature(NamedTuple):
    """One feature of a record.

    Attributes:
      dtype: "int64" or "float32".
      shape: "S": max_seq_length values, "P": max_predictions_per_seq, "1": one, "L": one for each
        label of the task, "B": a bit for each piece of the row, BITS of them in a value, the first
        one lowest.
      pad: value after the end of a row, or where nothing is predicted.
      limit: what values stay below: "V" the vocabulary's size, "S" max_seq_length, or a number;
        None: no limit.
      low: least value; -1 where a label may be unknown.
      role: ROW_PART: of the row itself, whatever becomes of its ids. TARGET: made by a corruption
        (data/rows/corruptions). SOURCE: what a corruption reads beside the row; only in records
        whose corruption is drawn in training.
      source: of a TARGET: the feature of all pieces that its values at the predicted ones are of,
        counted from 1 there and from 0 here; None for others.
    """

    dtype: str
    shape: str
    pad: float
    limit: Union[int, str, None]
    low: int = 0
    role: str = ROW_PART
    source: Optional[str] = None


class Range(NamedTuple):
    """The values that a feature may have in the records of a run: low <= value < limit.

    Attributes:
      low, limit: numbers; floats are finite, too.
      source: what the limit is, for messages: "--max_seq_length"; None: the table's own.
    """

    low: float
    limit: float
    source: Optional[str] = None

    def holds(self, value):
        """Whether a number is in the range; nan is in none."""
        return self.low <= value < self.limit

    def fault(self, value):
        """What is wrong with a value outside: "holds 500, but --max_seq_length is 128"."""
        if self.source and value >= self.limit:
            return "holds {}, but {} is {}".format(value, self.source, self.limit)
        if self.limit == math.inf:
            return "holds {}, which is no finite number from {} on".format(value, self.low)
        return "holds {}, which is not from {} to {}".format(value, self.low, self.limit - 1)


FEATURES = {
    "input_ids": Feature("int64", "S", 0, "V"),
    "input_mask": Feature("int64", "S", 0, 2),
    "segment_ids": Feature("int64", "S", 0, 2),
    MASKED_IDS: Feature("int64", "S", 0, "V", role=TARGET),
    "masked_lm_positions": Feature("int64", "P", 0, "S", role=TARGET),
    "masked_lm_ids": Feature("int64", "P", 0, "V", role=TARGET),
    "masked_lm_weights": Feature("float32", "P", 0.0, None, role=TARGET),
    "permuted_positions": Feature("int64", "P", 0, "S", role=TARGET),
    "permuted_labels": Feature("int64", "P", 0, "S", role=TARGET),
    "permuted_weights": Feature("float32", "P", 0.0, None, role=TARGET),
    SENTENCE_LABEL: Feature("int64", "1", 0, 2),
    # Class of a fine-tuning example; the objective knows how many there are.
    "label_ids": Feature("int64", "1", 0, 1 << 21),
    # Whether a fine-tuning example has a label, for each label of the task.
    "label_indicators": Feature("int64", "L", 0, 2),
    # Tag of a piece, the objective knows how many there are; -1 where it has none: special tokens,
    # padding, pieces after a word's first.
    "tag_ids": Feature("int64", "S", -1, 1 << 21, -1),
    # First and last piece of the answer to a question, 0 where it is no span of this row.
    "start_positions": Feature("int64", "1", 0, "S"),
    "end_positions": Feature("int64", "1", 0, "S"),
    # 0 a span, 1 yes, 2 no, 3 unanswerable.
    "answer_kinds": Feature("int64", "1", 0, 4),
    # Which of the tasks that are trained together the row is of.
    "task_numbers": Feature("int64", "1", 0, 64),
    # Number of the word a piece belongs to, from 1 in each row; 0: special tokens and padding.
    "word_groups": Feature("int64", "S", 0, "S", role=SOURCE),
    # 1 where a word begins, and on special tokens; 0 on padding.
    WORD_STARTS: Feature("int64", "B", 0, 1 << BITS),
}
for _labels, _source, _tags in zip(TAG_LABELS, PIECE_TAGS, TAGS.values()):
    # Tag of the predicted pieces' words, in the order of common/tags.py; -1: unknown, padding.
    FEATURES[_labels] = Feature("int64", "P", -1, len(_tags), -1, TARGET, _source)
    # Tag of the piece's word, from 1 in that order; 0: unknown, special tokens and padding.
    FEATURES[_source] = Feature("int64", "S", 0, len(_tags) + 1, role=SOURCE)

# Target -> the feature of all pieces that it derives from.
DERIVED = {name: feature.source for name, feature in FEATURES.items() if feature.source}


def stored_features(names, corruption=None):
    """Names of the features in the records, for what a model reads.

    Args:
      names: features of a model.
      corruption: Corruption that is drawn in training; None where the records hold
        what it made.
    """
    if corruption is None:
        return tuple(names)
    kept = [name for name in names if FEATURES[name].role != TARGET]
    return (*kept, *corruption.sources(names))


def value_ranges(names, max_seq_length, vocab_size, type_vocab_size, labels):
    """The Range of each feature of a run: ordered dict.

    Args:
      names: features in the records.
      max_seq_length: their length.
      vocab_size, type_vocab_size: of the model config.
      labels: dict feature -> number of labels, where the objective knows it.
    """
    named = {
        "V": ("vocab_size of the model config", vocab_size),
        "S": ("--max_seq_length", max_seq_length),
    }
    # Where there is a value for each label, labels are counted by the values, not by their limit.
    own = {
        name: ("the number of labels", count)
        for name, count in labels.items()
        if FEATURES[name].shape != "L"
    }
    own["segment_ids"] = ("type_vocab_size of the model config", type_vocab_size)
    ranges = collections.OrderedDict()
    for name in names:
        low, limit = FEATURES[name].low, FEATURES[name].limit
        source, limit = own.get(name) or named.get(limit) or (None, limit)
        ranges[name] = Range(low, math.inf if limit is None else limit, source)
    return ranges


def feature_length(name, max_seq_length, max_predictions_per_seq, labels=None):
    """Number of values that feature `name` holds in one record.

    Args:
      name: of the feature.
      max_seq_length, max_predictions_per_seq: of the records.
      labels: dict feature -> number of labels; where the feature has a value for each, it is there.

    Raises:
      UserError: the table has no such feature.
    """
    if name not in FEATURES:
        raise UserError(
            "unknown record feature {!r}; known are {}".format(name, ", ".join(sorted(FEATURES)))
        )
    shape = FEATURES[name].shape
    if shape == "L":
        return labels[name]
    lengths = {
        "S": max_seq_length,
        "P": max_predictions_per_seq,
        "1": 1,
        "B": -(-max_seq_length // BITS),
    }
    return lengths[shape]
