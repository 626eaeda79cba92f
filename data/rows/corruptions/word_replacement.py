"""Chosen words become similar or random words: a corruption without [MASK]."""

import dataclasses
import functools
import os
from typing import Any, NamedTuple, Optional, Tuple

import numpy as np

from common.errors import UserError
from common.features import MASKED_LM
from data.rows.corruptions import sampling
from data.rows.corruptions.corruption import Change, Corrupted
from data.rows.corruptions.selection import Selection, SelectionSpec, settle_replacement
from data.similarity import piece_table
from data.similarity.table import read_table
from data.text.segmentation import sha256_of
from data.tokenizers.vocabulary_file import WORDPIECE

# Similar word, random word, kept: MacBERT, arXiv 2004.13922, section 3.2; drawn per word.
SHARES = (0.8, 0.1, 0.1)
_KEPT_WORDS = {}
# Counts of words, see Corrupted.counts.
SIMILAR, RANDOM, KEPT, WITHOUT, PIECES, ROWS = (
    "similar",
    "random",
    "kept",
    "without_similar",
    "without_random",
    "rows_without_similar",
)
FALLBACKS = (RANDOM, KEPT)


@dataclasses.dataclass(frozen=True)
class ReplacementSpec(SelectionSpec):
    """The specification of words in place of words.

    Attributes:
      replacement: probabilities of a similar word, a random word and the word itself.
      without_similar: what becomes of a word without a similar one, of FALLBACKS.
      similar_words: SHA-256 of the table, in hexadecimal.

    Raises:
      UserError: a value out of range.
    """

    replacement: Tuple[float, ...] = SHARES
    without_similar: str = RANDOM
    similar_words: str = ""

    def __post_init__(self):
        super().__post_init__()
        settle_replacement(self, "a similar word, a random word and the word itself")
        if self.without_similar not in FALLBACKS:
            raise UserError(
                "without_similar must be one of {}, found {}".format(
                    ", ".join(FALLBACKS), self.without_similar
                )
            )


class Words(NamedTuple):
    """What words are replaced with.

    Attributes:
      path: of the file.
      table: piece_table.WordTable.
      left_out: piece_table.LeftOut.
      words: how many the file has.
      sha256: of the file.
    """

    path: str
    table: Any
    left_out: Any
    words: int
    sha256: str


@dataclasses.dataclass(frozen=True)
class WordReplacement(Selection):
    """Chosen words become similar words of as many pieces, or random ones, or stay; their pieces
    are predicted (MacBERT: Cui et al. 2020, arXiv 2004.13922, section 3.2).

    The kind is drawn per word, inside n-grams, too. A word without a similar word becomes a random
    one (or stays, see ReplacementSpec); a random word is any word of the table with as many pieces,
    and where it has none of that size, a random piece for each.

        corruption = get_recipe("macbert").corruption.for_settings(settings)
        corruption = corruption.with_files(settings.family_options, vocabulary, True)

    Attributes:
      words: Words, None before `with_files`.
    """

    words: Optional[Words] = dataclasses.field(default=None, compare=False)

    targets = MASKED_LM
    stated_values = "kind, unit, shares and the digest of similar_words"

    def own_settings(self, settings, unit):
        del unit
        options = settings.family_options
        path = options.similar_words
        digest = _digest(path) if path else ""
        return {"similar_words": digest, "without_similar": options.without_similar}

    def with_files(self, options, vocabulary, do_lower_case):
        path = getattr(options, "similar_words", None)
        if not path:
            raise UserError(
                "words are drawn from the table of similar words that the records were made with: "
                "give --similar_words"
            )
        if vocabulary.kind != WORDPIECE:
            raise UserError(
                "--similar_words needs a WordPiece vocabulary: with {} the pieces of a word depend "
                "on what stands before it".format(vocabulary.kind)
            )
        words = _read_words(path, vocabulary, do_lower_case)
        if words.sha256 != self.spec.similar_words:
            raise UserError(
                "--similar_words {} is not the table that the records were made with: its SHA-256 "
                "is {}, theirs {}".format(path, words.sha256, self.spec.similar_words)
            )
        return dataclasses.replace(self, words=words)

    def notes(self):
        table, left_out = self.words.table, self.words.left_out
        yield (
            "similar words: {:,} of the {:,} words of {} have {:.1f} in the mean, in {:.1f} MB; "
            "left out: {:,} words that the vocabulary cannot spell, {:,} neighbours of another "
            "number of pieces".format(
                len(table.keys),
                self.words.words,
                self.words.path,
                len(table.similar) / len(table.keys),
                table.megabytes,
                left_out.unknown,
                left_out.other_length,
            )
        )

    def describe(self):
        return super().describe() + ", similar words in their places"

    def corrupt(self, instances, tokens, rng):
        chosen, ngrams = sampling.choose_pieces(instances, self.spec, rng)
        places = sampling.list_groups(instances, self.spec.unit, chosen)
        draws = rng.random(len(places.row)), rng.random(len(places.row))
        drawn = draw_words(self.words.table, instances.ids, places, self.spec, *draws)
        ids = instances.ids.copy()
        _write(ids, self.words.table, places, drawn.entry)
        wanting = sampling.Groups(*(values[drawn.is_without_random] for values in places))
        rows, columns = sampling.pieces_of_groups(wanting)
        ids[rows, columns] = rng.choice(tokens.random_ids, len(rows))
        targets = sampling.predictions(instances, chosen, self.spec.max_predictions)
        changes = _changes(self.words.table, places, drawn)
        return Corrupted(ids, chosen, targets, ngrams, _counts(places, drawn), changes)

    def draw(self, features, tokens, uniform):
        from data.rows.corruptions import graph_replacement

        return graph_replacement.draw_words(features, self.spec, self.words.table, tokens, uniform)

    def report(self, counts):
        words = counts[SIMILAR] + counts[RANDOM] + counts[KEPT]
        wanted = counts[SIMILAR] + counts[WITHOUT]
        yield (
            "of {:,} words {:.1%} became similar words, {:.1%} random ones, {:.1%} were kept; "
            "{:.1%} of those to become similar have a similar word; {:,} records hold words "
            "without one".format(
                words,
                counts[SIMILAR] / max(1, words),
                counts[RANDOM] / max(1, words),
                counts[KEPT] / max(1, words),
                counts[SIMILAR] / max(1, wanted),
                counts[ROWS],
            )
        )
        if counts[PIECES]:
            yield (
                "{:,} random words are random pieces: the table has no word of as many "
                "pieces".format(counts[PIECES])
            )


