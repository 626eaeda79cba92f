"""What a checkpoint gives to a model, and how the log tells it."""

import collections
import re

from common.errors import some

MLM_HEAD = "cls/predictions/"
# Part of the names of the pooler's variables; an encoder of Hugging Face's may come without them.
POOLER = "/pooler/"

# What no checkpoint of an encoder lacks; a pooler or a sentence-pair head it may.
_BODY = re.compile(r"/(encoder|embeddings|embeddings_project)/")

# What a checkpoint may well lack, but is missed. name: what messages call it; variables: pattern of
# their names; is_whole: only where all of them are missing; hint: why it may be.
Part = collections.namedtuple("Part", ["name", "variables", "is_whole", "hint"])
PARTS = (
    Part(
        "generator",
        r"generator(_predictions|_ltr|_rtl)?/|cloze_predictions/",
        True,
        "where the discriminator alone was released, it meets a beginner first",
    ),
    Part(
        "masked-LM head",
        MLM_HEAD + "|generator_predictions/",
        False,
        "a fine-tuned or stripped checkpoint has lost it",
    ),
    Part(
        "discriminator's head",
        "discriminator_predictions/",
        False,
        "a fine-tuned or stripped checkpoint has lost it",
    ),
)


class LoadPlan(
    collections.namedtuple(
        "LoadPlan", ["prefix", "shown", "loaded", "new", "unused", "training_state"]
    )
):
    """What a checkpoint gives to a model.

    prefix, shown: of the checkpoint, and what messages call it; loaded: ordered dict variable
    name -> name in the checkpoint; new: names in the model only;
    unused: names in the checkpoint only; training_state: optimizer slots and step counters in
    the checkpoint, which a warm start leaves there unless it is told to take the slots.
    """

    __slots__ = ()

    def lines(self):
        """The report for the log: a list of (is_warning, text)."""
        report = [
            (
                False,
                "checkpoint {}: {} variables loaded, {} new, {} unused{}".format(
                    self.shown,
                    len(self.loaded),
                    len(self.new),
                    len(self.unused),
                    ", optimizer state there" if self.training_state else "",
                ),
            )
        ]
        rest, told = list(self.new), {*self.new, *self.loaded}
        for part in PARTS:
            lost = [name for name in rest if re.match(part.variables, name)]
            if not lost or (part.is_whole and len(lost) < len(_all(part, told))):
                continue
            rest = [name for name in rest if name not in lost]
            report.append(
                (
                    True,
                    "the {} is not in {}: {} start at random values; {}".format(
                        part.name, self.shown, some(lost), part.hint
                    ),
                )
            )
        body = [name for name in rest if _BODY.search(name)]
        if body:
            report.append(
                (
                    True,
                    "the encoder in {} is not whole: {} start at random values; is the config the "
                    "checkpoint's own?".format(self.shown, some(body)),
                )
            )
        others = [name for name in rest if name not in body]
        if others:
            report.append((False, "new, at random values: " + some(others)))
        if self.unused:
            report.append((False, "unused: " + some(self.unused)))
        return report

    def lacks(self, optional=None):
        """Names of the model only, without those that `optional`, a part of a name, stands in."""
        return [name for name in self.new if not (optional and optional in name)]

    def slots(self, slot_names):
        """Optimizer slots of the loaded variables: ordered dict slot variable -> its source.

        Args:
          slot_names: last parts of their names ("adam_m", "adam_v").
        """
        there = set(self.training_state)
        pairs = [
            ("{}/{}".format(name, slot), "{}/{}".format(source, slot))
            for name, source in self.loaded.items()
            for slot in slot_names
        ]
        return collections.OrderedDict((name, source) for name, source in pairs if source in there)


def _all(part, names):
    return [name for name in names if re.match(part.variables, name)]
