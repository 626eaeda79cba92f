"""Similar words in the place of words: properties, a plain reading of the paper, and the graph."""

import collections
import random

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from common.errors import UserError
from common.options import FamilyOptions
from data.recipes.macbert import Options
from data.rows import instances
from data.rows.corruptions import sampling
from data.rows.corruptions.corruption import tokens_of
from data.rows.corruptions.graph_replacement import draw_words as draw_in_graph
from data.rows.corruptions.word_replacement import ReplacementSpec, WordReplacement, draw_words
from data.rows.row_features import changed_text, numbered_in_row, shown_change
from data.similarity import piece_table
from data.similarity.table import SimilarWords
from data.tokenizers.wordpiece import SPECIAL_TOKENS, Vocabulary

tf.disable_v2_behavior()
pytestmark = pytest.mark.tf1

ALARM = 1e-4
LETTERS = [chr(0x4E00 + i) for i in range(120)]
LEXICON = ["".join(LETTERS[(7 * i + j) % 120] for j in range(1 + i % 4)) for i in range(90)]
LISTED = LEXICON[:60]  # words of the table; the others have no similar word


def neighbours_of(i):
    """Similar words of LISTED[i]: three of its length, and one of another."""
    return tuple(LISTED[(i + 4 * k) % 60] for k in (1, 2, 3)) + (LISTED[(i + 1) % 60],)


TABLE = SimilarWords(LISTED, [neighbours_of(i) for i in range(60)], "digest")


@pytest.fixture(scope="module")
def vocabulary(tmp_path_factory):
    path = tmp_path_factory.mktemp("vocabulary") / "vocab.txt"
    path.write_text("\n".join([*SPECIAL_TOKENS, *LETTERS]) + "\n", encoding="utf-8")
    return Vocabulary(str(path))


@pytest.fixture(scope="module")
def table(vocabulary):
    return piece_table.build(TABLE, vocabulary.make_tokenizer(True))[0]


def spell(vocabulary, word):
    return [vocabulary.ids[letter] for letter in word]


