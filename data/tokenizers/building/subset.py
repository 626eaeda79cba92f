"""A part of a vocab.txt's rows: those that a corpus uses, or that words are made of."""

import string
from typing import List, NamedTuple, Optional

import numpy as np

from common.errors import UserError
from data.text.word_lists import pieces_of
from data.tokenizers.building.extension import Line, rows_as_written
from data.tokenizers.building.from_corpus import piece_counts
from data.tokenizers.building.token_classes import (
    EMOJI,
    JAPANESE,
    KOREAN,
    SPECIAL,
    class_of,
)
from data.tokenizers.vocabulary_file import WORDPIECE
from data.tokenizers.wordpiece import Vocabulary

_ALWAYS = frozenset(
    [
        *string.ascii_letters,
        *string.digits,
        *string.punctuation,
        *("##" + c for c in string.ascii_letters + string.digits),
    ]
)


class Wanted(NamedTuple):
    """Which rows are kept.

    Attributes:
      words: Counter of from_corpus.count_words, or None.
      lines: list of Lines of files of words.
      min_frequency: least count of a row in the corpus.
      size: most rows, the most frequent ones are kept; None: no limit.
      is_clue: whether Japanese, Korean and emoji are left out, and all special rows kept.
      do_lower_case: of the tokenizer.
    """

    words: Optional[dict]
    lines: List[Line]
    min_frequency: int = 1
    size: Optional[int] = None
    is_clue: bool = False
    do_lower_case: bool = True


class Subset(NamedTuple):
    """The rows that are kept of a vocabulary.

    Attributes:
      copied: int64 [size], ids of the old vocabulary in their order.
      counts: int64 [old size], of the rows in the corpus; None without one.
      unknown: list of the Lines of which something is [UNK], or was before.
      vocabulary: wordpiece.Vocabulary of the rows kept.
      content: bytes of its file.
    """

    copied: np.ndarray
    counts: Optional[np.ndarray]
    unknown: List[Line]
    vocabulary: Vocabulary
    content: bytes
    means = {}  # none: every row is one of the old vocabulary's

    @property
    def size(self):
        """Rows kept."""
        return len(self.copied)

    def left_out(self):
        """Ids of the rows that the corpus uses and that are not kept, the most frequent first."""
        used = np.flatnonzero(self.counts)
        used = used[~np.isin(used, self.copied)]
        return used[np.lexsort((used, -self.counts[used]))].tolist()


def choose(vocabulary, wanted, path):
    """The Subset of a vocabulary.

    A text all of whose pieces are kept has the same pieces in the result: WordPiece takes the
    longest row that fits, and no row is added.

    Args:
      vocabulary: of data/tokenizers/vocabularies.py.
      wanted: Wanted.
      path: of the file that the rows go to, for messages.

    Raises:
      UserError: the vocabulary is a SentencePiece model, or wanted.size is too small for what is
        always kept.
    """
    if vocabulary.kind != WORDPIECE:
        raise UserError(
            "{} is a SentencePiece model, whose pieces and their probabilities are trained: no "
            "rows can be left out (--from_vocab)".format(vocabulary.path)
        )
    tokens = vocabulary.tokens
    asked, unknown = _of_lines(vocabulary, wanted)
    always = asked | vocabulary.special_ids | {i for i, t in enumerate(tokens) if t in _ALWAYS}
    if wanted.is_clue:
        always |= {i for i, token in enumerate(tokens) if class_of(token) == SPECIAL}
    if wanted.size is not None and wanted.size < len(always):
        raise UserError(
            "--vocab_size {} is too small: special tokens, letters, digits, ASCII punctuation and "
            "the pieces of --words are {:,} rows".format(wanted.size, len(always))
        )
    counts = used = None
    if wanted.words is not None:
        counts = piece_counts(wanted.words, vocabulary, wanted.do_lower_case)
        used = _most_frequent(counts, wanted, tokens, always)
    kept = sorted(always | set(used or ()))
    written = rows_as_written(vocabulary)
    content = "".join(written[i] + "\n" for i in kept).encode("utf-8")
    smaller = Vocabulary(path, [tokens[i] for i in kept])
    return Subset(np.array(kept, dtype=np.int64), counts, unknown, smaller, content)


def _most_frequent(counts, wanted, tokens, always):
    """Ids of the rows that a corpus uses, as many as there is room for beside `always`."""
    found = np.flatnonzero(counts >= max(wanted.min_frequency, 1))
    order = found[np.lexsort((found, -counts[found]))].tolist()
    ids = [i for i in order if i not in always]
    if wanted.is_clue:
        ids = [i for i in ids if class_of(tokens[i]) not in (JAPANESE, KOREAN, EMOJI)]
    return ids if wanted.size is None else ids[: wanted.size - len(always)]


def _of_lines(vocabulary, wanted):
    """(set of the ids of words, list of Lines with something unknown).

    A line is a row as it stands in the vocabulary, or a text whose pieces are kept.
    """
    ids, texts = set(), []
    for line in wanted.lines:
        if line.word in vocabulary.ids:
            ids.add(vocabulary.ids[line.word])
        else:
            texts.append(line)
    tokenizer = vocabulary.make_tokenizer(wanted.do_lower_case)
    pieces, owners = pieces_of([line.word for line in texts], tokenizer)
    ids.update(pieces.ids.tolist())
    is_unknown = np.bincount(owners[pieces.ids == vocabulary.unk], minlength=len(texts)) > 0
    is_unknown |= np.bincount(owners, minlength=len(texts)) == 0
    return ids, [line for line, fault in zip(texts, is_unknown.tolist()) if fault]
