"""Masks drawn anew for every batch, in the input pipeline: the tf.data sampler of MaskingSpec.

The same procedure as masking.sample_static, in graph operations, so that it also runs on the host
of a TPU. The draw is a function of the seed and the batch's number alone.
"""

import collections

import tensorflow.compat.v1 as tf

from data.records import LABELS_FROM, MASKED_FEATURES

# What the sampler adds to a batch, and what it needs of the vocabulary. spec: MaskingSpec; mask_id:
# int; random_ids: int [n], ids that may replace a piece; seed: int.
DynamicMasking = collections.namedtuple("DynamicMasking", ["spec", "mask_id", "random_ids", "seed"])

# The groups of a batch; group numbers count from 1 in each row, 0 is special tokens and padding.
# sizes (in pieces), segments: int32 [batch, groups + 1]; count: int32 [batch].
_Groups = collections.namedtuple("_Groups", ["sizes", "segments", "count"])

# Draws of one batch, in the order of the second half of their seeds.
_ORDER, _RUNS, _KIND, _RANDOM = range(4)


def sample_dynamic(features, batch_number, masking):
    """Masks a batch.

    Args:
      features: dict with input_ids, input_mask, segment_ids, word_groups, int32 [batch, seq]; maybe
        pos_tags and the like.
      batch_number: int64 scalar, counted from the beginning of the run.
      masking: DynamicMasking.

    Returns:
      The features without word_groups, input_ids masked, and with masked_lm_positions,
      masked_lm_ids int32 [batch, P], masked_lm_weights float32 [batch, P]; pos_labels int32
      [batch, P] in place of pos_tags.
    """
    features = dict(features)
    word_groups = features.pop("word_groups")
    seq = word_groups.shape.as_list()[1]
    if masking.spec.unit == "wordpiece":
        numbers = tf.cumsum(tf.cast(word_groups > 0, tf.int32), axis=1)
        word_groups = tf.where(word_groups > 0, numbers, tf.zeros_like(numbers))

    def uniform(shape, purpose):
        seed = tf.stack([tf.constant(masking.seed * 4 + purpose, tf.int64), batch_number])
        return tf.random.stateless_uniform(shape, seed)

    lengths = tf.reduce_sum(features["input_mask"], axis=1)
    room = _predictions_per_row(lengths, masking.spec)
    taken = _choose_groups(
        _list_groups(word_groups, features["segment_ids"], seq), room, masking.spec, uniform
    )
    chosen = tf.logical_and(tf.gather(taken, word_groups, batch_dims=1), word_groups > 0)
    ids = features["input_ids"]
    features.update(_predictions(ids, chosen, masking.spec.max_predictions, seq))
    features["input_ids"] = _replace(ids, chosen, masking, uniform)
    for label, source in LABELS_FROM.items():
        if source in features:
            features[label] = _labels(features.pop(source), features)
    return features


def _labels(tags, features):
    """int32 [batch, P]: tags of the chosen pieces, counted from 0; -1 unknown, and padding.

    Args:
      tags: int32 [batch, seq], counted from 1.
      features: dict with the predictions.
    """
    found = tf.gather(tags, features["masked_lm_positions"], batch_dims=1)
    return found * tf.cast(features["masked_lm_weights"], tf.int32) - 1


def _predictions_per_row(lengths, spec):
    """int32 [batch]: as masking.predictions_per_row; float64 so that halves round alike."""
    wanted = tf.round(tf.cast(lengths, tf.float64) * spec.probability)
    return tf.minimum(spec.max_predictions, tf.maximum(1, tf.cast(wanted, tf.int32)))


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
    fills what is left with single groups (see masking._choose_pieces).
    """
    longest = len(spec.ngram_probs) if spec.unit == "ngram" else 1
    rounds = 1 if longest == 1 else 2
    shape = tf.shape(groups.sizes)
    keys = tf.where(groups.sizes > 0, uniform(shape, _ORDER), tf.fill(shape, 2.0))
    order = tf.argsort(keys, axis=1)  # groups first, in random order
    runs = _draw_runs(spec, longest, uniform(shape, _RUNS))

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


def _draw_runs(spec, longest, draws):
    """int32 [batch, n]: lengths of runs in groups from uniform draws."""
    runs = tf.ones_like(draws, dtype=tf.int32)
    reached = 0.0
    for probability in spec.ngram_probs[: longest - 1]:
        reached += probability
        runs += tf.cast(draws >= reached, tf.int32)
    return runs


def _fitting_run(groups, candidate, wanted, longest, taken, room):
    """Sizes in groups (0: no place here) and lengths in pieces, int32 [batch].

    As masking._fitting_run: free groups of one segment; shortened where the pieces do not fit.
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
        part = i < wanted
        free = tf.logical_and(free, tf.logical_or(tf.logical_not(part), usable))
        pieces += _pick(groups.sizes, member)
        fits = tf.logical_and(part, pieces <= room)
        size = tf.where(fits, zeros + i + 1, size)
        length = tf.where(fits, pieces, length)
    return tf.where(free, size, zeros), length


def _pick(matrix, columns):
    """matrix[i, columns[i]]: [batch, n] and int32 [batch] -> [batch]."""
    # TensorFlow 1.15 takes batch_dims only with indices of two dimensions.
    return tf.gather(matrix, columns[:, tf.newaxis], batch_dims=1)[:, 0]


def _predictions(ids, chosen, max_predictions, seq):
    """Positions in rising order, their ids and weights, [batch, P]; padding at the end."""
    columns = seq - tf.range(seq)[tf.newaxis, :]
    found = tf.math.top_k(tf.cast(chosen, tf.int32) * columns, min(max_predictions, seq)).values
    real = found > 0
    positions = tf.where(real, seq - found, tf.zeros_like(found))
    labels = tf.gather(ids, positions, batch_dims=1) * tf.cast(real, tf.int32)
    return dict(zip(MASKED_FEATURES, (positions, labels, tf.cast(real, tf.float32))))


def _replace(ids, chosen, masking, uniform):
    to_mask, to_random, _ = masking.spec.replacement
    kind = uniform(tf.shape(ids), _KIND)
    count = len(masking.random_ids)
    table = tf.constant(masking.random_ids, tf.int32)
    draw = tf.cast(uniform(tf.shape(ids), _RANDOM) * count, tf.int32)
    other = tf.gather(table, tf.minimum(draw, count - 1))
    new = tf.where(kind < to_mask, tf.fill(tf.shape(ids), masking.mask_id), other)
    replaced = tf.logical_and(chosen, kind < to_mask + to_random)
    return tf.where(replaced, new, ids)
