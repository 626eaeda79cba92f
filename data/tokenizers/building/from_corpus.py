"""A WordPiece vocabulary from a corpus, by the `tokenizers` and `sentencepiece` libraries."""

import collections
import io
from typing import NamedTuple

import numpy as np
import sentencepiece
from tokenizers import normalizers, pre_tokenizers

from common.errors import UserError
from data.text import encodings
from data.text.characters import is_cjk, is_punctuation
from data.text.word_lists import pieces_of
from data.tokenizers.wordpiece import SPECIAL_TOKENS


class Coverage(NamedTuple):
    """How a vocabulary fits a corpus.

    Attributes:
      characters: of the corpus, without blanks.
      pieces: of the corpus.
      unknown: pieces that are [UNK].
    """

    characters: int
    pieces: int
    unknown: int


def build_vocabulary(paths, size, min_frequency, do_lower_case, encoding=encodings.UTF8):
    """Tokens in the order of their ids: special tokens, single characters, pieces of words.

    Chinese characters and punctuation stand alone in BERT's tokenizer and so are taken as they
    are; what is between them (English, numbers) is cut by byte-pair encoding of the
    `sentencepiece` library, whose result, unlike that of `tokenizers`' trainer, is the same in
    every run. No `##` before a CJK character: no text produces such a piece.

    Args:
      paths: text files.
      size: int, largest vocabulary.
      min_frequency: int, rarer characters and words are skipped.
      do_lower_case: bool.
      encoding: of the files, see encodings.CHOICES.

    Returns:
      list of str.

    Raises:
      UserError: a file cannot be read or decoded, there is no text, `size` is too small.
    """
    words = count_words(paths, do_lower_case, encoding)
    single, runs = collections.Counter(), collections.Counter()
    for word, count in words.items():
        if count >= min_frequency:
            (single if stands_alone(word) else runs)[word] += count
    letters = collections.Counter(c for run in runs for c in run)
    tokens = sorted(single) + sorted(letters) + sorted("##" + c for c in letters)
    room = size - len(SPECIAL_TOKENS) - len(tokens)
    if room < 0:
        raise UserError(
            "--vocab_size {} is too small for the {} characters of the corpus; raise it, or "
            "--min_frequency".format(size, len(tokens))
        )
    pieces = word_pieces(runs, room + len(letters)) if runs and room else []
    known = set(tokens)
    tokens += [piece for piece in pieces if piece not in known][:room]
    return list(SPECIAL_TOKENS) + tokens


def count_words(paths, do_lower_case, encoding=encodings.UTF8, prepare=None):
    """Counter of what BERT's basic tokenizer makes of files.

    Args:
      paths: text files.
      do_lower_case: bool.
      encoding: of the files, see encodings.CHOICES.
      prepare: function of a line that gives the text to count, or None.

    Raises:
      UserError: a file cannot be read or decoded, or there is no text.
    """
    normalizer = normalizers.BertNormalizer(lowercase=do_lower_case, strip_accents=do_lower_case)
    splitter = pre_tokenizers.BertPreTokenizer()
    words = collections.Counter()
    for path in paths:
        for line in encodings.text_lines(path, encoding):
            text = prepare(line) if prepare else line
            splits = splitter.pre_tokenize_str(normalizer.normalize_str(text))
            words.update(word for word, _ in splits)
    if not words:
        raise UserError("no text in {}".format(", ".join(paths)))
    return words


def stands_alone(word):
    """Whether a word of the basic tokenizer is a Chinese character or punctuation."""
    return len(word) == 1 and (is_cjk(ord(word)) or is_punctuation(word))


def piece_counts(words, vocabulary, do_lower_case):
    """How often each row of a vocabulary occurs in counted words.

    Args:
      words: Counter of count_words.
      vocabulary: of data/tokenizers/vocabularies.py.
      do_lower_case: of the tokenizer.

    Returns:
      int64 [rows].
    """
    distinct = list(words)
    pieces, owners = pieces_of(distinct, vocabulary.make_tokenizer(do_lower_case))
    counts = np.array([words[word] for word in distinct], dtype=np.int64)
    totals = np.zeros(len(vocabulary), dtype=np.int64)
    np.add.at(totals, pieces.ids, counts[owners])
    return totals


def coverage(words, vocabulary, do_lower_case):
    """The Coverage of counted words; arguments as of piece_counts."""
    counts = piece_counts(words, vocabulary, do_lower_case)
    characters = sum(len(word) * count for word, count in words.items())
    return Coverage(characters, int(counts.sum()), int(counts[vocabulary.unk]))


def word_pieces(runs, size):
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
