"""Names of record features that recipes write and objectives read; data/records/schema.py describes
them."""

from common.tags import KINDS

# A row.
ROW = ("input_ids", "input_mask", "segment_ids")
# Targets of masking.
MASKED_LM = ("masked_lm_positions", "masked_lm_ids", "masked_lm_weights")
# Targets of a permutation: labels are places, too.
PERMUTED = ("permuted_positions", "permuted_labels", "permuted_weights")
# What happens to the pieces that are predicted -> their features: places, labels, weights.
PREDICTIONS = {"masked": MASKED_LM, "permuted": PERMUTED}
# The label of two segments, google-research/bert's name for it.
SENTENCE_LABEL = "next_sentence_labels"
# The masked ids of an objective that reads the original ones, too; in no record.
MASKED_IDS = "masked_input_ids"
# Of rows that hold several texts, in no record either; see data/input/packing.py.
POSITION_IDS, ROW_SEGMENT_IDS, TEXT_STARTS = "position_ids", "row_segment_ids", "text_starts"
# Where the words begin in a row whose masks are in the record; for people, no model reads it.
WORD_STARTS = "word_starts"
# The tags of the words that masked pieces lie in.
TAG_LABELS = tuple(kind + "_labels" for kind in KINDS)
# The tags of the words that all pieces lie in.
PIECE_TAGS = tuple(kind + "_tags" for kind in KINDS)
# Of a teacher, beside the student's in a batch: likeliest pieces at tokens with what makes their
# probabilities those at some temperatures, and the hidden states of a layer; see
# data/records/teacher_outputs.py.
TEACHER_IDS, TEACHER_LOG_PROBABILITIES = "teacher_ids", "teacher_log_probabilities"
TEACHER_NORMALISERS = "teacher_log_normalisers"
TEACHER_HIDDEN = "teacher_hidden_{}"