def make_rows(vocabulary, seed, count, width=64):
    """Instances of random words, and their words: list of lists of (first column, word)."""
    rng = random.Random(seed)
    ids, groups = np.zeros((2, count, width), np.int32)
    segments, lengths = np.zeros((count, width), np.int32), np.zeros(count, np.int32)
    groups[:], words = -1, []
    for row in range(count):
        at, placed, border = 1, [], rng.randint(8, width // 2)
        ids[row, 0] = vocabulary.cls
        for number in range(width):
            word = rng.choice(LEXICON)
            if at + len(word) + 2 > width:
                break
            if at > border > 0:
                ids[row, at], border, at = vocabulary.sep, 0, at + 1
            ids[row, at : at + len(word)] = spell(vocabulary, word)
            groups[row, at : at + len(word)] = number
            segments[row, at : at + len(word)] = border == 0
            placed.append((at, word))
            at += len(word)
        ids[row, at], lengths[row] = vocabulary.sep, at + 1
        segments[row, at] = segments[row, at - 1]
        words.append(placed)
    labels = np.zeros(count, np.int64)
    return instances.Instances(ids, segments, groups, lengths, labels), words


def corruption_of(vocabulary, tmp_path, **changes):
    path = tmp_path / "similar.txt"
    lines = ["{}\t{}".format(w, " ".join(n)) for w, n in zip(TABLE.words, TABLE.neighbours)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    from data.text.segmentation import sha256_of

    changes.setdefault("similar_words", sha256_of(str(path)))
    spec = ReplacementSpec(**dict({"unit": "ngram"}, **changes))
    options = Options(similar_words=str(path))
    return WordReplacement(spec).with_files(options, vocabulary, True)


def test_the_table_keeps_what_rows_can_use(vocabulary):
    similar = SimilarWords(
        ["一丁", "七", "龘龘", "丈三"],
        [("丁一", "七", "一丁"), ("龘", "丈"), ("一丁",), ("万",)],
        "",
    )
    table, left_out = piece_table.build(similar, vocabulary.make_tokenizer(True))
    assert table.texts[:4] == similar.words
    known = {}
    for word in ("一丁", "七", "丈三"):
        number, is_known = table.find(
            piece_table.keys_of(np.array(spell(vocabulary, word)), np.array([0]))
        )
        if is_known[0]:
            entries = table.similar[table.first[number[0]] : table.first[number[0] + 1]]
            known[word] = [table.texts[entry] for entry in entries]
    assert known == {"一丁": ["丁一"], "七": ["丈"]}
    assert left_out == (2, 3, 2)  # 龘龘 and 龘; 七 and itself of 一丁, 万 of 丈三; 龘龘 and 丈三


def test_a_table_without_use_is_refused(vocabulary):
    similar = SimilarWords(["一丁"], [("七",)], "")
    with pytest.raises(UserError, match="none of the 1 words of the table has a similar word"):
        piece_table.build(similar, vocabulary.make_tokenizer(True))


def test_different_words_have_different_keys():
    rng = np.random.default_rng(2)
    words = {tuple(rng.integers(0, 21128, rng.integers(1, 7)).tolist()) for _ in range(50000)}
    sizes = np.array([len(word) for word in words])
    pieces = np.array([piece for word in words for piece in word])
    keys = piece_table.keys_of(pieces, np.cumsum(sizes) - sizes)
    assert len(np.unique(keys)) == len(words)
    # By hand: (7 + 1) + (9 + 1) * base, modulo 2^64.
    key = piece_table.keys_of(np.array([7, 9]), np.array([0]))[0]
    assert int(key) % 2**64 == (8 + 10 * 0x9E3779B97F4A7C15) % 2**64


@given(st.integers(0, 10**6), st.sampled_from(["word", "ngram"]), st.integers(1, 20))
@settings(max_examples=60, deadline=None)
def test_rows_can_be_undone_and_have_no_mask(vocabulary, tmp_path_factory, seed, unit, room):
    corruption = corruption_of(
        vocabulary, tmp_path_factory.mktemp("t"), unit=unit, max_predictions=room
    )
    batch, words = make_rows(vocabulary, seed, 6)
    tokens = tokens_of(vocabulary, True)
    made = corruption.corrupt(batch, tokens, np.random.default_rng(seed))
    names = ("masked_lm_positions", "masked_lm_ids", "masked_lm_weights")
    positions, labels, weights = (made.targets[name] for name in names)
    assert not (made.ids == vocabulary.mask).any()
    rows, ranks = np.nonzero(weights)
    restored = made.ids.copy()
    restored[rows, positions[rows, ranks]] = labels[rows, ranks]
    assert (restored == batch.ids).all()
    assert (made.ids == batch.ids)[~made.predicted].all()
    assert (
        weights.sum(axis=1) <= sampling.predictions_per_row(batch.lengths, corruption.spec)
    ).all()
    similar, chosen = 0, 0
    for row, placed in enumerate(words):
        for first, word in placed:
            where = made.predicted[row, first : first + len(word)]
            assert where.all() or not where.any()  # whole words
            if not where.all():
                continue
            chosen += 1
            new = "".join(vocabulary.tokens[i] for i in made.ids[row, first : first + len(word)])
            assert new in LEXICON and len(new) == len(word)  # a word of as many pieces
            similar += word in LISTED and new in neighbours_of(LISTED.index(word))
    assert chosen == made.counts["similar"] + made.counts["random"] + made.counts["kept"]
    assert similar >= made.counts["similar"] == sum(c.count for c in made.changes)
    for change in made.changes:
        assert change.new in neighbours_of(LISTED.index(change.old))
        text = changed_text(batch, change, vocabulary)
        assert "({}<-{})".format(change.new, change.old) in text and shown_change(change) in text


def plain_word(word, kind, which, table, spec):
    """The paper's sentences for one chosen word; None: random pieces."""
    to_similar, to_random, _ = spec.replacement
    if kind >= to_similar + to_random:
        return word
    near = neighbours_of(LISTED.index(word)) if word in LISTED and kind < to_similar else ()
    near = [other for other in near if len(other) == len(word)]
    if kind < to_similar and not near and spec.without_similar == "kept":
        return word
    if near:
        return near[int(which * len(near))]
    alike = [other for other in table.texts if len(other) == len(word)]
    return alike[int(which * len(alike))] if alike else None


@pytest.mark.parametrize("fallback", ["random", "kept"])
def test_rows_are_the_papers_where_the_draws_are_pinned(vocabulary, table, tmp_path, fallback):
    corruption = corruption_of(vocabulary, tmp_path, without_similar=fallback)
    batch, words = make_rows(vocabulary, 4, 1000)
    rng = np.random.default_rng(4)
    chosen, _ = sampling.choose_pieces(batch, corruption.spec, rng)
    places = sampling.list_groups(batch, "ngram", chosen)
    kind, which = rng.random((2, len(places.row)))
    drawn = draw_words(table, batch.ids, places, corruption.spec, kind, which)
    text_at = [dict(placed) for placed in words]
    for i, (row, first, end) in enumerate(zip(*places)):
        word = text_at[row][first]
        assert end - first == len(word)
        expected = plain_word(word, kind[i], which[i], table, corruption.spec)
        entry = drawn.entry[i]
        assert expected == (word if drawn.is_kept[i] else table.texts[entry])


def plain_rows(words, table, spec, seed):
    """Counts of a slow reading of section 3.2: runs of 1 to 4 words up to 15 % of the pieces."""
    rng, runs, kinds = random.Random(seed), collections.Counter(), collections.Counter()
    for placed in words:
        size = sum(len(word) for _, word in placed) + 3
        left = min(spec.max_predictions, max(1, round(0.15 * size)))
        taken, order = set(), list(range(len(placed)))
        rng.shuffle(order)
        length = rng.choices((1, 2, 3, 4), spec.ngram_probs)[0]
        for start in order:
            run = range(start, start + length)
            # Not over the border of the segments, which is where columns jump.
            fits = run[-1] < len(placed) and not taken & set(run)
            fits = fits and all(
                placed[i][0] + len(placed[i][1]) == placed[i + 1][0] for i in run[:-1]
            )
            pieces = sum(len(placed[i][1]) for i in run) if fits else 0
            if not left or not fits or pieces > left:
                continue
            taken |= set(run)
            left -= pieces
            runs[length] += 1
            length = rng.choices((1, 2, 3, 4), spec.ngram_probs)[0]
        for i in taken:
            kind = rng.random()
            has_similar = placed[i][1] in LISTED
            kinds[
                "kept" if kind >= 0.9 else "similar" if kind < 0.8 and has_similar else "random"
            ] += 1
    return runs, kinds


def test_shares_are_the_papers(vocabulary, table, tmp_path):
    """Chi-square of what becomes of words: ours against the plain reading, both on 1,000 rows."""
    corruption = corruption_of(vocabulary, tmp_path)
    batch, words = make_rows(vocabulary, 11, 1000)
    # Words alone, so that both choose by the same rule; runs are tested in test_masking_draws.
    _, kinds = plain_rows(words, table, corruption.spec, 5)
    made = corruption.corrupt(batch, tokens_of(vocabulary, True), np.random.default_rng(5))
    counts = [[c[k] for k in ("similar", "random", "kept")] for c in (made.counts, kinds)]
    assert stats.chi2_contingency(counts)[1] > ALARM
    words_chosen = sum(counts[0])
    covered = made.counts["similar"] / (made.counts["similar"] + made.counts["without_similar"])
    assert abs(covered - 60 / 90) < 0.04
    assert abs(made.counts["kept"] / words_chosen - 0.1) < 0.02
    assert made.counts["rows_without_similar"] <= 1000


def in_graph(corruption, batch, tokens, draws):
    """Changed ids and predicted pieces of the graph with given draws: list by purpose."""
    mask = np.arange(batch.ids.shape[1])[None, :] < batch.lengths[:, None]
    features = {
        "input_ids": batch.ids,
        "input_mask": mask.astype(np.int32),
        "segment_ids": batch.segment_ids,
        "word_groups": numbered_in_row(batch.group_ids).astype(np.int32),
    }

    def uniform(shape, purpose):
        return tf.slice(tf.constant(draws[purpose]), [0, 0], shape)

    with tf.Graph().as_default(), tf.Session() as session:
        features = {name: tf.constant(value) for name, value in features.items()}
        drawn = draw_in_graph(features, corruption.spec, corruption.words.table, tokens, uniform)
        ids, targets = session.run(drawn)
    chosen = np.zeros(batch.ids.shape, bool)
    rows, ranks = np.nonzero(targets["masked_lm_weights"])
    chosen[rows, targets["masked_lm_positions"][rows, ranks]] = True
    return ids, chosen


@pytest.mark.parametrize(
    ("unit", "fallback"), [("wordpiece", "random"), ("word", "kept"), ("ngram", "random")]
)
def test_the_graph_puts_in_the_same_words(vocabulary, tmp_path, unit, fallback):
    corruption = corruption_of(vocabulary, tmp_path, unit=unit, without_similar=fallback)
    batch, _ = make_rows(vocabulary, 8, 200)
    tokens = tokens_of(vocabulary, True)
    draws = np.random.default_rng(1).random((4, 200, 200)).astype(np.float32)
    ids, chosen = in_graph(corruption, batch, tokens, draws)
    places = sampling.list_groups(batch, unit, chosen)
    groups = numbered_in_row(batch.group_ids)
    if unit == "wordpiece":
        groups = np.where(groups > 0, np.cumsum(groups > 0, axis=1), 0)
    numbers = groups[places.row, places.first]
    kind, which = (draws[purpose][places.row, numbers] for purpose in (2, 3))
    table = corruption.words.table
    drawn = draw_words(table, batch.ids, places, corruption.spec, kind, which)
    assert not drawn.is_without_random.any()
    changed = batch.ids.copy()
    for entry, row, first, end in zip(drawn.entry, *places):
        if entry >= 0:
            changed[row, first:end] = spell(vocabulary, table.texts[entry])
    assert (ids == changed).all() and chosen.sum() > 1000


def test_words_without_a_random_word_become_random_pieces(vocabulary, tmp_path):
    corruption = corruption_of(vocabulary, tmp_path, unit="word", replacement=(0.0, 1.0, 0.0))
    batch, _ = make_rows(vocabulary, 8, 40)
    # Five pieces and more in a word, which the table has not.
    joined = batch._replace(group_ids=np.where(batch.group_ids >= 0, batch.group_ids // 6, -1))
    tokens = tokens_of(vocabulary, True)
    made = corruption.corrupt(joined, tokens, np.random.default_rng(2))
    assert made.counts["without_random"] > 10
    assert list(corruption.report(made.counts))[1].startswith(
        "{:,} random words are random pieces".format(made.counts["without_random"])
    )
    assert np.isin(made.ids[made.predicted], tokens.random_ids).all()
    assert (made.ids != batch.ids)[made.predicted].mean() > 0.9
    draws = np.random.default_rng(1).random((4, 40, 200)).astype(np.float32)
    ids, chosen = in_graph(corruption, joined, tokens, draws)
    assert np.isin(ids[chosen], tokens.random_ids).all() and (ids == joined.ids)[~chosen].all()
    assert (ids != joined.ids)[chosen].mean() > 0.9


def test_files_are_the_records_own(vocabulary, tmp_path):
    corruption = corruption_of(vocabulary, tmp_path)
    (note,) = corruption.notes()
    assert note.startswith("similar words: 60 of the 60 words of") and "60 neighbours of" in note
    other = WordReplacement(ReplacementSpec(similar_words="other"))
    with pytest.raises(UserError, match="is not the table that the records were made with"):
        other.with_files(Options(similar_words=corruption.words.path), vocabulary, True)
    with pytest.raises(UserError, match="give --similar_words"):
        other.with_files(FamilyOptions(), vocabulary, True)
    pieces = collections.namedtuple("Vocabulary", ["kind"])("sentencepiece")
    with pytest.raises(UserError, match="--similar_words needs a WordPiece vocabulary"):
        other.with_files(Options(similar_words=corruption.words.path), pieces, True)


def test_a_wrong_replacement_is_refused():
    with pytest.raises(UserError, match="three probabilities of a similar word, a random word"):
        ReplacementSpec(replacement=(0.5, 0.5))
    with pytest.raises(UserError, match="without_similar must be one of random, kept"):
        ReplacementSpec(without_similar="masked")
    with pytest.raises(UserError, match="give their table, --similar_words"):
        Options().check()
