"""WordPiece over a whole work unit at once, with character offsets.

Token for token what google-research/bert's FullTokenizer gives (golden vectors in the tests), but
organised for speed: a table over code points classifies every character of a megabyte in one numpy
step, Chinese characters and punctuation take their id from a second table, and only runs of other
characters (English words, numbers, kana) go through the `tokenizers` library, each distinct run
once.
"""

import collections
import hashlib
import io
from typing import NamedTuple

import numpy as np

from common.errors import UserError
from data.text.characters import CODE_POINTS, code_points
from data.tokenizers import reachability, vocabulary_file
from data.tokenizers.basic_tokens import (
    DROP,
    RUN,
    SINGLE,
    CharacterTable,
    lower_in_context,
    shaped_run,
    split_words,
)

SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
MAX_CHARS_PER_WORD = 200  # longer runs are [UNK], as in google-research/bert tokenization.py
_VOCABULARY_CHARS = 1 << 24
# Which sigma becomes ς in lower case, as a regular expression of the `tokenizers` library.
FINAL_SIGMA = r"(?<=\p{Cased}\p{Case_Ignorable}*)Σ(?!\p{Case_Ignorable}*\p{Cased})"


class Spelling(NamedTuple):
    """A token for people.

    Attributes:
      text: of the token.
      is_inner: whether it continues the word before it.
    """

    text: str
    is_inner: bool


class Vocabulary:
    """A vocab.txt: one token a line, the line number is the id; see module vocabularies.

    Raises:
      UserError: no such file, not UTF-8, empty, or a special token is missing.
    """

    kind, library, file_name = vocabulary_file.WORDPIECE, "tokenizers", "vocab.txt"
    is_as_file = True

    def __init__(self, path, tokens=None):
        """`tokens`: list of str, where they are more than those of the file; None: read them."""
        self.path = path
        self.tokens = read_tokens(path) if tokens is None else tokens
        self.ids = {token: i for i, token in enumerate(self.tokens)}
        missing = [token for token in SPECIAL_TOKENS if token not in self.ids]
        if missing:
            raise UserError(
                "vocabulary {} lacks {}; it must list {}".format(
                    path, ", ".join(missing), " ".join(SPECIAL_TOKENS)
                )
            )
        self.pad, self.unk, self.cls, self.sep, self.mask = (self.ids[t] for t in SPECIAL_TOKENS)
        self.special_ids = frozenset(self.ids[token] for token in SPECIAL_TOKENS)
        self.sha256 = hashlib.sha256("\n".join(self.tokens).encode("utf-8")).hexdigest()

    def __len__(self):
        return len(self.tokens)

    def make_tokenizer(self, do_lower_case, blanks_part_words=False):
        del blanks_part_words  # it takes blanks for nothing else
        return WordPieceTokenizer(self, do_lower_case)

    def spelling(self, token_id):
        """Spelling of a token."""
        token = self.tokens[token_id]
        is_inner = token.startswith("##") and len(token) > 2
        return Spelling(token[2:] if is_inner else token, is_inner)

    def unreachable(self, do_lower_case):
        """reachability.Unreachable: the rows that no text gives."""
        table = CharacterTable(do_lower_case)
        return reachability.of_wordpiece(self, table, MAX_CHARS_PER_WORD)

    def random_replacements(self, do_lower_case):
        """Ids that may stand in for a masked piece, int32 [n].

        google-research/bert draws from the whole file; here the rows that no text can produce
        are skipped: special tokens and all that `unreachable` finds.
        """
        return reachability.reachable_ids(self, self.unreachable(do_lower_case))


def read_tokens(path):
    """The tokens of a vocab.txt: list of str.

    Raises:
      UserError: no such file, not UTF-8, or empty.
    """
    content = vocabulary_file.read_vocabulary_file(path)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError("vocabulary file {} is not UTF-8: {}".format(path, error)) from None
    if not text:
        raise UserError("vocabulary file {} is empty".format(path))
    if len(text) > _VOCABULARY_CHARS:
        raise UserError(
            "vocabulary file {} is longer than {:,} characters, which is no vocabulary".format(
                path, _VOCABULARY_CHARS
            )
        )
    return [line.strip() for line in io.StringIO(text, newline=None)]


class Pieces(NamedTuple):
    """A tokenised text.

    Attributes:
      ids: int32 [pieces].
      starts, ends: int32 [pieces], character offsets.
      continuation: bool [pieces], True inside an English word or number (the `##` pieces).
    """

    ids: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    continuation: np.ndarray


