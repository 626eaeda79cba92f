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

    max_query_length: int = option(64, "most pieces of a question; 64.", above=0, shapes_rows=True)
    doc_stride: int = option(128, "pieces from window to window; 128.", above=0, shapes_rows=True)
    max_answer_length: int = option(30, "most pieces of an answer; 30.", above=0, shapes_rows=True)
    n_best_size: int = option(20, "answers in the n-best file; 20.", above=0)
    version_2_with_negative: bool = option(
        False, "questions may have no answer; false, for squad true.", shapes_rows=True
    )
    null_score_diff_threshold: float = option(
        0.0, "by how much having no answer must be likelier than the best one; 0.", remembered=True
    )
