"""Unreachable rows: what a tokenizer gives for any text is never one of them, and both samplers
leave them alone."""

import json
import os

import numpy as np
import pytest
import sentencepiece_models
import tensorflow.compat.v1 as tf
from creation_runs import CORPUS, make
from hypothesis import given, settings
from hypothesis import strategies as st
from places import ROOT

from data.input.drawn_corruption import Drawing, draw
from data.records.manifest import find_manifests
from data.rows.corruptions.corruption import tokens_of
from data.rows.corruptions.masking import MaskingSpec, Masks
from data.rows.instances import Instances
from data.tokenizers import reachability
from data.tokenizers.vocabularies import read_vocabulary
from data.tokenizers.wordpiece import SPECIAL_TOKENS, Vocabulary
from training.records import masking_choice

SAMPLE = os.path.join(ROOT, "sample", "vocab.txt")
# Rows that no text gives, lower-cased, by kind.
DEAD = {
    "inner_single": ["##中", "##国b", "##。", "##a-b", "##\uf900"],
    "reserved": ["[unused12]", "<S>", "<T>"],
    "repeated": ["中"],
    "chinese_words": ["人工智能", "b超"],
    "parted": ["<num>", "...", "new york", "", "##"],
    "changed": ["Word", "café", "##É", "ｅ́", "\uf900", "が", "한"],
}
ALIVE = [
    "中",
    "国",
    "word",
    "##ing",
    "1",
    "##2",
    "emoji😀",
    "😀",
    "ς",
    "##σ",
    "ひらか",
    "-",
    "。",
    "ﬁ",
]


@pytest.fixture(scope="module")
def vocabulary(tmp_path_factory):
    path = tmp_path_factory.mktemp("vocabulary") / "vocab.txt"
    dead = [row for kind in DEAD for row in DEAD[kind]]
    path.write_text("\n".join([*SPECIAL_TOKENS, *dead, *ALIVE]) + "\n", encoding="utf-8")
    return Vocabulary(str(path))


def test_kinds(vocabulary):
    found = vocabulary.unreachable(True)
    named = {kind: [vocabulary.tokens[i] for i in rows] for kind, rows in found.rows.items()}
    assert named == DEAD
    kept = [vocabulary.tokens[i] for i in vocabulary.random_replacements(True)]
    assert kept == ALIVE
    assert found.counts() == {kind: len(rows) for kind, rows in DEAD.items()}
    assert "inner_single" not in found.examples() and "reserved" not in found.examples()
    cased = {vocabulary.tokens[i] for i in vocabulary.random_replacements(False)}
    assert cased == {*ALIVE, *DEAD["changed"]}


def test_our_own_builder_makes_none():
    assert Vocabulary(SAMPLE).unreachable(True).rows == {}


ALPHABET = (
    "中国人工智能b超word café Éｅ́\uf900が한<num>...-。emoji😀ςΣσΟing12ひらかﬁ"
    "\u200d\u00ad[]unused# \n"
)


@settings(max_examples=200, deadline=None)
@given(text=st.text(ALPHABET, max_size=40), lower=st.booleans())
def test_no_text_gives_an_unreachable_row(vocabulary, text, lower):
    found = vocabulary.unreachable(lower)
    assert not found.ids() & set(vocabulary.make_tokenizer(lower).tokenize(text).ids.tolist())


@pytest.mark.parametrize("lower", [True, False])
def test_all_other_rows_of_words_come_of_their_own_text(vocabulary, lower):
    tokenizer, left_out = vocabulary.make_tokenizer(lower), vocabulary.unreachable(lower).ids()
    for i, token in enumerate(vocabulary.tokens):
        if i not in left_out | vocabulary.special_ids:
            prefix = "1" if token.startswith("##") and len(token) > 2 else ""
            ids = tokenizer.tokenize(prefix + (token[2:] if prefix else token)).ids.tolist()
            assert ids == [*[vocabulary.ids["1"]] * bool(prefix), i], token


@given(text=st.text("今天天气图书馆看书hello wor1,0ÀBé[CLS]", max_size=30), lower=st.booleans())
@settings(max_examples=60, deadline=None)
def test_sentencepiece(tmp_path_factory, text, lower):
    folder = tmp_path_factory.mktemp("spiece")
    pieces = dict.fromkeys("▁今天气图书馆看helowr10,ÀBé[", -9.0)
    pieces.update(dict.fromkeys(["▁今天", "▁Hello", "hello", "1,", "É", "①", "<a>"], -5.0))
    vocabulary = read_vocabulary(sentencepiece_models.hand_made(folder / "x.model", pieces))
    found = vocabulary.unreachable(lower)
    changed = {vocabulary.tokens[i] for i in found.rows["changed"]}
    assert changed == ({"À", "B", "é", "▁Hello", "É", "①"} if lower else {"À", "é", "É", "①"})
    assert [vocabulary.tokens[i] for i in found.rows["parted"]] == ["1,"]
    ids = set(vocabulary.make_tokenizer(lower).tokenize(text).ids.tolist())
    assert not ids & found.ids()
    assert set(vocabulary.random_replacements(lower).tolist()) == (
        set(range(len(vocabulary))) - found.ids() - vocabulary.special_ids
    )


