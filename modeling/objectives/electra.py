"""ELECTRA: a generator fills masks, a discriminator detects the replaced tokens."""

import collections
import copy

import numpy as np

from common.features import MASKED_IDS, MASKED_LM, ROW
from common.lazy_tensorflow import tf
from modeling import heads, layers, losses
from modeling.encoder import encode
from modeling.objectives import electra_two_tower
from modeling.objectives.electra_options import ElectraOptions
from modeling.objectives.masked_lm import perplexity
from modeling.objectives.objective import Objective, new_output

# Share of the tokens that are masked, where `for_masks` does not set it (google-research/electra,
# configure_pretraining.py).
DEFAULT_MASK_PROB = 0.15
# Of both losses' denominators.
EPSILON = 1e-6
# Added inside both logarithms of the Gumbel noise.
NOISE_EPSILON = 1e-9
# Taken from the score of a token that must not be sampled.
DISALLOWED = 1000.0
# The area under the curve is computed from histograms of the discriminator's logits, cut at
# +-LARGEST_LOGIT.
BINS, LARGEST_LOGIT = 1000, 20.0


class Electra(Objective):
    """Clark et al. 2020 (arXiv 2003.10555), section 2: L_mlm + 50 L_disc.

    The generator reads `masked_input_ids` and predicts the masked positions; a sample of each is
    written into the unmasked `input_ids`, and the discriminator predicts for every token whether it
    was replaced. No gradient passes through the samples.
    """

    options = ElectraOptions()

    def __init__(self, name):
        self.name = name
        self.feature_names = [*ROW[:1], MASKED_IDS, *ROW[1:], *MASKED_LM]
        self._mask_prob, self._special_ids = DEFAULT_MASK_PROB, ()

    def for_masks(self, probability, special_ids):
        """See Objective."""
        chosen = copy.copy(self)
        chosen._mask_prob, chosen._special_ids = probability, tuple(special_ids)
        return chosen

    def packing_fault(self):
        """See Objective."""
        if self.options.two_tower_generator:
            return "a token of the two-tower generator reads the states beside it in the row"
        return None

    def distillation_fault(self, has_soft_labels):
        """See Objective."""
        return "the discriminator reads tokens that its generator draws anew in every step"

    def networks(self, config):
        """See Objective."""
        options, generator = self.options, self.options.generator_of(config)
        if not options.has_discriminator:
            return collections.OrderedDict(model=config)
        networks = collections.OrderedDict(discriminator=config)
        if options.two_tower_generator:
            networks.update(generator_ltr=generator, generator_rtl=generator)
        elif not options.uniform_generator:
            networks.update(generator=generator)
        return networks

    def settings(self, config):
        """See Objective."""
        values = dict(super().settings(config), mask_prob=self._mask_prob)
        # The generator's sizes stand below, in whatever way they were given.
        del values["generator_config_file"]
        if self.options.has_small_generator:
            values["generator"] = self.options.generator_of(config).to_dict()
        return values

    def build(self, config, store, kernels, features, is_training):
        """See Objective.

        features: input_ids (unmasked), masked_input_ids, input_mask, segment_ids int32
        [batch, seq]; masked_lm_positions, masked_lm_ids int32 [batch, P]; masked_lm_weights
        float32 [batch, P]. A position may occur twice; position 0 is padding.

        Tensors: masked_lm_logits [batch * P, vocab]; sampled_ids int32 [batch, P]; fake_ids,
        is_fake int32 [batch, seq]; disc_logits [batch, seq]; generator and encoder, which is the
        discriminator's: EncoderOutput.
        """
        output = new_output()
        cloze = None
        if self.options.two_tower_generator:
            cloze = self._cloze(config, store, kernels, features, is_training, output)
            logits = heads.gather_positions(cloze, features["masked_lm_positions"])
        else:
            logits = self._generator(config, store, kernels, features, is_training, output)
        self._masked_lm(logits, features, kernels, output)
        if not self.options.has_discriminator:
            return output
        sampled = self._sample(logits, features, kernels)
        self._discriminator(config, store, kernels, features, sampled, is_training, output, cloze)
        return output

    def figures(self, counts):
        """disc_auc, the probability that a replaced token scores higher than an original one, and
        the generator's perplexity."""
        figures = perplexity(counts)
        if "disc_replaced_scores" not in counts:
            return figures
        area = area_under_curve(counts["disc_replaced_scores"], counts["disc_original_scores"])
        return figures if area is None else dict(figures, disc_auc=area)

    def _generator(self, config, store, kernels, features, is_training, output):
        """Scores at the masked positions, [batch * P, vocab]."""
        generator = self.options.generator_of(config)
        positions = features["masked_lm_positions"]
        if self.options.uniform_generator:
            return tf.zeros(tf.stack([tf.size(positions), config.vocab_size]))
        masked = dict(features, input_ids=features["masked_input_ids"])
        encoded = encode(generator, store, kernels, masked, is_training)
        output.tensors["generator"] = encoded
        vectors = heads.gather_positions(encoded.sequence_output, positions)
        return heads.masked_lm_logits(generator, store, kernels, vectors, encoded.embedding_tables)

    def _cloze(self, config, store, kernels, features, is_training, output):
        """Scores at all positions by two towers, [batch, seq, vocab]; adds their loss."""
        towers = [
            self.options.generator_of(config, scope) for scope in electra_two_tower.DIRECTIONS
        ]
        logits = electra_two_tower.cloze_logits(towers, store, kernels, features, is_training)
        ids = features["input_ids"]
        counted = features["input_mask"] > 0
        for special in self._special_ids:
            counted = tf.logical_and(counted, tf.not_equal(ids, special))
        nll = kernels.cross_entropy(logits, tf.reshape(ids, [-1]))
        weights = tf.reshape(tf.cast(counted, tf.float32), [-1])
        output.losses["cloze_loss"] = losses.weighted_ratio(
            nll, weights, EPSILON, self.options.gen_weight
        )
        seq_length = layers.axis_size(ids, 1)
        return tf.reshape(logits, [-1, seq_length, config.vocab_size])

    def _masked_lm(self, logits, features, kernels, output):
        labels = tf.reshape(features["masked_lm_ids"], [-1])
        weights = tf.reshape(features["masked_lm_weights"], [-1])
        nll = kernels.cross_entropy(logits, labels)
        # Two towers are trained by the loss at all positions.
        trained = output.metrics if self.options.two_tower_generator else output.losses
        trained["masked_lm_loss"] = losses.weighted_ratio(
            nll, weights, EPSILON, self.options.gen_weight
        )
        output.metrics["masked_lm_accuracy"] = losses.accuracy_ratio(logits, labels, weights)
        output.tensors.update(masked_lm_logits=logits, masked_lm_example_loss=nll)

    def _sample(self, logits, features, kernels):
        """A token for each masked position, sampled from the generator's scores: int32 [batch, P].

        argmax(score / temperature + Gumbel noise) draws by softmax(score / temperature).
        """
        scores = logits / self.options.temperature
        labels = features["masked_lm_ids"]
        if self.options.disallow_correct:
            depth = logits.shape.as_list()[-1]
            scores -= DISALLOWED * tf.one_hot(tf.reshape(labels, [-1]), depth)
        draws = kernels.uniform(tf.shape(scores))
        noise = -tf.log(-tf.log(draws + NOISE_EPSILON) + NOISE_EPSILON)
        chosen = tf.argmax(scores + noise, axis=-1, output_type=tf.int32)
        return tf.reshape(chosen, tf.shape(labels))

    def _discriminator(self, config, store, kernels, features, sampled, is_training, output, cloze):
        ids = features["input_ids"]
        fake_ids, written = write_samples(ids, features["masked_lm_positions"], sampled)
        is_fake = written  # for Electric a sample is a replacement even if it is the true token
        if not self.options.electric_objective:
            is_fake = tf.logical_and(written, tf.not_equal(fake_ids, ids))
        read = dict(features, input_ids=fake_ids)
        encoded = encode(config, store, kernels, read, is_training)
        logits = heads.discriminator_logits(config, store, kernels, encoded.sequence_output)
        if self.options.electric_objective:
            logits += electra_two_tower.noise_log_odds(cloze, fake_ids, self._mask_prob)
        labels, weights = tf.cast(is_fake, tf.float32), tf.cast(features["input_mask"], tf.float32)
        loss = tf.nn.sigmoid_cross_entropy_with_logits(logits=logits, labels=labels)
        output.losses["disc_loss"] = losses.weighted_ratio(
            loss, weights, EPSILON, self.options.disc_weight
        )
        targets = tf.reshape(features["masked_lm_ids"], [-1])
        _add_metrics(logits, labels, weights, output)
        output.metrics["sampled_masked_lm_accuracy"] = losses.weighted_ratio(
            tf.cast(tf.equal(tf.reshape(sampled, [-1]), targets), tf.float32),
            tf.reshape(features["masked_lm_weights"], [-1]),
        )
        output.tensors.update(
            encoder=encoded,
            sampled_ids=sampled,
            fake_ids=fake_ids,
            is_fake=tf.cast(is_fake, tf.int32),
            disc_logits=logits,
            disc_token_loss=loss * weights,
        )


