"""A tiny task of classes and command lines of run_finetuning.py for it, for tests."""

import numpy as np
from record_files import TINY_CONFIG, write_json

from data.tokenizers.wordpiece import SPECIAL_TOKENS

GOOD, BAD, OTHERS = "好妙优", "坏差劣", "天地人你我他大小多少高低"
EXAMPLES = {"train": 96, "dev": 24, "test": 20}


def make_examples(count, seed):
    """(label, text): label 1 where a good word is in the text, 0 for a bad one."""
    rng = np.random.RandomState(seed)
    for _ in range(count):
        label = rng.randint(2)
        text = list(rng.choice(list(OTHERS), 6))
        text[rng.randint(6)] = rng.choice(list(GOOD if label else BAD))
        yield label, "".join(text)


def make_task(path):
    """Writes the task, a vocabulary and a config into a new folder."""
    (path / "data").mkdir()
    for seed, (split, count) in enumerate(EXAMPLES.items()):
        lines = ["{}\t{}\n".format(*example) for example in make_examples(count, seed)]
        text = "label\ttext_a\n" + "".join(lines)
        (path / "data" / (split + ".tsv")).write_text(text, encoding="utf-8")
    tokens = SPECIAL_TOKENS + tuple(GOOD + BAD + OTHERS)
    (path / "vocab.txt").write_text("\n".join(tokens) + "\n", encoding="utf-8")
    config = dict(TINY_CONFIG, vocab_size=len(tokens), hidden_dropout_prob=0.1)
    write_json(path / "config.json", config)


def flags_of(folder, **changes):
    """The command line of a tiny run in `folder`; None takes a flag out."""
    values = {
        "task_name": "chnsenticorp",
        "data_dir": str(folder / "data"),
        "bert_config_file": str(folder / "config.json"),
        "vocab_file": str(folder / "vocab.txt"),
        "output_dir": str(folder / "out"),
        "do_train": True,
        "do_eval": True,
        "do_predict": True,
        "max_seq_length": 12,
        "train_batch_size": 8,
        "eval_batch_size": 7,
        "learning_rate": 0.003,
        "num_train_epochs": 3,
        "keep_checkpoint_max": 5,
    }
    values.update(changes)
    return ["--{}={}".format(k, v) for k, v in sorted(values.items()) if v is not None]
