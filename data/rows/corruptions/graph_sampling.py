"""Masks and permutations drawn anew for every batch in the input pipeline: the samplers of
sampling.py as graphs.

Groups are drawn by the same procedure as in sampling.py, single pieces with replacement as
google-research/electra draws them; in graph operations, so that it also runs on the host of a TPU.
"""

from typing import NamedTuple

from common.features import MASKED_LM, PERMUTED
from common.lazy_tensorflow import tf
from data.records.schema import DERIVED


class _Groups(NamedTuple):
    """The groups of a batch, counted from 1 in each row; 0 is special tokens and padding.

    Attributes:
      sizes: int32 [batch, groups + 1], in pieces.
      segments: int32 [batch, groups + 1].
      count: int32 [batch].
    """

    sizes: "tf.Tensor"
    segments: "tf.Tensor"
    count: "tf.Tensor"


# Draws of one batch, in the order of the second half of their seeds.
_ORDER, _RUNS, KIND, RANDOM = range(4)


def draw_masks(features, spec, tokens, uniform):
    """Masks a batch; see corruption.Corruption.draw.

    Args:
      features: dict with input_ids, input_mask, segment_ids, int32 [batch, seq]; word_groups, too,
        unless the specification draws with replacement; maybe pos_tags and the like.
      spec: masking.MaskingSpec.
      tokens: corruption.Tokens.
      uniform: function (shape, purpose) -> float32 tensor.

    Returns:
      Masked ids, int32 [batch, seq]; dict of masked_lm_positions, masked_lm_ids int32 [batch, P],
      masked_lm_weights float32 [batch, P], and pos_labels int32 [batch, P] for pos_tags.
    """
    draw = _draw_pieces if spec.with_replacement else _draw_groups
    targets, masked = draw(features, spec, tokens, uniform)
    labels = {
        label: _labels(features[source], targets)
        for label, source in DERIVED.items()
        if source in features
    }
    return masked, dict(targets, **labels)


def _draw_groups(features, spec, tokens, uniform):
    """Predictions (dict) and masked ids of groups that are drawn without replacement."""
    chosen = choose_pieces(features, spec, uniform)
    positions, real = true_columns(chosen, spec.max_predictions)
    ids = features["input_ids"]
    return predictions(ids, positions, real), _replace(ids, chosen, spec, tokens, uniform)


def choose_pieces(features, spec, uniform):
    """Chooses groups without replacement: bool [batch, seq], as sampling.choose_pieces.

    Args:
      features, uniform: see `draw_masks`; with word_groups.
      spec: masking.MaskingSpec, or another specification with its probability, unit,
        max_predictions and, for "ngram", ngram_probs.
    """
    word_groups = groups_of(features, spec)
    seq = word_groups.shape.as_list()[1]
    room = predictions_per_row(features["input_mask"], spec)
    groups = _list_groups(word_groups, features["segment_ids"], seq)
    taken = _choose_groups(groups, room, spec, uniform)
    return tf.logical_and(tf.gather(taken, word_groups, batch_dims=1), word_groups > 0)


def groups_of(features, spec):
    """int32 [batch, seq]: numbers of the groups that are chosen as a whole, as word_groups.

    Args:
      features, spec: see `choose_pieces`.
    """
    word_groups = features["word_groups"]
    if spec.unit != "wordpiece":
        return word_groups
    numbers = tf.cumsum(tf.cast(word_groups > 0, tf.int32), axis=1)
    return tf.where(word_groups > 0, numbers, tf.zeros_like(numbers))


def _draw_pieces(features, spec, tokens, uniform):
    """Predictions (dict) and masked ids of pieces that are drawn with replacement."""
    ids, is_candidate = features["input_ids"], features["input_mask"] > 0
    for special in tokens.special_ids:
        is_candidate = tf.logical_and(is_candidate, tf.not_equal(ids, special))
    count = tf.reduce_sum(tf.cast(is_candidate, tf.int32), axis=1, keepdims=True)
    shape = [tf.shape(ids)[0], spec.max_predictions]
    drawn = tf.cast(uniform(shape, _ORDER) * tf.cast(count, tf.float32), tf.int32)
    candidates, _ = true_columns(is_candidate, ids.shape.as_list()[1])
    positions = tf.gather(candidates, tf.maximum(0, tf.minimum(drawn, count - 1)), batch_dims=1)
    # Where there is no candidate at all, nothing counts; the original computes 0 / 0 there.
    wanted = predictions_per_row(features["input_mask"], spec) * tf.minimum(1, count[:, 0])
    is_replaced = uniform(shape, KIND) < spec.replacement[0]
    return mask_drawn(ids, positions, is_replaced, wanted, tokens.mask_id)


