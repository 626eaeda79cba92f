"""Any words as new rows: the tokenizer gives those that are added, and none that is refused."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import UserError
from data.tokenizers.building.extension import END, UNUSED, Line, extend
from data.tokenizers.wordpiece import SPECIAL_TOKENS, Vocabulary

ROWS = [
    *SPECIAL_TOKENS,
    "[unused1]",
    "中",
    "a",
    "##b",
    "ab",
    "[unused2]",
    "##中",
    "x9",
    "[unused3]",
]
TEXT = "中国龘鞣abcABÉé1９9-。😀\u200d\u00adςΣσが한ﬁ\uf900 \u3000#[]"
WORDS = st.lists(
    st.text(TEXT, min_size=1, max_size=5).map(str.strip).filter(bool), min_size=1, max_size=8
)


@pytest.fixture(scope="module")
def vocabulary(tmp_path_factory):
    path = tmp_path_factory.mktemp("words") / "vocab.txt"
    path.write_text("\n".join(ROWS) + "\n", encoding="utf-8")
    return Vocabulary(str(path))


@settings(max_examples=150, deadline=None)
@given(words=WORDS, lower=st.booleans(), where=st.sampled_from([UNUSED, END]))
def test_any_words(tmp_path_factory, vocabulary, words, lower, where):
    lines = [Line(word, str(number)) for number, word in enumerate(words)]
    before = vocabulary.make_tokenizer(lower)
    try:
        extension = extend(vocabulary, lines, where, lower)
    except UserError as error:
        assert "can be added" in str(error) or "has 3 [unused] rows" in str(error)
        return
    path = tmp_path_factory.getbasetemp() / "extended.txt"
    path.write_bytes(extension.content)
    extended = Vocabulary(str(path))
    after = extended.make_tokenizer(lower)
    assert len(extended) == extension.size == len(ROWS) + len(extension.added) * (where == END)
    for word in extension.added:
        assert after.tokenize(word.line.word).ids.tolist() == [word.row]
        assert extended.tokens[word.row] == word.token
        assert tuple(before.tokenize(word.line.word).ids.tolist()) == word.pieces
        assert ROWS[word.row : word.row + 1] in ([], ["[unused1]"], ["[unused2]"], ["[unused3]"])
    kept = [i for i in range(len(ROWS)) if i not in extension.means]
    assert [extended.tokens[i] for i in kept] == [ROWS[i] for i in kept]
    refused = [line for lines in extension.refused.values() for line in lines]
    assert sorted([*refused, *(word.line for word in extension.added)]) == sorted(lines)
    for reason, some in extension.refused.items():
        if "there is a blank" in reason:  # beside which the tokenizer may see one word
            continue
        known = "the vocabulary has" in reason or "earlier line" in reason
        for line in some:
            ids = after.tokenize(line.word).ids.tolist()
            assert (len(ids) == 1 and ids != [extended.unk]) if known else len(ids) != 1, line
    assert not extended.unreachable(lower).ids() & set(extension.means)
