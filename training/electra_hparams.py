"""ELECTRA's own way of saying what a run is: --data-dir, --model-name and --hparams.

google-research/electra, configure_pretraining.py: a JSON object of hyperparameters, with defaults
for what it leaves out. Here each becomes the value of a flag, so nothing below sees the difference.
"""

import collections
import difflib
import os
import re

import tensorflow.compat.v1 as tf
from absl import flags as absl_flags

import bounded_json
from errors import UserError, quoted
from modeling.config_families import ElectraConfig

# kind: type; default: the original's, None: the flag's own counts where the key is not given;
# flag: None where the key is one of the model's.
Key = collections.namedtuple("Key", ["kind", "default", "flag"])


def _keys(*entries):
    return collections.OrderedDict((name, Key(*rest)) for name, *rest in entries)


KEYS = _keys(
    ("do_train", bool, True, "do_train"),
    ("do_eval", bool, False, "do_eval"),
    ("electra_objective", bool, None, "electra_objective"),
    ("electric_objective", bool, None, "electric_objective"),
    ("gen_weight", float, None, "gen_weight"),
    ("disc_weight", float, None, "disc_weight"),
    ("mask_prob", float, None, "mask_prob"),
    ("learning_rate", float, 5e-4, "learning_rate"),
    ("lr_decay_power", float, 1.0, "lr_decay_power"),
    ("weight_decay_rate", float, 0.01, "weight_decay_rate"),
    ("num_warmup_steps", int, 10000, "num_warmup_steps"),
    ("iterations_per_loop", int, 200, "iterations_per_loop"),
    ("save_checkpoints_steps", int, 1000, "save_checkpoints_steps"),
    ("keep_checkpoint_max", int, 5, "keep_checkpoint_max"),
    ("num_train_steps", int, 1000000, "num_train_steps"),
    ("num_eval_steps", int, 100, "max_eval_steps"),
    ("model_size", str, "small", None),
    ("model_hparam_overrides", dict, None, None),
    ("embedding_size", int, None, None),
    ("vocab_size", int, 30522, None),
    ("do_lower_case", bool, None, "do_lower_case"),
    ("uniform_generator", bool, None, "uniform_generator"),
    ("two_tower_generator", bool, None, "two_tower_generator"),
    ("untied_generator_embeddings", bool, None, "untied_generator_embeddings"),
    ("untied_generator", bool, None, "untied_generator"),
    ("generator_layers", float, None, "generator_layers"),
    ("generator_hidden_size", float, None, "generator_hidden_size"),
    ("disallow_correct", bool, None, "disallow_correct"),
    ("temperature", float, None, "temperature"),
    ("max_seq_length", int, 128, "max_seq_length"),
    ("train_batch_size", int, 128, "train_batch_size"),
    ("eval_batch_size", int, 128, "eval_batch_size"),
    ("use_tpu", bool, None, "use_tpu"),
    ("num_tpu_cores", int, None, "num_tpu_cores"),
    ("tpu_name", str, None, "tpu_name"),
    ("tpu_zone", str, None, "tpu_zone"),
    ("gcp_project", str, None, "gcp_project"),
    ("pretrain_tfrecords", str, None, "input_file"),
    ("vocab_file", str, None, "vocab_file"),
    ("model_dir", str, None, "output_dir"),
)
# Keys of the original that are refused, or that say nothing here.
REFUSED = {
    "debug": "give a small model_size and num_train_steps",
    "tpu_job_name": "TPUs are found by tpu_name",
    "model_name": "it is --model-name",
    "data_dir": "it is --data-dir",
}
IGNORED = ("results_txt", "results_pkl")
# hidden_size and num_hidden_layers of model_size (util/training_utils.py: get_bert_config).
SIZES = {"small": (256, 12), "base": (768, 12), "large": (1024, 24)}
SMALL_EMBEDDING = 128
_KINDS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
    dict: "an object",
}
# A text, or a comma before a closing bracket.
_TRAILING_COMMA = re.compile(r'("(?:[^"\\]|\\.)*")|,(?=\s*[}\]])')


def read(text):
    """The hyperparameters of --hparams.

    Args:
      text: the name of a JSON file, or the JSON itself; trailing commas are accepted.

    Returns:
      (dict key -> value, what messages call it).

    Raises:
      UserError: there is no such file, it is no JSON object, or a key or its value is wrong.
    """
    where = "--hparams"
    if not text.lstrip().startswith("{"):
        where, text = "hparams " + text, _content(text)
    text = _TRAILING_COMMA.sub(lambda found: found.group(1) or "", text)
    values = bounded_json.parse(text, where)
    if not isinstance(values, dict):
        raise UserError("{} must hold one JSON object".format(where))
    for key, value in values.items():
        _check(key, value, where)
    # No embedding_size says something: that of the hidden state, even in a small model.
    kept = {k: v for k, v in values.items() if v is not None or k == "embedding_size"}
    return kept, where


