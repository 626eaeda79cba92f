"""The length of a run and of its warm-up: in updates, or in epochs and shares from which they
follow."""

import dataclasses
import math
from typing import Optional

from common.errors import UserError
from common.log import log, warn

# Share of the updates over which the rate rises where nothing says it: google-research/bert's
# defaults, 10,000 of 100,000.
WARMUP_SHARE = 0.1
# BERT itself has read its corpus about so many times (Devlin et al. 2019, appendix A.2).
MANY_EPOCHS = 40


@dataclasses.dataclass(frozen=True)
class Schedule:
    """What a user says of the length of a run.

    Attributes:
      steps: updates; None: `epochs` decides.
      epochs: passes over the training records, or None.
      warmup_steps: updates over which the rate rises; None: `warmup_share` decides.
      warmup_share: share of the updates; 1 or more: the rate rises to the end, which is meant.
      reason: why `warmup_share` is what it is, for the log; None: it was asked for.
    """

    steps: Optional[int] = None
    epochs: Optional[float] = None
    warmup_steps: Optional[int] = None
    warmup_share: float = WARMUP_SHARE
    reason: Optional[str] = None

    def apply(self, optimizer, rows=None, batch=None):
        """The OptimizerConfig with the updates of this schedule.

        Args:
          optimizer: OptimizerConfig.
          rows: training records, where epochs decide.
          batch: rows of an update.

        Raises:
          UserError: the warm-up is as long as the run or longer.
        """
        steps = self.steps
        if steps is None:
            steps = max(1, math.ceil(self.epochs * rows / batch))
            log(
                "--num_train_steps={} ({:g} epochs of {:,} rows in batches of {:,})".format(
                    steps, self.epochs, rows, batch
                )
            )
        warmup = self.warmup_steps
        if warmup is None:
            warmup = int(steps * self.warmup_share)
            if self.reason:
                log("--num_warmup_steps={} ({})".format(warmup, self.reason))
        elif warmup >= steps:
            raise UserError(
                "--num_warmup_steps={} is not below the run's {} steps, so that the rate would "
                "only rise, to {:.2g} of --learning_rate; give fewer, or, if this is meant, "
                "--warmup_proportion={:g}".format(
                    warmup, steps, steps / warmup, math.ceil(100 * warmup / steps) / 100
                )
            )
        return dataclasses.replace(optimizer, num_train_steps=steps, num_warmup_steps=warmup)


def warn_of_many_epochs(rows, batch, steps, is_drawn):
    """Warns of a training that reads the same rows so often that it learns them by heart.

    Args:
      rows: training records, None where their number is not known.
      batch: rows of an update.
      steps: updates in all.
      is_drawn: whether masks are drawn anew for every batch.
    """
    epochs = steps * batch / rows if rows else 0
    if epochs <= MANY_EPOCHS:
        return
    remedies = ["more text", "fewer steps"]
    remedies += [] if is_drawn else ["records with --masking=dynamic"]
    warn(
        "each of the {:,} rows is read {:,.0f} times{}: the model learns them by heart, so that "
        "their loss nears 0 while that of other text rises; --eval_file (records of "
        "create_pretraining_data.py --eval_fraction) shows it, and {} prevent it".format(
            rows, epochs, "" if is_drawn else ", with the same masks", " or ".join(remedies)
        )
    )
