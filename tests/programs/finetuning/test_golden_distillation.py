"""The golden BERT is fine-tuned better on wrong labels with a teacher than without one."""

import json

import numpy as np
import pytest
from finetuning_runs import flags_of
from golden_cases import needs_golden, path
from pretraining_runs import results_of
from record_files import write_json
from script_driver import out_of, run_many

pytestmark = [pytest.mark.tf1, needs_golden]

GOOD, BAD, OTHERS = "好新红", "老冷慢", "的一了他在上小很人天多大看里年是说有来着"


def write_split(file, count, seed, wrong=0.0):
    """Texts with a good or a bad character, of which a share has the other's label."""
    rng, lines = np.random.RandomState(seed), ["label\ttext_a\n"]
    for _ in range(count):
        label, text = rng.randint(2), list(rng.choice(list(OTHERS), 6))
        text[rng.randint(6)] = rng.choice(list(GOOD if label else BAD))
        is_wrong = rng.rand() < wrong
        lines.append("{}\t{}\n".format(1 - label if is_wrong else label, "".join(text)))
    file.write_text("".join(lines), encoding="utf-8")


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    folder = tmp_path_factory.mktemp("golden_distillation")
    for name, wrong in (("clean", 0.0), ("noisy", 0.4)):
        (folder / name).mkdir()
        write_split(folder / name / "train.tsv", 128, 0, wrong)
        write_split(folder / name / "dev.tsv", 64, 1)
    with open(path("bert", "bert_config.json"), encoding="utf-8") as reader:
        config = json.load(reader)
    config.update(hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    write_json(folder / "config.json", config)
    runs = {
        "teacher": {"data_dir": str(folder / "clean")},
        "alone": {},
        "taught": {
            "teacher_checkpoint": str(folder / "teacher" / "best"),
            "hard_label_weight": 0.2,
            "soft_label_weight": 0.5,
            "hidden_weight": 3.0,
            "hidden_loss": "mse",
            "hidden_layers": "1:1,2:2",
        },
    }
    settings = {
        "data_dir": str(folder / "noisy"),
        "bert_config_file": str(folder / "config.json"),
        "vocab_file": path("bert", "vocab.txt"),
        "init_checkpoint": path("bert"),
        "do_predict": None,
        "num_train_epochs": 8,
        "learning_rate": 0.003,
        "kernels": "plain",
        "save_checkpoints_steps": 128,
    }
    commands = [
        flags_of(folder, **dict(settings, output_dir=str(folder / name), **changes))
        for name, changes in runs.items()
    ]
    return folder, dict(zip(runs, run_many("run_finetuning", commands)))


def test_a_teacher_is_worth_more_than_wrong_labels(done):
    folder, results = done
    figures = {}
    for name in results:
        out_of(results, name)
        figures[name] = dict(results_of(folder / name))
    accuracy = {name: values["eval_accuracy"] for name, values in figures.items()}
    assert accuracy["teacher"] > 0.9
    assert accuracy["taught"] > accuracy["alone"] + 0.2, accuracy
    assert figures["taught"]["eval_loss"] < figures["alone"]["eval_loss"], figures
