"""Masks drawn in the input pipeline follow the same specification as those drawn once."""

import functools

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from golden_cases import arrays, needs_golden, settings
from mask_draws import mask_once
from random_units import RANDOM_IDS, Ids, assemble, make_unit

from common.errors import UserError
from data.input import drawn_corruption
from data.input.drawn_corruption import Drawing
from data.recipes.electra import ELECTRA_REPLACEMENT
from data.rows import pairs
from data.rows.corruptions import masking, sampling, selection
from data.rows.corruptions.corruption import Tokens
from data.rows.corruptions.graph_sampling import mask_drawn, predictions_per_row
from data.rows.corruptions.masking import Masks
from data.rows.row_features import numbered_in_row

pytestmark = pytest.mark.tf1
tf.disable_v2_behavior()

TOKENS = Tokens(Ids.mask, RANDOM_IDS)


@functools.lru_cache(maxsize=None)
def rows(length, documents=60):
    unit = make_unit(np.random.default_rng(3), documents=documents)
    return assemble(unit, pairs.full_pairs(unit, length, "seed"), length)


def features_of(batch):
    mask = np.arange(batch.ids.shape[1])[None, :] < batch.lengths[:, None]
    return {
        "input_ids": batch.ids,
        "input_mask": mask.astype(np.int32),
        "segment_ids": batch.segment_ids,
        "word_groups": numbered_in_row(batch.group_ids).astype(np.int32),
    }


def draw(batch, spec, numbers, seed=7):
    """Samples of the same rows for several batch numbers, as list of dicts of arrays."""
    rule = Drawing(Masks(spec), TOKENS, seed)
    with tf.Graph().as_default(), tf.Session() as session:
        number = tf.placeholder(tf.int64, [])
        features = {name: tf.constant(value) for name, value in features_of(batch).items()}
        sampled = drawn_corruption.draw(features, number, rule)
        return [session.run(sampled, {number: n}) for n in numbers]


@pytest.mark.parametrize("unit", selection.UNITS)
@pytest.mark.parametrize("length", [16, 48])
def test_every_draw_masks_whole_groups_and_can_be_undone(unit, length):
    batch = rows(length)
    spec = masking.MaskingSpec(0.2, unit, max_predictions=7)
    limit = sampling.predictions_per_row(batch.lengths, spec)
    for result in draw(batch, spec, range(3)):
        weights, positions = result["masked_lm_weights"], result["masked_lm_positions"]
        counts = weights.sum(axis=1).astype(int)
        assert (counts <= limit).all()
        assert (np.diff(weights, axis=1) <= 0).all()
        for i, count in enumerate(counts):
            chosen = positions[i, :count]
            assert (np.diff(chosen) > 0).all() and not positions[i, count:].any()
            restored = result["input_ids"][i].copy()
            restored[chosen] = result["masked_lm_ids"][i, :count]
            assert (restored == batch.ids[i]).all()
            groups = batch.group_ids[i]
            assert (groups[chosen] >= 0).all()
            if unit == "wordpiece":
                assert count == limit[i]
                continue
            assert np.isin(groups, np.unique(groups[chosen])).sum() == count
            sizes = np.bincount(groups[(groups >= 0) & ~np.isin(groups, groups[chosen])])
            assert not sizes.any() or sizes[sizes > 0].min() > limit[i] - count


