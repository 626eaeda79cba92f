"""What makes two trainings the same experiment: in the output directory of one, another is
refused."""

import dataclasses
import json
import os

from common import bounded_json, files
from common.errors import UserError, quoted
from common.validation import is_object, is_text
from modeling.config import read_json_object
from training.checkpoints.initial_weights import OWN
from training.run_config import FILE_NAME, with_settings

# Settings of RunConfig and OptimizerConfig that the weights of a step depend on, and how messages
# call them where the flag has another name.
_OF_RUN = (
    "objective",
    "train_batch_size",
    "seed",
    "shuffle_buffer_size",
    "max_seq_length",
    "max_predictions_per_seq",
    "init_layers",
    "init_slots",
)
_OF_OPTIMIZER = {
    "optimizer": "--optimizer",
    "learning_rate": "--learning_rate",
    "num_warmup_steps": "--num_warmup_steps",
    "warmup": "--warmup",
    "lr_decay_power": "--lr_decay_power",
    "weight_decay_rate": "--weight_decay_rate",
    "beta_1": "beta_1",
    "beta_2": "--adam_beta_2",
    "epsilon": "--adam_epsilon",
    "clip_norm": "clip_norm",
    "layerwise_lr_decay": "--layerwise_lr_decay",
}
# Settings of a distillation, and how messages call them.
_OF_TEACHER = {"teacher_outputs": "--teacher_records"}
# Settings that a resumed run may change, with a warning.
_NOTED = ("num_train_steps", "pack", "precision", "kernels", "teacher_precision")
_DIGITS = 12  # of a digest in messages


def check_same(run, step, flags=None, may_extend=True):
    """Refuses to go on in an output_dir with another experiment than the one that trained there.

    What does not change the weights of a step may differ: numbers of saved checkpoints, batches of
    evaluation, devices, micro-batches; some of the others with a warning.

    Args:
      run: training.run.Run.
      step: that output_dir has reached.
      flags: dict setting -> how messages call it, where that is not its flag; None: {}.
      may_extend: whether another number of steps in all is the same experiment.

    Returns:
      List of sentences on settings that differ and may.

    Raises:
      UserError: output_dir/run_config.json names another one; all differences are listed.
    """
    output_dir = run.config.output_dir
    path = os.path.join(output_dir, FILE_NAME)
    if not files.exists(path):
        return []
    try:
        saved = read_json_object(path, "run config", bounded_json.LIST_BYTES)
        names = [saved["run"]["objective"], saved["optimizer"]["optimizer"]]
        if not all(map(is_text, names)):
            raise TypeError("no names")
        before = dict(with_settings(saved["run"]), **saved["optimizer"])
    except (UserError, KeyError, TypeError, ValueError):
        # The checkpoint itself is checked against the model all the same.
        return ["{} is damaged: settings of the steps before are not compared".format(path)]
    now = with_settings(dataclasses.asdict(run.config))
    # As JSON has it, in which tuples are lists.
    now = json.loads(json.dumps(dict(now, **dataclasses.asdict(run.optimizer_config))))
    differing = [
        *_settings(run, before, now, step, flags or {}, may_extend),
        *_weights("init_checkpoint", "init_digest", before, now),
        *_weights("teacher_checkpoint", "teacher_digest", before, now),
        *_model(saved.get("model"), run.model_config),
        *_records(before.get("records"), now["records"]),
    ]
    if differing:
        raise UserError(
            "--output_dir {} holds another experiment, trained to step {}: {}; take another "
            "--output_dir for this one, or go on with that one by its own values ({})".format(
                output_dir, step, ", ".join(differing), path
            )
        )
    return _notes(before, now)


def _settings(run, before, now, step, flags, may_extend):
    """A text for each setting that differs and must not."""
    total, shown = "num_train_steps", {}
    extended = before.get(total) != now[total]
    if not may_extend or now[total] < step:
        shown[total] = "--" + total
    shown.update({name: "--" + name for name in _OF_RUN}, **_OF_OPTIMIZER, **_OF_TEACHER)
    # Objects, such as the sizes of a second network, are checked by the shapes of the weights.
    parts = run.config.objective_settings, run.config.distillation
    own = [n for part in parts for n, v in (part or {}).items() if not is_object(v)]
    shown.update((name, "--" + name) for name in own)
    if extended and may_extend:
        # What follows from the number of steps where it is not given.
        shown = {n: text for n, text in shown.items() if n not in run.objective.follows_steps}
    shown.update((name, text) for name, text in flags.items() if name in shown)
    return [
        _difference(shown[name], _text(before[name]), _text(now[name]))
        for name in shown
        if name in before and before[name] != now[name]
    ]


