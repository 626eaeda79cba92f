"""The commands that are killed: each program on tiny data, in a folder of its own.

A case prepares a folder, once, with what its command reads; the command writes below `out`.
"""

import json
import os
import shutil
from typing import Any, Callable, NamedTuple

from benchmarks.faults.forked import ROOT, Running

SAMPLE = os.path.join(ROOT, "sample")
VOCAB = os.path.join(SAMPLE, "vocab.txt")
LENGTH, PREDICTIONS = 32, 5
_SECONDS = 300


class Case(NamedTuple):
    """A command and what it needs.

    Attributes:
      name: of the case.
      prepare: function of a folder that makes what the command reads.
      command: function of a folder: (program, dict of flags).
      before: function of a folder: (program, flags) of an earlier run, over whose results the
        command is run; None: over none.
    """

    name: str
    prepare: Callable
    command: Callable
    before: Any = None


def run(command, folder, log=None, kill_before=0):
    """Starts a command in the folder of its case; see forked.Running."""
    program, flags = command(folder)
    words = ["--{}={}".format(*flag) for flag in flags.items()]
    return Running(program, words, folder, log or folder + ".log", kill_before)


def finish(command, folder):
    """Runs a command to its end.

    Raises:
      AssertionError: it fails.
    """
    running = run(command, folder)
    code = running.wait(_SECONDS)
    assert code == 0, "{}: exit code {}\n{}".format(command, code, running.output()[-3000:])
    return running


def _path(folder, *names):
    return os.path.join(folder, *names)


def _write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)


def write_corpus(folder):
    texts = []
    for name in ("law.txt", "news.txt"):
        with open(_path(SAMPLE, "corpus", name), encoding="utf-8") as f:
            texts += f.read().split("\n\n")[:12]
    _write(_path(folder, "corpus.txt"), "\n\n".join(texts))


def _write_config(folder):
    with open(VOCAB, encoding="utf-8") as f:
        size = sum(1 for _ in f)
    config = {
        "vocab_size": size,
        "hidden_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 16,
        "hidden_act": "gelu",
        "max_position_embeddings": 64,
        "type_vocab_size": 2,
        "hidden_dropout_prob": 0.1,
        "attention_probs_dropout_prob": 0.1,
    }
    _write(_path(folder, "bert_config.json"), json.dumps(config))
    shutil.copy(VOCAB, _path(folder, "vocab.txt"))


def _creation_flags(folder, target, **changes):
    flags = {
        "input_file": _path(folder, "corpus.txt"),
        "input_format": "raw",
        "output_file": _path(folder, target, "t.tfrecord"),
        "num_shards": 2,
        "num_workers": 1,
        "vocab_file": VOCAB,
        "max_seq_length": LENGTH,
        "max_predictions_per_seq": PREDICTIONS,
        "dupe_factor": 1,
    }
    return dict(flags, **changes)


def create(folder):
    return "create_pretraining_data.py", _creation_flags(folder, "out")


def create_other(folder):
    return "create_pretraining_data.py", _creation_flags(folder, "out", dupe_factor=2)


def create_records(folder):
    return "create_pretraining_data.py", _creation_flags(folder, "records")


def _prepare_vocab(folder):
    write_corpus(folder)
    os.mkdir(_path(folder, "out"))


def _build_vocab(folder):
    flags = {
        "input_file": _path(folder, "corpus.txt"),
        "output_file": _path(folder, "out", "vocab.txt"),
        "vocab_size": 1500,
    }
    return "-m data.build_vocab", flags


def _pretraining_flags(folder, target, **changes):
    shard = _path(folder, "records", "t.tfrecord-0000{}-of-00002")
    flags = {
        "input_file": shard.format(0),
        "eval_file": shard.format(1),
        "output_dir": _path(folder, target),
        "bert_config_file": _path(folder, "bert_config.json"),
        "do_train": True,
        "do_eval": True,
        "train_batch_size": 4,
        "eval_batch_size": 4,
        "max_eval_steps": 2,
        "max_seq_length": LENGTH,
        "max_predictions_per_seq": PREDICTIONS,
        "learning_rate": 1e-2,
        "num_train_steps": 6,
        "num_warmup_steps": 0,
        "save_checkpoints_steps": 2,
        "keep_checkpoint_max": 2,
    }
    return dict(flags, **changes)


def pretrain(folder):
    return "run_pretraining.py", _pretraining_flags(folder, "out")


def pretrain_model(folder):
    return "run_pretraining.py", _pretraining_flags(
        folder, "model", num_train_steps=2, do_eval=False, eval_file=""
    )


