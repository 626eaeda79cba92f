"""The flags of run_pretraining.py that say how long it trains and how long the rate rises."""

from absl import flags

from common.errors import UserError
from training.schedule import WARMUP_SHARE, Schedule

FLAGS = flags.FLAGS
flags.disclaim_key_flags()

# Updates where no flag says how many: google-research/bert's default.
TRAIN_STEPS = 100000


def define():
    """Length and warm-up, each in updates or relative to what it is of."""
    flags.DEFINE_integer(
        "num_train_steps",
        None,
        "Updates in all, those before a resume counted; default: {:,}.".format(TRAIN_STEPS),
    )
    flags.DEFINE_float(
        "num_train_epochs", None, "Passes over --input_file, in place of --num_train_steps."
    )
    flags.DEFINE_integer(
        "num_warmup_steps",
        None,
        "Updates over which the rate rises; default: {:.0%} of all.".format(WARMUP_SHARE),
    )
    flags.DEFINE_float(
        "warmup_proportion",
        None,
        "Share of the updates over which the rate rises, in place of --num_warmup_steps; 1 or "
        "more: it rises to the end.",
    )
    flags.DEFINE_integer(
        "stop_step", None, "Stop at this step; the schedule still ends at --num_train_steps."
    )


def read():
    """Schedule of the run.

    Where a preset has both its steps and its warm-up, and the command line another length, the
    warm-up keeps its share.

    Raises:
      UserError: two flags say the same.
    """
    length = _chosen("num_train_steps", "num_train_epochs")
    warmup = _chosen("num_warmup_steps", "warmup_proportion")
    given = {"steps": FLAGS.num_train_steps}
    if length is None:
        given = {"steps": TRAIN_STEPS}
    elif length == "num_train_epochs":
        given = {"epochs": FLAGS.num_train_epochs}
    if warmup is None:
        reason = "{:.0%} of the steps, as no flag says it".format(WARMUP_SHARE)
        return Schedule(reason=reason, **given)
    if warmup == "warmup_proportion":
        return Schedule(warmup_share=FLAGS.warmup_proportion, **given)
    steps = FLAGS.num_warmup_steps
    of_preset = FLAGS["num_train_steps"].default
    if length and FLAGS[length].present and not FLAGS[warmup].present and of_preset:
        reason = "of the steps, the share that {:,} are of {:,}".format(steps, of_preset)
        return Schedule(warmup_share=steps / of_preset, reason=reason, **given)
    return Schedule(warmup_steps=steps, **given)


def _chosen(steps, share):
    """The one of two flags that decides: the command line wins over a preset; None: neither does.

    Raises:
      UserError: both are given in one place.
    """
    given = [name for name in (steps, share) if FLAGS[name].present]
    given = given or [name for name in (steps, share) if FLAGS[name].value is not None]
    if len(given) > 1:
        raise UserError("--{} and --{} both say how long; remove one".format(steps, share))
    return given[0] if given else None
