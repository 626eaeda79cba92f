"""A made-up set of complaints with any number of medical tags, and a tiny model's files for it."""

import json

import numpy as np
from record_files import TINY_CONFIG, write_json

from data.tokenizers.wordpiece import SPECIAL_TOKENS

# Tag -> the word of a complaint that stands for it.
WORDS = {"发热": "烧", "呼吸/咳嗽": "咳", "头痛": "疼", "皮疹": "痒"}
TAGS = sorted(WORDS)
OTHERS = "天地人你我他大小多少"
COUNTS = {"train": 960, "dev": 60, "test": 50}


def complaints(count, seed):
    """List of (text, tags): each tag's word is in the text with a third's chance, so that a fifth
    of the texts has no tag."""
    rng, made = np.random.RandomState(seed), []
    for _ in range(count):
        tags = [tag for tag in TAGS if rng.rand() < 0.33]
        text = [*rng.choice(list(OTHERS), 3), *(WORDS[tag] for tag in tags)]
        rng.shuffle(text)
        made.append(("".join(text), tags))
    return made


def table(examples, separator=","):
    return "".join("{}\t{}\n".format(text, separator.join(tags)) for text, tags in examples)


def json_lines(examples):
    rows = ({"text": text, "labels": tags} for text, tags in examples)
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def make_files(folder):
    """Writes data/ (tables), json/ (JSON lines), bars/ (tables with | between tags), vocab.txt and
    config.json; returns dict split -> list of (text, tags)."""
    made = {split: complaints(n, seed) for seed, (split, n) in enumerate(COUNTS.items())}
    for place, ending, write in (
        ("data", ".tsv", table),
        ("json", ".json", json_lines),
        ("bars", ".txt", lambda examples: table(examples, "|")),
    ):
        (folder / place).mkdir()
        for split, examples in made.items():
            path = folder / place / (split + ending)
            path.write_text(write(examples), encoding="utf-8")
    tokens = [*SPECIAL_TOKENS, *WORDS.values(), *OTHERS]
    (folder / "vocab.txt").write_text("\n".join(tokens) + "\n", encoding="utf-8")
    # With 0.02 so small a network needs many more steps.
    sizes = dict(TINY_CONFIG, vocab_size=len(tokens), initializer_range=0.2)
    write_json(folder / "config.json", sizes)
    return made


def indicators_of(examples):
    """int [examples, tags] of (text, tags)."""
    return np.array([[int(tag in tags) for tag in TAGS] for _, tags in examples])


def flags_of(folder, place="data", **changes):
    """The command line of a tiny run on data/; None takes a flag out."""
    values = {
        "task_name": "multi_label",
        "data_dir": str(folder / place),
        "bert_config_file": str(folder / "config.json"),
        "vocab_file": str(folder / "vocab.txt"),
        "do_train": True,
        "do_eval": True,
        "do_predict": True,
        "max_seq_length": 12,
        "train_batch_size": 8,
        "learning_rate": 0.001,
        "num_train_epochs": 4,
    }
    values.update(changes)
    return ["--{}={}".format(k, v) for k, v in sorted(values.items()) if v is not None]
