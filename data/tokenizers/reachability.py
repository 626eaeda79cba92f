"""Rows of a vocabulary that no text gives (unreachable rows), by kinds.

A model never sees their embeddings in a text, so they are no random replacements of masked pieces.
"""

import collections
import re
from typing import Dict, List, NamedTuple, Sequence

import numpy as np

from common.errors import UserError
from data.text.characters import code_points, is_cjk
from data.tokenizers.basic_tokens import (
    DROP,
    RUN,
    SINGLE,
    lower_in_context,
    shaped_run,
    split_words,
)

INNER_SINGLE, RESERVED, REPEATED, WORDS, PARTED, CHANGED = KINDS = (
    "inner_single",
    "reserved",
    "repeated",
    "chinese_words",
    "parted",
    "changed",
)
# Kind -> its rows in words. Vocabularies have rows of the first two on purpose.
_TITLES = {
    INNER_SINGLE: "## before characters that stand alone",
    RESERVED: "reserved",
    REPEATED: "repeated below",
    WORDS: "words of Chinese characters, which the tokenizer parts",
    PARTED: "that it parts or drops",
    CHANGED: "that its normalisation changes",
}
_ON_PURPOSE = (INNER_SINGLE, RESERVED)
_EXAMPLES = 5
# Share of the rows from which on a vocabulary looks like that of a cased model.
_MANY_CHANGED = 0.02
_UNUSED = re.compile(r"\[unused\d+\]|<[ST]>")


class Unreachable(NamedTuple):
    """The unreachable rows of a vocabulary.

    Attributes:
      rows: {kind: list of ids}, kinds without rows left out.
      size: rows of the vocabulary.
      tokens: list of str, the vocabulary.
    """

    rows: Dict[str, List[int]]
    size: int
    tokens: Sequence[str]

    def ids(self):
        """frozenset of all their ids."""
        return frozenset(i for rows in self.rows.values() for i in rows)

    def counts(self):
        """{kind: number of rows}."""
        return {kind: len(rows) for kind, rows in self.rows.items()}

    def examples(self):
        """{kind: a few tokens}, of the kinds that no vocabulary has on purpose."""
        return {
            kind: [self.tokens[i] for i in rows[:_EXAMPLES]]
            for kind, rows in self.rows.items()
            if kind not in _ON_PURPOSE
        }


def is_reserved(token):
    """Whether a row of a vocab.txt is kept free for tokens to come, or one of Google's <S>, <T>."""
    return bool(_UNUSED.fullmatch(token))


def describe(counts, examples, size):
    """The unreachable rows in a sentence, None without any.

    Args:
      counts: {kind: number of rows}.
      examples: {kind: list of tokens}.
      size: rows of the vocabulary.
    """
    if not counts:
        return None
    named = []
    for kind in (k for k in KINDS if k in counts):
        shown = " ".join(
            t if t.isprintable() and t.strip() else repr(t) for t in examples.get(kind, ())
        )
        more = " ..." if shown and counts[kind] > len(examples[kind]) else ""
        named.append(
            "{:,} {}".format(counts[kind], _TITLES[kind])
            + (" ({}{})".format(shown, more) if shown else "")
        )
    return (
        "{:,} of the vocabulary's {:,} rows are in no text, nor drawn as random pieces: {}".format(
            sum(counts.values()), size, "; ".join(named)
        )
    )


def notes(manifest):
    """Yields sentences on the unreachable rows that the manifest of records counts."""
    counts, size = manifest["unreachable_rows"], manifest["vocab_size"]
    line = describe(counts, manifest["unreachable_examples"], size)
    if line:
        yield line
    if WORDS in counts:
        yield (
            "the tokenizer never gives a word of several Chinese characters as one piece; it is "
            "masked as a whole without a row of its own (--user_dict names words)"
        )
    if counts.get(CHANGED, 0) > _MANY_CHANGED * size and manifest["flags"]["do_lower_case"]:
        yield (
            "many rows of the vocabulary have capital letters or accents: if its model was trained "
            "with them, give --do_lower_case=false"
        )


def basic_tokens(table, text):
    """What BERT's basic tokenizer makes of a text.

    Args:
      table: basic_tokens.CharacterTable.
      text: str.

    Returns:
      list of (token, whether WordPiece may cut it).
    """
    classes = table.classify(code_points(text))
    if (classes == DROP).any():
        text = "".join(c for c, kind in zip(text, classes.tolist()) if kind != DROP)
        classes = classes[classes != DROP]
    tokens, run_start = [], None
    for at, kind in enumerate([*classes.tolist(), None]):
        if kind == RUN:
            run_start = at if run_start is None else run_start
            continue
        if run_start is not None:
            lowered = lower_in_context(text, run_start, at) if "Σ" in text[run_start:at] else None
            shaped = shaped_run(text[run_start:at], table.do_lower_case, lowered)
            tokens += [("".join(c for c, _ in word), True) for word in split_words(shaped)]
            run_start = None
        if kind == SINGLE:
            tokens.append((table.form(text[at]), False))
    return tokens


