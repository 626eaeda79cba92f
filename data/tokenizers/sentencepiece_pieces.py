"""SentencePiece over a whole work unit at once, with character offsets.

Piece for piece what google-research/albert's FullTokenizer gives with a spm_model_file
(tokenization.py: preprocess_text and encode_pieces). The `sentencepiece` library gives the pieces
as texts; where a sentence is their sum, as nearly all are, so are the offsets, and else the library
is asked what its normalisation did.
"""

import hashlib
import itertools
from typing import NamedTuple

import numpy as np

from common.errors import UserError
from data.text.characters import code_points
from data.tokenizers import reachability, vocabulary_file
from data.tokenizers.albert_text import AlbertText
from data.tokenizers.wordpiece import Pieces, Spelling

# As ALBERT's released models have them, in the order pad, unk, cls, sep, mask.
SPECIAL_TOKENS = ("<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]")
BLANK = "▁"


class SentencePieceVocabulary:
    """A SentencePiece model, whose ids are the ids; see data/tokenizers/vocabularies.py.

    Raises:
      UserError: no such file, no SentencePiece model, or a special piece is missing.
    """

    kind, library = vocabulary_file.SENTENCEPIECE, "sentencepiece"
    file_name, is_as_file = "spiece.model", True

    def __init__(self, path):
        self.path = path
        content = vocabulary_file.read_vocabulary_file(path)
        self.processor, self.tokens = _load(path, content)
        self.ids = {token: i for i, token in enumerate(self.tokens)}
        missing = [token for token in SPECIAL_TOKENS if token not in self.ids]
        if missing:
            raise UserError(
                "SentencePiece model {} has no piece {}; ALBERT's have {} (spm_train --pad_id=0 "
                "--unk_id=1 --bos_id=-1 --eos_id=-1 --control_symbols=[CLS],[SEP],[MASK])".format(
                    path, ", ".join(missing), " ".join(SPECIAL_TOKENS)
                )
            )
        self.pad, self.unk, self.cls, self.sep, self.mask = (self.ids[t] for t in SPECIAL_TOKENS)
        self.special_ids = frozenset(self.ids[token] for token in SPECIAL_TOKENS)
        self.sha256 = hashlib.sha256(content).hexdigest()

    def __len__(self):
        return self.processor.get_piece_size()

    def make_tokenizer(self, do_lower_case, blanks_part_words=False):
        return SentencePieceTokenizer(self, do_lower_case, blanks_part_words)

    def spelling(self, token_id):
        """Spelling of a token."""
        token = self.tokens[token_id]
        return Spelling(token.replace(BLANK, ""), not token.startswith(BLANK))

    def pieces_of_text(self):
        """{piece: id} of those that stand for text."""
        hidden = (self.processor.is_control, self.processor.is_unknown, self.processor.is_unused)
        return {
            token: i
            for i, token in enumerate(self.tokens)
            if i not in self.special_ids and not any(is_one(i) for is_one in hidden)
        }

    def unreachable(self, do_lower_case):
        """reachability.Unreachable: the rows that no text gives."""
        return reachability.of_sentencepiece(self, AlbertText(do_lower_case), is_cut_again)

    def random_replacements(self, do_lower_case):
        """Ids that may stand in for a masked piece, int32 [n]: of pieces that a text can have."""
        return reachability.reachable_ids(self, self.unreachable(do_lower_case))


def _load(path, content):
    try:
        import sentencepiece
    except ImportError:
        raise UserError(
            "{} is a SentencePiece model, and the package sentencepiece is not installed".format(
                path
            )
        ) from None
    processor = sentencepiece.SentencePieceProcessor()
    try:
        processor.load_from_serialized_proto(content)
        tokens = [processor.id_to_piece(i) for i in range(processor.get_piece_size())]
    except (RuntimeError, ValueError):  # one of these: a piece is not UTF-8
        raise UserError(
            "{} is not a SentencePiece model, or a damaged one (--vocab_file)".format(path)
        ) from None
    return processor, tokens


def is_cut_again(piece):
    """Whether encode_pieces makes more than one of a piece: a number and the comma after it."""
    return len(piece) > 1 and piece[-1] == "," and piece[-2].isdigit()


