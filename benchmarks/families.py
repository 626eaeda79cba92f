"""Trains a tiny model of every family on a small corpus, and prints its evaluations.

python benchmarks/families.py --corpus corpus.txt --vocab_file vocab.txt --work_dir families
"""

import argparse
import collections
import json
import os
import sys
from typing import Any, Dict, List, NamedTuple

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from benchmarks.creation.corpora import read_documents, split_documents
from benchmarks.programs import run
from training.checkpoints.best import RESULTS_FILE, TEXTS, read_results

SIZES = {
    "hidden_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 512,
    "type_vocab_size": 2,
    "max_position_embeddings": 512,
    "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0,
}


class Family(NamedTuple):
    """A row of the benchmark.

    Attributes:
      objective: of records and training.
      config: keys of the model config beside SIZES.
      flags: of the training.
    """

    objective: str
    config: Dict[str, Any]
    flags: List[str]


FAMILIES = collections.OrderedDict(
    bert=Family("bert", {}, []),
    roberta=Family("roberta", {}, []),
    albert=Family("albert", {"embedding_size": 64, "num_hidden_groups": 1}, []),
    albert_zh=Family("albert", {"embedding_size": 64, "ln_type": "postln"}, []),
    electra=Family(
        "electra", {"embedding_size": 64, "model_type": "electra"}, ["--warmup=multiply"]
    ),
)
STOPS = (1, 100, 200, 300)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--corpus", required=True, help="a sentence a line, blank lines between")
    parser.add_argument("--vocab_file", required=True)
    parser.add_argument("--work_dir", required=True)
    parser.add_argument("--families", default=",".join(FAMILIES))
    parser.add_argument("--learning_rate", default="3e-4")
    return parser.parse_args()


def make_records(family, name, arguments):
    """Files of records: {"train": path, "dev": path}."""
    made = {}
    for split in ("train", "dev"):
        made[split] = os.path.join(arguments.work_dir, "{}.{}.tfrecord".format(name, split))
        run(
            "create_pretraining_data.py",
            "--input_file={}/{}.txt".format(arguments.work_dir, split),
            "--output_file=" + made[split],
            "--vocab_file=" + arguments.vocab_file,
            "--objective=" + family.objective,
            "--normalize_quotes",
            "--dupe_factor=1",
            "--max_seq_length=64",
            "--max_predictions_per_seq=10",
        )
    return made


def train(name, family, arguments):
    """Rows of the table: [step, {figure: value}] each."""
    records = make_records(family, name, arguments)
    with open(arguments.vocab_file, encoding="utf-8") as f:
        config = dict(SIZES, vocab_size=sum(1 for _ in f), **family.config)
    config_file = os.path.join(arguments.work_dir, name + ".json")
    with open(config_file, "w", encoding="utf-8") as f:
        json.dump(config, f)
    folder, rows = os.path.join(arguments.work_dir, name), []
    for stop in STOPS:
        run(
            "run_pretraining.py",
            "--input_file=" + records["train"],
            "--eval_file=" + records["dev"],
            "--output_dir=" + folder,
            "--bert_config_file=" + config_file,
            "--vocab_file=" + arguments.vocab_file,
            "--do_train",
            "--do_eval",
            "--train_batch_size=32",
            "--eval_batch_size=32",
            "--max_seq_length=64",
            "--max_predictions_per_seq=10",
            "--learning_rate=" + arguments.learning_rate,
            "--num_train_steps={}".format(STOPS[-1]),
            "--num_warmup_steps=30",
            "--stop_step={}".format(stop),
            "--save_checkpoints_steps=1000",
            *family.flags,
        )
        rows.append([stop, read_results(os.path.join(folder, RESULTS_FILE))])
    return rows


def main():
    arguments = parse_arguments()
    os.makedirs(arguments.work_dir)
    split_documents(read_documents([arguments.corpus]), arguments.work_dir)
    print("| family | step | loss | figures |\n|---|---|---|---|")
    for name in arguments.families.split(","):
        for step, figures in train(name, FAMILIES[name], arguments):
            rest = [
                "{} {:.3f}".format(key, value)
                for key, value in figures.items()
                if key not in ("global_step", "loss", *TEXTS)
            ]
            row = name, step, figures["loss"], ", ".join(rest)
            print("| {} | {} | {:.2f} | {} |".format(*row), flush=True)


if __name__ == "__main__":
    main()