def of_wordpiece(vocabulary, table, longest):
    """The Unreachable rows of a vocab.txt.

    A row is reachable if the basic tokenizer makes exactly this token of its text: WordPiece takes
    the longest match, so a whole token is then found, at the beginning of a word or inside it.

    Args:
      vocabulary: wordpiece.Vocabulary.
      table: basic_tokens.CharacterTable.
      longest: characters of the longest word that WordPiece takes.
    """
    rows, singles = collections.defaultdict(list), _singles(vocabulary, table)
    for i, token in enumerate(vocabulary.tokens):
        if i in vocabulary.special_ids:
            continue
        kind = REPEATED
        if vocabulary.ids[token] == i:
            kind = _kind_of(token, table, longest, singles)
        if kind:
            rows[kind].append(i)
    return Unreachable({k: rows[k] for k in KINDS if k in rows}, len(vocabulary), vocabulary.tokens)


def _singles(vocabulary, table):
    """The characters of the vocabulary that are a token by themselves: set of str."""
    spelled = {token[2:] if token.startswith("##") else token for token in vocabulary.tokens}
    characters = [text for text in spelled if len(text) == 1]
    classes = table.classify(code_points("".join(characters))).tolist()
    return {c for c, kind in zip(characters, classes) if kind == SINGLE}


def _kind_of(token, table, longest, singles):
    """The kind of an unreachable row of a vocab.txt, None of a reachable one."""
    if is_reserved(token):
        return RESERVED
    is_inner = token.startswith("##") and len(token) > 2
    text = token[2:] if is_inner else token
    if text.isascii() and text.isalnum() and text.islower() and len(text) <= longest:
        return None
    if text in singles:  # most rows: every program that makes records starts with this
        if is_inner:
            return INNER_SINGLE
        return None if table.form(text) == text else CHANGED
    found = basic_tokens(table, text)
    if is_inner and any(not is_run for _, is_run in found):
        return INNER_SINGLE
    if len(found) != 1 or len(text) > longest:
        return WORDS if len(text) > 1 and any(is_cjk(ord(c)) for c in text) else PARTED
    return None if found[0][0] == text else CHANGED


def of_sentencepiece(vocabulary, text, is_cut_again):
    """The Unreachable rows of a SentencePiece model.

    A piece is unreachable if it is none of text, if it is always cut again, or if it is changed by
    the preparation of text or the model's normalisation.

    Args:
      vocabulary: sentencepiece_pieces.SentencePieceVocabulary.
      text: albert_text.AlbertText.
      is_cut_again: function of a piece.

    Raises:
      UserError: the model makes no text of a piece.
    """
    processor, blank = vocabulary.processor, "▁"
    of_text = vocabulary.pieces_of_text()
    checked = [token for token, i in of_text.items() if not processor.is_byte(i)]
    forms = dict(zip(checked, _normal_forms(checked, text, processor, vocabulary.path)))
    rows = collections.defaultdict(list)
    for i, token in enumerate(vocabulary.tokens):
        if i in vocabulary.special_ids:
            continue
        if of_text.get(token) != i:
            rows[RESERVED].append(i)
        elif is_cut_again(token):
            rows[PARTED].append(i)
        elif token in forms and forms[token].strip(blank) != token.strip(blank):
            rows[CHANGED].append(i)
    return Unreachable({k: rows[k] for k in KINDS if k in rows}, len(vocabulary), vocabulary.tokens)


def _normal_forms(tokens, text, processor, path):
    """What becomes of the text of each token before it is cut into pieces: list of str."""
    starts = np.cumsum([0, *(len(token) + 1 for token in tokens)])[:-1]
    prepared = text.prepare("\n".join(tokens), starts)
    places = prepared.origins[prepared.borders[:-1]] if len(prepared.texts) else []
    forms = [""] * len(tokens)
    try:
        for at, each in zip(np.searchsorted(starts, places, "right") - 1, prepared.texts):
            forms[at] = processor.normalize(each)
    except UnicodeDecodeError:
        raise UserError(
            "{} is a damaged SentencePiece model: what it makes of a text is not UTF-8".format(path)
        ) from None
    return forms


def reachable_ids(vocabulary, unreachable):
    """Ids that a text can have, int32 [n].

    Args:
      vocabulary: of data/tokenizers/vocabularies.py.
      unreachable: Unreachable.

    Raises:
      UserError: there are none.
    """
    left_out = unreachable.ids() | vocabulary.special_ids
    keep = [i for i in range(len(vocabulary)) if i not in left_out]
    if not keep:
        raise UserError(
            "vocabulary {} holds nothing but special tokens and rows that no text gives".format(
                vocabulary.path
            )
        )
    return np.array(keep, dtype=np.int32)
