"""A table of similar words, of word vectors or trained on a corpus.

python -m data.similar_words --vectors=words.vector --vocab_file=vocab.txt \\
    --output_file=similar_words.txt
python -m data.similar_words --train_on='corpus/*.txt' --vocab_file=vocab.txt \\
    --output_file=similar_words.txt
"""

import os

from cli.start import watched_imports

with watched_imports():
    from absl import flags

    from cli import corpus_flags
    from cli.app import given_values, require, run_script
    from cli.help import topics
    from common import files, outputs, packed
    from common.errors import UserError
    from common.log import log_lines, warn
    from common.progress import Progress
    from common.terminal import printable, say
    from data.jobs.shard import cannot_write, make_room
    from data.similarity import making, neighbours, parts_of_speech, training, vectors, word_choice
    from data.text import corpus, segmentation
    from data.tokenizers.vocabularies import choose_lower_case, read_vocabulary
    from data.tokenizers.vocabulary_file import WORDPIECE

FLAGS = flags.FLAGS
_READING = ("input_format", "encoding", "t2s", "segmenter", "ltp_model", "user_dict")
_TRAINING = ("min_count", "vector_size", "window", "epochs", "seed")
_TABLE = ("top_k", "min_similarity")

topics.lead(
    ("vectors", "train_on", "output_file"),
    ("vocab_file", "min_similarity", "top_k", "same_pos", "input_format", "user_dict"),
)
topics.begin("Table")
flags.DEFINE_string("output_file", None, "File to write: a word, a tab and its neighbours.")
flags.DEFINE_string(
    "vocab_file",
    None,
    "Vocabulary of the model, a vocab.txt; words that it lacks are left out.",
)
flags.DEFINE_bool("do_lower_case", True, "Lower-case and strip accents (uncased vocabularies).")
flags.DEFINE_float("min_similarity", 0.6, "Least similarity of neighbours, from -1 to 1.")
flags.DEFINE_integer("top_k", 10, "Most neighbours of a word.")
flags.DEFINE_bool(
    "same_length",
    None,
    "Only neighbours of as many pieces as the word has, which MacBERT needs. Default: true "
    "with --vocab_file.",
)
flags.DEFINE_bool("same_pos", False, "Only neighbours of the same part of speech.")
flags.DEFINE_string(
    "pos_file",
    None,
    "Parts of speech for --same_pos: a word and its tag a line. Default: the dictionary of jieba.",
)
topics.begin("Vectors of a file")
flags.DEFINE_string(
    "vectors", None, "Word vectors in the text or binary format of word2vec, also .gz."
)
flags.DEFINE_enum(
    "vectors_format", None, vectors.FORMATS, "Format of --vectors; default: as it looks."
)
topics.begin("Vectors of a corpus")
flags.DEFINE_string(
    "train_on",
    None,
    "Text files to train vectors on (pip: gensim): names or globs, a comma between them.",
)
flags.DEFINE_enum(
    "input_format",
    "raw",
    corpus.RUNNING_TEXT,
    "Format of the text, as in create_pretraining_data.py.",
)
corpus_flags.define_encoding()
flags.DEFINE_list("text_fields", ["text"], "Fields of --input_format=jsonl that hold text.")
flags.DEFINE_bool(
    "t2s", False, "Write traditional characters as simplified ones, by OpenCC (pip: opencc)."
)
flags.DEFINE_enum("segmenter", "rjieba", segmentation.SEGMENTERS[:-1], "Word segmenter.")
flags.DEFINE_string("ltp_model", None, "LTP model: a directory, or a name of the hub (LTP/small).")
flags.DEFINE_string(
    "user_dict",
    None,
    "Dictionary of words that must be known, a line each: word [frequency] [tag].",
)
flags.DEFINE_integer("min_count", 5, "Rarer words have no vector.")
flags.DEFINE_integer("vector_size", 100, "Values of a vector.")
flags.DEFINE_integer(
    "window",
    2,
    "Most words on either side from which a word is learnt: few bring words near that can stand in "
    "each other's place, many those of one topic.",
)
flags.DEFINE_integer("epochs", 10, "Passes over the text.")
flags.DEFINE_integer("seed", 12345, "Seed of every random choice.")