def test_the_report_names_them(tmp_path, run_script):
    path = tmp_path / "vocab.txt"
    with open(SAMPLE, encoding="utf-8") as f:
        path.write_text(f.read() + "人工智能\n<num>\n##中\n##国\n[unused1]\n", encoding="utf-8")
    flags = {"vocab_file": path, "output_file": tmp_path / "r", "input_file": CORPUS[0]}
    result = run_script("create_pretraining_data.py", input_format="raw", dupe_factor=1, **flags)
    assert result.returncode == 0, result.stderr
    assert (
        "note: 5 of the vocabulary's 3,422 rows are in no text, nor drawn as random pieces: 2 ## "
        "before characters that stand alone; 1 reserved; 1 words of Chinese characters, which the "
        "tokenizer parts (人工智能); 1 that it parts or drops (<num>)"
    ) in result.stdout
    assert "the tokenizer never gives a word of several Chinese characters" in result.stdout
    with open(str(tmp_path / "_r.manifest.json"), encoding="utf-8") as f:
        manifest = json.load(f)
    assert manifest["unreachable_rows"] == {
        "inner_single": 2, "reserved": 1, "chinese_words": 1, "parted": 1,
    }  # fmt: skip
    assert manifest["unreachable_examples"] == {"chinese_words": ["人工智能"], "parted": ["<num>"]}
    assert "capital letters" not in result.stdout


def test_a_vocabulary_of_capitals(tmp_path):
    """Of a cased model under lower-casing."""
    path = tmp_path / "vocab.txt"
    with open(SAMPLE, encoding="utf-8") as f:
        path.write_text(f.read() + "".join("Ab{}\n".format(i) for i in range(99)), encoding="utf-8")
    _, manifest = make(tmp_path, CORPUS[:1], dupe_factor=1, vocab_file=str(path))
    assert manifest["unreachable_rows"] == {"changed": 99}
    shown = reachability.describe(manifest["unreachable_rows"], manifest["unreachable_examples"], 9)
    assert shown.endswith("99 that its normalisation changes (Ab0 Ab1 Ab2 Ab3 Ab4 ...)")
    assert list(reachability.notes(manifest))[1:] == [
        "many rows of the vocabulary have capital letters or accents: if its model was trained "
        "with them, give --do_lower_case=false"
    ]
    _, cased = make(
        tmp_path / "c", CORPUS[:1], dupe_factor=1, vocab_file=str(path), do_lower_case=False
    )
    assert cased["unreachable_rows"] == {}


@pytest.mark.parametrize("lower", [True, False])
def test_both_samplers_leave_them_out(vocabulary, lower):
    """Every draw is a random replacement: all reachable rows occur, and no other."""
    spec = MaskingSpec(0.99, "wordpiece", replacement=(0.0, 1.0, 0.0), max_predictions=126)
    ids = np.full((40, 128), vocabulary.ids["国"], np.int32)
    ids[:, 0], ids[:, -1] = vocabulary.cls, vocabulary.sep
    groups = np.tile(np.arange(128, dtype=np.int32), (40, 1))
    groups[:, [0, -1]] = -1
    zeros = np.zeros_like(ids)
    batch = Instances(ids, zeros, groups, np.full(40, 128), np.zeros(40))
    tokens = tokens_of(vocabulary, lower)
    static = Masks(spec).corrupt(batch, tokens, np.random.default_rng(1)).ids
    features = {"input_ids": ids, "input_mask": zeros + 1, "segment_ids": zeros}
    features["word_groups"] = np.where(groups >= 0, groups, 0)
    with tf.Graph().as_default(), tf.Session() as session:
        tensors = {name: tf.constant(value, tf.int32) for name, value in features.items()}
        drawn = draw(tensors, tf.constant(3, tf.int64), Drawing(Masks(spec), tokens, 7))
        dynamic = session.run(drawn["input_ids"])
    reachable = set(vocabulary.random_replacements(lower).tolist())
    for made in (static, dynamic):
        assert set(np.unique(made[:, 1:-1]).tolist()) == reachable


def test_training_draws_from_the_same_rows(tmp_path, vocabulary):
    """The manifest says whether texts were lower-cased."""
    for lower in (True, False):
        (path,), _ = make(
            tmp_path / str(lower), CORPUS[:1], dupe_factor=1, masking="dynamic",
            vocab_file=vocabulary.path, do_lower_case=lower,
        )  # fmt: skip
        stated = masking_choice.stated_by_manifests(find_manifests([path]), vocabulary.path)
        assert stated.do_lower_case is lower