def figures(batch, results):
    """What two samplers must agree on: shares, places, lengths of masked stretches."""
    parts = []
    for result in results:
        row, rank = np.nonzero(result["masked_lm_weights"])
        places = result["masked_lm_positions"][row, rank]
        new, old = result["input_ids"][row, places], result["masked_lm_ids"][row, rank]
        mask = np.zeros(batch.ids.shape, dtype=bool)
        mask[row, places] = True
        stretches = (np.diff(mask.astype(int), axis=1) == 1).sum()
        parts.append(
            [
                len(row) / batch.lengths.sum(),
                (new == Ids.mask).mean(),
                np.isin(new, RANDOM_IDS).mean(),
                (new == old).mean(),
                (places < batch.ids.shape[1] // 2).mean(),
                stretches / len(row),
            ]
        )
    return np.mean(parts, axis=0)


@pytest.mark.parametrize("unit", selection.UNITS)
def test_static_and_dynamic_sampler_agree(unit):
    batch = rows(128, documents=500)
    spec = masking.MaskingSpec(0.15, unit, max_predictions=20)
    static = []
    for seed in range(6):
        masked = mask_once(batch, spec, Ids.mask, RANDOM_IDS, seed)
        names = ("input_ids", "masked_lm_positions", "masked_lm_ids", "masked_lm_weights")
        static.append(dict(zip(names, masked)))
    expected = figures(batch, static)
    found = figures(batch, draw(batch, spec, range(6)))
    assert np.abs(expected - found).max() < 0.012, (expected, found)
    assert np.abs(found[:4] - [0.15, 0.8, 0.1, 0.1]).max() < 0.01


def test_a_draw_is_a_function_of_seed_and_batch_number():
    batch = rows(48)
    spec = masking.MaskingSpec(0.15, "ngram", max_predictions=8)
    first, again, other = draw(batch, spec, [5, 5, 6])
    assert all((first[name] == again[name]).all() for name in first)
    assert (first["masked_lm_positions"] != other["masked_lm_positions"]).any()
    (reseeded,) = draw(batch, spec, [5], seed=8)
    assert (first["masked_lm_positions"] != reseeded["masked_lm_positions"]).any()
    # over many batches every piece of text is masked now and then
    seen = np.zeros(batch.ids.shape, dtype=bool)
    for result in draw(batch, spec, range(80)):
        row, rank = np.nonzero(result["masked_lm_weights"])
        seen[row, result["masked_lm_positions"][row, rank]] = True
    assert seen[batch.group_ids >= 0].mean() > 0.99


def test_labels_are_the_tags_of_the_chosen_pieces():
    batch = rows(48)
    tags = np.where(batch.group_ids >= 0, 1 + batch.group_ids % 14, 0).astype(np.int32)
    rule = Drawing(Masks(masking.MaskingSpec(0.2, "word")), TOKENS, 7)
    with tf.Graph().as_default(), tf.Session() as session:
        features = {name: tf.constant(value) for name, value in features_of(batch).items()}
        features.update(pos_tags=tf.constant(tags), dep_tags=tf.constant(tags * 0))
        drawn = session.run(drawn_corruption.draw(features, tf.constant(1, tf.int64), rule))
    assert "pos_tags" not in drawn and "ner_labels" not in drawn
    real = drawn["masked_lm_weights"] > 0
    row, rank = np.nonzero(real)
    expected = tags[row, drawn["masked_lm_positions"][row, rank]] - 1
    assert (drawn["pos_labels"][row, rank] == expected).all() and (expected >= 0).all()
    assert (drawn["pos_labels"][~real] == -1).all() and (drawn["dep_labels"] == -1).all()


def electra_spec(share, width):
    room = masking.predictions_limit(share, width)
    replacement = ELECTRA_REPLACEMENT
    return masking.MaskingSpec(share, "wordpiece", (1.0,), room, replacement, True)


@needs_golden
def test_electras_draws_give_the_original_programs_masks():
    case, inputs = settings("electra", "meta.json"), arrays("electra", "inputs.npz")
    ids = inputs["input_ids"]
    spec = electra_spec(case["mask_prob"], ids.shape[1])
    assert spec.max_predictions == case["max_predictions_per_seq"]
    with tf.Graph().as_default(), tf.Session() as session:
        predictions, masked = session.run(
            mask_drawn(
                tf.constant(ids),
                tf.constant(inputs["mask_position_draws"]),
                tf.constant(inputs["mask_replace_uniform"] < spec.replacement[0]),
                predictions_per_row(tf.constant(inputs["input_mask"]), spec),
                mask_id=4,
            )
        )
    expected = arrays("electra", "outputs.npz")
    assert (masked == expected["masked/input_ids"]).all()
    assert set(predictions) == {"masked_lm_positions", "masked_lm_ids", "masked_lm_weights"}
    for name, value in predictions.items():
        assert (value == expected["masked/" + name]).all()


def test_electras_draws_leave_special_tokens_and_padding_alone():
    batch, spec = rows(48), electra_spec(0.3, 48)
    batch.ids[:, 5] = Ids.mask  # what is [MASK] in the text already
    features = features_of(batch)
    del features["word_groups"]
    features["input_mask"][-1, 1:] = 0  # nothing to draw from
    tokens = Tokens(Ids.mask, [], (Ids.cls, Ids.sep, Ids.mask))
    rule = Drawing(Masks(spec), tokens, 7, True)
    try:
        with tf.Graph().as_default(), tf.Session() as session:
            constants = {name: tf.constant(value) for name, value in features.items()}
            drawn = session.run(drawn_corruption.draw(constants, tf.constant(3, tf.int64), rule))
    finally:
        rows.cache_clear()
    weights, positions = drawn["masked_lm_weights"], drawn["masked_lm_positions"]
    assert (drawn["input_ids"] == batch.ids).all()
    assert not positions[weights == 0].any() and not drawn["masked_lm_ids"][weights == 0].any()
    assert not weights[-1].any() and (drawn["masked_input_ids"][-1] == batch.ids[-1]).all()
    row, rank = np.nonzero(weights)
    assert (batch.group_ids[row, positions[row, rank]] >= 0).all()
    assert (positions[row, rank] != 5).all()
    changed = drawn["masked_input_ids"] != batch.ids
    assert (drawn["masked_input_ids"][changed] == Ids.mask).all()
    chosen = np.zeros_like(changed)
    chosen[row, positions[row, rank]] = True
    assert (changed <= chosen).all() and 0.75 < changed.sum() / chosen.sum() < 0.95


def test_apart_the_masked_ids_stand_beside_the_original_ones():
    batch = rows(48)
    spec = masking.MaskingSpec(0.2, "word", replacement=ELECTRA_REPLACEMENT)
    rule = Drawing(Masks(spec), TOKENS, 7)
    with tf.Graph().as_default(), tf.Session() as session:
        features = {name: tf.constant(value) for name, value in features_of(batch).items()}
        number = tf.constant(1, tf.int64)
        joined, apart = session.run(
            [
                drawn_corruption.draw(features, number, r)
                for r in (rule, rule._replace(keeps_original=True))
            ]
        )
    assert (apart["input_ids"] == batch.ids).all() and "masked_input_ids" not in joined
    assert (apart.pop("masked_input_ids") == joined["input_ids"]).all()
    assert (joined["input_ids"] != batch.ids).any()
    assert all((apart[name] == joined[name]).all() for name in apart if name != "input_ids")


@pytest.mark.parametrize(
    "changes", [{"unit": "word"}, {"unit": "wordpiece", "replacement": (0.8, 0.1, 0.1)}]
)
def test_draws_with_replacement_are_for_single_pieces(changes):
    with pytest.raises(UserError, match="draws with replacement take single pieces"):
        masking.MaskingSpec(with_replacement=True, **changes)
