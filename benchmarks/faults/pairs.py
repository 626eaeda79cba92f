"""The pairs of programs that meet; see neighbours.py."""

import os

from benchmarks.faults import cases
from benchmarks.faults.neighbours import Pair


def _in(folder, *names):
    return os.path.join(folder, *names)


def _changed(command, **changes):
    """A command with other flags; {} in a value is the folder, None takes a flag out."""

    def changed(folder):
        program, flags = command(folder)
        for name, value in changes.items():
            flags[name] = value.format(folder) if isinstance(value, str) else value
        return program, {name: value for name, value in flags.items() if value is not None}

    return changed


def _prepare_training(folder):
    cases.prepare_records(folder)
    cases.write_lines(folder)
    cases.finish(_changed(cases.create_records, output_file="{}/others/t.tfrecord"), folder)


def _prepare_finetuning(folder):
    cases.prepare_finetuning(folder)
    cases.write_examples(_in(folder, "others"), [("不好吃。", "0"), ("好吃。", "1")])
    cases.write_lines(folder)


# Checkpoints come and go while others read them.
_TRAIN = _changed(
    cases.pretrain, num_train_steps=12, save_checkpoints_steps=2, keep_checkpoint_max=1
)
_EVALUATE = _changed(cases.pretrain, do_train=None)
_EVALUATE_OTHERS = _changed(
    _EVALUATE, input_file="{}/others/t.tfrecord-00000-of-00002", eval_file=None
)
_FILL = _changed(cases.predict, init_checkpoint="{}/out", output_file="{}/beside/filled.jsonl")
_FILL_INTO_OUT = _changed(_FILL, output_file="{}/out/filled.jsonl")
_CONVERT = _changed(
    cases.to_hugging_face, tf_checkpoint_path="{}/out", pytorch_dump_path="{}/beside/hf"
)
_CLASSIFY = _changed(_FILL, task="classify", output_file="{}/beside/classes.jsonl")
_FINETUNE_OTHERS = _changed(
    cases.finetune, do_train=None, do_predict=None, data_dir="{}/others/data"
)
_TRAIN_ON_OUT = _changed(
    cases.pretrain_model,
    input_file="{}/out/t.tfrecord-*",
    output_dir="{}/beside/model",
)


def _inspect(folder):
    flags = {"input_file": _in(folder, "out", "t.tfrecord-*"), "vocab_file": cases.VOCAB}
    return "-m data.inspect", flags


def _of_evaluation(path):
    """Figures of the newest checkpoint, whichever it was."""
    return os.path.basename(path).startswith("eval_")


def _of_finetuning_evaluation(path):
    """What an evaluation of other examples has of its own beside a fine-tuning."""
    return path.startswith(("evaluation-", "eval-", "_eval-"))


def _of_reader(path):
    return path == "filled.jsonl"


PAIRS = (
    Pair("training, prediction", _prepare_training, _TRAIN, _FILL),
    Pair("training, prediction there", _prepare_training, _TRAIN, _FILL_INTO_OUT, _of_reader),
    Pair("training, conversion", _prepare_training, _TRAIN, _CONVERT),
    Pair("training, evaluation", _prepare_training, _TRAIN, _EVALUATE, _of_evaluation),
    Pair(
        "training, evaluation of others",
        _prepare_training,
        _TRAIN,
        _EVALUATE_OTHERS,
        _of_evaluation,
    ),
    Pair("training, the same training", _prepare_training, _TRAIN, _TRAIN),
    Pair("fine-tuning, prediction", _prepare_finetuning, cases.finetune, _CLASSIFY),
    Pair(
        "fine-tuning, evaluation of others",
        _prepare_finetuning,
        cases.finetune,
        _FINETUNE_OTHERS,
        _of_finetuning_evaluation,
    ),
    Pair("fine-tuning, the same", _prepare_finetuning, cases.finetune, cases.finetune),
    Pair("creation, the same", cases.write_corpus, cases.create, cases.create),
    Pair("creation, another", cases.write_corpus, cases.create, cases.create_other),
    Pair("creation, inspection", cases.write_corpus, cases.create, _inspect),
    Pair("creation, training", cases.prepare_records, cases.create, _TRAIN_ON_OUT),
    Pair(
        "conversion, the same",
        cases.prepare_model,
        cases.to_hugging_face,
        cases.to_hugging_face,
    ),
    Pair(
        "conversion over older, prediction",
        cases.prepare_older(cases.to_hugging_face),
        cases.to_hugging_face,
        _changed(_FILL, init_checkpoint="{}/out/hf"),
    ),
    Pair("prediction, the same", cases.prepare_prediction, cases.predict, cases.predict),
)