def write_samples(ids, positions, sampled):
    """Puts samples into a text (google-research/electra, pretrain_helpers.py: scatter_update).

    If a position was drawn more than once, the integer average of its samples is written, as in the
    original. Position 0 is never written.

    Args:
      ids: int32 [batch, seq].
      positions, sampled: int32 [batch, P].

    Returns:
      new ids int32 [batch, seq], written positions bool [batch, seq].
    """
    shape = tf.shape(ids)
    rows = tf.zeros_like(positions) + tf.range(shape[0])[:, tf.newaxis]
    places, real = tf.stack([rows, positions], axis=-1), tf.cast(positions > 0, tf.int32)
    times = tf.scatter_nd(places, real, shape)
    sums = tf.scatter_nd(places, sampled * real, shape)
    return tf.where(times > 0, sums // tf.maximum(times, 1), ids), times > 0


def area_under_curve(replaced, original):
    """Area under the ROC curve from two histograms over the same bins, in rising order of score;
    None where one is empty.

    Args:
      replaced, original: float [bins], how many positives and negatives each bin has.
    """
    replaced, original = np.asarray(replaced, np.float64), np.asarray(original, np.float64)
    pairs = replaced.sum() * original.sum()
    below = np.cumsum(original) - original
    return float((replaced * (below + original / 2)).sum() / pairs) if pairs else None


def _add_metrics(logits, labels, weights, output):
    """Adds the discriminator's metrics; all arguments float32 [batch, seq]."""
    predicted = tf.cast(logits > 0, tf.float32)
    correct = tf.cast(tf.equal(predicted, labels), tf.float32)
    output.metrics["disc_accuracy"] = losses.weighted_ratio(correct, weights)
    output.metrics["disc_precision"] = losses.weighted_ratio(correct, weights * predicted)
    output.metrics["disc_recall"] = losses.weighted_ratio(correct, weights * labels)
    scaled = (logits / LARGEST_LOGIT + 1.0) * (BINS / 2)
    bins = tf.reshape(tf.cast(tf.clip_by_value(scaled, 0.0, BINS - 1.0), tf.int32), [-1])
    for name, share in (("replaced", labels), ("original", 1.0 - labels)):
        output.counts["disc_{}_scores".format(name)] = tf.math.unsorted_segment_sum(
            tf.reshape(share * weights, [-1]), bins, BINS
        )
