"""Options of rows and answers in reading comprehension, under the names of google-research/bert,
run_squad.py, and google-research/electra, configure_finetuning.py."""

import dataclasses

from common.options import FamilyOptions, option


@dataclasses.dataclass(frozen=True)
class QuestionRowOptions(FamilyOptions):
    """The options; the defaults are those of google-research/electra and of CMRC's baseline.

    Attributes:
      max_query_length: pieces of a question; longer ones are cut.
      doc_stride: pieces from one window of a passage to the next.
      max_answer_length: pieces of an answer that is predicted.
      n_best_size: number of candidates in a prediction.
      version_2_with_negative: whether questions may have no answer, as in SQuAD 2.0.
      null_score_diff_threshold: by how much the score of having none must exceed that of the best
        span; of ELECTRA's answerable classifier, the log odds.
    """

    title = "Reading comprehension"

    max_query_length: int = option(64, "Most pieces of a question.", above=0, shapes_rows=True)
    doc_stride: int = option(128, "Pieces from window to window.", above=0, shapes_rows=True)
    max_answer_length: int = option(30, "Most pieces of an answer.", above=0, shapes_rows=True)
    n_best_size: int = option(20, "Answers in the n-best file.", above=0)
    version_2_with_negative: bool = option(
        False, "Allow questions without an answer; for squad set.", shapes_rows=True
    )
    null_score_diff_threshold: float = option(
        0.0, "Margin by which no answer must be likelier than the best one.", remembered=True
    )
