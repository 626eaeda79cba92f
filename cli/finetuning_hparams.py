"""The hyperparameters of ELECTRA's fine-tuning (google-research/electra,
configure_finetuning.py, and ymcui/Chinese-ELECTRA)."""

import collections
import os

from cli import hparams
from common import files
from common.errors import UserError

_UNUSED = "it has no counterpart here"
TABLE = hparams.Table(
    keys=hparams.make_keys(
        {
            "task_names": list,
            "do_eval": True,
            "num_trials": 1,
            "keep_checkpoint_max": int,
            "iterations_per_loop": int,
            "do_lower_case": True,
            "init_checkpoint": str,
            "learning_rate": 1e-4,
            "layerwise_lr_decay": 0.8,
            "num_train_epochs": 3.0,
            "warmup_proportion": 0.1,
            "train_batch_size": 32,
            "eval_batch_size": 32,
            "predict_batch_size": int,
            "save_checkpoints_steps": int,
            "max_query_length": 64,
            "doc_stride": 128,
            "n_best_size": 20,
            "max_answer_length": 30,
            "joint_prediction": bool,
            "answerable_classifier": bool,
            "answerable_uses_start_logits": bool,
            "answerable_weight": float,
            "beam_size": int,
            "qa_na_threshold": -2.75,
            "do_test": True,
        },
        renamed={
            "task_names": "task_name",
            "do_test": "do_predict",
            "qa_na_threshold": "null_score_diff_threshold",
        },
    ),
    refused={
        **hparams.REFUSED,
        "debug": "give a small model_size and num_train_epochs",
        "standardize_data": _UNUSED,
        "write_distill_outputs": _UNUSED,
    },
    ignored={
        "results_txt": "figures are in results/TASK_results.txt",
        "results_pkl": "figures are in results/TASK_results.txt",
        "keep_all_models": "the checkpoints of every trial are kept",
        "qa_eval_file": "answers are scored without a program of their own",
        "qa_na_file": "answers are scored without a program of their own",
        "qa_preds_file": "answers are in results/TASK_qa/TASK_SPLIT_preds.json",
        "double_unordered": "the original doubles MRPC and STS only",
        "log_examples": _UNUSED,
        "write_test_outputs": "predictions are written wherever do_test makes them",
        "n_writes_test": "the predictions of every trial are written",
        "use_tfrecords_if_existing": "rows are kept while they are good",
        "preprocessed_data_dir": "rows lie beside the checkpoints",
        "raw_data_dir": "it follows from --data-dir, or is --data_dir",
        "test_predictions": "they lie beside the checkpoints",
    },
)
# What the original sets for a model_size.
OF_SIZE = {"large": {"learning_rate": 5e-5, "layerwise_lr_decay": 0.9}}


def read(text):
    """hparams.read of fine-tuning's keys."""
    return hparams.read(text, TABLE)


def apply(flags, values, where, data_dir=None, model_name=None):
    """hparams.apply for fine-tuning; a `data_dir` holds finetuning_data/ and models/`model_name`,
    and one of the two vocab.txt (see `find_vocabulary`)."""
    lines = []
    values = dict(OF_SIZE.get(values.get("model_size"), {}), **values)
    names = values.get("task_names") or flags["task_name"].value or []
    chosen = collections.OrderedDict(warmup="multiply")
    if data_dir:
        model = os.path.join(data_dir, "models", model_name)
        folder = os.path.join(data_dir, "finetuning_data")
        # Several tasks have a folder each in --data_dir.
        chosen["data_dir"] = os.path.join(folder, names[0]) if len(names) == 1 else folder
        if not flags["vocab_file"].present and values.get("vocab_file") is None:
            chosen["vocab_file"], lines = find_vocabulary(data_dir, model)
        chosen["init_checkpoint"] = model
        name = "_".join(names) + "_model"
        chosen["output_dir"] = os.path.join(model, "finetuning_models", name)
    table = TABLE
    if any(flags[name].present for name in ("do_train", "do_eval", "do_predict")):
        for name in ("do_train", "do_eval", "do_test"):  # the command line decides
            table = hparams.without_default(table, name)
    return lines + hparams.apply(flags, table, values, where, chosen)


def find_vocabulary(data_dir, model_dir):
    """The vocabulary of the original: that of the model's folder, else of its directory.

    Args:
      data_dir: ELECTRA's directory.
      model_dir: the model's folder in it.

    Returns:
      (path, lines for the log).

    Raises:
      UserError: there is none.
    """
    paths = [os.path.join(folder, "vocab.txt") for folder in (model_dir, data_dir)]
    found = [path for path in paths if files.exists(path)]
    if not found:
        raise UserError(
            "neither {} nor {} exists; put the model's vocabulary there, or give "
            "--vocab_file".format(*paths)
        )
    if len(found) == 2:
        return found[0], ["the vocabulary is {}; {} is not used".format(*found)]
    return found[0], ["the vocabulary is {}".format(found[0])]