def _content(path):
    try:
        if not tf.io.gfile.exists(path) or tf.io.gfile.isdir(path):
            raise UserError(
                "--hparams={} is no file, and no JSON object either, which begins with {{".format(
                    path
                )
            )
        with tf.io.gfile.GFile(path, "rb") as reader:
            content = bounded_json.read(reader, "hparams " + path, bounded_json.CONFIG_BYTES)
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UserError("hparams {} is not UTF-8 text".format(path)) from None
    except tf.errors.OpError as error:
        raise UserError("hparams {} cannot be read: {}".format(path, error.message)) from error


def _check(key, value, where):
    if key in REFUSED:
        if value not in (None, False):
            raise UserError("{}: {} has no use here; {}".format(where, key, REFUSED[key]))
        return
    if key in IGNORED:
        return
    if key not in KEYS:
        raise _unknown(where, key, KEYS)
    kind = KEYS[key].kind
    accepted = (int, float) if kind is float else (kind,)
    is_right = isinstance(value, accepted) and (kind is bool or not isinstance(value, bool))
    if value is not None and not is_right:
        raise UserError("{}: {} must be {}, not {}".format(where, key, _KINDS[kind], quoted(value)))


def _unknown(where, key, known, place=""):
    close = difflib.get_close_matches(key, known)
    hint = "did you mean {}?".format(" or ".join(close)) if close else "take it out"
    return UserError("{}: unknown key {}{}; {}".format(where, quoted(key), place, hint))


def apply(flags, values, where, data_dir=None, model_name=None):
    """Makes hyperparameters, and the original's defaults of others, the defaults of `flags`; what
    the command line gave stays.

    Args:
      flags: absl FlagValues, parsed.
      values, where: see `read`.
      data_dir: directory with pretrain_tfrecords/, vocab.txt and models/, or None.
      model_name: directory in its models/, or None.

    Returns:
      Lines for the log: what is set, and what the command line overrides.

    Raises:
      UserError: a flag refuses its value.
    """
    chosen = collections.OrderedDict(objective="electra", warmup="multiply")
    if data_dir:
        pattern = os.path.join("pretrain_tfrecords", "pretrain_data.tfrecord*")
        chosen["input_file"] = os.path.join(data_dir, pattern)
        chosen["vocab_file"] = os.path.join(data_dir, "vocab.txt")
        chosen["output_dir"] = os.path.join(data_dir, "models", model_name)
    for key, entry in KEYS.items():
        if entry.flag and values.get(key, entry.default) is not None:
            chosen[entry.flag] = values.get(key, entry.default)
    if "do_train" not in values and any(flags[n].present for n in ("do_eval", "do_predict")):
        del chosen["do_train"]  # the command line says what to do
    given = {KEYS[key].flag for key in values if key in KEYS}
    in_effect, overridden = [], []
    for name, value in chosen.items():
        _set_default(flags, name, value, where)
        shown = "--{}={}".format(name, flags[name].value)
        if flags[name].using_default_value:
            in_effect.append(shown)
        elif name in given:
            overridden.append("{} (hparams: {})".format(shown, value))
    lines = ["{} sets: {}".format(where, " ".join(in_effect))]
    if overridden:
        lines.append("{} overridden by the command line: {}".format(where, " ".join(overridden)))
    ignored = [key for key in IGNORED if key in values]
    if ignored:
        lines.append("{}: {} not used; see eval_results.txt".format(where, ", ".join(ignored)))
    return lines


def _set_default(flags, name, value, where):
    try:
        flags.set_default(name, value)
    except absl_flags.IllegalFlagValueError as error:
        reason = " ".join(str(error).split(": ", 1)[-1].split())[:200]
        raise UserError(
            "{}: {} cannot be {}: {}".format(where, name, quoted(value), reason)
        ) from None


def model_keys(values):
    """Those of the hyperparameters that say what the model is."""
    return [key for key in values if key in KEYS and KEYS[key].flag is None]


def model_config(values, where, gelu="auto"):
    """The discriminator that the hyperparameters say (get_bert_config of the original).

    Args:
      values, where: see `read`.
      gelu: see BertConfig.

    Returns:
      ElectraConfig.

    Raises:
      UserError: model_size is not known, or the sizes make no model.
    """
    size = values.get("model_size", KEYS["model_size"].default)
    if size not in SIZES:
        raise UserError(
            "{}: model_size {} is not known; known are {}".format(
                where, quoted(size), ", ".join(sorted(SIZES))
            )
        )
    overrides = values.get("model_hparam_overrides", {})
    known = [key for key, _, _ in ElectraConfig.KEYS if key != "embedding_size"]
    for key in overrides:
        if key not in known:
            raise _unknown(where, key, known, " in model_hparam_overrides")
    hidden, layers = SIZES[size]
    sizes = {
        "hidden_size": hidden,
        "num_hidden_layers": layers,
        "vocab_size": values.get("vocab_size", KEYS["vocab_size"].default),
    }
    sizes.update(overrides)
    width = sizes["hidden_size"]
    if isinstance(width, int):
        sizes.setdefault("num_attention_heads", max(1, width // 64))
        sizes.setdefault("intermediate_size", 4 * width)
    embedding_size = values.get("embedding_size", SMALL_EMBEDDING if size == "small" else None)
    if embedding_size is not None:
        sizes["embedding_size"] = embedding_size
    return ElectraConfig(sizes, where, gelu)
