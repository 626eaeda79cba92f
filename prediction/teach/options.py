"""The options of --task=teach: what is kept of a teacher's outputs."""

import dataclasses
import math
from typing import Optional

from common.errors import UserError
from common.options import CHOICE, TEXT, FamilyOptions, option
from common.validation import is_written_count
from data.records.teacher_outputs import (
    FLOAT16,
    HIDDEN_DTYPES,
    LABEL_DTYPES,
    MASKED,
    NONE,
    POSITIONS,
)

# Temperatures, in all sense.
_LEAST, _MOST = 0.01, 1e4


@dataclasses.dataclass(frozen=True)
class TeachOptions(FamilyOptions):
    """What is kept of a teacher's outputs.

    options = TeachOptions(soft_label_top_k=128, teacher_layers="0,6,12", hidden_dtype="int8")
    """

    title = "--task=teach"

    soft_label_positions: str = option(
        MASKED,
        "Tokens whose likeliest pieces are written: the masked ones, all, or none.",
        CHOICE,
        choices=POSITIONS,
    )
    soft_label_top_k: int = option(64, "Pieces written for a token, the likeliest ones.", above=0)
    soft_label_dtype: str = option(
        FLOAT16, "Type of their log probabilities.", CHOICE, choices=LABEL_DTYPES
    )
    soft_label_temperatures: str = option(
        "1,2,4",
        "Values of --distill_temperature that trainings may have, with commas.",
        TEXT,
    )
    teacher_layers: Optional[str] = option(
        None,
        "Layers whose hidden states are written, with commas; 0: the embeddings. Default: none.",
        TEXT,
    )
    hidden_dtype: str = option(
        FLOAT16,
        "Type of the hidden states; int8 has a scale for each token.",
        CHOICE,
        choices=HIDDEN_DTYPES,
    )

    def check(self):
        """See FamilyOptions."""
        if self.soft_label_positions == NONE and self.teacher_layers is None:
            raise UserError(
                "--soft_label_positions=none without --teacher_layers writes nothing; give one of "
                "them another value"
            )
        self.temperatures()

    def temperatures(self):
        """Sorted tuple of floats.

        Raises:
          UserError: they are something else.
        """
        words = self.soft_label_temperatures.split(",")
        try:
            values = sorted({float(word) for word in words})
        except ValueError:
            values = [math.nan]
        if not all(_LEAST <= value <= _MOST for value in values):
            raise UserError(
                "--soft_label_temperatures={} must be numbers from {} to {:g} with commas, as "
                "1,2,4".format(self.soft_label_temperatures, _LEAST, _MOST)
            )
        return tuple(values)

    def layers(self, config):
        """The layers: sorted tuple of ints.

        Args:
          config: model config of the teacher.

        Raises:
          UserError: one is no number, is there twice, or is not a layer.
        """
        if self.teacher_layers is None:
            return ()
        words = [word.strip() for word in self.teacher_layers.split(",")]
        if not all(map(is_written_count, words)):
            raise UserError(
                "--teacher_layers={} must be numbers of layers with commas, as 0,6,12".format(
                    self.teacher_layers
                )
            )
        layers = [int(word) for word in words]
        for layer in layers:
            if layer > config.num_blocks:
                raise UserError(
                    "--teacher_layers asks for {}, but the teacher has layers 0 to {} ({})".format(
                        layer, config.num_blocks, config.source
                    )
                )
            if layers.count(layer) > 1:
                raise UserError("--teacher_layers names {} twice; remove one".format(layer))
        return tuple(sorted(layers))
