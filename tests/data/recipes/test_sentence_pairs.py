"""Sentence pairs: files of them, their rows and labels, and what is refused."""

import itertools

import numpy as np
import pytest
from creation_runs import VOCAB, make
from record_checks import check_shards, restored

from cli.creation import report
from common.errors import UserError
from data.creation_settings import CreationSettings
from data.rows import instances, pairs
from data.text import input_kinds, sentence_pairs
from data.text.sentence_pairs import NOT_SAID, OTHER, SIMILAR
from data.tokenizers.wordpiece import Vocabulary

SETTINGS = {"input_format": "pairs", "short_seq_prob": 0.0, "masking_unit": "wordpiece"}
QUESTIONS = [
    "今天天气很好",
    "图书馆在公园",
    "他们在公司开会",
    "我们去看书",
    "老师和同学",
    "你在学校吗",
]
ANSWERS = [text + "了" for text in QUESTIONS]


def rows_of(folder, lines, **changes):
    """Creates records of pairs; ([(text, text, label)] of the rows, manifest)."""
    source = folder / "pairs.tsv"
    source.write_text("\n".join(lines), encoding="utf-8")
    settings = dict(SETTINGS, max_seq_length=24, dupe_factor=1, **changes)
    shards, result = make(folder, [str(source)], **settings)
    rows, tokens = check_shards(shards, Vocabulary(VOCAB)), Vocabulary(VOCAB).tokens
    found = []
    for ids, label in zip(restored(rows), rows["next_sentence_labels"][:, 0].tolist()):
        text = "".join(tokens[i] for i in ids if tokens[i] != "[PAD]")
        first, second = text[len("[CLS]") : -len("[SEP]")].split("[SEP]")
        found.append((first, second, label))
    return found, result


def test_a_labelled_pair_is_one_row_in_any_order(tmp_path):
    labels = [1, 0, 1, 1, 0, 0]
    lines = ["\t".join(map(str, row)) for row in zip(QUESTIONS, ANSWERS, labels)]
    found, result = rows_of(tmp_path, ["", *lines[:3], " ", *lines[3:]])
    wanted = {frozenset(row[:2]): 1 - row[2] for row in zip(QUESTIONS, ANSWERS, labels)}
    assert {frozenset(row[:2]): row[2] for row in found} == wanted and len(found) == 6
    assert {first in QUESTIONS for first, _, _ in found} == {True, False}
    assert result["pair_records"] == {"similar": 3, "other": 3}
    assert result["documents"] == 6 and result["sentences"] == 12
    assert result["left_out_share"] == 0.0 and result["divided_sentences"] == 0


def test_a_pair_without_a_label_is_similar_and_gives_a_row_that_is_not(tmp_path):
    lines = [*map("\t".join, zip(QUESTIONS, ANSWERS))]
    found, result = rows_of(tmp_path, lines)
    similar = [set(row[:2]) for row in found if row[2] == 0]
    assert sorted(map(sorted, similar)) == sorted(map(sorted, zip(QUESTIONS, ANSWERS)))
    others = [row for row in found if row[2] == 1]
    assert len(others) == 6
    for first, second, _ in others:
        assert first.rstrip("了") != second.rstrip("了")
        assert {first, second} <= {*QUESTIONS, *ANSWERS}
    assert result["pair_records"] == {"similar": 6, "other": 6}


def test_a_long_pair_is_cut_the_longer_sentence_first(tmp_path):
    found, result = rows_of(tmp_path, [5 * QUESTIONS[0] + "\t" + ANSWERS[1] + "\t1"])
    ((first, second, label),) = found
    assert label == 0 and len(first + second) == 24 - 3 and ANSWERS[1] in (first, second)
    assert result["left_out_share"] == round(1 - 21 / 37, 6)


def test_held_out_pairs_keep_their_labels(tmp_path):
    lines = ["{}\t{}\t{}".format(*row) for row in zip(QUESTIONS, ANSWERS, [1, 0] * 3)]
    parts = [
        rows_of(tmp_path, lines, eval_fraction=0.5, is_held_out=side)[0] for side in (True, False)
    ]
    assert all(parts) and len(parts[0]) + len(parts[1]) == 6
    for first, second, label in itertools.chain(*parts):
        assert label == QUESTIONS.index(min(first, second, key=len)) % 2


