"""MacBERT from text to a trained model: similar words drawn once, or in training."""

import json

import numpy as np
import pytest
from creation_runs import CORPUS, VOCAB, contents, make
from pretraining_runs import flags_of, results_of, run_many
from record_checks import read_shard
from record_files import write_json
from script_driver import error_of, out_of

from common.errors import UserError
from data.recipes.macbert import Options
from data.tokenizers.wordpiece import Vocabulary

SIMILAR = """患者\t病人:0.9 病患:0.7
医生\t大夫:0.9 医师:0.8
比赛\t赛事:0.8 竞赛:0.7
孩子\t儿童:0.8 小孩:0.8
市民\t居民:0.8
记者\t作者:0.6
我们\t他们:0.8 你们:0.7
一个\t两个:0.8
"""
SIZE = {"max_seq_length": 64, "max_predictions_per_seq": 10}
CONFIG = {
    "vocab_size": 3417,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "max_position_embeddings": 64,
    "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("macbert")
    (path / "similar.txt").write_text(SIMILAR, encoding="utf-8")
    (path / "other.txt").write_text(SIMILAR + "老师\t教师:0.9\n", encoding="utf-8")
    write_json(path / "config.json", dict(CONFIG, vocab_size=len(Vocabulary(VOCAB))))
    return path


def records(folder, name, **changes):
    """Records of the sample's corpus: paths and manifest."""
    options = Options(similar_words=str(folder / "similar.txt"))
    settings = dict(SIZE, objective="macbert", options=options, dupe_factor=1)
    return make(folder, CORPUS[:2], names=(name,), **dict(settings, **changes))


@pytest.fixture(scope="module")
def made(folder):
    """name -> (paths, manifest)."""
    return {
        "static": records(folder, "static.tfrecord", dupe_factor=2),
        "dynamic": records(folder, "dynamic.tfrecord", masking="dynamic"),
    }


def test_records_hold_words_in_the_place_of_words(folder, made):
    (path,), manifest = made["static"]
    rows = read_shard(path, 64, 10, manifest["features"])
    vocabulary = Vocabulary(VOCAB)
    assert not (rows["input_ids"] == vocabulary.mask).any()
    counts, masking = manifest["corruption_counts"], manifest["masking"]
    assert masking["replacement"] == (0.8, 0.1, 0.1) and len(masking["similar_words"]) == 64
    words = counts["similar"] + counts["random"] + counts["kept"]
    assert 0.05 < counts["kept"] / words < 0.15 and counts["similar"] > 3
    assert counts["similar"] == sum(manifest["changes"].values())
    (first, _), *_ = manifest["changes"].items()
    new, old = first.split("<-")
    assert any(line.startswith(old) and new in line for line in SIMILAR.splitlines())
    assert "({})".format(first) in manifest["change_examples"][first]
    predicted = np.count_nonzero(rows["masked_lm_weights"])
    assert abs(predicted / manifest["tokens"] - 0.15) < 0.01
    assert made["dynamic"][1]["masking"]["kind"] == "dynamic"
    assert not made["dynamic"][1]["corruption_counts"]


def test_private_text_is_in_no_manifest(folder):
    _, manifest = records(folder, "private.tfrecord", keep_text_private=True)
    assert manifest["corruption_counts"]["similar"] > 0
    assert manifest["changes"] == manifest["change_examples"] == {}


@pytest.mark.parametrize("workers", [2, 3])
def test_bytes_do_not_depend_on_the_workers(folder, made, workers):
    paths, manifest = records(
        folder, "with{}.tfrecord".format(workers), dupe_factor=2, workers=workers
    )
    assert contents(paths) == contents(made["static"][0])
    assert manifest["change_examples"] == made["static"][1]["change_examples"]


@pytest.fixture(scope="module")
def done(folder, made):
    runs = {}

    def add(name, kind, **changes):
        settings = dict(
            SIZE,
            input_file=made[kind][0][0],
            output_dir=str(folder / name),
            vocab_file=VOCAB if kind == "dynamic" else None,
            num_train_steps=60,
            do_eval=True,
            train_batch_size=16,
        )
        runs[name] = flags_of(folder, **dict(settings, **changes))

    table = str(folder / "similar.txt")
    add("static", "static")
    add("dynamic", "dynamic", similar_words=table, gradient_accumulation_steps=2)
    add("again", "dynamic", similar_words=table, output_dir=str(folder / "dynamic"))
    add("no table", "dynamic")
    add("another table", "dynamic", similar_words=str(folder / "other.txt"))
    add("no such table", "dynamic", similar_words=str(folder / "none.txt"))
    add("held masks", "static", similar_words=table)
    add("another family", "dynamic", similar_words=table, objective="bert")
    return dict(zip(runs, run_many(list(runs.values()))))


@pytest.mark.parametrize("name", ["static", "dynamic"])
def test_losses_fall(folder, done, name):
    said = out_of(done, name)
    assert "objective: macbert" in said
    results = dict(results_of(folder / name))
    assert results["masked_lm_loss"] < np.log(len(Vocabulary(VOCAB))) - 1
    total = results["masked_lm_loss"] + results["sentence_order_loss"]
    assert results["loss"] == pytest.approx(total, rel=1e-5)
    with open(str(folder / name / "run_config.json"), encoding="utf-8") as reader:
        assert json.load(reader)["run"]["objective_settings"] == {}


def test_similar_words_are_drawn_in_training(done):
    said = out_of(done, "dynamic")
    assert "15% by ngram, similar words in their places" in said
    assert "similar words: 8 of the 8 words of" in said
    assert "nothing to train: step 60 of 60" in out_of(done, "again")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no table", "give --similar_words"),
        ("another table", "is not the table that the records were made with"),
        ("no such table", "none.txt"),
        ("held masks", "--similar_words cannot be combined with records that hold their masks"),
        ("another family", "--similar_words cannot be combined with the objective bert"),
    ],
)
def test_a_wrong_table_is_refused(done, name, message):
    assert message in error_of(done, name)


def test_data_creation_needs_a_table(folder):
    with pytest.raises(UserError, match="give their table, --similar_words"):
        make(folder, CORPUS[:1], objective="macbert", **SIZE)
