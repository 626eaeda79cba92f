"""The hyperparameters of ELECTRA's pre-training (google-research/electra,
configure_pretraining.py), and the model that they define."""

import collections
import os

from cli import hparams
from common.errors import UserError, quoted
from modeling.config_families import ElectraConfig

KEYS = hparams.make_keys(
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
    *hparams.MODEL_ENTRIES,
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
    *hparams.DEVICE_ENTRIES,
    ("pretrain_tfrecords", str, None, "input_file"),
    ("vocab_file", str, None, "vocab_file"),
    ("model_dir", str, None, "output_dir"),
)
REFUSED = {
    "debug": "give a small model_size and num_train_steps",
    "tpu_job_name": "TPUs are found by tpu_name",
    "model_name": "it is --model-name",
    "data_dir": "it is --data-dir",
}
TABLE = hparams.Table(
    KEYS,
    REFUSED,
    dict.fromkeys(("results_txt", "results_pkl"), "see eval_results.txt"),
)
# hidden_size and num_hidden_layers of model_size (util/training_utils.py: get_bert_config).
SIZES = {"small": (256, 12), "base": (768, 12), "large": (1024, 24)}
SMALL_EMBEDDING = 128


def read(text):
    """hparams.read of pre-training's keys."""
    return hparams.read(text, TABLE)


def apply(flags, values, where, data_dir=None, model_name=None):
    """hparams.apply for pre-training.

    Args:
      flags: absl FlagValues, parsed.
      values, where: see `read`.
      data_dir: directory with pretrain_tfrecords/, vocab.txt and models/, or None.
      model_name: directory in its models/, or None.

    Returns:
      Lines for the log.

    Raises:
      UserError: a flag refuses its value.
    """
    chosen = collections.OrderedDict(objective="electra", warmup="multiply")
    if data_dir:
        pattern = os.path.join("pretrain_tfrecords", "pretrain_data.tfrecord*")
        chosen["input_file"] = os.path.join(data_dir, pattern)
        chosen["vocab_file"] = os.path.join(data_dir, "vocab.txt")
        chosen["output_dir"] = os.path.join(data_dir, "models", model_name)
    table = TABLE
    if any(flags[n].present for n in ("do_eval", "do_predict")):
        table = hparams.without_default(table, "do_train")  # the command line decides
    return hparams.apply(flags, table, values, where, chosen)


def model_keys(values):
    """The hyperparameters that define the model."""
    return [key for key in values if key in KEYS and KEYS[key].flag is None]


def model_config(values, where, gelu="auto"):
    """The discriminator that the hyperparameters define (get_bert_config of the original).

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
            raise hparams.unknown(where, key, known, " in model_hparam_overrides")
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
