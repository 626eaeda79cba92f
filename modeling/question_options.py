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

    joint_prediction: bool = option(True, "Predict the end given the start. ELECTRA only.")
    answerable_classifier: bool = option(True, "Predict whether there is an answer. ELECTRA only.")
    answerable_uses_start_logits: bool = option(
        True, "Predict whether there is an answer from its likely starts, too. ELECTRA only."
    )
    answerable_weight: float = option(
        0.5, "Weight of the loss of --answerable_classifier. ELECTRA only.", low=0
    )
    beam_size: int = option(20, "Starts to keep, and ends of each.", above=0)
