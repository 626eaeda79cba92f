"""The base class of objectives."""

import collections
import copy
from typing import Any, Dict, NamedTuple

from common.options import FamilyOptions


class ObjectiveOutput(NamedTuple):
    """The output of an objective's network for a batch.

    Attributes:
      losses: ordered dict name -> Ratio; their weighted sum is trained.
      metrics: ordered dict name -> Ratio, reported by an evaluation beside the losses.
      tensors: dict name -> tensor, for predictions and tests.
      counts: dict name -> float32 vector, summed over an evaluation.
    """

    losses: Dict[str, Any]
    metrics: Dict[str, Any]
    tensors: Dict[str, Any]
    counts: Dict[str, Any] = {}


def new_output():
    """An ObjectiveOutput to be filled."""
    return ObjectiveOutput(collections.OrderedDict(), collections.OrderedDict(), {}, {})


class Objective:
    """Losses over named features.

    Attributes:
      name: registry name.
      feature_names: record features that `build` reads.
      best_by: figure of an evaluation by which checkpoints are compared, a loss.
      sentence_pair: what pairs of sentences are trained on: next_sentence, sentence_order, or None.
      recognised_by: record feature that tells the objective of records without a manifest, or None.
      options: the family's options, a FamilyOptions object.
      texts_per_row: sequences in a row. Where there are several, features of pieces are
        [batch, texts_per_row, seq].
      predicts_words: whether predictions are compared with the vocabulary, which costs time and
        memory.
      follows_steps: names of settings that follow from the number of training steps where they are
        not given.
      optional: part of the names of variables that its losses and predictions do not depend on, or
        None.
      head: load_plan.Head that a teacher must have, None where the encoder says what is missing.
    """

    best_by = "loss"
    sentence_pair = None
    recognised_by = None
    options = FamilyOptions()
    texts_per_row = 1
    optional = None
    head = None
    predicts_words = True
    follows_steps = ()

    def build(self, config, store, kernels, features, is_training):
        """Builds the network and its losses.

        Args:
          config: model config.
          store, kernels: see modules parameters and kernels.
          features: dict of the features named above, int32 or float32 [batch, ...].
          is_training: dropout on or off.

        Returns:
          ObjectiveOutput.
        """
        raise NotImplementedError

    def packing_fault(self):
        """Why a row cannot hold several texts (data/input/packing.py), as the rest of a sentence;
        None where it can.

        It can where losses are over tokens or over texts, and nothing of a text depends on its
        neighbours: `build` then reads position_ids, row_segment_ids and text_starts, too.
        """
        return "its losses are computed of a row as a whole"

    def distillation_fault(self, has_soft_labels):
        """Why a student cannot be trained on it beside a teacher (modeling/distillation), as a
        sentence; None where it can.

        Args:
          has_soft_labels: whether the teacher's classes are asked for, which `soft_labels` gives.
        """
        del has_soft_labels
        return "its networks cannot be compared with one teacher"

    def of_teacher(self):
        """The objective that builds the teacher of a student with this one: an object with `build`
        and `soft_labels`."""
        return self

    def network_config(self, config, shapes, shown, has_soft_labels):
        """The config of the network that a teacher has, see BertConfig.as_encoder.

        Args:
          config: model config of the teacher.
          shapes, shown: its checkpoint's variables and name.
          has_soft_labels: see distillation_fault.
        """
        del has_soft_labels
        return config.as_encoder(shapes, shown)

    def soft_labels(self, config, store, kernels, features, tensors, positions):
        """The scores that a teacher and its student are compared by.

        Args:
          config, store, kernels, features: as for `build`.
          tensors: of its ObjectiveOutput.
          positions: of modeling.distillation.options, which tokens; for objectives on words.

        Returns:
          List of modeling.distillation.outputs.SoftLabels.
        """
        raise NotImplementedError

    def sequences(self, features):
        """The features as the encoder reads them, those of pieces [sequences, seq]."""
        return features

    def for_run(self, num_train_steps, **given):
        """The objective with the options of a run.

            get_objective("electra").for_run(1000000, gen_weight=1.0, disc_weight=50.0)

        Args:
          num_train_steps: updates in all.
          **given: option -> value, None where the user gave none.

        Raises:
          UserError: an option is of another family, or its value is refused.
        """
        del num_train_steps
        chosen = copy.copy(self)
        chosen.options = self.options.of(given, "the objective " + self.name)
        return chosen

    def for_masks(self, probability, special_ids):
        """The objective for masks drawn in training.

        Args:
          probability: share of the pieces that are masked.
          special_ids: list of ids that are never masked.
        """
        del probability, special_ids
        return self

    def networks(self, config):
        """The encoders that run in a step, for the report of a run: ordered dict name -> model
        config.

        Args:
          config: model config.

        Raises:
          UserError: the objective cannot train such a model.
        """
        return collections.OrderedDict(model=config)

    def label_counts(self):
        """dict feature -> how many labels it has, where the objective alone knows it."""
        return {}

    def settings(self, config):
        """The objective's part of run_config.json beside its name: dict option -> value."""
        del config
        values = self.options.to_dict()
        return {o.name: values[o.name] for o in self.options.declared() if not o.of_drawing}

    def notes(self):
        """What a user who watches the losses of a training should know of them: list of lines."""
        return []

    def figures(self, counts):
        """Figures computed from the sums of a whole evaluation.

        Args:
          counts: dict name -> vector, and losses and metrics, name -> number.

        Returns:
          dict name -> float.
        """
        del counts
        return {}

    def tables(self, counts):
        """Tables made of the counts of a whole evaluation.

        Args:
          counts: dict name -> vector.

        Returns:
          dict name -> list of tab-separated lines; each is written to eval_NAME.tsv.
        """
        del counts
        return {}
