"""What all objectives have in common."""

import collections

from common.errors import UserError

# losses: ordered dict name -> Ratio, all of which are trained on, in sum; metrics: ordered dict
# name -> Ratio, reported by evaluation beside the losses; tensors: dict of what predictions and
# tests look at; counts: dict name -> float32 vector, which an evaluation adds up.
ObjectiveOutput = collections.namedtuple(
    "ObjectiveOutput", ["losses", "metrics", "tensors", "counts"], defaults=[{}]
)


def new_output():
    """An ObjectiveOutput to be filled."""
    return ObjectiveOutput(collections.OrderedDict(), collections.OrderedDict(), {}, {})


class Objective:
    """Losses over named features.

    Attributes:
      name: registry name.
      feature_names: record features that `build` reads.
      best_by: figure of an evaluation by which checkpoints are compared, a loss.
      lip_steps: see objectives.lert; None where there is no such schedule.
    """

    best_by = "loss"
    lip_steps = None

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

    def for_run(self, num_train_steps, **options):
        """The objective as a run wants it.

        Args:
          num_train_steps: updates in all.
          **options: values of flags; None where one is not given.

        Raises:
          UserError: an option is given that the objective does not have, or has no use for.
        """
        del num_train_steps
        for name, value in options.items():
            if value is not None:
                raise UserError(
                    "--{} has no use with the objective {}: leave it out".format(name, self.name)
                )
        return self

    def for_masks(self, probability, special_ids):
        """The objective for masks that are drawn in training.

        Args:
          probability: share of the pieces that are masked.
          special_ids: list of ids that never are.
        """
        del probability, special_ids
        return self

    def networks(self, config):
        """The encoders that run in a step, for what is said of a run: ordered dict of what to call
        them -> model config.

        Args:
          config: model config.

        Raises:
          UserError: the objective cannot train such a model.
        """
        return collections.OrderedDict(model=config)

    def settings(self, config):
        """What the record of a run holds of the objective beside its name: dict for JSON."""
        del config
        return {}

    def figures(self, counts):
        """Figures that follow from the counts of a whole evaluation.

        Args:
          counts: dict name -> vector.

        Returns:
          dict name -> float.
        """
        del counts
        return {}
