"""The options of a distillation: losses, their weights, and the layers that they compare."""

import dataclasses
import re
from typing import Optional

from common.errors import UserError
from common.options import CHOICE, TEXT, WHOLE, FamilyOptions, option

MASKED, ALL = "masked", "all"
COSINE, MSE = "cosine", "mse"
MINILM, MAPS = "minilm", "maps"

_PAIR = re.compile(r"\s*(\d{1,3}):(\d{1,3})\s*")


@dataclasses.dataclass(frozen=True)
class DistillationOptions(FamilyOptions):
    """What a student learns from its teacher.

        options = DistillationOptions(hidden_weight=1.0, hidden_layers="0:0,3:12")

    The loss is hard_label_weight times the student's own losses, plus the others by their weights.
    """

    title = "Distillation"

    distill_temperature: float = option(
        2.0, "Temperature of the teacher's and the student's probabilities.", above=0
    )
    hard_label_weight: float = option(
        1.0, "Weight of the losses that the student has without a teacher; 0: none.", low=0
    )
    soft_label_weight: float = option(
        1.0,
        "Weight of the divergence of the student's probabilities from the teacher's, times the "
        "square of the temperature.",
        low=0,
    )
    hidden_weight: float = option(
        0.0,
        "Weight of the distance between hidden states; where their widths differ, the student's "
        "go through a layer of their own.",
        low=0,
    )
    hidden_loss: str = option(
        COSINE,
        "Distance between hidden states: 1 - cosine, or the mean squared error.",
        CHOICE,
        choices=(COSINE, MSE),
    )
    hidden_layers: Optional[str] = option(
        None,
        "Layers compared, STUDENT:TEACHER with commas, as 0:0,3:12; 0: the embeddings. Default: "
        "the last ones.",
        TEXT,
    )
    attention_weight: float = option(
        0.0, "Weight of the difference between the layers' attention.", low=0
    )
    attention_loss: str = option(
        MINILM,
        "Difference of attention: relations between queries and keys and between values (MiniLM), "
        "or the mean squared error of the scores.",
        CHOICE,
        choices=(MINILM, MAPS),
    )
    attention_layers: Optional[str] = option(
        None,
        "Layers whose attention is compared, as --hidden_layers; default: the last ones.",
        TEXT,
    )
    relation_heads: Optional[int] = option(
        None,
        "Heads that queries, keys and values are cut into for minilm; default: the teacher's.",
        WHOLE,
        above=0,
    )

    def check(self):
        """See FamilyOptions."""
        if not (self.soft_label_weight or self.hidden_weight or self.attention_weight):
            raise UserError(
                "nothing is learned from the teacher: --soft_label_weight, --hidden_weight and "
                "--attention_weight are 0; give one of them, or remove --teacher_checkpoint"
            )
        for name, weight in (
            ("hidden_layers", "hidden_weight"),
            ("attention_layers", "attention_weight"),
            ("relation_heads", "attention_weight"),
        ):
            if getattr(self, name) is not None and not getattr(self, weight):
                raise UserError("--{} has no effect without --{}".format(name, weight))
        if self.relation_heads is not None and self.attention_loss != MINILM:
            raise UserError("--relation_heads is for --attention_loss=minilm alone; remove it")

    def soft_positions(self):
        """The tokens of a row whose soft labels are compared: MASKED, ALL, or None: no soft labels
        are."""
        return MASKED if self.soft_label_weight else None


@dataclasses.dataclass(frozen=True)
class PretrainingDistillationOptions(DistillationOptions):
    """DistillationOptions where words are predicted."""

    soft_label_positions: str = option(
        MASKED,
        "Tokens whose soft labels are compared: the masked ones, or all.",
        CHOICE,
        choices=(MASKED, ALL),
    )

    def soft_positions(self):
        """See DistillationOptions."""
        return self.soft_label_positions if self.soft_label_weight else None


def layer_pairs(options, name, student, teacher):
    """The layers that an option compares.

    Args:
      options: DistillationOptions.
      name: of the option, hidden_layers or attention_layers.
      student, teacher: model configs.

    Returns:
      List of (layer of the student, layer of the teacher), counted from 1, 0 the embeddings.

    Raises:
      UserError: a pair is no pair, is there twice, or names a layer that is not there.
    """
    text = getattr(options, name)
    if text is None:
        return [(student.num_blocks, teacher.num_blocks)]
    pairs = []
    for part in text.split(","):
        match = _PAIR.fullmatch(part)
        if not match:
            raise UserError(
                "--{}={} must be pairs of layers with commas, STUDENT:TEACHER, as 1:4,3:12".format(
                    name, text
                )
            )
        pair = int(match.group(1)), int(match.group(2))
        for whose, layer, config in zip(("student", "teacher"), pair, (student, teacher)):
            _check_layer(name, part.strip(), whose, layer, config)
        if pair in pairs:
            raise UserError("--{} names {} twice; remove one".format(name, part.strip()))
        pairs.append(pair)
    return pairs


def _check_layer(name, part, whose, layer, config):
    least = 1 if name == "attention_layers" else 0
    if not least <= layer <= config.num_blocks:
        raise UserError(
            "--{} asks for {}, but the {} has layers {} to {} ({})".format(
                name, part, whose, least, config.num_blocks, config.source
            )
        )