def _pretrain_more(folder):
    return "run_pretraining.py", _pretraining_flags(
        folder, "model", num_train_steps=4, do_eval=False, eval_file=""
    )


def prepare_records(folder):
    write_corpus(folder)
    _write_config(folder)
    finish(create_records, folder)


def prepare_model(folder):
    prepare_records(folder)
    finish(pretrain_model, folder)


def write_examples(folder, texts=(("好看的书，很喜欢。", "1"), ("质量太差，退货了。", "0"))):
    """Writes data/train.tsv, dev.tsv and test.tsv."""
    for name, count in (("train", 16), ("dev", 6), ("test", 6)):
        lines = ["label\ttext_a"]
        for i in range(count):
            text, label = texts[i % 2]
            lines.append("{}\t{}{}".format(label, text, i))
        _write(_path(folder, "data", name + ".tsv"), "\n".join(lines) + "\n")


def prepare_finetuning(folder):
    _write_config(folder)
    write_examples(folder)


def _finetuning_flags(folder, target, **changes):
    flags = {
        "task_name": "tsv",
        "data_dir": _path(folder, "data"),
        "output_dir": _path(folder, target),
        "bert_config_file": _path(folder, "bert_config.json"),
        "vocab_file": _path(folder, "vocab.txt"),
        "do_train": True,
        "do_eval": True,
        "do_predict": True,
        "max_seq_length": LENGTH,
        "train_batch_size": 8,
        "eval_batch_size": 4,
        "learning_rate": 1e-2,
        "num_train_epochs": 3,
    }
    return dict(flags, **changes)


def finetune(folder):
    return "run_finetuning.py", _finetuning_flags(folder, "out")


def write_lines(folder):
    _write(_path(folder, "lines.txt"), "今天天气[MASK]好。\n法院[MASK]了。\n" * 3)


def prepare_prediction(folder):
    prepare_model(folder)
    write_lines(folder)
    os.mkdir(_path(folder, "out"))


def predict(folder):
    flags = {
        "task": "fill_mask",
        "input_file": _path(folder, "lines.txt"),
        "output_file": _path(folder, "out", "filled.jsonl"),
        "bert_config_file": _path(folder, "bert_config.json"),
        "vocab_file": _path(folder, "vocab.txt"),
        "init_checkpoint": _path(folder, "model"),
    }
    return "run_prediction.py", flags


def _conversion(folder, **target):
    flags = {
        "tf_checkpoint_path": _path(folder, "model"),
        "config_file": _path(folder, "bert_config.json"),
    }
    return "convert_checkpoint.py", dict(flags, **target)


def to_hugging_face(folder):
    return _conversion(folder, pytorch_dump_path=_path(folder, "out", "hf"))


def _to_source(folder):
    """Makes the directory that _to_tensorflow converts."""
    return _conversion(folder, pytorch_dump_path=_path(folder, "hf"))


def _strip(folder):
    return _conversion(folder, strip_optimizer=_path(folder, "out", "release"))


def _to_tensorflow(folder):
    flags = {
        "from_pytorch": _path(folder, "hf"),
        "tf_dump_path": _path(folder, "out", "tf", "bert_model.ckpt"),
    }
    return "convert_checkpoint.py", flags


def prepare_older(command):
    """Prepares a conversion of a model that an earlier one has converted at an earlier step."""

    def prepare(folder):
        prepare_model(folder)
        finish(command, folder)
        finish(_pretrain_more, folder)

    return prepare


def _prepare_directory(folder):
    prepare_model(folder)
    finish(_to_source, folder)


def _prepare_older_directory(folder):
    _prepare_directory(folder)
    finish(_to_tensorflow, folder)
    finish(_pretrain_more, folder)
    finish(_to_source, folder)


CASES = {
    case.name: case
    for case in (
        Case("creation", write_corpus, create),
        Case("creation_over_older", write_corpus, create_other, create),
        Case("vocabulary", _prepare_vocab, _build_vocab),
        Case("pretraining", prepare_records, pretrain),
        Case("finetuning", prepare_finetuning, finetune),
        Case("prediction", prepare_prediction, predict),
        Case("prediction_over_older", prepare_prediction, predict, predict),
        Case("to_hugging_face", prepare_model, to_hugging_face),
        Case("to_hugging_face_over_older", prepare_older(to_hugging_face), to_hugging_face),
        Case("to_tensorflow", _prepare_directory, _to_tensorflow),
        Case("to_tensorflow_over_older", _prepare_older_directory, _to_tensorflow),
        Case("release", prepare_model, _strip),
        Case("release_over_older", prepare_older(_strip), _strip),
    )
}
