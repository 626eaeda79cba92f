"""A vocabulary from a corpus, by the `tokenizers` and `sentencepiece` libraries.

python -m data.build_vocab --input_file='sample/corpus/*.txt' --output_file=vocab.txt
python -m data.build_vocab --input_file='sample/corpus/*.txt' --output_file=spiece.model \\
    --tokenizer=sentencepiece
"""

import collections
import io

import sentencepiece
from tokenizers import normalizers, pre_tokenizers

from common import files
from common.errors import UserError, require, run_script
from data.jobs.shard import cannot_write
from data.tokenizers.sentencepiece_training import train_model
from data.tokenizers.vocabularies import read_vocabulary
from data.tokenizers.vocabulary_file import KINDS, SENTENCEPIECE, SENTENCEPIECE_ENDING, WORDPIECE
from data.tokenizers.wordpiece import SPECIAL_TOKENS, is_cjk, is_punctuation


def build_vocabulary(paths, size, min_frequency, do_lower_case):
    """Tokens in the order of their ids: special tokens, single characters, pieces of words.

    Chinese characters and punctuation stand alone in BERT's tokenizer and so are taken as they
    are; what is between them (English, numbers) is cut by byte-pair encoding of the
    `sentencepiece` library, whose result, unlike that of `tokenizers`' trainer, is the same in
    every run. No `##` before a CJK character: no text produces such a piece.

    Args:
      paths: text files, UTF-8.
      size: int, largest vocabulary.
      min_frequency: int, rarer characters and words are left out.
      do_lower_case: bool.

    Returns:
      list of str.

    Raises:
      UserError: a file cannot be read or is not UTF-8, there is no text, `size` is too small.
    """
    words = _count_words(paths, do_lower_case)
    single, runs = collections.Counter(), collections.Counter()
    for word, count in words.items():
        if count >= min_frequency:
            alone = len(word) == 1 and (is_cjk(ord(word)) or is_punctuation(word))
            (single if alone else runs)[word] += count
    if not words:
        raise UserError("no text in {}".format(", ".join(paths)))
    letters = collections.Counter(c for run in runs for c in run)
    tokens = sorted(single) + sorted(letters) + sorted("##" + c for c in letters)
    room = size - len(SPECIAL_TOKENS) - len(tokens)
    if room < 0:
        raise UserError(
            "--vocab_size {} is too small for the {} characters of the corpus; raise it, or "
            "--min_frequency".format(size, len(tokens))
        )
    pieces = _word_pieces(runs, room + len(letters)) if runs and room else []
    known = set(tokens)
    tokens += [piece for piece in pieces if piece not in known][:room]
    return list(SPECIAL_TOKENS) + tokens


def _count_words(paths, do_lower_case):
    """Counter of what BERT's basic tokenizer makes of the files."""
    normalizer = normalizers.BertNormalizer(lowercase=do_lower_case, strip_accents=do_lower_case)
    splitter = pre_tokenizers.BertPreTokenizer()
    words = collections.Counter()
    for path in paths:
        try:
            with files.open_file(path, "rb") as f:
                for line in f:
                    text = line.decode("utf-8-sig")
                    found = splitter.pre_tokenize_str(normalizer.normalize_str(text))
                    words.update(word for word, _ in found)
        except UnicodeDecodeError as error:
            raise UserError("{} is not UTF-8: {}".format(path, error)) from None
        except files.failures() as error:
            raise UserError("cannot read {}: {}".format(path, files.reason(error))) from None
    return words


def _word_pieces(runs, size):
    """Pieces of the words in `runs`, the most useful first, in WordPiece spelling."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=(" ".join([run] * min(count, 50)) for run, count in sorted(runs.items())),
        model_writer=model,
        model_type="bpe",
        vocab_size=size + 3,
        hard_vocab_limit=False,
        character_coverage=1.0,
        normalization_rule_name="identity",
        bos_id=-1,
        eos_id=-1,
        minloglevel=2,
    )
    processor = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    pieces = (processor.id_to_piece(i) for i in range(1, processor.get_piece_size()))
    spelled = (p[1:] if p.startswith("▁") else "##" + p for p in pieces)
    return [p for p in spelled if p not in ("", "##")]


def _define_flags(flags):
    flags.DEFINE_string("input_file", None, "Text files: names or globs, a comma between them.")
    flags.DEFINE_string(
        "output_file", None, "The vocabulary: a token a line, or a SentencePiece model (.model)."
    )
    flags.DEFINE_enum("tokenizer", WORDPIECE, KINDS, "What the vocabulary is for.")
    flags.DEFINE_integer("vocab_size", 8000, "Largest vocabulary.")
    flags.DEFINE_integer("min_frequency", 1, "wordpiece: rarer characters and words are left out.")
    flags.DEFINE_bool("do_lower_case", True, "Lower-case and strip accents.")


def main(argv):
    del argv
    from absl import flags

    options = flags.FLAGS
    require(options, "input_file", "output_file")
    if options.vocab_size <= len(SPECIAL_TOKENS):
        raise UserError("--vocab_size must be above {}".format(len(SPECIAL_TOKENS)))
    is_model = options.tokenizer == SENTENCEPIECE
    if options["min_frequency"].present and is_model:
        raise UserError("--min_frequency has no use with --tokenizer=sentencepiece: leave it out")
    if options.output_file.endswith(SENTENCEPIECE_ENDING) != is_model:
        raise UserError(
            "--output_file {} with --tokenizer={}: SentencePiece models, and they alone, are to "
            "be called *{}".format(options.output_file, options.tokenizer, SENTENCEPIECE_ENDING)
        )
    paths = files.matching(options.input_file, "--input_file")
    if is_model:
        content = train_model(paths, options.vocab_size, options.do_lower_case)
    else:
        tokens = build_vocabulary(
            paths, options.vocab_size, options.min_frequency, options.do_lower_case
        )
        content = ("\n".join(tokens) + "\n").encode("utf-8")
    try:
        with files.replacing(options.output_file) as f:
            f.write(content)
    except files.failures() as error:
        raise cannot_write(options.output_file, error) from None
    size = len(read_vocabulary(options.output_file)) if is_model else len(tokens)
    print("{}: {:,} tokens".format(options.output_file, size))
    return 0


if __name__ == "__main__":
    from absl import flags

    _define_flags(flags)
    run_script(main)
