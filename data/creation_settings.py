"""Everything that decides the records, apart from the input: the flags of data creation."""

import dataclasses
from typing import Optional, Tuple

from common.errors import UserError
from common.features import WORD_STARTS
from common.options import FamilyOptions
from common.validation import check_numbers
from data.recipes import all_recipes, get_recipe, is_tagged
from data.records.schema import stored_features
from data.rows.corruptions.masking import predictions_of_row
from data.text import corpus, documents, segmentation, simplification
from data.text.encodings import UTF8
from data.text.held_out import Side
from data.text.ltp.precision import FP32
from data.text.sentences import DEFAULT_MAX_CHARS
from data.tokenizers.vocabulary_file import WORDPIECE

_PREDICTIONS = "max_predictions_per_seq"
_KINDS_OF_MASKING = ("static", "dynamic")


@dataclasses.dataclass(frozen=True)
class CreationSettings:
    """Everything that decides the records, apart from the input; the flags of the script.

    Attributes:
      eval_fraction: share of the documents that is held out for evaluation, or None.
      is_held_out: whether the records are of these documents, or of the others.
      options: those that the family of `objective` alone has, an instance of its
        recipes.Recipe.options; None: their defaults (see family_options).
      max_predictions_per_seq: None: what a full row has by its share of masks.
      masking: "static" or "dynamic", see data/rows/corruptions/corruption.py.
      masking_unit, masked_lm_prob, ngram_probs: None for the family's own.

    The others are described by the flags of create_pretraining_data.py.
    """

    vocab_file: str
    tokenizer: str = WORDPIECE
    objective: str = "bert"
    input_format: str = "text"
    encoding: str = UTF8
    keep_text_private: bool = False
    text_fields: Tuple[str, ...] = ("text",)
    normalize_quotes: bool = False
    t2s: bool = False
    max_sentence_chars: int = DEFAULT_MAX_CHARS
    do_lower_case: bool = True
    segmenter: str = "rjieba"
    ltp_model: Optional[str] = None
    ltp_precision: str = FP32
    user_dict: Optional[str] = None
    tag_set: str = "ltp"
    masking_unit: Optional[str] = None
    masked_lm_prob: Optional[float] = None
    ngram_probs: Optional[Tuple[float, ...]] = None
    masking: str = "static"
    max_seq_length: int = 128
    max_predictions_per_seq: Optional[int] = None
    short_seq_prob: float = 0.1
    options: Optional[FamilyOptions] = None
    dupe_factor: int = 10
    random_seed: int = 12345
    eval_fraction: Optional[float] = None
    is_held_out: bool = False

    def __post_init__(self):
        if self.max_predictions_per_seq is None and self.objective in all_recipes():
            room = predictions_of_row(self._share(), self.max_seq_length)
            object.__setattr__(self, _PREDICTIONS, room)

    def _share(self):
        if self.masked_lm_prob is not None:
            return self.masked_lm_prob
        return get_recipe(self.objective).corruption.spec.probability

    @property
    def side(self):
        """held_out.Side of the corpus; None: all of it."""
        return None if self.eval_fraction is None else Side(self.eval_fraction, self.is_held_out)

    def for_held_out(self):
        """The same settings for the documents that are held out: one copy of them, as the dupes
        are there for training."""
        return dataclasses.replace(self, is_held_out=True, dupe_factor=1)

    @property
    def family_options(self):
        """`options`, or the defaults of the family."""
        return self.options or get_recipe(self.objective).options()

    def check(self):
        """Raises UserError on a value out of range or that does not fit the others."""
        check_numbers(self)
        recipe = get_recipe(self.objective)
        self._check_options(recipe)
        self.corruption()
        if self.input_format not in corpus.FORMATS:
            raise UserError(
                "unknown --input_format {!r}; known are {}".format(
                    self.input_format, ", ".join(corpus.FORMATS)
                )
            )
        if self.input_format == corpus.PAIRS:
            self._check_pairs(recipe)
        if self.t2s:
            simplification.check(self.input_format)
        self._check_words(recipe)
        if not 8 <= self.max_seq_length <= 65536:
            raise UserError(
                "--max_seq_length must be from 8 to 65536, found {}".format(self.max_seq_length)
            )
        if self.max_predictions_per_seq > self.max_seq_length:
            raise UserError(
                "--max_predictions_per_seq ({}) is more than --max_seq_length ({})".format(
                    self.max_predictions_per_seq, self.max_seq_length
                )
            )
        if not 0.0 <= self.short_seq_prob <= 1.0:
            raise UserError(
                "--short_seq_prob must be from 0 to 1, found {}".format(self.short_seq_prob)
            )
        if self.short_seq_prob and recipe.short_seq_prob is None:
            raise UserError(
                "--short_seq_prob does not fit --objective={}: all its rows are full".format(
                    self.objective
                )
            )
        if self.eval_fraction is not None and not 0.0 < self.eval_fraction < 1.0:
            raise UserError(
                "--eval_fraction must lie between 0 and 1, found {}".format(self.eval_fraction)
            )
        if self.masking not in _KINDS_OF_MASKING:
            raise UserError(
                "unknown --masking {!r}; known are {}".format(
                    self.masking, ", ".join(_KINDS_OF_MASKING)
                )
            )
        if recipe.drawn_in_training and self.masking != "dynamic":
            raise UserError(
                "--masking={} does not fit --objective={}: its masks are drawn in training".format(
                    self.masking, self.objective
                )
            )
        for name, low in (("dupe_factor", 1), ("max_sentence_chars", 8)):
            if getattr(self, name) < low:
                raise UserError(
                    "--{} must be {} or more, found {}".format(name, low, getattr(self, name))
                )

    def _check_pairs(self, recipe):
        if not recipe.takes_pairs:
            able = [name for name, other in all_recipes().items() if other.takes_pairs]
            raise UserError(
                "--input_format=pairs does not fit --objective={}, which learns nothing of whether "
                "two sentences are similar; give --objective={}".format(
                    self.objective, " or ".join(able)
                )
            )
        if self.short_seq_prob:
            raise UserError(
                "--short_seq_prob does not fit --input_format=pairs: its rows are as long as their "
                "sentences"
            )

    def _check_options(self, recipe):
        if type(self.family_options) is not recipe.options:
            raise UserError(
                "the options of --objective={} must be of the class {}.{}, found {}".format(
                    self.objective,
                    recipe.options.__module__,
                    recipe.options.__name__,
                    type(self.family_options).__name__,
                )
            )
        self.family_options.check_values()
        self.family_options.check()

    def _check_words(self, recipe):
        has_words = self.input_format in ("presegmented", "conllu")
        no_words = not (self.corruption().needs_words or is_tagged(recipe))
        if self.user_dict and (has_words or no_words):
            reason = "--objective={}, whose rows need no words".format(self.objective)
            if has_words:
                reason = "--input_format=" + self.input_format
            elif self.masking_unit == "wordpiece":
                reason = "--masking_unit=wordpiece"
            raise UserError("--user_dict cannot be combined with {}: remove it".format(reason))
        if self.tag_set not in documents.TAG_SETS:
            raise UserError(
                "unknown --tag_set {!r}; known are {}".format(
                    self.tag_set, ", ".join(documents.TAG_SETS)
                )
            )
        segmentation.check(
            self.segmenter, self.ltp_model, self.user_dict, self.ltp_precision, self.encoding
        )
        tags_found = self.segmenter == "ltp" and self.input_format != "presegmented"
        if is_tagged(recipe) and self.input_format != "conllu" and not tags_found:
            raise UserError(
                "--objective={} needs words with tags: annotate the text with annotate_corpus.py "
                "and give --input_format=conllu, or give the text and --segmenter=ltp "
                "--ltp_model=...".format(self.objective)
            )

    def corruption(self):
        """The family's corruption with these settings.

        Raises:
          UserError: a value is out of range, or does not fit the others.
        """
        return get_recipe(self.objective).corruption.for_settings(self)

    def drawn_corruption(self):
        """The corruption that training draws, None where the records hold what it makes."""
        return self.corruption() if self.masking == "dynamic" else None

    def stored_features(self):
        """Names of the features of the records, in order.

        Records that hold masks of words say where words begin: the restored text does not, since
        it has neither unknown characters nor blanks.
        """
        drawn = self.drawn_corruption()
        names = stored_features(get_recipe(self.objective).features, drawn)
        keeps_words = drawn is None and self.corruption().needs_words
        return (*names, WORD_STARTS) if keeps_words else names

    def to_dict(self):
        """dict name -> value, the family's options among the others."""
        values = dataclasses.asdict(self)
        del values["options"]
        return dict(values, **self.family_options.to_dict())
