"""The hyperparameters of ELECTRA's pre-training (google-research/electra,
configure_pretraining.py), and the model that they define."""

import collections
import os

from cli import hparams
from common.errors import UserError, quoted
from common.options import NUMBER, SWITCH
from modeling.config_families import ElectraConfig
from modeling.objectives.electra_options import ElectraOptions

KEYS = hparams.make_keys(
    {
        "do_eval": False,
        "mask_prob": float,
        "learning_rate": 5e-4,
        "lr_decay_power": 1.0,
        "num_warmup_steps": 10000,
        "iterations_per_loop": 200,
        "save_checkpoints_steps": 1000,
        "keep_checkpoint_max": 5,
        "num_train_steps": 1000000,
        "num_eval_steps": 100,
        "do_lower_case": bool,
        "train_batch_size": 128,
        "eval_batch_size": 128,
        "pretrain_tfrecords": str,
        **{
            option.name: {SWITCH: bool, NUMBER: float}[option.kind]
            for option in ElectraOptions.declared()
            if option.kind in (SWITCH, NUMBER)
        },
    },
    renamed={"num_eval_steps": "max_eval_steps", "pretrain_tfrecords": "input_file"},
)
TABLE = hparams.Table(
    KEYS,
    dict(hparams.REFUSED, debug="give a small model_size and num_train_steps"),
    dict.fromkeys(("results_txt", "results_pkl"), "see eval_results.txt"),
)
# hidden_size and num_hidden_layers of model_size (util/training_utils.py: get_bert_config).
SIZES = {"small": (256, 12), "base": (768, 12), "large": (1024, 24)}
SMALL_EMBEDDING = 128


def read(text):
    """hparams.read of pre-training's keys."""
    return hparams.read(text, TABLE)


def apply(flags, values, where, data_dir=None, model_name=None):
    """hparams.apply for pre-training; a `data_dir` holds pretrain_tfrecords/, vocab.txt and
    models/`model_name`."""
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
