"""WordPiece against Google's golden vectors and Hugging Face's slow tokenizer; the vocabulary."""

import json
import os
import unicodedata

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import UserError
from data.tokenizers.wordpiece import SPECIAL_TOKENS, Vocabulary, WordPieceTokenizer

AWKWARD = (
    "中国龘豈﨑abcABC 12.,!。\u3000\u200b\x00éÉİΣΑσßﬁŐ한ありが😀️̸́=<≠;'\u2028ẛ\ufffd\u00ad٣ª²Ⅷ\t〈"
)
# Hugging Face drops every code point of category C; Google only control and format characters.
ASSIGNED = st.characters(exclude_categories=["Cn", "Co", "Cs"])


@pytest.fixture(scope="module")
def vocab_path(tmp_path_factory):
    """A vocabulary with enough in it for the awkward characters."""
    path = tmp_path_factory.mktemp("vocab") / "vocab.txt"
    tokens = (
        list(SPECIAL_TOKENS) + list("中国豈崎abc12.,!。éß'=<;あ;`〈") + ["ab", "##c", "##1", "##b"]
    )
    tokens += ["##a", "##2", "σ", "##σ", "##ς", "α", "##α", "e", "##e", "i", "A", "B", "ᄒ", "##ᅡ"]
    path.write_text("\n".join(dict.fromkeys(tokens)) + "\n", encoding="utf-8")
    return str(path)


def slow_tokenizer(path, lower):
    from transformers import BertTokenizer

    slow = BertTokenizer(path, do_lower_case=lower)

    def ids(text):
        words = slow.basic_tokenizer.tokenize(text)
        pieces = [p for w in words for p in slow.wordpiece_tokenizer.tokenize(w)]
        return slow.convert_tokens_to_ids(pieces)

    return ids


def test_golden_vectors(shared):
    golden = os.path.join(shared, "golden", "bert")
    vocabulary = Vocabulary(os.path.join(golden, "vocab.txt"))
    with open(os.path.join(golden, "tokenization.json"), encoding="utf-8") as f:
        cases = json.load(f)
    tokenizers = {lower: WordPieceTokenizer(vocabulary, lower) for lower in (True, False)}
    for case in cases:
        pieces = tokenizers[case["do_lower_case"]].tokenize(case["text"])
        assert pieces.ids.tolist() == case["ids"], case["text"]
        assert [vocabulary.tokens[i] for i in pieces.ids] == case["tokens"]


@pytest.mark.parametrize("lower", [True, False])
def test_awkward_text_equals_the_slow_tokenizer(vocab_path, lower):
    expected = slow_tokenizer(vocab_path, lower)
    tokenizer = WordPieceTokenizer(Vocabulary(vocab_path), lower)

    @settings(max_examples=300, deadline=None)
    @given(st.one_of(st.text(AWKWARD, max_size=12), st.text(ASSIGNED, max_size=12)))
    def check(text):
        # Hugging Face composes characters first (NFC), which Google does not.
        text = unicodedata.normalize("NFC", text)
        assert tokenizer.tokenize(text).ids.tolist() == expected(text)

    check()


def test_unassigned_and_private_characters_are_words(vocab_path):
    # google-research/bert tokenization.py, _is_control: categories Cc and Cf alone.
    vocabulary = Vocabulary(vocab_path)
    pieces = WordPieceTokenizer(vocabulary, True).tokenize("\U00018cd6 \ue000")
    assert pieces.ids.tolist() == [vocabulary.unk] * 2


def test_real_text_equals_the_slow_tokenizer(shared):
    vocab = os.path.join(shared, "datasets", "vocab", "vocab.txt")
    expected = slow_tokenizer(vocab, True)
    tokenizer = WordPieceTokenizer(Vocabulary(vocab), True)
    with open(os.path.join(shared, "datasets", "corpus", "corpus_1mb.txt"), encoding="utf-8") as f:
        lines = f.read().split("\n")[:1500]
    whole = "\n".join(lines)
    assert tokenizer.tokenize(whole).ids.tolist() == [i for line in lines for i in expected(line)]


