"""The variables that a model takes from a checkpoint, and the report of them for the log."""

import collections
import re
import typing

from common.errors import some

MLM_HEAD = "cls/predictions/"
# In the names of the pooler's variables, which Hugging Face's encoders may lack.
POOLER = "/pooler/"

# Variables that every encoder has, unlike a pooler or a sentence-pair head.
_BODY = re.compile(r"/(encoder|embeddings|embeddings_project)/")


class ExpectedComponent(typing.NamedTuple):
    """A component of a model whose absence from a checkpoint deserves a warning.

    Attributes:
      name: name in messages.
      variables: pattern of the beginnings of its variables' names.
      is_whole: warn only where all of its variables are missing.
      hint: why it may be missing.
    """

    name: str
    variables: str
    is_whole: bool
    hint: str


EXPECTED = (
    ExpectedComponent(
        "generator",
        r"generator(_predictions|_ltr|_rtl)?/|cloze_predictions/",
        True,
        "where the discriminator alone was released, the generator starts untrained",
    ),
    ExpectedComponent(
        "masked-LM head",
        MLM_HEAD + "|generator_predictions/",
        False,
        "a fine-tuned or stripped checkpoint has lost it",
    ),
    ExpectedComponent(
        "discriminator's head",
        "discriminator_predictions/",
        False,
        "a fine-tuned or stripped checkpoint has lost it",
    ),
)


class LoadPlan(typing.NamedTuple):
    """The variables of a model that start at values of a checkpoint.

    Attributes:
      prefix: of the checkpoint.
      shown: name of the checkpoint in messages.
      loaded: ordered dict variable name -> its source, a name in the checkpoint.
      new: list of the names in the model alone.
      unused: list of the names in the checkpoint alone.
      training_state: list of the optimizer slots and step counters in the checkpoint; a warm start
        loads none of them unless asked for the slots.
      replaced: ordered dict of the names in both whose sizes differ -> (shape in the checkpoint,
        shape in the model); they are `new`.
    """

    prefix: str
    shown: str
    loaded: dict
    new: list
    unused: list
    training_state: list
    replaced: dict = {}

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
        rest, in_model = list(self.new), {*self.new, *self.loaded}
        for component in EXPECTED:
            lost = _variables_of(component, rest)
            total = len(_variables_of(component, in_model))
            if not lost or (component.is_whole and len(lost) < total):
                continue
            rest = [name for name in rest if name not in lost]
            report.append(
                (
                    True,
                    "the {} is not in {}: {} start at random values; {}".format(
                        component.name, self.shown, some(lost), component.hint
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
        if self.replaced:
            sizes = "; ".join(
                "{} {}, here {}".format(name, *pair) for name, pair in self.replaced.items()
            )
            text = "the output layer of {} is of another size ({}): it starts at random values"
            report.append((False, text.format(self.shown, sizes)))
        others = [name for name in rest if name not in body and name not in self.replaced]
        if others:
            report.append((False, "new, at random values: " + some(others)))
        if self.unused:
            report.append((False, "unused: " + some(self.unused)))
        return report

    def lacks(self, optional=None):
        """The list `new` without the names that contain `optional`, a str or None."""
        return [name for name in self.new if not (optional and optional in name)]

    def slots(self, slot_names):
        """Optimizer slots of the loaded variables: ordered dict slot variable -> its source.

        Args:
          slot_names: suffixes of their names ("adam_m", "adam_v").
        """
        saved = set(self.training_state)
        pairs = [
            ("{}/{}".format(name, slot), "{}/{}".format(source, slot))
            for name, source in self.loaded.items()
            for slot in slot_names
        ]
        return collections.OrderedDict((name, source) for name, source in pairs if source in saved)


def _variables_of(component, names):
    return [name for name in names if re.match(component.variables, name)]