def _weights(flag, key, before, now):
    """The same of the weights that a flag names, which are known by their content, under `key`."""
    paths, digests = (before.get(flag), now[flag]), (before.get(key), now[key])
    if OWN in digests:
        return []
    differs = digests[0] != digests[1]
    if key not in before:  # written by an earlier version
        differs = bool(paths[0]) != bool(paths[1])
    texts = [
        "{} ({})".format(_text(path), _short(digest)) if digest else _text(path)
        for path, digest in zip(paths, digests)
    ]
    return [_difference("--" + flag, *texts)] if differs else []


def _model(before, model_config):
    """The same of the model config."""
    now = dict(model_config.to_dict(), activation=model_config.activation)
    del now["hidden_act"]  # the activation is its meaning
    if not is_object(before):
        return []
    what = "{} of the model config"
    return [
        _difference(what.format(name), _text(before[name]), _text(value))
        for name, value in now.items()
        if name in before and before[name] != value
    ]


def _records(before, now):
    """The same of the training records: their vocabulary and what they are."""
    if not is_object(before) or not now:
        return []
    differing = []
    vocabularies = [records.get("vocab_sha256") for records in (before, now)]
    if all(map(is_text, vocabularies)) and vocabularies[0] != vocabularies[1]:
        differing.append(
            _difference("the records' vocabulary (SHA-256)", *map(_short, vocabularies))
        )
    old, new = before.get("train"), now["train"]
    if is_object(old) and new and old.get("sha256") != new["sha256"]:
        differing.append(_difference("--input_file", _amount(old), _amount(new)))
    return differing


def _notes(before, now):
    """List of sentences on what differs and may."""
    notes = [
        "the steps before had --{}={}, from here on it is {}".format(
            name, quoted(before[name]), now[name]
        )
        for name in _NOTED
        if name in before and before[name] != now[name]
    ]
    old, new = (
        records.get("eval") if is_object(records) else None
        for records in (before.get("records"), now["records"])
    )
    if is_object(old) and new and old.get("sha256") != new["sha256"]:
        notes.append(
            "the steps before were evaluated on other records ({}), from here on it is {}; their "
            "figures cannot be compared with that of the best checkpoint".format(
                _amount(old), _amount(new)
            )
        )
    if is_object(old) and new and _sets(before) != _sets(now):
        notes.append(
            "the steps before were evaluated on {}, from here on it is {}; only the same rows "
            "are compared with those of step 0".format(
                *(_shown_sets(_sets(run)) for run in (before, now))
            )
        )
    return notes


def _sets(run):
    """dict name -> SHA-256 of the sets that are evaluated; {} where they have no names."""
    sets = run.get("eval_sets")
    sets = sets if is_object(sets) else {}
    identities = {
        name: content.get("identity") for name, content in sets.items() if is_object(content)
    }
    return {name: i.get("sha256") for name, i in identities.items() if is_object(i)}


def _shown_sets(sets):
    shown = ["{} ({})".format(quoted(name), _short(digest)) for name, digest in sets.items()]
    return "the sets " + ", ".join(shown) if shown else "one set without a name"


def _difference(what, before, now):
    return "{} was {} and is {}".format(what, before, now)


def _text(value):
    """A value from JSON, as flags have it where it is of theirs."""
    if value is None:
        return "not given"
    if isinstance(value, list):
        value = ",".join(map(str, value))
    if isinstance(value, bool):
        return str(value).lower()
    return value if is_text(value) and value.isprintable() and len(value) < 200 else quoted(value)


def _short(digest):
    return "{}...".format(str(digest)[:_DIGITS])


def _amount(records):
    """Records as in record_identity.describe, as a text."""
    counts = [quoted(records.get(key)) for key in ("files", "bytes")]
    return "{} files of {} bytes ({})".format(*counts, _short(records.get("sha256")))