def test_offsets_lie_in_order_inside_the_text(vocab_path):
    tokenizer = WordPieceTokenizer(Vocabulary(vocab_path), True)

    @settings(max_examples=200, deadline=None)
    @given(st.text(AWKWARD, max_size=30))
    def check(text):
        pieces = tokenizer.tokenize(text)
        assert (pieces.starts < pieces.ends).all()
        assert not len(pieces.ids) or (pieces.starts[0] >= 0 and pieces.ends[-1] <= len(text))
        assert (np.diff(pieces.starts) >= 0).all()

    check()


def test_offsets_name_the_characters_of_each_piece(tmp_path):
    path = tmp_path / "vocab.txt"
    tokens = [*SPECIAL_TOKENS, "使", "用", "pro", "##ba", "##bility", "i", "##i", "caf", "##e"]
    path.write_text("\n".join(tokens) + "\n", encoding="utf-8")
    text = "使用 PROBAbility\x00 İi café"
    pieces = WordPieceTokenizer(Vocabulary(str(path)), True).tokenize(text)
    shown = [text[s:e] for s, e in zip(pieces.starts, pieces.ends)]
    # İ becomes two characters in lower case and one again without its accent.
    assert shown == ["使", "用", "PRO", "BA", "bility", "İ", "i", "caf", "é"]
    expected = [False, False, False, True, True, False, True, False, True]
    assert pieces.continuation.tolist() == expected


def test_a_run_is_cut_at_a_sentence_border(tmp_path):
    path = tmp_path / "vocab.txt"
    path.write_text("\n".join([*SPECIAL_TOKENS, "ab", "c", "##c"]) + "\n", encoding="utf-8")
    tokenizer = WordPieceTokenizer(Vocabulary(str(path)), True)
    assert tokenizer.tokenize("abc").ids.tolist() == [5, 7]
    assert tokenizer.tokenize("abc", [0, 2]).ids.tolist() == [5, 6]


def test_the_cache_of_runs_is_bounded(tmp_path, monkeypatch):
    path = tmp_path / "vocab.txt"
    path.write_text("\n".join([*SPECIAL_TOKENS, "a", "##a"]) + "\n", encoding="utf-8")
    tokenizer = WordPieceTokenizer(Vocabulary(str(path)), True)
    monkeypatch.setattr(WordPieceTokenizer, "MAX_CACHED_RUNS", 3)
    for length in (1, 2, 3, 4, 5, 6):
        assert (
            len(tokenizer.tokenize("a" * length + " " + "a" * (length + 7)).ids) == 2 * length + 7
        )
        assert len(tokenizer._runs.index) <= 5


def test_replacements_leave_out_what_no_text_produces(tmp_path):
    path = tmp_path / "vocab.txt"
    tokens = [*SPECIAL_TOKENS, "[unused1]", "鹅", "##鹅", "ab", "##c", "<S>", "##は"]
    path.write_text("\n".join(tokens) + "\n", encoding="utf-8")
    vocabulary = Vocabulary(str(path))
    kept = [vocabulary.tokens[i] for i in vocabulary.random_replacements(True)]
    assert kept == ["鹅", "ab", "##c", "##は"]


@pytest.mark.parametrize(
    "content, message",
    [
        (b"", "is empty"),
        (b"[PAD]\n[UNK]\n[CLS]\n[SEP]\nx\n", "lacks [MASK]"),
        ("[PAD]\n中".encode("gb18030"), "is not UTF-8"),
        (b"[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n", "nothing but special tokens"),
    ],
)
def test_bad_vocabularies(tmp_path, content, message):
    path = tmp_path / "vocab.txt"
    path.write_bytes(content)
    with pytest.raises(UserError, match=message.replace("[", r"\[")):
        Vocabulary(str(path)).random_replacements(True)


def test_missing_vocabulary(tmp_path):
    with pytest.raises(UserError, match=r"none\.txt does not exist"):
        Vocabulary(str(tmp_path / "none.txt"))
