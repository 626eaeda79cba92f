"""The variables that a model takes from a checkpoint, and the report of them for the log."""

import collections
import re
import typing

from common.errors import UserError, some

MLM_HEAD = "cls/predictions/"
_LISTED_GAPS = 40
# In the names of the pooler's variables, which Hugging Face's encoders may lack.
POOLER = "/pooler/"
# Beginning of the names of layers that a student has for the sake of its teacher.
PROJECTIONS = "distillation/"

# Variables that every encoder has, unlike a pooler or a sentence-pair head.
_BODY = re.compile(r"/(encoder|embeddings|embeddings_project)/")


class ExpectedComponent(typing.NamedTuple):
    """A component of a model that a checkpoint may lack as a whole.

    Attributes:
      name: name in messages.
      variables: pattern of the beginnings of its variables' names.
      hint: why it may be missing, and what follows.
      is_usual: whether it is missing where nothing went wrong, which is no warning.
      may_be_parted: whether a checkpoint may hold a component of it alone.
    """

    name: str
    variables: str
    hint: str
    is_usual: bool = False
    may_be_parted: bool = False


EXPECTED = (
    ExpectedComponent(
        "generator",
        r"generator(_predictions|_ltr|_rtl)?/|cloze_predictions/",
        "where the discriminator alone was released, the generator starts untrained",
        may_be_parted=True,
    ),
    ExpectedComponent(
        "masked-LM head",
        r"cls/predictions/(transform/|output_bias$)|generator_predictions/",
        "a fine-tuned or stripped checkpoint has lost it",
    ),
    ExpectedComponent(
        "discriminator's head",
        "discriminator_predictions/",
        "a fine-tuned or stripped checkpoint has lost it",
    ),
    ExpectedComponent(
        "pooler",
        r"\w+/pooler/",
        "a masked language model alone has none, and this training makes one",
    ),
    ExpectedComponent(
        "sentence-pair head",
        "cls/seq_relationship/",
        "a model that was trained without sentence pairs has none",
        is_usual=True,
    ),
    ExpectedComponent(
        "head for tags",
        r"cls/predictions/output_\w+_layer/",
        "it is new, as a model that was trained without tags has none, and this training makes it",
        is_usual=True,
    ),
    ExpectedComponent(
        "projection to a teacher's width",
        PROJECTIONS,
        "this training makes it, and a model without a teacher has none",
        is_usual=True,
    ),
    ExpectedComponent(
        "position head",
        "cls/position_predictions/",
        "it is new, as a model that was trained on something else, or released without its heads, "
        "has none, and this training makes it",
        is_usual=True,
    ),
)


class Head(typing.NamedTuple):
    """The head on the encoder that the results depend on.

    Attributes:
      prefix: str, or tuple of them: beginnings of its variables' names.
      name: name in messages.
      hint: what to do about a checkpoint without it.
    """

    prefix: typing.Any
    name: str
    hint: str


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
      config_source: file name of the model config.
      spellings: see checkpoint.spelling_lines.
    """

    prefix: str
    shown: str
    loaded: dict
    new: list
    unused: list
    training_state: list
    replaced: dict = {}
    config_source: str = "config"
    spellings: typing.Sequence = ()

    def gaps(self):
        """Names of the variables that the checkpoint lacks though it has the network or the head
        that they belong to: it is damaged, or of other sizes than the config says."""
        return self._sorted_out()[1]

    def lines(self, unused_parts=None):
        """The report for the log: a list of (is_warning, text).

        Args:
          unused_parts: part of the names of variables that the objective does not depend on, a str
            or None.
        """
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
        report += [(False, line) for line in self.spellings]
        missing, gaps, others = self._sorted_out()
        for component, lost in missing:
            is_used = not (unused_parts and all(unused_parts in name for name in lost))
            report.append(
                (
                    is_used and not component.is_usual,
                    "the {} is not in {}: {} start at random values; {}".format(
                        component.name,
                        self.shown,
                        some(lost),
                        component.hint if is_used else "this run does not use it",
                    ),
                )
            )
        if gaps:
            report.append(
                (
                    True,
                    "{} is not whole, by config {}: {} start at random values".format(
                        self.shown, self.config_source, some(gaps, _LISTED_GAPS)
                    ),
                )
            )
        if self.replaced:
            sizes = "; ".join(
                "{} {}, here {}".format(name, *pair) for name, pair in self.replaced.items()
            )
            text = "the output layer of {} is of another size ({}): it starts at random values"
            report.append((False, text.format(self.shown, sizes)))
        others = [name for name in others if name not in self.replaced]
        if others:
            report.append((False, "new, at random values: " + some(others)))
        if self.unused:
            report.append((False, "unused: " + some(self.unused)))
        return report

    def _sorted_out(self):
        """`new` in three: [(ExpectedComponent, its names)] of those that are missing as a whole;
        gaps, see above; the others."""
        rest, in_model, missing, gaps = list(self.new), {*self.new, *self.loaded}, [], []
        for component in EXPECTED:
            lost = _variables_of(component, rest)
            is_missing = len(lost) == len(_variables_of(component, in_model))
            if not lost or (component.may_be_parted and not is_missing):
                continue
            rest = [name for name in rest if name not in lost]
            if is_missing:
                missing.append((component, lost))
            else:
                gaps += lost
        body = [name for name in rest if _BODY.search(name)]
        return missing, body + gaps, [name for name in rest if name not in body]

    def lacks(self, optional=None):
        """The list `new` without the names that contain `optional`, a str or None."""
        return [name for name in self.new if not (optional and optional in name)]

    def check_complete(self, config, head=None, optional=None):
        """Refuses weights with gaps for a network that is not trained: random values in their place
        would give plausible rubbish.

        Args:
          config: model config of the network.
          head: Head on the encoder, or None.
          optional: part of the names of variables that may be missing, or None.

        Raises:
          UserError: the encoder or the head is not whole, or the encoder is larger.
        """
        missing = self.lacks(optional)
        body = [n for n in missing if not (head and n.startswith(head.prefix))]
        if body:
            raise UserError(
                "the encoder in {} is not whole, it lacks {}; is {} its own config?".format(
                    self.shown, some(body, 1), config.source
                )
            )
        if missing:
            raise UserError(
                "checkpoint {} has no {} (it lacks {}), and a random one would give rubbish; "
                "{}".format(self.shown, head.name, some(missing, 1), head.hint)
            )
        surplus = [n for n in self.unused if n.startswith(config.scope + "/encoder/")]
        if surplus:
            raise UserError(
                "the encoder in {} is larger than {} says, {} would be skipped; take the "
                "checkpoint's own config".format(self.shown, config.source, some(surplus, 1))
            )

    def below(self, scope):
        """The plan for the same variables, named below `scope` in the graph."""
        loaded = [(scope + name, source) for name, source in self.loaded.items()]
        new = [scope + name for name in self.new]
        return self._replace(loaded=collections.OrderedDict(loaded), new=new)

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
