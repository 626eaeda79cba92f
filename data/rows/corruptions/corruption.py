"""The change of rows before a model reads them, made once for static records or anew for every
batch of a training.

A recipe (data/recipes) holds one Corruption: masks (masking.Masks), or a strategy of its own.
"""

import dataclasses
from typing import Any, Dict, NamedTuple, Sequence, Tuple

import numpy as np

from common.errors import UserError, quoted
from common.validation import is_number, is_object, is_switch, is_text, is_whole, list_of
from data.records.schema import DERIVED

# Type of a specification's field -> check of its value in a manifest.
_CHECKS = {
    float: is_number,
    int: is_whole,
    bool: is_switch,
    str: is_text,
    Tuple[float, ...]: list_of(is_number),
    Tuple[int, ...]: list_of(is_whole),
    Tuple[str, ...]: list_of(is_text),
}


class Tokens(NamedTuple):
    """The vocabulary as a corruption sees it.

    Attributes:
      mask_id: int, [MASK].
      random_ids: int32 [n], ids that may replace a piece.
      special_ids: ids of [CLS], [SEP] and [MASK], which are no text.
    """

    mask_id: int
    random_ids: np.ndarray
    special_ids: Tuple[int, ...] = ()


def tokens_of(vocabulary, do_lower_case):
    """Tokens of a vocabulary (data/tokenizers/vocabularies.py).

    Args:
      vocabulary: see there.
      do_lower_case: of the tokenizer, which decides what a text can have.

    Raises:
      UserError: no row of it can be in a text.
    """
    special_ids = (vocabulary.cls, vocabulary.sep, vocabulary.mask)
    return Tokens(vocabulary.mask, vocabulary.random_replacements(do_lower_case), special_ids)


class Change(NamedTuple):
    """A word that was put in the place of another.

    Attributes:
      old, new: texts.
      count: how often.
      place: row, first column and column after the last, of one of them.
    """

    old: str
    new: str
    count: int
    place: Tuple[int, int, int]


class Corrupted(NamedTuple):
    """Rows as a model reads them, and what it is to predict.

    Attributes:
      ids: int32 [rows, S].
      predicted: bool [rows, S], the pieces whose originals are predicted.
      targets: dict name of a feature -> array [rows, ...]; see Corruption.targets.
      ngrams: how many runs of 1, 2, ... words were chosen; empty where runs are not counted.
      counts: dict name -> how often, for Corruption.report.
      changes: list of Change, the most frequent first; empty where words are not followed.
    """

    ids: np.ndarray
    predicted: np.ndarray
    targets: Dict[str, np.ndarray]
    ngrams: Sequence[int] = ()
    counts: Dict[str, int] = {}
    changes: Sequence[Change] = ()


@dataclasses.dataclass(frozen=True)
class Corruption:
    """A family's way to change rows and to say what is predicted of them.

    Two corruptions are equal if they are of one kind and follow one specification.

    Attributes:
      spec: the specification, a dataclass such as masking.MaskingSpec, whose fields are numbers,
        whole numbers, bools, texts or tuples of them. It must have `probability`, the share of the
        pieces that is predicted, and `max_predictions`, the most of a row.
      targets: names of the features (data/records/schema.py, role TARGET) that it makes.
      needs_words: whether it must know the words of a row, or pieces alone will do.
      participle: what happens to the chosen pieces, for messages; a key of
        common.features.PREDICTIONS.
      stated_values: the contents of the manifest's object "masking", for messages; None: the names
        of its values.
    """

    spec: Any
    targets = ()
    needs_words = True
    participle = "masked"
    stated_values = None

    def for_settings(self, settings):
        """The same corruption with the specification that the settings of data creation ask for.

        Args:
          settings: creation_settings.CreationSettings; None in an attribute: the recipe's default.

        Raises:
          UserError: a value is out of range, or does not fit the others.
        """
        raise NotImplementedError

    def for_run(self, max_predictions, probability=None):
        """The same corruption as a training draws it.

        Args:
          max_predictions: int.
          probability: share of the pieces, None for that of the specification.

        Raises:
          UserError: a value is out of range.
        """
        changes = {} if probability is None else {"probability": probability}
        spec = dataclasses.replace(self.spec, max_predictions=max_predictions, **changes)
        return dataclasses.replace(self, spec=spec)

    def with_files(self, options, vocabulary, do_lower_case):
        """The same corruption with the contents of the files that it reads; itself where it reads
        none. `corrupt` and `draw` need it.

        Args:
          options: FamilyOptions that name the files, those of the recipe or of the objective.
          vocabulary: of the records (data/tokenizers/vocabularies.py).
          do_lower_case: of the tokenizer.

        Raises:
          UserError: a file is missing, damaged, or another one than the specification's.
        """
        del options, vocabulary, do_lower_case
        return self

    def notes(self):
        """Yields lines for people on what was read by `with_files`."""
        return iter(())

    def report(self, counts):
        """Yields lines for people on the sums of Corrupted.counts: dict name -> how often."""
        del counts
        return iter(())

    def to_manifest(self):
        """dict for the manifest's object "masking", without "kind" (static or dynamic)."""
        return dataclasses.asdict(self.spec)

    def from_manifest(self, masking):
        """The corruption that a manifest describes, max_predictions left at its default.

        A bool may be missing, and has its default then: manifests may be older than the field.

        Args:
          masking: the manifest's object "masking".

        Raises:
          UserError: it describes none.
        """
        fields = [f for f in dataclasses.fields(self.spec) if f.name != "max_predictions"]
        stated = masking if is_object(masking) else {}
        if not all(
            _CHECKS[f.type](stated[f.name]) if f.name in stated else f.type is bool for f in fields
        ):
            raise UserError(
                "masking must be an object with {}, found {}; make the records anew".format(
                    self.stated_values or ", ".join(["kind", *(f.name for f in fields)]),
                    quoted(masking),
                )
            )
        values = {f.name: stated[f.name] for f in fields if f.name in stated}
        values = {n: tuple(v) if isinstance(v, list) else v for n, v in values.items()}
        return dataclasses.replace(self, spec=type(self.spec)(**values))

    def describe(self):
        """A few words for the log of a training: 15% by word."""
        return "{:.0%}".format(self.spec.probability)

    def sources(self, names):
        """Features that unmasked records must hold, beside the rows, for targets among `names`."""
        return ("word_groups", *(DERIVED[name] for name in names if name in DERIVED))

    def corrupt(self, instances, tokens, rng):
        """Corrupts rows once (static records).

        Args:
          instances: instances.Instances.
          tokens: Tokens.
          rng: numpy Generator, the only source of chance.

        Returns:
          Corrupted.
        """
        raise NotImplementedError

    def draw(self, features, tokens, uniform):
        """Corrupts a batch in the input pipeline: the same as `corrupt` in operations of a graph.

        TensorFlow is imported in here: the processes of data creation do without it.

        Args:
          features: dict of input_ids, input_mask, segment_ids and `sources`, int32 [batch, S] each.
          tokens: Tokens.
          uniform: function (shape, purpose) -> float32 tensor, uniform in [0, 1), the only source
            of chance; purpose is an int from 0 to 3, one for each draw.

        Returns:
          Changed ids, int32 [batch, S]; dict of the targets, int32 or float32 [batch, ...].
        """
        raise NotImplementedError
