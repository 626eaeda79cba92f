"""Options of the heads for reading comprehension, under the names of google-research/electra,
configure_finetuning.py."""

import dataclasses

from common.options import FamilyOptions, option


@dataclasses.dataclass(frozen=True)
class QuestionOptions(FamilyOptions):
    """The options, with the original's defaults. Heads in Google's style have beam_size only.

    Attributes:
      joint_prediction: predict the end given the start.
      answerable_classifier: predict whether there is an answer.
      answerable_uses_start_logits: from the tokens that are likely starts, too, not from the first
        token alone.
      answerable_weight: weight of that classifier's loss.
      beam_size: number of starts, and of ends of each, that are kept.
    """

    title = "Reading comprehension"

    joint_prediction: bool = option(True, "predict the end given the start; true. ELECTRA only.")
    answerable_classifier: bool = option(
        True, "predict whether there is an answer; true. ELECTRA only."
    )
    answerable_uses_start_logits: bool = option(
        True, "predict whether there is an answer from its likely starts, too; true. ELECTRA only."
    )
    answerable_weight: float = option(
        0.5, "weight of the loss of --answerable_classifier; 0.5. ELECTRA only.", low=0
    )
    beam_size: int = option(20, "starts, and ends of each, that are kept; 20.", above=0)