def mask_drawn(ids, positions, is_replaced, wanted, mask_id):
    """Masks positions that were drawn with replacement (google-research/electra, `mask`).

    A position that was drawn twice is predicted twice, and masked if either draw says so. What was
    drawn beyond `wanted` becomes position 0 with weight 0. Position 0 is never masked.

    Args:
      ids: int32 [batch, seq].
      positions: int32 [batch, P], as drawn.
      is_replaced: bool [batch, P], whether the draw puts [MASK] there.
      wanted: int32 [batch], how many draws of a row count.
      mask_id: int.

    Returns:
      dict of masked_lm_positions, masked_lm_ids int32 [batch, P], masked_lm_weights float32
      [batch, P]; masked ids int32 [batch, seq].
    """
    real = tf.range(tf.shape(positions)[1])[tf.newaxis, :] < wanted[:, tf.newaxis]
    positions = positions * tf.cast(real, tf.int32)
    rows = tf.zeros_like(positions) + tf.range(tf.shape(ids)[0])[:, tf.newaxis]
    written = tf.cast(tf.logical_and(tf.logical_and(real, is_replaced), positions > 0), tf.int32)
    times = tf.scatter_nd(tf.stack([rows, positions], axis=-1), written, tf.shape(ids))
    masked = tf.where(times > 0, tf.fill(tf.shape(ids), mask_id), ids)
    return predictions(ids, positions, real), masked


def draw_permutation(features, spec, uniform):
    """Permutes a batch; see corruption.Corruption.draw and permutation.Permutation.

    Args:
      features: dict with input_ids, input_mask, segment_ids, word_groups, int32 [batch, seq].
      spec: permutation.PermutationSpec.
      uniform: function (shape, purpose) -> float32 tensor.

    Returns:
      Permuted ids, int32 [batch, seq]; dict of permuted_positions, permuted_labels int32
      [batch, P], permuted_weights float32 [batch, P].
    """
    ids = features["input_ids"]
    chosen = choose_pieces(features, spec, uniform)
    slots, real = true_columns(chosen, spec.max_predictions)
    shape = tf.shape(slots)
    shuffled = tf.logical_and(real, uniform(shape, KIND) < spec.permuted_share)
    # The shuffled ones first, in random order: the n-th of them in the row goes to the n-th here.
    keys = tf.where(shuffled, uniform(shape, RANDOM), tf.fill(shape, 2.0))
    order = tf.argsort(keys, axis=1)
    rank = tf.maximum(0, tf.cumsum(tf.cast(shuffled, tf.int32), axis=1) - 1)
    targets = tf.gather(slots, tf.gather(order, rank, batch_dims=1), batch_dims=1)
    labels = tf.where(shuffled, targets, slots)
    weights = tf.cast(real, tf.float32)
    return _move(ids, slots, labels), dict(zip(PERMUTED, (slots, labels, weights)))


def _move(ids, slots, targets):
    """ids int32 [batch, seq] with the pieces of slots at their targets, the same places in another
    order: int32 [batch, P] each; what stays may occur any number of times."""
    rows = tf.zeros_like(slots) + tf.range(tf.shape(ids)[0])[:, tf.newaxis]
    change = tf.gather(ids, slots, batch_dims=1) - tf.gather(ids, targets, batch_dims=1)
    return ids + tf.scatter_nd(tf.stack([rows, targets], axis=-1), change, tf.shape(ids))


def _labels(tags, features):
    """int32 [batch, P]: tags of the chosen pieces, counted from 0; -1 unknown, and padding.

    Args:
      tags: int32 [batch, seq], counted from 1.
      features: dict with the predictions.
    """
    picked = tf.gather(tags, features["masked_lm_positions"], batch_dims=1)
    return picked * tf.cast(features["masked_lm_weights"], tf.int32) - 1


def predictions_per_row(input_mask, spec):
    """As sampling.predictions_per_row; float64 so that halves round alike.

    Args:
      input_mask: int32 [batch, seq].
      spec: MaskingSpec.

    Returns:
      int32 [batch].
    """
    lengths = tf.cast(tf.reduce_sum(input_mask, axis=1), tf.float64)
    wanted = tf.cast(tf.round(lengths * spec.probability), tf.int32)
    return tf.minimum(spec.max_predictions, tf.maximum(1, wanted))


def _list_groups(word_groups, segment_ids, seq):
    batch = tf.shape(word_groups)[0]
    flat = tf.reshape(word_groups + tf.range(batch)[:, tf.newaxis] * (seq + 1), [-1])
    cells = batch * (seq + 1)
    shape = [batch, seq + 1]
    sizes = tf.reshape(tf.math.unsorted_segment_sum(tf.ones_like(flat), flat, cells), shape)
    segments = tf.math.unsorted_segment_max(tf.reshape(segment_ids, [-1]), flat, cells)
    is_group = tf.cast(tf.range(seq + 1) > 0, tf.int32)
    return _Groups(
        sizes * is_group, tf.reshape(segments, shape), tf.reduce_max(word_groups, axis=1)
    )