class WordPieceTokenizer:
    """Tokenises long texts; holds the tables and the cache of runs already seen."""

    normalize_quotes = t2s = False
    # A corpus of identifiers could fill memory with runs that never come back.
    MAX_CACHED_RUNS = 200000

    def __init__(self, vocabulary, do_lower_case=True):
        from tokenizers.models import WordPiece

        self.vocabulary = vocabulary
        self.do_lower_case = do_lower_case
        self._model = WordPiece(
            dict(vocabulary.ids), unk_token="[UNK]", max_input_chars_per_word=MAX_CHARS_PER_WORD
        )
        self._single_ids = np.full(CODE_POINTS, vocabulary.unk, dtype=np.int32)
        self._characters = CharacterTable(do_lower_case, self._learn_single)
        self._runs = _RunTable()

    def tokenize(self, text, sentence_starts=(), is_inner=False):
        """Pieces of `text`, in order.

        Args:
          text: str.
          sentence_starts: character offsets [sentences] at which a run of letters is cut, so that
            no piece reaches from one sentence into the next.
          is_inner: whether a text goes on, for instance after a mask; WordPiece does not see it.

        Returns:
          Pieces over the whole text; pieces of one sentence are contiguous.
        """
        del is_inner
        chars = code_points(text)
        classes = self._characters.classify(chars)
        positions = None
        if (classes == DROP).any():
            # Google removes control characters before it looks for words: "a\x00b" is one word.
            positions = np.flatnonzero(classes != DROP)
            chars, classes = chars[positions], classes[positions]
            text = chars.tobytes().decode("utf-32-le", "surrogatepass")
            sentence_starts = np.searchsorted(
                positions, np.asarray(sentence_starts, dtype=np.int64)
            )
        pieces = self._assemble(text, chars, classes, sentence_starts)
        if positions is None or not len(pieces.ids):
            return pieces
        starts = positions[pieces.starts].astype(np.int32)
        ends = (positions[pieces.ends - 1] + 1).astype(np.int32)
        return Pieces(pieces.ids, starts, ends, pieces.continuation)

    def _learn_single(self, code, form):
        self._single_ids[code] = self.vocabulary.ids.get(form, self.vocabulary.unk)

    def _assemble(self, text, chars, classes, sentence_starts):
        in_run = classes == RUN
        run_starts = in_run.copy()
        run_starts[1:] &= ~in_run[:-1]
        starts = np.asarray(sentence_starts, dtype=np.int64)
        starts = starts[starts < len(chars)]
        run_starts[starts] |= in_run[starts]
        run_ends = in_run.copy()
        run_ends[:-1] &= ~in_run[1:] | run_starts[1:]
        begin = np.flatnonzero(run_starts)
        end = np.flatnonzero(run_ends) + 1
        kinds = np.array(
            [self._run_kind(text, s, e) for s, e in zip(begin.tolist(), end.tolist())],
            dtype=np.int64,
        )
        # One "unit" is a single character or a run; units in text order, then their pieces.
        heads = np.flatnonzero((classes == SINGLE) | run_starts)
        counts = np.ones(len(heads), dtype=np.int64)
        is_run = in_run[heads]
        table = self._runs.arrays()
        counts[is_run] = table.counts[kinds]
        owner = np.repeat(np.arange(len(heads)), counts)
        ids = self._single_ids[chars[heads]][owner]
        piece_starts = heads[owner].astype(np.int32)
        piece_ends = piece_starts + 1
        continuation = np.zeros(len(owner), dtype=bool)
        of_run = np.flatnonzero(is_run[owner])
        if len(of_run):
            run_counts = table.counts[kinds]
            first = np.repeat(np.cumsum(run_counts) - run_counts, run_counts)
            source = np.repeat(table.offsets[kinds], run_counts) + (np.arange(len(of_run)) - first)
            base = piece_starts[of_run]
            ids[of_run] = table.ids[source]
            piece_starts[of_run] = base + table.starts[source]
            piece_ends[of_run] = base + table.ends[source]
            continuation[of_run] = table.continuation[source]
        self._runs.forget_if_larger_than(self.MAX_CACHED_RUNS)
        return Pieces(ids, piece_starts, piece_ends, continuation)

    def _run_kind(self, text, start, end):
        run = text[start:end]
        kind = self._runs.index.get(run)
        if kind is None:
            if self.do_lower_case and "Σ" in run:
                # The only letter whose lower case depends on its neighbours: not cached by itself.
                return self._runs.add(
                    None, self._run_pieces(run, lower_in_context(text, start, end))
                )
            kind = self._runs.add(run, self._run_pieces(run, None))
        return kind

    def _run_pieces(self, run, lowered):
        """[(id, start, end, continuation)] of one run of letters; offsets from its beginning."""
        shaped = shaped_run(run, self.do_lower_case, lowered)
        pieces = []
        for word in split_words(shaped):
            pieces.extend(self._word_pieces(word))
        return pieces

    def _word_pieces(self, word):
        tokens = self._model.tokenize("".join(c for c, _ in word))
        if len(tokens) == 1:
            return [(tokens[0].id, word[0][1], word[-1][1] + 1, False)]
        pieces, at = [], 0
        for token in tokens:
            length = len(token.value) - (2 if at else 0)
            pieces.append((token.id, word[at][1], word[at + length - 1][1] + 1, at > 0))
            at += length
        return pieces


class _RunTable:
    """Pieces of the distinct runs seen so far, as growing flat arrays."""

    Arrays = collections.namedtuple(
        "Arrays", ["counts", "offsets", "ids", "starts", "ends", "continuation"]
    )

    def __init__(self):
        self._clear()

    def _clear(self):
        self.index = {}
        self._new_counts, self._new_pieces = [], []
        self._known = 0
        self._counts = np.zeros(0, dtype=np.int64)
        self._pieces = np.zeros((0, 4), dtype=np.int32)

    def add(self, run, pieces):
        """Stores [(id, start, end, continuation)] of a run (None: not to be found again)."""
        kind = self._known
        self._known += 1
        if run is not None:
            self.index[run] = kind
        self._new_counts.append(len(pieces))
        self._new_pieces.extend(pieces)
        return kind

    def arrays(self):
        if self._new_counts:
            new = np.array(self._new_pieces, dtype=np.int32).reshape(-1, 4)
            self._pieces = np.concatenate([self._pieces, new])
            self._counts = np.concatenate([self._counts, np.array(self._new_counts)])
            self._new_counts, self._new_pieces = [], []
        ids, starts, ends, continuation = self._pieces.T
        offsets = np.cumsum(self._counts) - self._counts
        return self.Arrays(self._counts, offsets, ids, starts, ends, continuation != 0)

    def forget_if_larger_than(self, limit):
        if self._known > limit:
            self._clear()
