"""Raw or segmented Chinese text to whole-word-masked TFRecord shards and a manifest.

python create_pretraining_data.py --input_file='corpus/*.txt' --input_format=raw \\
    --output_file=records/train.tfrecord --vocab_file=vocab.txt --objective=bert

The job of ELECTRA's build_pretraining_dataset.py (--corpus-dir, --output-dir, --num-processes):

python create_pretraining_data.py --objective=electra --input_file='CORPUS_DIR/*' \\
    --output_file=OUTPUT_DIR/pretrain_data.tfrecord --vocab_file=vocab.txt --num_workers=4
"""

import collections
import os

# Before numpy is imported: threads inside one of several processes only get in each other's way.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from cli.start import watched_imports

with watched_imports():
    from absl import flags

    from cli import corpus_flags, family_flags, original_names
    from cli.app import PARTS_KEPT, given_values, require, run_script
    from cli.creation.report import print_report
    from cli.help import topics
    from common.errors import UserError
    from common.log import log, log_lines, warn
    from common.terminal import say
    from common.validation import number_fault
    from data import recipes
    from data.creation import RecordWork
    from data.creation_settings import CreationSettings
    from data.jobs import runner
    from data.jobs.executors import LocalProcesses
    from data.rows.corruptions import selection
    from data.text import corpus, documents, segmentation
    from data.tokenizers import vocabulary_file
    from data.tokenizers.vocabularies import choose_lower_case, read_vocabulary

FLAGS = flags.FLAGS
# Flags that CreationSettings holds under the same names, beside those of text_settings.
SETTINGS_FLAGS = (
    "vocab_file",
    "tokenizer",
    "objective",
    "do_lower_case",
    "segmenter",
    "tag_set",
    "max_seq_length",
    "max_predictions_per_seq",
    "random_seed",
    "eval_fraction",
)
FAMILY_OPTIONS = [recipe.options for recipe in recipes.all_recipes().values()]


def defaults_of(attribute):
    """The defaults of the objectives for a help text: "bert, albert: 0.1; electra: 0.05".

    Args:
      attribute: function of a Recipe; objectives for which it gives None are not named.
    """
    objectives = collections.OrderedDict()
    for name, recipe in recipes.all_recipes().items():
        if attribute(recipe) is not None:
            objectives.setdefault(attribute(recipe), []).append(name)
    return "; ".join("{}: {}".format(", ".join(n), value) for value, n in objectives.items())


def _default_shares(recipe):
    shares = getattr(recipe.corruption.spec, "ngram_probs", None)
    return shares and ",".join("{:.2g}".format(share) for share in shares)