def _read_words(path, vocabulary, do_lower_case):
    """Words of a file. The last ones are kept: a process needs them for its checks, and again for
    its rows, and reading takes seconds."""
    key = (path, _state(path), vocabulary.sha256, do_lower_case)
    if key not in _KEPT_WORDS:
        similar = read_table(path)
        table, left_out = piece_table.build(similar, vocabulary.make_tokenizer(do_lower_case))
        _KEPT_WORDS.clear()
        _KEPT_WORDS[key] = Words(path, table, left_out, len(similar.words), similar.sha256)
    return _KEPT_WORDS[key]


def _digest(path):
    return _digest_of_state(path, _state(path))


@functools.lru_cache(maxsize=8)
def _digest_of_state(path, state):
    del state
    return sha256_of(path)  # which says what is wrong with a path


def _state(path):
    """What tells that a file was changed; None where it cannot be read."""
    try:
        state = os.stat(path)
    except OSError:
        return None
    return state.st_mtime_ns, state.st_size


class Drawn(NamedTuple):
    """What becomes of the chosen words, [words] each.

    Attributes:
      entry: int64, of the word table, -1 where none is written.
      slot: int64, place in WordTable.similar, -1 where the word becomes no similar one.
      number: int64, of the word in the table, where it has one.
      is_kept: bool.
      is_without_similar: bool, to be a similar word, and the table has none.
      is_without_random: bool, to be a random word, and the table has none of as many pieces.
    """

    entry: np.ndarray
    slot: np.ndarray
    number: np.ndarray
    is_kept: np.ndarray
    is_without_similar: np.ndarray
    is_without_random: np.ndarray


def draw_words(table, ids, places, spec, kind, which):
    """The new words: Drawn.

    Args:
      table: piece_table.WordTable.
      ids: int32 [rows, S].
      places: sampling.Groups, the chosen words.
      spec: ReplacementSpec.
      kind, which: float64 [words], uniform in [0, 1): what becomes of a word, and which word of
        those that it may become.
    """
    to_similar, to_random, _ = spec.replacement
    sizes = places.end - places.first
    rows, columns = sampling.pieces_of_groups(places)
    number, has_similar = table.find(
        piece_table.keys_of(ids[rows, columns], np.cumsum(sizes) - sizes)
    )
    is_kept = kind >= to_similar + to_random
    without = (kind < to_similar) & ~has_similar
    is_kept |= without & (spec.without_similar == KEPT)
    is_similar = (kind < to_similar) & has_similar
    slot = _one_of(table.first, number, which)
    size = np.minimum(sizes, len(table.size_first) - 1)
    size_first = np.append(table.size_first, table.size_first[-1])  # no words of larger sizes
    has_random = size_first[size + 1] > size_first[size]
    random = table.by_size[_one_of(size_first, np.where(has_random, size, 1), which)]
    entry = np.where(is_similar, table.similar[slot], np.where(has_random, random, -1))
    return Drawn(
        np.where(is_kept, -1, entry),
        np.where(is_similar, slot, -1),
        number,
        is_kept,
        without,
        ~is_kept & ~is_similar & ~has_random,
    )


def _one_of(first, number, which):
    """A place between first[number] and first[number + 1], chosen by `which` in [0, 1)."""
    begin, end = first[number].astype(np.int64), first[number + 1]
    return np.minimum(begin + (which * (end - begin)).astype(np.int64), np.maximum(end - 1, begin))


def _write(ids, table, places, entry):
    """Writes the pieces of entries over the words, where there is one."""
    written = entry >= 0
    words = sampling.Groups(*(values[written] for values in places))
    rows, columns = sampling.pieces_of_groups(words)
    sizes = words.end - words.first
    offsets = columns - np.repeat(words.first, sizes)
    ids[rows, columns] = table.pieces[np.repeat(table.starts[entry[written]], sizes) + offsets]


def _counts(places, drawn):
    similar, kept = int((drawn.slot >= 0).sum()), int(drawn.is_kept.sum())
    return {
        SIMILAR: similar,
        RANDOM: len(places.row) - similar - kept,
        KEPT: kept,
        WITHOUT: int(drawn.is_without_similar.sum()),
        PIECES: int(drawn.is_without_random.sum()),
        ROWS: len(np.unique(places.row[drawn.is_without_similar])),
    }


def _changes(table, places, drawn):
    """Change of each similar word that was put in, the most frequent first."""
    is_similar = drawn.slot >= 0
    slots, at, counts = np.unique(drawn.slot[is_similar], return_index=True, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    chosen = np.flatnonzero(is_similar)[at[order]]
    old = table.of_keys[drawn.number[chosen]].tolist()
    new = table.similar[slots[order]].tolist()
    placed = zip(*(values[chosen].tolist() for values in places))
    return [
        Change(table.texts[a], table.texts[b], count, place)
        for a, b, count, place in zip(old, new, counts[order].tolist(), placed)
    ]
