"""SentencePiece against transformers' slow AlbertTokenizer; where its pieces stand in the text."""

import unicodedata

import numpy as np
import pytest
import sentencepiece_models
from hypothesis import given, settings
from hypothesis import strategies as st
from sentencepiece_models import AWKWARD

from data.rows.alignment import word_groups, wordpiece_groups
from data.tokenizers.albert_text import AlbertText
from data.tokenizers.vocabularies import read_vocabulary
from data.tokenizers.wordpiece import Spelling

TEXTS = st.one_of(
    st.text(AWKWARD, max_size=30), st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
)


@pytest.fixture(scope="module", params=[True, False])
def pair(request, spiece):
    """(our tokenizer, transformers' ids of a text), lower-casing and not."""
    transformers = pytest.importorskip("transformers")
    theirs = transformers.AlbertTokenizer(spiece, do_lower_case=request.param, keep_accents=False)
    tokenizer = read_vocabulary(spiece).make_tokenizer(request.param)
    return tokenizer, lambda text: theirs.convert_tokens_to_ids(theirs._tokenize(text))


@settings(max_examples=300, deadline=None)
@given(text=TEXTS)
def test_awkward_text_equals_the_slow_tokenizer(pair, text):
    tokenizer, expected = pair
    # It writes them as ", which Google's program does not.
    text = text.replace("``", "`").replace("''", "'")
    assert tokenizer.tokenize(text).ids.tolist() == expected(text)


def test_real_text_equals_the_slow_tokenizer(pair, shared):
    tokenizer, expected = pair
    with open(shared + "/datasets/corpus/corpus_1mb.txt", encoding="utf-8") as f:
        lines = f.read().split("\n")[:1000]
    starts = np.cumsum([0] + [len(line) + 1 for line in lines[:-1]])
    got = tokenizer.tokenize("\n".join(lines), starts).ids.tolist()
    assert got == [i for line in lines for i in expected(line.replace("''", "'"))]


@settings(max_examples=200, deadline=None)
@given(text=TEXTS, cuts=st.sets(st.integers(1, 25)), lower=st.booleans())
def test_sentences_are_encoded_by_themselves(spiece, text, cuts, lower):
    tokenizer = read_vocabulary(spiece).make_tokenizer(lower)
    starts = [0, *sorted(cut for cut in cuts if cut < len(text))]
    whole = tokenizer.tokenize(text, starts)
    parts = []
    for start, end in zip(starts, [*starts[1:], len(text)]):
        part = tokenizer.tokenize(text[start:end])
        parts.append(part._replace(starts=part.starts + start, ends=part.ends + start))
    for got, expected in zip(whole, zip(*parts)):
        assert got.tolist() == np.concatenate(expected).tolist()


@settings(max_examples=300, deadline=None)
@given(text=TEXTS, lower=st.booleans())
def test_a_piece_is_made_of_the_characters_at_its_offsets(spiece, text, lower):
    vocabulary = read_vocabulary(spiece)
    pieces = vocabulary.make_tokenizer(lower).tokenize(text)
    normalize = vocabulary.processor.normalize
    assert (np.diff(pieces.starts) >= 0).all() and (np.diff(pieces.ends) >= 0).all()
    for i, start, end in zip(pieces.ids.tolist(), pieces.starts.tolist(), pieces.ends.tolist()):
        assert 0 <= start < end <= len(text)
        if i == vocabulary.unk:
            continue
        prepared = unicodedata.normalize("NFKD", text[start:end])
        prepared = "".join(c for c in prepared if not unicodedata.combining(c))
        found = normalize(prepared.lower() if lower else prepared).replace("▁", "")
        assert vocabulary.spelling(i).text in found.replace("ς", "σ") + found


