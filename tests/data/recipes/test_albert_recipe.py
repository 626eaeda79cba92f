"""ALBERT's records: pairs in order or swapped, n-grams by default, all of it by the flags."""

import numpy as np
import pytest
from creation_runs import CORPUS, VOCAB, contents, make
from hypothesis import given, settings
from hypothesis import strategies as st
from random_units import make_unit
from record_checks import check_shards, restored

from data.inspection import read_rows, summarize
from data.rows import pairs
from data.tokenizers.wordpiece import Vocabulary

NGRAMS = [6 / 11, 3 / 11, 2 / 11]


def ordered(rows):
    """(start, end) of the segment that comes first in the text, and of the other."""
    swapped = rows.labels == 1
    first = [np.where(swapped, b, a) for a, b in zip(rows[:2], rows[2:4])]
    second = [np.where(swapped, a, b) for a, b in zip(rows[:2], rows[2:4])]
    return (*first, *second)


@given(st.integers(0, 10**6), st.integers(20, 64), st.sampled_from([0.0, 0.5]))
@settings(max_examples=150, deadline=None)
def test_pairs_are_consecutive_text_of_one_document(seed, length, short):
    unit = make_unit(np.random.default_rng(seed))
    rows = pairs.sentence_order_pairs(unit, length, short, seed)
    assert set(rows.labels.tolist()) <= {0, 1} and rows.order is None
    start, end, other_start, other_end = ordered(rows)
    assert (start < end).all() and (other_start < other_end).all()
    assert (end <= other_start).all()  # swapped if and only if the label says so
    document_ends = unit.sentences[unit.documents]
    of_piece = np.searchsorted(document_ends, np.arange(len(unit.ids)), "right")
    assert (of_piece[start] == of_piece[other_end - 1]).all()
    # What lies between the segments was cut away, because the pair was too long.
    size = end - start + other_end - other_start
    longest_word, room = 4, length - 3
    assert (size <= room).all()
    assert ((end == other_start) | (size > room - 2 * 2 * longest_word)).all() or short
    # No row takes what another has, and rows follow each other in the text.
    assert (start[1:] >= other_end[:-1]).all()
    border = np.append(unit.group_starts, True)
    assert all(border[place].all() for place in rows[:4])


def test_without_cuts_nothing_is_left_out():
    unit = make_unit(np.random.default_rng(4), documents=50)
    rows = pairs.sentence_order_pairs(unit, 4096, 0.0, "seed")
    start, end, other_start, other_end = ordered(rows)
    assert (end == other_start).all()
    borders = unit.sentences[unit.documents].tolist()
    held = dict(zip(start.tolist(), other_end.tolist()))
    for begin, stop in zip(borders[:-1], borders[1:]):
        # only a document of a single word makes no pair
        assert held.get(begin) == stop or unit.group_starts[begin:stop].sum() == 1
    sentences = np.diff(unit.documents)
    single = np.isin(unit.sentences[unit.documents[:-1]], start) & (sentences == 1)
    assert single.any()  # one sentence, parted at a word


def test_half_is_swapped_and_cuts_do_not_tell_which():
    """Documents of two sentences that are often too long for a row of 48."""
    rng = np.random.default_rng(5)
    unit = make_unit(rng, documents=2000, longest_sentence=40)
    unit = unit._replace(documents=np.arange(0, len(unit.sentences), 2))
    rows = pairs.sentence_order_pairs(unit, 48, 0.0, "seed")
    count = len(rows.labels)
    assert count == len(unit.documents) - 1
    assert abs(rows.labels.mean() - 0.5) < 4 * 0.5 / np.sqrt(count)
    begins = np.isin(rows.a_start, unit.sentences), np.isin(rows.b_start, unit.sentences)
    ends = np.isin(rows.a_end, unit.sentences), np.isin(rows.b_end, unit.sentences)
    lengths = rows.a_end - rows.a_start, rows.b_end - rows.b_start
    for figure in (*begins, *ends, *lengths):
        one, other = figure[rows.labels == 0], figure[rows.labels == 1]
        error = np.sqrt(one.var() / len(one) + other.var() / len(other))
        assert abs(one.mean() - other.mean()) < 4 * error


