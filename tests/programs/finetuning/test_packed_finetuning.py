"""run_finetuning.py --pack: classes, tags, pairs; what it says and refuses."""

import numpy as np
import pytest
import script_driver
from finetuning_runs import BAD, GOOD, flags_of, make_examples, make_task
from pretraining_runs import checkpoint_values, results_of
from record_files import TINY_CONFIG, write_json
from script_driver import error_of, out_of

pytestmark = pytest.mark.tf1

LENGTH = {"max_seq_length": 32}


def write_tagged(folder):
    """Sentences of characters; a good one is a place, a bad one a person."""
    folder.mkdir()
    for seed, (split, count) in enumerate((("train", 96), ("dev", 24), ("test", 8))):
        sentences = []
        for _, text in make_examples(count, seed):
            tags = ["B-LOC" if c in GOOD else "B-PER" if c in BAD else "O" for c in text]
            sentences.append("".join("{}\t{}\n".format(*pair) for pair in zip(text, tags)))
        (folder / (split + ".txt")).write_text("\n".join(sentences), encoding="utf-8")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("packed")
    make_task(path)
    write_tagged(path / "ner")
    (path / "pairs").mkdir()
    for seed, split in enumerate(("train", "dev", "test")):
        rows = ["{}\t{}\t{}\n".format(b[:2], b[2:], a) for a, b in make_examples(60, seed)]
        (path / "pairs" / (split + ".tsv")).write_text("".join(rows), encoding="utf-8")
    (path / "both").mkdir()
    (path / "both" / "tsv").symlink_to(path / "data")
    (path / "both" / "ner").symlink_to(path / "ner")
    size = len((path / "vocab.txt").read_text(encoding="utf-8").split())
    # Its heads draw no dropout.
    write_json(
        path / "electra.json",
        dict(TINY_CONFIG, vocab_size=size, model_type="electra", max_position_embeddings=40),
    )
    config = dict(TINY_CONFIG, vocab_size=size, max_position_embeddings=40)
    write_json(path / "config.json", config)
    return path


@pytest.fixture(scope="module")
def done(folder):
    """name -> [exit code, stdout, stderr]; runs in this order."""
    only = {"do_eval": None, "do_predict": None, "num_train_epochs": 1}
    tags = {
        "task_name": "ner",
        "data_dir": str(folder / "ner"),
        "bert_config_file": str(folder / "electra.json"),
        "layerwise_lr_decay": 1.0,
    }
    runs = {
        "classes": {"pack": True, "num_train_epochs": 5},
        "tags": tags,
        "packed tags": dict(tags, pack=True),
        "micro": dict(tags, pack=True, gradient_accumulation_steps=2),
        "pairs": dict(only, pack=True, task_name="tsv", data_dir=str(folder / "pairs")),
        "several": dict(only, pack=True, task_name="tsv,ner", data_dir=str(folder / "both")),
        "tpu": dict(only, pack=True, use_tpu=True, tpu_name="local"),
        "no training": {"pack": True, "do_train": None, "output_dir": str(folder / "classes")},
    }
    commands = [
        flags_of(folder, **dict({"output_dir": str(folder / name), **LENGTH}, **changes))
        for name, changes in runs.items()
    ]
    return dict(zip(runs, script_driver.run_many("run_finetuning", commands)))


def test_classes_are_learned(folder, done):
    out = out_of(done, "classes")
    assert "train: 96 examples, 0 (0.0%) cut at --max_seq_length=32, 75.0% padding" in out
    # Four texts of eight pieces fill a row of 32.
    said = "packing: the 8 texts of a batch in about 2.0 rows of 32, 0.0% padding in place of 75.0%"
    assert said + " (of the first 96 records)" in out
    assert "step 60/60" in out and "texts/s" in out
    assert dict(results_of(folder / "classes"))["eval_accuracy"] > 0.9


def newest(folder, step=36):
    return checkpoint_values(folder / "model.ckpt-{}".format(step))


@pytest.mark.parametrize("name", ["packed tags", "micro"])
def test_a_tagger_is_trained_as_with_a_text_a_row(folder, done, name):
    assert "packing: the 8 texts of a batch" in out_of(done, name)
    assert "packing" not in out_of(done, "tags")
    first, second = newest(folder / "tags"), newest(folder / name)
    assert set(first) == set(second)
    for variable in first:
        np.testing.assert_allclose(second[variable], first[variable], atol=1e-4, err_msg=variable)
    results = [dict(results_of(folder / run)) for run in ("tags", name)]
    assert results[0]["eval_f1"] > 0.5
    for figure, value in results[0].items():
        np.testing.assert_allclose(results[1][figure], value, atol=1e-3, err_msg=figure)


def test_pairs_are_packed_as_texts_are(done):
    assert "packing: the 8 texts of a batch in about " in out_of(done, "pairs")


def test_what_is_not_packed(folder, done):
    assert error_of(done, "several") == (
        "error: --pack does not fit --task_name=tsv,ner: rows of several tasks are mixed; remove "
        "--pack\n"
    )
    assert error_of(done, "tpu").startswith("error: --pack makes batches of different numbers of")
    assert not (folder / "several").exists()
    out = out_of(done, "no training")
    assert "note: --pack has no effect without --do_train: rows are read by length" in out
