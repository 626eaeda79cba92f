"""configs/finetuning: what tasks are usually trained with."""

import collections
import os

import pytest
from conftest import ROOT
from record_files import write_json

from common.errors import UserError
from finetuning import task_defaults
from finetuning.registry import TASK_NAMES, get_task
from modeling.config_families import read_config


@pytest.mark.parametrize("name", TASK_NAMES)
def test_settings(name):
    defaults = get_task(name).defaults
    assert len(defaults.source) > 60
    for size in ("", "tiny", "small", "base", "large", "albert_base"):
        assert set(defaults.of(size)) == set(task_defaults.FLAGS)
    for size, decay in (("electra_small", 0.8), ("electra_base", 0.8), ("electra_large", 0.9)):
        flags = defaults.of(size)
        assert set(flags) == {*task_defaults.FLAGS, *task_defaults.OPTIONAL}
        assert (flags["layerwise_lr_decay"], flags["warmup"]) == (decay, "multiply")
    assert defaults.of("electra_small")["learning_rate"] > defaults.of("base")["learning_rate"]


CLUE_TASKS = ("afqmc", "tnews", "iflytek", "ocnli", "cmnli", "cluewsc2020", "csl")
CLUE_TASKS += ("cmrc2018", "chid", "c3", "cluener")

SMALL_MODELS = [n for n in TASK_NAMES if get_task(n).kind in ("classification", "questions")]


@pytest.mark.parametrize("name", SMALL_MODELS)
def test_tiny_models(name):
    """The README of CLUEPretrainedModels: a rate of 1e-4 and 5 to 8 epochs."""
    defaults = get_task(name).defaults
    for size in ("tiny", "albert_tiny"):
        flags = defaults.of(size)
        assert flags["learning_rate"] == 1e-4 and 5 <= flags["num_train_epochs"] <= 8
    electra = defaults.of("electra_tiny")
    assert electra["num_train_epochs"] == defaults.of("tiny")["num_train_epochs"]
    assert electra["learning_rate"] == defaults.of("electra_small")["learning_rate"]


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("roberta_tiny_clue", "tiny"),
        ("roberta_tiny3L312_clue", "tiny"),
        ("roberta_tiny3L768_clue", "base"),  # as wide: configs/README.md
        ("roberta_large_clue", "large"),
    ],
)
def test_sizes_of_clue_models(name, size):
    config = read_config(os.path.join(ROOT, "configs", "models", name + ".json"))
    assert task_defaults.size_of(config) == size
    assert set(CLUE_TASKS) < set(TASK_NAMES)
    for task in CLUE_TASKS if size == "tiny" else ():
        flags = get_task(task).defaults.of(size)
        assert flags["learning_rate"] == 1e-4 and 5 <= flags["num_train_epochs"] <= 8


def test_settings_of_scripts():
    """brightmart/albert_zh, run_classifier_lcqmc.sh; CLUE, run_ner_msra.sh of the large model."""
    names = ("max_seq_length", "train_batch_size", "num_train_epochs", "learning_rate")
    for task, size, expected in (
        ("lcqmc", "albert_tiny", (128, 64, 5, 1e-4)),
        ("lcqmc", "albert_large", (128, 64, 3, 2e-5)),
        ("msra_ner", "large", (256, 8, 5, 2e-5)),
        ("cmnli", "base", (128, 16, 2, 3e-5)),
    ):
        flags = get_task(task).defaults.of(size)
        assert tuple(flags[name] for name in names) == expected


# run_classifier_clue.sh of CLUEPretrainedModels: length, batch, rate, epochs.
CLUE_SCRIPT = {
    "afqmc": (128, 16, 2e-5, 3),
    "cmnli": (128, 64, 3e-5, 2),
    "csl": (128, 16, 1e-5, 5),
    "iflytek": (128, 32, 2e-5, 3),
    "tnews": (128, 16, 2e-5, 3),
    "cluewsc2020": (128, 16, 1e-5, 10),
}