def test_ngrams_are_the_default_and_a_flag_changes_them(tmp_path):
    paths, result = make(tmp_path, objective="albert", dupe_factor=3)
    rows = check_shards(paths, Vocabulary(VOCAB))
    assert 0.42 < rows["next_sentence_labels"].mean() < 0.58
    assert result["masking"]["unit"] == "ngram" and result["objective"] == "albert"
    assert result["masking"]["ngram_probs"] == tuple(NGRAMS)
    shares = [result["ngram_distribution"][n] for n in "123"]
    # the last run of a row is shortened to what is left, which tells in short rows
    assert np.abs(np.array(shares) - NGRAMS).max() < 0.08
    _, other = make(tmp_path / "o", objective="albert", dupe_factor=1, ngram_probs=(0.1, 0.9))
    assert other["masking"]["ngram_probs"] == (0.1, 0.9)
    assert set(other["ngram_distribution"]) == {"1", "2"}
    _, bert = make(tmp_path / "b", objective="bert", dupe_factor=1, masking_unit="ngram")
    assert tuple(bert["masking"]["ngram_probs"]) == (0.4, 0.3, 0.2, 0.1)


def test_albert_zhs_recipe_by_flags(tmp_path, run_script):
    """Whole words, 10 % masked, 512 pieces, 51 predictions."""
    made = run_script(
        "create_pretraining_data.py", input_file=CORPUS[0], input_format="raw", vocab_file=VOCAB,
        objective="albert", masking_unit="word", masked_lm_prob=0.1, max_seq_length=512,
        max_predictions_per_seq=51, dupe_factor=2, output_file=str(tmp_path / "r"),
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    rows = check_shards([str(tmp_path / "r")], Vocabulary(VOCAB))
    wanted = np.minimum(51, np.maximum(1, np.rint(0.1 * rows["input_mask"].sum(axis=1))))
    assert (rows["masked_lm_weights"].sum(axis=1) <= wanted).all()
    assert rows["masked_lm_weights"].sum() > 0.95 * wanted.sum()
    report = summarize(read_rows(str(tmp_path / "r"), len(Vocabulary(VOCAB))), Vocabulary(VOCAB))
    (line,) = (line for line in report if line.startswith("sentence labels"))
    swapped = int(rows["next_sentence_labels"].sum())
    assert line == "sentence labels: 0: {}, 1: {}".format(len(rows["input_ids"]) - swapped, swapped)


def test_records_hold_the_text_of_the_corpus(tmp_path):
    paths, _ = make(tmp_path, objective="albert", dupe_factor=1, masking_unit="word")
    rows = check_shards(paths, Vocabulary(VOCAB))
    vocabulary = Vocabulary(VOCAB)
    text = b"".join(contents(CORPUS)).decode().replace("\n", "")
    hits = checked = 0
    for ids, segments, mask, (label,) in zip(
        restored(rows), rows["segment_ids"], rows["input_mask"], rows["next_sentence_labels"]
    ):
        parts = [ids[(segments == n) & (mask == 1)] for n in (label, 1 - label)]
        words = ["".join(vocabulary.tokens[i] for i in part if i > 4) for part in parts]
        if all(word.isalpha() for word in words) or min(map(len, words)) < 8:
            continue
        places = [text.find(words[0][-8:]), text.find(words[1][:8])]
        checked += min(places) >= 0
        hits += min(places) >= 0 and places[0] < places[1]
    assert checked > 50 and hits / checked > 0.95, (hits, checked)


@pytest.mark.parametrize("kind", ["static", "dynamic"])
def test_both_kinds_of_masking(tmp_path, kind):
    _, result = make(tmp_path, objective="albert", masking=kind, dupe_factor=1)
    assert result["masking"]["kind"] == kind and not result["masking"]["with_replacement"]
    assert ("word_groups" in result["features"]) == (kind == "dynamic")
    assert "next_sentence_labels" in result["features"]