def _check_flags():
    """Raises UserError for flags that are missing, idle or out of range."""
    require(FLAGS, "output_file")
    if bool(FLAGS.vectors) == bool(FLAGS.train_on):
        raise UserError("give either --vectors or --train_on: a file of vectors, or a text")
    has_words = FLAGS.input_format in ("presegmented", "conllu")
    of_words = "cannot be combined with --input_format=" + FLAGS.input_format
    rules = [
        ("do_lower_case", not FLAGS.vocab_file, "needs --vocab_file"),
        ("same_length", FLAGS.same_length and not FLAGS.vocab_file, "needs --vocab_file"),
        ("pos_file", not FLAGS.same_pos, "needs --same_pos"),
        ("vectors_format", not FLAGS.vectors, "needs --vectors"),
        *((name, not FLAGS.train_on, "needs --train_on") for name in (*_READING, *_TRAINING)),
        ("text_fields", FLAGS.input_format != "jsonl", "needs --input_format=jsonl"),
        ("segmenter", has_words, of_words),
        ("user_dict", has_words, of_words),
    ]
    for name, is_idle, why in rules:
        if FLAGS[name].present and is_idle:
            raise UserError("--{} {}; remove it".format(name, why))
    for name, low, high in (
        ("min_similarity", -1, 1),
        ("top_k", 1, neighbours.MOST),
        ("min_count", 1, None),
        ("vector_size", 1, vectors.MOST_VALUES),
        ("window", 1, None),
        ("epochs", 1, None),
        ("seed", 0, (1 << 32) - 1),
    ):
        value = FLAGS[name].value
        if not low <= value <= (value if high is None else high):
            limits = "{} or more".format(low) if high is None else "from {} to {}".format(low, high)
            raise UserError("--{} must be {}, found {}".format(name, limits, value))
    if packed.is_packed(FLAGS.output_file):
        raise UserError(
            "--output_file {} would not be compressed; give another name".format(FLAGS.output_file)
        )
    make_room(FLAGS.output_file)


def _tokenizer():
    """That of --vocab_file, None without one."""
    if not FLAGS.vocab_file:
        return None
    vocabulary = read_vocabulary(FLAGS.vocab_file)
    if vocabulary.kind != WORDPIECE:
        raise UserError(
            "{} is a SentencePiece model, whose pieces of a word depend on the text around it; "
            "give a vocab.txt (--vocab_file)".format(FLAGS.vocab_file)
        )
    given = FLAGS.do_lower_case if FLAGS["do_lower_case"].present else None
    lower, notes = choose_lower_case(vocabulary, given)
    log_lines([*vocabulary.beside.notes, *notes])
    return vocabulary.make_tokenizer(lower)


def _blocks():
    """The words and their vectors."""
    if FLAGS.vectors:
        return _read_blocks(vectors.VectorFile(FLAGS.vectors, FLAGS.vectors_format))
    reading = training.CorpusSettings(
        text_fields=tuple(FLAGS.text_fields), **given_values(FLAGS, _READING)
    )
    paths = files.matching(FLAGS.train_on, "--train_on")
    training.check_library()
    for note in reading.check():
        warn(note)
    folder = None  # with room for the words of the corpus
    if not files.is_remote(FLAGS.output_file):
        folder = os.path.dirname(FLAGS.output_file) or "."
    return training.trained(
        paths, reading, training.TrainingSettings(**given_values(FLAGS, _TRAINING)), say, folder
    )


def _read_blocks(of_file):
    with Progress("vectors", of_file.header.words, say, "words") as progress:
        for block in of_file.blocks():
            yield block
            progress(len(block.words))


def _origin(settings):
    """The comment with which the table begins: what it was made from and how."""
    given = ["--{}={}".format(name, FLAGS[name].value) for name in _TABLE]
    given += ["--same_length"] * settings.same_length + ["--same_pos"] * FLAGS.same_pos
    source = FLAGS.vectors and os.path.basename(FLAGS.vectors)
    if not source:
        source = "vectors trained on text"
        given += ["--{}={}".format(name, FLAGS[name].value) for name in _TRAINING]
    vocabulary = ", vocabulary " + os.path.basename(FLAGS.vocab_file) if FLAGS.vocab_file else ""
    return printable("# from {}{}; {}".format(source, vocabulary, " ".join(given))) + "\n"


def main(argv):
    del argv
    _check_flags()
    tokenizer = _tokenizer()
    tags = parts_of_speech.read_parts_of_speech(FLAGS.pos_file) if FLAGS.same_pos else None
    settings = making.TableSettings(
        same_length=bool(FLAGS.vocab_file) if FLAGS.same_length is None else FLAGS.same_length,
        tags=tags,
        lowers=bool(tokenizer and tokenizer.do_lower_case),
        **given_values(FLAGS, _TABLE),
    )
    table = making.make(word_choice.choose(_blocks(), tokenizer), settings, say)
    try:
        with outputs.replacing(FLAGS.output_file) as f:
            f.write(_origin(settings).encode("utf-8"))
            f.writelines(line.encode("utf-8") for line in table.lines())
    except files.failures() as error:
        raise cannot_write(FLAGS.output_file, error) from None
    for line in table.report():
        say(line)
    say("similar words: {}".format(FLAGS.output_file))
    return 0


if __name__ == "__main__":
    run_script(main)