class SentencePieceTokenizer:
    """Tokenises long texts."""

    normalize_quotes = t2s = False
    # A corpus of numbers could fill memory with pieces that never come back.
    MAX_CUT = 100000

    def __init__(self, vocabulary, do_lower_case=True, blanks_part_words=False):
        self.vocabulary = vocabulary
        self.do_lower_case = do_lower_case
        self._processor = vocabulary.processor
        self._text = AlbertText(do_lower_case, blanks_part_words)
        self._ids = _Ids(vocabulary)
        self._cut = {}

    def tokenize(self, text, sentence_starts=(), is_inner=False):
        """Pieces of `text`, in order.

        A piece's offsets do not include the blank before it. A piece that is nothing but a blank
        (at the beginning of a sentence maybe one that the text does not have) has the place of the
        character after it, and so belongs to the word that it begins.

        Args:
          text: str.
          sentence_starts: character offsets [sentences]; each sentence is encoded by itself.
          is_inner: whether the text goes on, for instance after a mask: without a blank in front
            it then does not begin like a word after a blank.

        Returns:
          Pieces over the whole text; pieces of one sentence are contiguous.

        Raises:
          UserError: the model makes no text of a text.
        """
        try:
            return self._tokenize(text, sentence_starts, is_inner)
        except UnicodeDecodeError:
            raise UserError(
                "{} is a damaged SentencePiece model: what it makes of a text is not UTF-8".format(
                    self.vocabulary.path
                )
            ) from None

    def _tokenize(self, text, sentence_starts, is_inner):
        prepared = self._text.prepare(text, sentence_starts)
        sentences = self._processor.encode(prepared.texts, out_type=str, num_threads=1)
        counts = np.array([len(pieces) for pieces in sentences], dtype=np.int64)
        normal = self._normal_forms(prepared, sentences, counts)
        flat = list(itertools.chain.from_iterable(sentences))
        ids, lengths, counts = self._numbered(flat, counts)
        starts, ends = _spans(normal, lengths, counts)
        heads = (np.cumsum(counts) - counts)[counts > 0]
        pieces = Pieces(ids, starts, ends, self._continuation(text, starts, ends, heads))
        if is_inner and flat and not text[0].isspace():
            return self._without_prefix(pieces)
        return pieces

    def _numbered(self, flat, counts):
        """Ids of pieces, with numbers and commas cut apart.

        Args:
          flat: list of str.
          counts: pieces of each sentence.

        Returns:
          ids int32 [pieces], lengths int64 [pieces] in normalised characters, counts.
        """
        ids = np.fromiter(map(self._ids.__getitem__, flat), np.int32, len(flat))
        lengths = np.fromiter(map(len, flat), np.int64, len(flat))
        cut = [i for i in np.flatnonzero(self._ids.to_look_at[ids]) if is_cut_again(flat[i])]
        if not cut:
            return ids, lengths, counts
        parts = [self._cut_again(flat[i]) for i in cut]
        more = np.array([len(part) - 1 for part in parts])
        sentence = np.searchsorted(np.cumsum(counts), cut, side="right")
        counts = counts.copy()
        np.add.at(counts, sentence, more)
        repeats = np.ones(len(flat), dtype=np.int64)
        repeats[cut] += more
        places = np.repeat(np.isin(np.arange(len(flat)), cut), repeats)
        ids, lengths = np.repeat(ids, repeats), np.repeat(lengths, repeats)
        ids[places], lengths[places] = zip(*itertools.chain.from_iterable(parts))
        return ids, lengths, counts

    def _cut_again(self, piece):
        """[(id, length)] that stand for a piece of a number and a comma, as in encode_pieces."""
        if piece not in self._cut:
            spellings = self._processor.encode(piece[:-1].replace(BLANK, ""), out_type=str)
            if not piece.startswith(BLANK) and spellings and spellings[0].startswith(BLANK):
                spellings = ([spellings[0][1:]] if len(spellings[0]) > 1 else []) + spellings[1:]
            spellings.append(piece[-1])
            lengths = [len(part) for part in spellings]
            if "".join(spellings) != piece:
                lengths = [len(piece)] + [0] * (len(spellings) - 1)
            if len(self._cut) >= self.MAX_CUT:
                self._cut.clear()
            self._cut[piece] = [(self._ids[p], n) for p, n in zip(spellings, lengths)]
        return self._cut[piece]

    def _normal_forms(self, prepared, sentences, counts):
        """_Normal of the sentences, which pieces are cut out of."""
        forms = ["".join(pieces) for pieces in sentences]
        lengths = np.fromiter(map(len, forms), np.int64, len(forms))
        borders = np.append(0, np.cumsum(lengths))
        sentence = np.repeat(np.arange(len(forms)), lengths)
        # As if nothing had been normalised away.
        prefix = self._processor.normalize("a")[:-1]
        place = np.arange(borders[-1]) - borders[sentence] - len(prefix)
        place = prepared.borders[sentence] + np.maximum(place, 0)
        place = np.minimum(place, prepared.borders[sentence + 1] - 1)
        first = prepared.origins[place]
        last = first.copy()
        for i, (text, form) in enumerate(zip(prepared.texts, forms)):
            if form != prefix + text.replace(" ", BLANK) and form:
                origins = prepared.origins[prepared.borders[i] : prepared.borders[i + 1]]
                span = slice(borders[i], borders[i + 1])
                first[span], last[span] = self._traced(text, form, origins)
        return _Normal(code_points("".join(forms)) == ord(BLANK), borders, first, last)

    def _traced(self, text, form, origins):
        """First and last character that each one of the normalised form came from."""
        normal, offsets = self._processor.normalize(text, with_offsets=True)
        if normal != form:  # pieces of bytes: nothing is known but the sentence
            return origins[0], origins[-1]
        offsets = np.array(offsets, dtype=np.int64)
        begin = np.minimum(offsets[:-1], len(origins) - 1)
        end = np.clip(offsets[1:] - 1, begin, len(origins) - 1)
        return origins[begin], origins[end]

    def _continuation(self, text, starts, ends, heads):
        """bool [pieces]: True for pieces that share a character, or a run of letters, with the
        piece before them."""
        is_continued = np.zeros(len(starts), dtype=bool)
        if len(starts) > 1:
            is_letter = self._text.letters(code_points(text))
            shared = starts[1:] < ends[:-1]
            is_continued[1:] = shared | (
                (starts[1:] == ends[:-1]) & is_letter[starts[1:]] & is_letter[ends[:-1] - 1]
            )
            is_continued[heads] = False
        return is_continued

    def _without_prefix(self, pieces):
        first = self.vocabulary.tokens[pieces.ids[0]]
        if first == BLANK:
            pieces.continuation[1:2] = False
            return Pieces(*(part[1:] for part in pieces))
        if first.startswith(BLANK) and first[1:] in self._ids.known:
            pieces.ids[0] = self._ids[first[1:]]
        return pieces


