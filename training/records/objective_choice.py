"""The objective of a run: the requested one, or that of its records."""

from common.errors import UserError
from common.features import PREDICTIONS
from common.log import log, warn
from data.records.checks import record_contents
from modeling.objectives import OBJECTIVES, get_objective
from training.run_config import saved_options


def choose_objective(requested, record_files, manifests):
    """The requested objective, or that of the manifests or of the first record.

    Args:
      requested: name of an objective, or "auto".
      record_files: paths.
      manifests: {path: manifest} of them.

    Raises:
      UserError: none of them tells it, or manifests disagree.
    """
    named = {m["objective"]: path for path, m in manifests.items() if m.get("objective")}
    if requested != "auto":
        name, reason = requested, "by --objective"
    elif len(named) > 1:
        raise UserError(
            "the records were made for different objectives: {}; give --objective".format(
                ", ".join("{} in {}".format(*item) for item in sorted(named.items()))
            )
        )
    elif named:
        name, path = next(iter(named.items()))
        reason = "manifest {} says so".format(path)
    else:
        features = record_contents.first_records(record_files[0], 1)[0]
        recognised = _recognised(features)
        if not recognised:
            raise UserError(
                "cannot tell the objective: no manifest beside {} and its records have {}; give "
                "--objective".format(record_files[0], ", ".join(features))
            )
        name = recognised.name
        reason = "no manifest, and {} has {}".format(record_files[0], recognised.recognised_by)
    objective = get_objective(name)
    log("objective: {} ({})".format(name, reason))
    return objective


def _recognised(features):
    """The objective that the features of a record with predictions tell, of several the one that
    reads most of them; None where they tell none."""
    if not any(places in features for places, _, _ in PREDICTIONS.values()):
        return None
    candidates = [o for o in OBJECTIVES.values() if o.recognised_by in features]
    return max(candidates, key=lambda objective: len(objective.feature_names), default=None)


def warn_of_other_pairs(objective, model_config):
    """Warns where an objective trains pairs of sentences on something else than the checkpoints of
    the model's family.

    Args:
      objective: an object of modeling.objectives.
      model_config: model config.
    """
    trained, usual = objective.sentence_pair, model_config.sentence_pair
    if not trained or not usual or trained == usual:
        return
    fitting = [o.name for o in OBJECTIVES.values() if o.sentence_pair == usual]
    warn(
        "pairs of sentences are trained as {} (--objective={}), but networks like that of {} have "
        "{}: give --objective={} where the records are of that kind, else make them with "
        "create_pretraining_data.py --objective={}".format(
            trained, objective.name, model_config.source, usual, *2 * [" or ".join(fitting)]
        )
    )


def with_options_beside(given, objective, found):
    """The options with those that files beside the weights give, as far as the objective has them.

    Args:
      given: dict option -> value, None where the user gave none.
      objective: an object of modeling.objectives.
      found: dict option -> model config of such a file.

    Returns:
      dict like `given`.
    """
    names = [option.name for option in objective.options.declared() if option.name in found]
    for name in names:
        log("--{}={}, beside the weights".format(name, found[name].source))
    return {**given, **{name: found[name] for name in names}}


def with_options_of_training(given, objective, output_dir):
    """The options of an evaluation: what is not given is as the training in output_dir had it.

    Args:
      given: dict option -> value, None where the user gave none.
      objective: an object of modeling.objectives.
      output_dir: of the run.

    Returns:
      dict like `given`.
    """
    options = objective.options
    names = [o.name for o in options.declared() if o.from_training and given.get(o.name) is None]
    return {**given, **saved_options(output_dir, options, names)}