def unit_of(sentences, labels):
    """UnitPieces of pairs, a list of piece ids for each sentence."""
    borders = np.cumsum([0] + [len(sentence) for sentence in sentences])
    ids = np.array([i for sentence in sentences for i in sentence], dtype=np.int32)
    documents = np.arange(0, len(sentences) + 1, 2)
    one = np.ones(len(ids), dtype=bool)
    return instances.UnitPieces(ids, one, borders, documents, None, np.array(labels, np.int8))


def test_a_drawn_sentence_is_never_one_of_the_pair():
    """Two pairs with a common sentence: the other one is drawn, or there is no second row."""
    sentences = [[7, 8], [9], [7, 8], [6]]
    unit = unit_of(sentences, [NOT_SAID, NOT_SAID])
    drawn = set()
    for seed in range(40):
        rows = pairs.similarity_pairs(unit, 16, seed)
        for a, b, c, d, label in zip(*rows[:5]):
            if label == OTHER:
                drawn.add(frozenset([tuple(unit.ids[a:b]), tuple(unit.ids[c:d])]))
        again = pairs.similarity_pairs(unit, 16, seed)
        assert all((x == y).all() for x, y in zip(rows[:5], again[:5]))
    assert drawn == {frozenset([(9,), (6,)]), frozenset([(7, 8), (6,)]), frozenset([(7, 8), (9,)])}
    same = pairs.similarity_pairs(unit_of([[7], [7], [7], [7]], [NOT_SAID, NOT_SAID]), 16, 0)
    assert same.labels.tolist() == [SIMILAR, SIMILAR]


def test_a_pair_that_has_lost_a_sentence_is_skipped():
    unit = unit_of([[7], [8], [9]], [OTHER, OTHER])._replace(documents=np.array([0, 1, 3]))
    rows = pairs.similarity_pairs(unit, 16, 0)
    assert rows.labels.tolist() == [OTHER]
    assert {int(rows.a_start[0]), int(rows.b_start[0])} == {1, 2}
    assert not len(pairs.similarity_pairs(unit_of([], []), 16, 0).labels)


@pytest.mark.parametrize(
    "line, fault",
    [
        ("一句", "has 1 column;"),
        ("一\t二\t1\t四", "has 4 columns;"),
        ("\t二\t1", "has an empty sentence;"),
        ("一\t \t0", "has an empty sentence;"),
        ("句子1\t句子2\t标签", "has '标签' as its label (remove a line of headings);"),
        ("一\t二\t", "has '' as its label"),
    ],
)
def test_a_line_that_is_no_pair_is_named(line, fault):
    with pytest.raises(UserError) as raised:
        sentence_pairs.read("一\t二\t1\n\n" + line, "f.tsv, line {}".format)
    assert str(raised.value).startswith("f.tsv, line 3 " + fault)
    assert str(raised.value).endswith("1 (similar) or 0 (not similar), parted by tabs")


def test_json_lines_are_refused_with_a_remedy():
    with pytest.raises(UserError, match=r"is JSON, not text for --input_format=pairs.*@tsv"):
        input_kinds.refuse_other_kind("f", b'{"sentence1": "a"}', "pairs")


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"objective": "roberta"}, "does not fit --objective=roberta.*give --objective=bert$"),
        ({"short_seq_prob": 0.1}, "--short_seq_prob does not fit --input_format=pairs"),
    ],
)
def test_settings_that_do_not_fit(changes, words):
    with pytest.raises(UserError, match=words):
        CreationSettings(VOCAB, **dict(SETTINGS, **changes)).check()


@pytest.mark.parametrize(
    "counts, said, warned",
    [
        ({}, "", ""),
        ({"similar": 1200, "other": 3}, "1,200 records of similar sentences, 3 of others", ""),
        ({"similar": 2, "other": 0}, "2 records", "no record is of sentences that are not similar"),
        ({"similar": 0, "other": 2}, "0 records", "no record is of similar sentences"),
    ],
)
def test_the_report_counts_labels_and_warns_of_a_single_one(capsys, counts, said, warned):
    report._report_pairs(counts)
    out = capsys.readouterr().out
    assert out.startswith(said) and warned in out and ("WARNING" in out) == bool(warned)