def shown(tokenizer, text, *starts, **options):
    """[(piece, its characters, whether it goes on with a word)]."""
    pieces = tokenizer.tokenize(text, *starts, **options)
    tokens = tokenizer.vocabulary.tokens
    return [(tokens[i], text[s:e], bool(on)) for i, s, e, on in zip(*pieces)]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A tokenizer that knows few words."""
    path = sentencepiece_models.write_tiny_model(tmp_path_factory.mktemp("tiny"))
    return read_vocabulary(path).make_tokenizer(True)


def test_offsets_name_the_characters_of_each_piece(tiny):
    assert shown(tiny, "今天天气 ＨＥＬＬＯ\n图书馆!") == [
        ("▁今天", "今天", False),
        ("天气", "天气", False),
        ("▁hello", "ＨＥＬＬＯ", False),
        ("▁", "图", False),
        ("图书馆", "图书馆", True),
        ("<unk>", "!", False),
    ]


def test_a_number_and_the_comma_behind_it_are_two_pieces(tiny):
    assert tiny.vocabulary.processor.encode("1,000", out_type=str) == ["▁1,", "000"]
    assert shown(tiny, "1,000 天1,１，") == [
        ("▁", "1", False),
        ("1", "1", True),
        (",", ",", False),
        ("000", "000", False),
        ("▁", "天", False),
        ("天", "天", True),
        ("1", "1", False),
        (",", ",", False),
        ("1", "１", False),
        (",", "，", False),
    ]


def test_text_behind_a_mask_goes_on(tiny):
    assert shown(tiny, "图书馆", is_inner=True) == [("图书馆", "图书馆", False)]
    assert shown(tiny, "books", is_inner=True) == [("book", "book", False), ("s", "s", True)]
    # There is no piece of the word without the blank.
    assert shown(tiny, "今天", is_inner=True) == [("▁今天", "今天", False)]
    assert shown(tiny, " 图书馆", is_inner=True) == shown(tiny, " 图书馆")
    assert shown(tiny, "", is_inner=True) == []
    assert [piece for piece, _, _ in shown(tiny, "1,000", is_inner=True)] == ["1", ",", "000"]


def test_what_a_text_spells_is_no_special_piece(tiny):
    special = tiny.vocabulary.special_ids - {tiny.vocabulary.unk}
    cased = tiny.vocabulary.make_tokenizer(False)
    for text in ("[MASK]", "<pad>", "[CLS] [SEP]", "今天[MASK]天气"):
        assert not special & set(cased.tokenize(text).ids.tolist())


def test_lone_surrogates_are_replacement_characters(tiny):
    for got, expected in zip(tiny.tokenize("今\ud800天"), tiny.tokenize("今\ufffd天")):
        assert got.tolist() == expected.tolist()
    assert shown(tiny, "今\ud800天")[-1] == ("天", "天", False)


def test_the_prepared_text(tiny):
    text = "\u3000Ａb …\n\n Ćd  ΟΔΟΣ \n \x1c\n①"
    prepared = AlbertText(True).prepare(text, [0, 6, 17])
    assert prepared.texts == ["ab ...", "cd οδος", "1"]
    assert [text[i] for i in prepared.origins] == list("Ａb ………Ćd ΟΔΟΣ①")
    assert prepared.borders.tolist() == [0, 6, 13, 14]


@settings(max_examples=200, deadline=None)
@given(
    text=st.text("今天天气很好图书馆看hello world…㎡，1,0 ", min_size=1, max_size=25),
    data=st.data(),
)
def test_groups_are_words_or_single_pieces(tiny, text, data):
    pieces = tiny.tokenize(text)
    marks = np.array([True] + data.draw(st.lists(st.booleans(), min_size=24, max_size=24)))
    marks = marks[: len(text)]
    groups = word_groups(pieces, marks, np.zeros(1, int), np.zeros(1, bool))
    word = np.cumsum(marks)
    spans = list(zip(word[pieces.starts].tolist(), word[pieces.ends - 1].tolist()))
    broken = {w for a, b in spans if a != b for w in range(a, b + 1)}
    assert groups.unaligned_words == len(broken)
    for i in range(1, len(spans)):
        same = spans[i] == spans[i - 1] and spans[i][0] not in broken
        assert groups.starts[i] == (not same)


def test_groups_without_a_segmenter(tiny):
    text = "今天好 hellobooks天气books 图书馆 1,000"
    pieces = tiny.tokenize(text)
    starts = wordpiece_groups(pieces, np.zeros(1, int)).starts
    begin = [*pieces.starts[starts].tolist(), len(text)]
    groups = [text[a:b].strip() for a, b in zip(begin, begin[1:])]
    assert groups == ["今天", "好", "hellobooks", "天气", "books", "图书馆", "1", ",", "000"]


def test_vocabulary(tiny):
    vocabulary = tiny.vocabulary
    assert (vocabulary.pad, vocabulary.unk, vocabulary.cls, vocabulary.sep, vocabulary.mask) == (
        *range(5),
    )
    assert vocabulary.special_ids == frozenset(range(5))
    assert (vocabulary.kind, vocabulary.file_name) == ("sentencepiece", "spiece.model")
    assert len(vocabulary) == len(vocabulary.tokens) == len(vocabulary.ids)
    assert vocabulary.spelling(vocabulary.ids["▁今天"]) == Spelling("今天", False)
    assert vocabulary.spelling(vocabulary.ids["天气"]) == Spelling("天气", True)
    replacements = vocabulary.random_replacements(True)
    assert replacements.dtype == np.int32 and replacements.min() == 5
    told = {vocabulary.tokens[i] for i in replacements}
    assert not any(t[-1] == "," and t[-2:-1].isdigit() for t in told)


def test_pieces_of_bytes(tmp_path):
    """What is known of their place is the sentence."""
    path = sentencepiece_models.train(tmp_path / "x.model", byte_fallback=True, vocab_size=400)
    tokenizer = read_vocabulary(path).make_tokenizer(True)
    assert {c for piece, c, _ in shown(tokenizer, "今天 龘") if piece != "▁"} == {"今天 龘"}
    found = shown(tokenizer, "今天\n龘", [0, 3])
    assert found[-4:-3] + found[-1:] == [("▁", "龘", False), ("<0x98>", "龘", True)]
    assert [characters for _, characters, _ in found[:3]] == ["今", "今", "天"]


@pytest.mark.parametrize(
    "options",
    [
        {"model_type": "bpe"},
        {"model_type": "char"},
        {"add_dummy_prefix": False},
        {"treat_whitespace_as_suffix": True},
        {"normalization_rule_name": "identity"},
        {"remove_extra_whitespaces": False},
        {"user_defined_symbols": ["天气", "<sep>"]},
    ],
)
def test_models_of_other_kinds(tmp_path, options):
    vocabulary = read_vocabulary(sentencepiece_models.train(tmp_path / "x.model", **options))
    tokenizer = vocabulary.make_tokenizer(True)
    for text in ("今天天气 hello 1,000 world", "  …图书馆 ", "a", "天气<sep>①"):
        pieces = tokenizer.tokenize(text)
        assert (pieces.starts < pieces.ends).all() and pieces.ends.max() <= len(text)
        covered = {c for s, e in zip(pieces.starts, pieces.ends) for c in range(s, e)}
        assert covered == {i for i, c in enumerate(text) if not c.isspace()}