topics.lead(
    ("input_file", "output_file", "vocab_file"),
    (
        "input_format",
        "objective",
        "segmenter",
        "user_dict",
        "max_seq_length",
        "max_predictions_per_seq",
        "dupe_factor",
        "masking",
        "num_shards",
        "num_workers",
        "eval_fraction",
        "normalize_quotes",
    ),
)
corpus_flags.define_corpus_flags(corpus.FORMATS, "text")
corpus_flags.define_held_out_flags()
topics.begin("Text and words")
flags.DEFINE_enum("segmenter", "rjieba", segmentation.SEGMENTERS, "Word segmenter.")
original_names.define_non_chinese()
flags.DEFINE_enum(
    "tag_set",
    "ltp",
    documents.TAG_SETS,
    "Tags of --input_format=conllu: LTP's, or those of Universal Dependencies, of which the ones "
    "that mean the same are taken over.",
)
topics.begin("Vocabulary")
flags.DEFINE_string(
    "vocab_file",
    None,
    "Vocabulary: vocab.txt, a token a line, or a SentencePiece model (spiece.model).",
)
original_names.define_spm_model_file()
flags.DEFINE_enum(
    "tokenizer",
    vocabulary_file.WORDPIECE,
    vocabulary_file.KINDS,
    "Kind of tokenizer; --vocab_file must be of that kind.",
)
flags.DEFINE_bool("do_lower_case", True, "Lower-case and strip accents (uncased vocabularies).")
topics.begin("Rows")
flags.DEFINE_string(
    "objective", "bert", "Objective of the records: {}.".format(", ".join(recipes.all_recipes()))
)
flags.DEFINE_integer("max_seq_length", 128, "Most tokens of a row, with [CLS] and [SEP].")
flags.DEFINE_float(
    "short_seq_prob",
    None,
    "Share of documents with shorter rows, or of rows, as the original programs have it. Defaults: "
    "{}; the others have none.".format(defaults_of(lambda recipe: recipe.short_seq_prob)),
)
flags.DEFINE_integer("seed", 12345, "Seed of every random choice.")
original_names.add_names("seed", "random_seed")
topics.begin("Masks")
flags.DEFINE_enum(
    "masking_unit",
    None,
    selection.UNITS,
    "Unit that is masked at a time: wordpiece, word, or ngram (runs of words). Defaults: "
    "{}.".format(defaults_of(lambda recipe: getattr(recipe.corruption.spec, "unit", None))),
)
flags.DEFINE_bool(
    "do_whole_word_mask", None, "Google's name for --masking_unit: true is word, false wordpiece."
)
flags.DEFINE_list(
    "ngram_probs",
    None,
    "Shares of runs of 1, 2, ... words, for --masking_unit=ngram. Defaults: {}.".format(
        defaults_of(_default_shares)
    ),
)
flags.DEFINE_enum(
    "masking",
    None,
    ["static", "dynamic"],
    "Where masks are drawn: here, --dupe_factor times (static), or by run_pretraining.py anew for "
    "every batch (dynamic), for which the records hold the words where it needs them. Default: "
    "static; {}.".format(
        defaults_of(lambda recipe: "dynamic alone" if recipe.drawn_in_training else None)
    ),
)
flags.DEFINE_integer(
    "dupe_factor",
    None,
    "Passes over the corpus, each with new masks; default: static 10, dynamic 1.",
)
flags.DEFINE_float(
    "masked_lm_prob",
    None,
    "Share of the tokens to mask. Defaults: {}.".format(
        defaults_of(lambda recipe: recipe.corruption.spec.probability)
    ),
)
original_names.add_names("masked_lm_prob", "mask_prob")
flags.DEFINE_integer(
    "max_predictions_per_seq",
    None,
    "Most masked tokens of a row; default: the share of masks of a full row, 20 of 128, 77 of 512.",
)
family_flags.define(FAMILY_OPTIONS)


def settings_from_flags():
    """CreationSettings from the command line.

    Raises:
      UserError: a flag is missing, or two contradict each other.
    """
    original_names.take_original_names()
    require(FLAGS, "input_file", "output_file", "vocab_file")
    _refuse_idle_flags()
    recipe = recipes.get_recipe(FLAGS.objective)
    short_seq_prob = FLAGS.short_seq_prob
    if short_seq_prob is None:
        is_text = FLAGS.input_format in corpus.RUNNING_TEXT
        short_seq_prob = (recipe.short_seq_prob if is_text else None) or 0.0
    masked_lm_prob = FLAGS.masked_lm_prob
    if masked_lm_prob is None:
        masked_lm_prob = recipe.corruption.spec.probability
    kind = FLAGS.masking or ("dynamic" if recipe.drawn_in_training else "static")
    dupe_factor = FLAGS.dupe_factor
    if dupe_factor is None:
        dupe_factor = 10 if kind == "static" else 1
    return CreationSettings(
        masking_unit=_masking_unit(),
        masked_lm_prob=masked_lm_prob,
        ngram_probs=_ngram_probs(),
        short_seq_prob=short_seq_prob,
        options=recipe.options.of(
            family_flags.given(FLAGS, FAMILY_OPTIONS), "--objective=" + FLAGS.objective
        ),
        masking=kind,
        dupe_factor=dupe_factor,
        **corpus_flags.text_settings(),
        **dict(given_values(FLAGS, SETTINGS_FLAGS), do_lower_case=_lower_case()),
    )


