"""Which objective a run trains: as asked for, or as its records say."""

from common.errors import UserError
from common.log import log
from data.records.checks import record_contents
from modeling.objectives import get_objective

# Record feature -> the objective that it tells; the first that is there counts.
OBJECTIVE_BY_FEATURE = {"pos_labels": "lert", "next_sentence_labels": "bert"}


def choose_objective(requested, train_files, manifests):
    """The objective that was asked for, or that of the manifests or of the first record.

    Args:
      requested: name of an objective, or "auto".
      train_files: record files.
      manifests: {path: manifest} of them.

    Raises:
      UserError: none of them says it, or manifests disagree.
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
        features = record_contents.first_records(train_files[0], 1)[0]
        told = [n for n in OBJECTIVE_BY_FEATURE if n in features and "masked_lm_ids" in features]
        if not told:
            raise UserError(
                "cannot tell the objective: no manifest beside {} and its records have {}; give "
                "--objective".format(train_files[0], ", ".join(features))
            )
        name = OBJECTIVE_BY_FEATURE[told[0]]
        reason = "no manifest, and {} has {}".format(train_files[0], told[0])
    objective = get_objective(name)
    log("objective: {} ({})".format(name, reason))
    return objective