class _Ids(dict):
    """Piece -> id; what is not known is <unk>, also where it is spelled like a special piece.

    Attributes:
      known: {piece: id}.
      to_look_at: bool [vocabulary], True where a piece may end in a number and a comma.
    """

    def __init__(self, vocabulary):
        self.known = vocabulary.pieces_of_text()
        super().__init__(self.known)
        self._unk = vocabulary.unk
        self.to_look_at = np.array([is_cut_again(token) for token in vocabulary.tokens])
        self.to_look_at[vocabulary.unk] = True

    def __missing__(self, piece):
        return self._unk


class _Normal(NamedTuple):
    """Sentences in a row as SentencePiece normalised them.

    Attributes:
      is_blank: bool [characters].
      borders: int64 [sentences + 1].
      first, last: int64 [characters], places in the text.
    """

    is_blank: np.ndarray
    borders: np.ndarray
    first: np.ndarray
    last: np.ndarray


def _spans(normal, lengths, counts):
    """Beginnings and ends of pieces in the text, int32 [pieces] each, without the blanks around.

    Args:
      normal: _Normal.
      lengths: int64 [pieces], in normalised characters.
      counts: int64 [sentences], pieces of each.
    """
    size = len(normal.is_blank)
    ends = np.cumsum(lengths)
    begins = ends - lengths
    places = np.arange(size)
    following = np.append(np.where(normal.is_blank, size, places), size)
    following = np.minimum.accumulate(following[::-1])[::-1]
    preceding = np.maximum.accumulate(np.where(normal.is_blank, -1, places))
    head = following[begins]
    is_text = head < ends
    sentence = np.repeat(np.arange(len(counts)), counts)
    low, high = normal.borders[sentence], normal.borders[sentence + 1]
    before = preceding[np.minimum(begins, size - 1)] if size else begins
    blank = np.where(head < high, head, np.where(before >= low, before, begins))
    start = np.where(is_text, head, np.minimum(blank, size - 1))
    starts = normal.first[start]
    tail = preceding[np.maximum(ends, 1) - 1] if size else ends
    stops = np.where(is_text, normal.last[np.maximum(tail, 0)], starts) + 1
    return starts.astype(np.int32), stops.astype(np.int32)