def _lower_case():
    """--do_lower_case; where it is not given, the files beside the vocabulary may say it."""
    vocabulary = read_vocabulary(FLAGS.vocab_file, FLAGS.tokenizer)
    given = FLAGS.do_lower_case if FLAGS["do_lower_case"].present else None
    lower, notes = choose_lower_case(vocabulary, given)
    log_lines([*vocabulary.beside.notes, *notes])
    return lower


def _refuse_idle_flags():
    has_words = FLAGS.input_format in ("presegmented", "conllu")
    corpus_flags.refuse_idle_flags(
        ("non_chinese", has_words, "cannot be combined with --input_format=" + FLAGS.input_format),
        ("segmenter", has_words, "cannot be combined with --input_format=" + FLAGS.input_format),
        ("ltp_precision", FLAGS.segmenter != "ltp", "needs --segmenter=ltp"),
        ("tag_set", FLAGS.input_format != "conllu", "needs --input_format=conllu"),
    )


def _masking_unit():
    if FLAGS.do_whole_word_mask is None:
        return FLAGS.masking_unit
    unit = "word" if FLAGS.do_whole_word_mask else "wordpiece"
    if FLAGS.masking_unit not in (None, unit):
        raise UserError(
            "--do_whole_word_mask={} contradicts --masking_unit={}: remove one".format(
                str(FLAGS.do_whole_word_mask).lower(), FLAGS.masking_unit
            )
        )
    return unit


def _ngram_probs():
    if FLAGS.ngram_probs is None:
        return None
    try:
        shares = tuple(float(p) for p in FLAGS.ngram_probs)
    except ValueError:
        raise UserError(
            "--ngram_probs must be numbers with commas, found {}".format(
                ",".join(FLAGS.ngram_probs)
            )
        ) from None
    fault = number_fault(shares)
    if fault:
        raise UserError("--ngram_probs={} {}".format(",".join(FLAGS.ngram_probs), fault))
    return shares


def _say_default_masking(settings):
    """A line on what is masked where no flag says it: Google's program takes single pieces."""
    asked = (FLAGS.masking_unit, FLAGS.do_whole_word_mask, FLAGS.ngram_probs)
    unit = settings.corruption().to_manifest().get("unit")
    if asked == (None, None, None) and unit in ("word", "ngram"):
        say(
            "masking: {} by default with --objective={}; for single pieces, Google's default, "
            "--masking_unit=wordpiece".format(
                "whole words" if unit == "word" else "runs of whole words", settings.objective
            )
        )


def main(argv):
    del argv
    settings = settings_from_flags()
    settings.check()
    inputs, names, workers = corpus_flags.files_and_workers()
    held_out_name = corpus_flags.held_out_name(names)
    _say_default_masking(settings)
    work = RecordWork(settings)
    for line in work.reports():
        log(line)
    for note in work.notes():
        warn(note)
    units = runner.plan(work, inputs, len(names))
    executor = LocalProcesses(workers)
    if held_out_name:  # first: it tells soon where nothing is held out
        hold_out(settings, inputs, held_out_name, executor, units)
    result = runner.create(work, inputs, names, executor, units=units)
    print_report(result, names)
    return 0


def hold_out(settings, inputs, name, executor, units):
    """Makes the records of the documents that are held out.

    Args:
      settings: CreationSettings of the others.
      inputs, executor: see runner.create.
      name: of the file.
      units: of the others, so that documents are the same ones.
    """
    work = RecordWork(settings.for_held_out())
    result = runner.create(work, inputs, [name], executor, units=corpus.joined_units(units))
    documents = result["documents"]
    in_all = documents + result["held_out"]["other_documents"]
    say(
        "held out: {:,} of {:,} documents ({:.1%}), {:,} records in {}".format(
            documents, in_all, documents / in_all, result["records"], name
        )
    )


if __name__ == "__main__":
    run_script(main, PARTS_KEPT)
