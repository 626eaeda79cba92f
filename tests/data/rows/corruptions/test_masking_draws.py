"""The three samplers against their specification, by counting: fixed seeds, chi-square bounds."""

import functools

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from mask_draws import mask_once
from scipy import stats

from data.input.drawn_corruption import Drawing, draw
from data.recipes.electra import ELECTRA_REPLACEMENT
from data.rows import instances
from data.rows.corruptions import masking, sampling, selection
from data.rows.corruptions.corruption import Tokens
from data.rows.corruptions.masking import Masks
from data.rows.row_features import numbered_in_row

tf.disable_v2_behavior()

PAD, CLS, SEP, MASK = 0, 2, 3, 4
RANDOM_IDS = np.arange(1000, 2000, dtype=np.int32)
FIRST_ID = 5000
WIDTH, ROWS, BATCHES = 64, 300, 12
# Chance of a false alarm for each figure, were the seeds not fixed.
ALARM = 1e-4
MLM = masking.BERT_REPLACEMENT
NGRAMS = {"macbert": selection.DEFAULT_NGRAM_PROBS, "albert": (6 / 11, 3 / 11, 2 / 11)}


@functools.lru_cache(maxsize=None)
def rows_of_words(word_size, pieces=(20, 36), width=WIDTH, rows=ROWS):
    """Instances: [CLS] A [SEP] B [SEP] and padding, all words of one size; all rows alike."""
    a, b = pieces
    text = np.zeros(width, bool)
    text[1 : a + 1] = text[a + 2 : a + b + 2] = True
    ids = np.where(text, FIRST_ID + np.arange(width), PAD)
    ids[[0, a + 1, a + b + 2]] = CLS, SEP, SEP
    groups = np.where(text, (np.cumsum(text) - 1) // word_size, -1)
    segments = np.where((np.arange(width) >= a + 2) & (np.arange(width) <= a + b + 2), 1, 0)
    repeated = [np.tile(part.astype(np.int32), (rows, 1)) for part in (ids, segments, groups)]
    lengths = np.full(rows, a + b + 3)
    return instances.Instances(*repeated, lengths, np.zeros(rows, np.int64))


def static(batch, spec):
    """BATCHES draws of the static sampler: dicts as the input pipeline gives them."""
    names = ("masked_lm_positions", "masked_lm_ids", "masked_lm_weights")
    results = []
    for seed in range(BATCHES):
        drawn = mask_once(batch, spec, MASK, RANDOM_IDS, seed)
        found = dict(zip(names, drawn[1:4]))
        results.append(dict(found, input_ids=batch.ids, masked_input_ids=drawn.ids))
    return results


def in_pipeline(batch, spec):
    """BATCHES draws of the samplers of the input pipeline."""
    rule = Drawing(Masks(spec), Tokens(MASK, RANDOM_IDS, (CLS, SEP, MASK)), 7, True)
    mask = np.arange(batch.ids.shape[1])[None, :] < batch.lengths[:, None]
    features = {
        "input_ids": batch.ids,
        "input_mask": mask.astype(np.int32),
        "segment_ids": batch.segment_ids,
        "word_groups": numbered_in_row(batch.group_ids).astype(np.int32),
    }
    if spec.with_replacement:
        del features["word_groups"]
    with tf.Graph().as_default(), tf.Session() as session:
        number = tf.placeholder(tf.int64, [])
        constants = {name: tf.constant(value) for name, value in features.items()}
        sampled = draw(constants, number, rule)
        return [session.run(sampled, {number: n}) for n in range(BATCHES)]


def electra(share=0.15, width=WIDTH):
    room = masking.predictions_limit(share, width)
    replacement = ELECTRA_REPLACEMENT
    return masking.MaskingSpec(share, "wordpiece", (1.0,), room, replacement, True)


def spec_of(unit, replacement=MLM, room=20, ngrams=selection.DEFAULT_NGRAM_PROBS):
    return masking.MaskingSpec(0.15, unit, ngrams, room, replacement)


# name -> (sampler, specification, pieces in a word). With words of two pieces and an even number
# of predictions every word is as likely as any other, so that the expected counts are exact.
CASES = {
    "static pieces": (static, spec_of("wordpiece"), 3),
    "static words": (static, spec_of("word", room=8), 2),
    "pipeline pieces": (in_pipeline, spec_of("wordpiece"), 3),
    "pipeline words": (in_pipeline, spec_of("word", room=8), 2),
    "pipeline words for electra": (
        in_pipeline,
        spec_of("word", ELECTRA_REPLACEMENT, 8),
        2,
    ),
    "electra": (in_pipeline, electra(), 1),
}


@functools.lru_cache(maxsize=None)
def draws(case):
    """(batch, spec, results, places): places int [draws, rows, P], 0 where nothing is drawn."""
    sampler, spec, word_size = CASES[case]
    batch = rows_of_words(word_size)
    results = sampler(batch, spec)
    places = np.stack([r["masked_lm_positions"] * (r["masked_lm_weights"] > 0) for r in results])
    return batch, spec, results, places


each = pytest.mark.parametrize("case", CASES)


def z_bound(figures=1):
    return stats.norm.isf(ALARM / 2 / figures)


@each
def test_number_of_predictions(case):
    batch, spec, results, places = draws(case)
    wanted = sampling.predictions_per_row(batch.lengths, spec)
    assert wanted[0] == min(spec.max_predictions, round(59 * 0.15))
    assert ((places > 0).sum(axis=2) == wanted).all()
    for result in results:
        picked = np.take_along_axis(batch.ids, result["masked_lm_positions"], axis=1)
        real = result["masked_lm_weights"] > 0
        assert (result["masked_lm_ids"] == picked * real).all()
        assert (result["input_ids"] == batch.ids).all()  # apart from the masked ids


@each
def test_every_place_is_as_likely_as_any_other(case):
    """Chi-square over places, each by its own variance: Bernoulli, or binomial with replacement."""
    batch, spec, _, places = draws(case)
    candidates = np.flatnonzero(batch.group_ids[0] >= 0)
    rows, count = places.shape[0] * places.shape[1], (places[0, 0] > 0).sum()
    share = count / len(candidates)
    each_row = count / len(candidates) * (1 - 1 / len(candidates))
    variance = rows * (each_row if spec.with_replacement else share * (1 - share))
    found = np.bincount(places[places > 0], minlength=WIDTH)
    assert found.sum() == found[candidates].sum()  # never a special token or padding
    word = CASES[case][2] if spec.unit == "word" else 1
    # Pieces of a word come together: one of each word says it all.
    free = found[candidates][::word]
    statistic = ((free - rows * share) ** 2 / variance).sum()
    statistic *= (len(free) - 1) / len(free)  # the counts have a fixed sum
    assert stats.chi2.sf(statistic, len(free) - 1) > ALARM
    assert stats.chi2.cdf(statistic, len(free) - 1) > ALARM  # nor more even than chance
    assert (found[candidates].reshape(-1, word) == free[:, None]).all()


@each
def test_replacements_are_drawn_piece_by_piece_in_their_shares(case):
    batch, spec, results, places = draws(case)
    kinds = []
    for result, place in zip(results, places):
        times = np.zeros(batch.ids.shape, int)
        row, rank = np.nonzero(place)
        np.add.at(times, (row, place[row, rank]), 1)
        new, old = result["masked_input_ids"], batch.ids
        assert (new == old)[times == 0].all()
        once = times == 1  # what is drawn twice has two chances to become [MASK]
        kind = np.select([new == MASK, new == old, np.isin(new, RANDOM_IDS)], [0, 2, 1], -1)
        assert (kind[once] >= 0).all()
        kinds.append(np.where(once, kind, -1))
    kinds = np.stack(kinds)
    found = np.bincount(kinds[kinds >= 0], minlength=3)
    expected = np.array(spec.replacement) * found.sum()
    assert not found[expected == 0].any()
    used = expected > 0
    statistic = ((found - expected)[used] ** 2 / expected[used]).sum()
    assert stats.chi2.sf(statistic, used.sum() - 1) > ALARM
    # Neighbours that were both drawn become [MASK] independently of each other.
    both = (kinds[:, :, 1:] >= 0) & (kinds[:, :, :-1] >= 0)
    is_mask = spec.replacement[0]
    alike = ((kinds[:, :, 1:] == 0) & (kinds[:, :, :-1] == 0))[both]
    variance = is_mask**2 * (1 - is_mask**2) * (1 + 2 * is_mask)  # runs of three share a piece
    z = (alike.mean() - is_mask**2) / np.sqrt(variance / len(alike))
    assert abs(z) < z_bound()


@each
def test_draws_of_neighbouring_rows_and_batches_are_independent(case):
    """Places that two draws have in common: as many as chance gives."""
    batch, spec, _, places = draws(case)
    chosen = np.zeros((*places.shape[:2], WIDTH), bool)
    for i, j in np.ndindex(*places.shape[:2]):
        chosen[i, j, places[i, j]] = True
    word = CASES[case][2] if spec.unit == "word" else 1
    chosen = chosen[:, :, np.flatnonzero(batch.group_ids[0] >= 0)[::word]].astype(int)
    share = chosen.mean()
    for one, other in ((chosen[1:], chosen[:-1]), (chosen[:, 1:], chosen[:, :-1])):
        common = (one * other).sum(axis=2)
        expected = share**2 * chosen.shape[2]
        z = (common.mean() - expected) / (common.std() / np.sqrt(common.size))
        assert abs(z) < z_bound(2)


@pytest.mark.parametrize("share", [0.15, 0.4])
def test_electra_draws_with_replacement(share):
    """Distinct places of k draws from n: n (1 - (1 - 1/n)^k), and its variance."""
    batch, spec = rows_of_words(1), electra(share)
    results = in_pipeline(batch, spec)
    distinct = [
        len(set(row[weight > 0]))
        for result in results
        for row, weight in zip(result["masked_lm_positions"], result["masked_lm_weights"])
    ]
    n, k = 56, int(sampling.predictions_per_row(batch.lengths, spec)[0])
    expected = n * (1 - (1 - 1 / n) ** k)
    pair = n * (n - 1) * (1 - 2 / n) ** k + n * (1 - 1 / n) ** k
    variance = pair - (n * (1 - 1 / n) ** k) ** 2
    z = (np.mean(distinct) - expected) / np.sqrt(variance / len(distinct))
    assert abs(z) < z_bound()
    # and as many [MASK] as distinct places of which a draw says so
    masked = np.mean([(r["masked_input_ids"] == MASK).sum(axis=1).mean() for r in results])
    expected = n * (1 - (1 - 0.85 / n) ** k)
    assert abs(masked - expected) < 0.1


def runs_until_full(probs, room):
    """Expected runs of each length until `room` pieces are drawn; the last one is shortened."""
    expected = np.zeros((room + 1, len(probs)))
    for left in range(1, room + 1):
        for n, p in enumerate(probs, 1):
            length = min(n, left)
            expected[left] += p * expected[left - length]
            expected[left, length - 1] += p
    return expected[room]


def long_rows():
    """Rows of single-piece words, so long that a place for a run is nearly always free."""
    return rows_of_words(1, pieces=(500, 500), width=1024, rows=150)


@pytest.mark.parametrize("table", NGRAMS)
def test_runs_of_words_follow_the_table(table):
    batch, spec = long_rows(), spec_of("ngram", room=30, ngrams=NGRAMS[table])
    runs, rows = np.zeros(len(spec.ngram_probs)), 0
    per_seed = []
    for seed in range(40):
        drawn = mask_once(batch, spec, MASK, RANDOM_IDS, seed)
        assert (drawn.weights.sum(axis=1) == 30).all()
        per_seed.append(drawn.ngrams / len(batch.ids))
        runs += drawn.ngrams
        rows += len(batch.ids)
    expected = runs_until_full(spec.ngram_probs, 30)
    error = np.std(per_seed, axis=0, ddof=1) / np.sqrt(len(per_seed))
    z = (runs / rows - expected) / error
    assert (np.abs(z) < stats.t.isf(ALARM / 2 / len(z), len(per_seed) - 1)).all()
    shares = runs / runs.sum()
    assert np.abs(shares - spec.ngram_probs).max() < 0.03  # the shortened last runs are few


@pytest.mark.parametrize("table", NGRAMS)
def test_static_and_pipeline_sampler_draw_stretches_alike(table):
    """Two-sample chi-square of the lengths of masked stretches."""
    batch, spec = long_rows(), spec_of("ngram", room=30, ngrams=NGRAMS[table])
    counts = np.array([_stretches(sampler(batch, spec)) for sampler in (static, in_pipeline)])
    assert counts.sum() > 30000
    assert stats.chi2_contingency(counts)[1] > ALARM


def _stretches(results):
    """How many stretches of masked pieces have 1, 2, 3, 4 and more pieces."""
    found = np.zeros(5, int)
    for result in results:
        mask = np.zeros((len(result["input_ids"]), 1026), bool)
        np.put_along_axis(mask, result["masked_lm_positions"] + 1, True, axis=1)
        mask[:, 1] = False
        edges = np.diff(mask.astype(np.int8), axis=1)
        lengths = np.nonzero(edges == -1)[1] - np.nonzero(edges == 1)[1]
        found += np.bincount(np.minimum(lengths, 5), minlength=6)[1:]
    return found
