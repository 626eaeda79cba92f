"""CLUE's style: the classes, their shares, and what has no rows."""

import collections
import os
import random
import string
import sys

import pytest
from conftest import ROOT

from common.errors import UserError
from data.tokenizers.building import clue_style
from data.tokenizers.building.from_corpus import count_words, coverage
from data.tokenizers.building.token_classes import (
    CLASSES,
    CLUE_COUNTS,
    EMOJI,
    ENGLISH,
    GOOGLE_COUNTS,
    JAPANESE,
    KOREAN,
    NUMBERS,
    OTHER,
    SIMPLIFIED,
    SPECIAL,
    SPECIAL_ROWS,
    TRADITIONAL,
    class_of,
    count_classes,
)
from data.tokenizers.wordpiece import Vocabulary

pytest.importorskip("opencc")
TOKENS = {
    SPECIAL: "[PAD] [UNK] [CLS] [SEP] [MASK] [unused1] [unused99] <S> <T>",
    SIMPLIFIED: "我 们 ##们 后 著 龟",
    TRADITIONAL: "們 ##們 後 龜",
    ENGLISH: "a ##ing Word",
    NUMBERS: "0 2018 ##18",
    JAPANESE: "の ##ハ",
    KOREAN: "한 ##ᅡ",
    EMOJI: "😀 ##🔥 ♥",
    OTHER: "， ! ## 3g [ é ① α",
}


def test_classes():
    assert set(TOKENS) == set(CLASSES)
    for name, tokens in TOKENS.items():
        assert {class_of(token) for token in tokens.split()} == {name}
    assert sum(CLUE_COUNTS.values()) == clue_style.SIZE == 8021
    assert sum(GOOGLE_COUNTS.values()) == 21128
    assert len(SPECIAL_ROWS) == CLUE_COUNTS[SPECIAL] == 106


def test_googles_vocabulary_is_counted_as_in_the_report():
    from places import SHARED

    path = os.path.join(SHARED, "datasets", "vocab", "vocab.txt")
    if not os.path.exists(path):
        pytest.skip("Google's vocabulary is not there")
    counted = count_classes(Vocabulary(path).tokens)
    assert counted[SPECIAL] == 106 and counted[KOREAN] == 84 and counted[EMOJI] == 56
    chinese = counted[SIMPLIFIED] + counted[TRADITIONAL]
    assert abs(chinese - GOOGLE_COUNTS[SIMPLIFIED] - GOOGLE_COUNTS[TRADITIONAL]) <= 2
    assert abs(counted[TRADITIONAL] - GOOGLE_COUNTS[TRADITIONAL]) < 200
    assert abs(counted[ENGLISH] - GOOGLE_COUNTS[ENGLISH]) < 200


def built(tmp_path, text, size, min_frequency=1, lower=True):
    (tmp_path / "t.txt").write_text(text, encoding="utf-8")
    simplifier = clue_style.Simplifier()
    words = count_words([str(tmp_path / "t.txt")], lower, prepare=simplifier)
    return clue_style.build_vocabulary(words, size, min_frequency, lower), words, simplifier


def test_rows(tmp_path):
    """What a text with everything gives, against counts by hand."""
    text = "我們们们们 后后后后 乾隆 のはひ 한국 😀 ，，。 ♪α3 3g 2018 2018 hello hello help Über\n"
    tokens, words, simplifier = built(tmp_path, text, 400)
    assert tokens[:106] == list(SPECIAL_ROWS) and len(set(tokens)) == len(tokens)
    rest = tokens[106:]
    counts = count_classes(rest)
    assert set(counts) <= {OTHER, NUMBERS, ENGLISH, SIMPLIFIED, TRADITIONAL}
    # By frequency, equal ones by code point; 們 counted as 们; 乾 stays since the phrase has it.
    assert rest[-5:] == ["们", "后", "乾", "我", "隆"]
    assert simplifier.changed == 1
    both = [*string.ascii_lowercase, *string.digits]
    assert {*both, *("##" + c for c in both), *string.punctuation} <= set(rest)
    assert {"，", "。", "♪", "##α"} <= set(rest) and "##♪" not in rest
    assert "##们" not in rest and "hello" in rest and "2018" in rest
    of = coverage(words, Vocabulary("v", tokens), True)
    unknown = sum(n for word, n in words.items() if word in ("のはひ", "한국", "😀"))
    assert 0 < unknown <= of.unknown <= unknown + 3  # kana and hangul in normal forms
    assert built(tmp_path, text, 400)[0] == tokens


def test_shares(tmp_path):
    """Classes with more than enough: the report's own counts; of smaller ones the same shares."""
    rng = random.Random(3)
    chinese = [chr(c) for c in range(0x4E00, 0x9FA5) if class_of(chr(c)) == SIMPLIFIED][:6500]
    words = collections.Counter(dict.fromkeys(chinese, 3))
    words.update({"".join(rng.choices(string.ascii_lowercase, k=5)): 3 for _ in range(3000)})
    words.update({str(rng.randrange(10**4, 10**6)): 3 for _ in range(800)})
    words.update({chr(c): 3 for c in range(0x0250, 0x0250 + 1200) if class_of(chr(c)) == OTHER})
    full = count_classes(clue_style.build_vocabulary(words, 8021, 1, True))
    assert dict(full) == CLUE_COUNTS
    half = clue_style.build_vocabulary(words, 4000, 1, True)
    assert len(half) == 4000
    for name, count in count_classes(half).items():
        wanted = 106 if name == SPECIAL else (4000 - 106) * CLUE_COUNTS[name] / (8021 - 106)
        assert abs(count - wanted) <= 4, name
    assert count_classes(clue_style.build_vocabulary(words, 300, 1, True))[SIMPLIFIED] <= 300 - 210
    # What a class leaves goes to the others.
    few = clue_style.build_vocabulary({c: n for c, n in words.items() if c < "一"}, 3000, 1, True)
    share = (3000 - 106) * CLUE_COUNTS[ENGLISH] / (8021 - 106)
    assert count_classes(few)[ENGLISH] > 2 * share and SIMPLIFIED not in count_classes(few)


def test_options(tmp_path):
    tokens, _, _ = built(tmp_path, "你你 好 Big Big", 500, 2, lower=False)
    assert "你" in tokens and "好" not in tokens and "Z" in tokens and "##Z" in tokens
    with pytest.raises(UserError, match="--vocab_size 200 is too small for --style=clue"):
        built(tmp_path, "你", 200)


def test_the_program_says_its_classes(tmp_path, run_script):
    done = run_script(
        "-m data.build_vocab",
        style="clue",
        input_file=os.path.join(ROOT, "sample", "corpus", "*.txt"),
        output_file=str(tmp_path / "vocab.txt"),
        vocab_size=3000,
    )
    assert done.returncode == 0, done.stderr
    assert "numbers                        " in done.stdout and "5,689" in done.stdout
    assert "vocab.txt: 3,000 tokens" in done.stdout
    assert len(Vocabulary(str(tmp_path / "vocab.txt"))) == 3000
    assert "pieces (0." in done.stdout and "are [UNK] (" in done.stdout


def test_opencc_that_is_missing_is_named(monkeypatch):
    from data.text import simplification

    simplification._converter.cache_clear()
    monkeypatch.setitem(sys.modules, "opencc", None)
    with pytest.raises(UserError, match="--style=clue needs the package opencc"):
        class_of("们")
    simplification._converter.cache_clear()