def _choose_groups(groups, room, spec, uniform):
    """bool [batch, groups + 1]: one candidate of every row a turn, in random order.

    A drawn run length is kept until a place is found for it; a second round over the candidates
    fills what is left with single groups (see sampling.choose_pieces).
    """
    shares = spec.ngram_probs if spec.unit == "ngram" else (1.0,)
    longest = len(shares)
    rounds = 1 if longest == 1 else 2
    shape = tf.shape(groups.sizes)
    keys = tf.where(groups.sizes > 0, uniform(shape, _ORDER), tf.fill(shape, 2.0))
    order = tf.argsort(keys, axis=1)  # groups first, in random order
    runs = _draw_runs(shares, uniform(shape, _RUNS))

    def body(turn, left, taken, used):
        second = turn >= groups.count
        at = tf.where(second, turn - groups.count, tf.fill(tf.shape(left), turn))
        at = tf.minimum(at, tf.shape(order)[1] - 1)
        candidate = _pick(order, at)
        drawn = _pick(runs, tf.minimum(used, tf.shape(runs)[1] - 1))
        wanted = tf.where(second, tf.ones_like(drawn), tf.minimum(drawn, left))
        open_row = tf.logical_and(left > 0, turn < rounds * groups.count)
        size, length = _fitting_run(groups, candidate, wanted, longest, taken, left)
        fits = tf.logical_and(open_row, size > 0)
        size = tf.where(fits, size, tf.zeros_like(size))
        column = tf.range(tf.shape(taken)[1])[tf.newaxis, :] - candidate[:, tf.newaxis]
        taken = tf.logical_or(taken, tf.logical_and(column >= 0, column < size[:, tf.newaxis]))
        left -= tf.where(fits, length, tf.zeros_like(length))
        return turn + 1, left, taken, used + tf.cast(fits, tf.int32)

    def unfinished(turn, left, taken, used):
        del taken, used
        return tf.reduce_any(tf.logical_and(left > 0, turn < rounds * groups.count))

    start = (tf.constant(0), room, tf.zeros(shape, tf.bool), tf.zeros_like(room))
    return tf.while_loop(unfinished, body, start, back_prop=False)[2]


def _draw_runs(shares, draws):
    """int32 [batch, n]: lengths of runs in groups from uniform draws."""
    runs = tf.ones_like(draws, dtype=tf.int32)
    reached = 0.0
    for probability in shares[:-1]:
        reached += probability
        runs += tf.cast(draws >= reached, tf.int32)
    return runs


def _fitting_run(groups, candidate, wanted, longest, taken, room):
    """Sizes in groups (0: no place here) and lengths in pieces, int32 [batch].

    As sampling._fitting_run: free groups of one segment, shortened to what fits.
    """
    zeros = tf.zeros_like(candidate)
    size, length, pieces = zeros, zeros, zeros
    free = tf.ones_like(candidate, dtype=tf.bool)
    segment = _pick(groups.segments, candidate)
    for i in range(longest):
        exists = candidate + i <= groups.count
        member = tf.minimum(candidate + i, groups.count)
        usable = tf.logical_and(
            tf.logical_and(exists, tf.equal(_pick(groups.segments, member), segment)),
            tf.logical_not(_pick(taken, member)),
        )
        needed = i < wanted
        free = tf.logical_and(free, tf.logical_or(tf.logical_not(needed), usable))
        pieces += _pick(groups.sizes, member)
        fits = tf.logical_and(needed, pieces <= room)
        size = tf.where(fits, zeros + i + 1, size)
        length = tf.where(fits, pieces, length)
    return tf.where(free, size, zeros), length


def _pick(matrix, columns):
    """matrix[i, columns[i]]: [batch, n] and int32 [batch] -> [batch]."""
    # TensorFlow 1.15 takes batch_dims only with indices of two dimensions.
    return tf.gather(matrix, columns[:, tf.newaxis], batch_dims=1)[:, 0]


def true_columns(matrix, count):
    """Columns where a bool [batch, seq] is true, in rising order, at most `count`; the rest 0.

    Returns:
      columns int32 [batch, n], whether they are such columns bool [batch, n], n <= count.
    """
    seq = matrix.shape.as_list()[1]
    from_end = seq - tf.range(seq)[tf.newaxis, :]
    ranks = tf.math.top_k(tf.cast(matrix, tf.int32) * from_end, min(count, seq)).values
    return tf.where(ranks > 0, seq - ranks, tf.zeros_like(ranks)), ranks > 0


def predictions(ids, positions, real):
    """dict of positions, their ids and weights; 0 where not `real`: all [batch, P]."""
    labels = tf.gather(ids, positions, batch_dims=1) * tf.cast(real, tf.int32)
    return dict(zip(MASKED_LM, (positions, labels, tf.cast(real, tf.float32))))


def _replace(ids, chosen, spec, tokens, uniform):
    to_mask, to_random, _ = spec.replacement
    kind = uniform(tf.shape(ids), KIND)
    count = len(tokens.random_ids)
    table = tf.constant(tokens.random_ids, tf.int32)
    draw = tf.cast(uniform(tf.shape(ids), RANDOM) * count, tf.int32)
    other = tf.gather(table, tf.minimum(draw, count - 1))
    new = tf.where(kind < to_mask, tf.fill(tf.shape(ids), tokens.mask_id), other)
    replaced = tf.logical_and(chosen, kind < to_mask + to_random)
    return tf.where(replaced, new, ids)