@pytest.mark.parametrize("name", CLUE_SCRIPT)
def test_settings_of_other_sources_are_named(name):
    defaults = get_task(name).defaults
    script = next(f for source, f in defaults.elsewhere if "CLUEPretrainedModels" in source)
    names = ("max_seq_length", "train_batch_size", "learning_rate", "num_train_epochs")
    assert tuple(script[name] for name in names) == CLUE_SCRIPT[name]
    assert len(defaults.choice) > 60
    assert len({source for source, _ in defaults.elsewhere}) == len(defaults.elsewhere) >= 3


def test_published_settings():
    """Cui et al. 2021; CLUE; the README of Chinese-ELECTRA."""
    published = {
        "chnsenticorp": (256, 3, 2e-5),
        "thucnews": (512, 3, 2e-5),
        "xnli": (128, 2, 3e-5),
        "lcqmc": (128, 3, 2e-5),
        "bqcorpus": (128, 3, 3e-5),
        "ocnli": (128, 3, 2e-5),
        "tnews": (128, 3, 2e-5),
        "csl": (256, 5, 1e-5),
        "cluewsc2020": (128, 50, 1e-5),
        "cmrc2018": (512, 2, 3e-5),
        "drcd": (512, 2, 3e-5),
        "cjrc": (512, 2, 4e-5),
    }
    names = ("max_seq_length", "num_train_epochs", "learning_rate")
    for task, expected in published.items():
        flags = get_task(task).defaults.of("base")
        assert tuple(flags[name] for name in names) == expected
    assert get_task("xnli").defaults.of("electra_small")["learning_rate"] == 3e-4
    assert get_task("cail2018").defaults.of("electra_large")["learning_rate"] == 1e-4


@pytest.mark.parametrize(
    ("network", "layers", "hidden", "size"),
    [
        ("bert", 4, 312, "tiny"),
        ("bert", 12, 256, "small"),
        ("bert", 12, 768, "base"),
        ("bert", 3, 768, "base"),
        ("bert", 3, 1024, "large"),
        ("electra", 12, 256, "electra_small"),
        ("electra", 24, 1024, "electra_large"),
    ],
)
def test_sizes(network, layers, hidden, size):
    Config = collections.namedtuple("Config", ["network", "num_hidden_layers", "hidden_size"])
    assert task_defaults.size_of(Config(network, layers, hidden)) == size


FULL = {"max_seq_length": 8, "train_batch_size": 8, "num_train_epochs": 1, "learning_rate": 0.1}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"flags": FULL}, r"source \(a text\), flags and sizes are expected"),
        ({"source": "x", "flags": FULL, "more": 1}, "source .a text., flags and sizes"),
        ({"source": "x", "flags": {}}, "flags must hold max_seq_length, train_batch_s"),
        ({"source": "x", "flags": []}, "flags must be an object"),
        ({"source": "x", "flags": FULL, "sizes": []}, "sizes must be an object"),
        ({"source": "x", "flags": dict(FULL, seed=1)}, "unknown flag 'seed'; known are max_seq"),
        ({"source": "x", "flags": dict(FULL, learning_rate=0)}, "learning_rate cannot be 0"),
        ({"source": "x", "flags": FULL, "choice": "y"}, "elsewhere must be a list of objects"),
        (
            {"source": "x", "flags": FULL, "elsewhere": [{"source": "z"}], "choice": "y"},
            "elsewhere must be a list of objects with source and flags",
        ),
        (
            {
                "source": "x",
                "flags": FULL,
                "elsewhere": [{"source": "z", "flags": {"seed": 1}}],
                "choice": "y",
            },
            "unknown flag 'seed'",
        ),
        (
            {"source": "x", "flags": FULL, "sizes": {"base": {"train_batch_size": True}}},
            "train_batch_size cannot be True",
        ),
    ],
)
def test_wrong_settings(tmp_path, values, message):
    write_json(tmp_path / "t.json", values)
    with pytest.raises(UserError, match=message) as raised:
        task_defaults.read("t", str(tmp_path))
    assert str(tmp_path / "t.json") in str(raised.value)


def test_the_documentation_names_every_task_and_file():
    with open(os.path.join(ROOT, "docs", "finetuning.md"), encoding="utf-8") as reader:
        text = reader.read()
    for name in set(TASK_NAMES) - {"tsv", "ner"}:
        assert name in text.split("| what |")[0]
        for split in ("train", "dev"):
            assert get_task(name).file_names(split).split(" or ")[0] in text
