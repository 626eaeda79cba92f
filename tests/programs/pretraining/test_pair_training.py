"""Sentence pairs from their file to a model that tells similar ones, by the preset roberta_pair."""

import os

import numpy as np
import pytest
from creation_runs import make
from pretraining_runs import results_of, run_many
from record_files import TINY_CONFIG, write_json
from script_driver import out_of

LENGTH = 16
STEPS = 400
CHARACTERS = [chr(ord("一") + number) for number in range(40)]
TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "不", *CHARACTERS]


def lines(count, seed):
    """Pairs of which those that are not similar have a word of their own in one sentence."""
    rng = np.random.RandomState(seed)
    made = []
    for number in range(count):
        words = rng.choice(CHARACTERS, 5).tolist()
        other = [*words[:2], "不", "不", "不"] if number % 2 else words[::-1]
        made.append("{}\t{}\t{}".format("".join(words), "".join(other), 1 - number % 2))
    return made


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("pairs")
    (path / "vocab.txt").write_text("\n".join(TOKENS) + "\n", encoding="utf-8")
    settings = {
        "vocab_file": str(path / "vocab.txt"),
        "input_format": "pairs",
        "short_seq_prob": 0.0,
        "masking_unit": "wordpiece",
        "max_seq_length": LENGTH,
        "max_predictions_per_seq": 3,
        "dupe_factor": 2,
    }
    for name, count, seed in (("train", 1000, 0), ("eval", 100, 1)):
        (path / name).write_text("\n".join(lines(count, seed)), encoding="utf-8")
        make(path, [str(path / name)], names=[name + ".tfrecord"], **settings)
    write_json(path / "config.json", dict(TINY_CONFIG, vocab_size=len(TOKENS)))
    return path


def test_similar_pairs_are_told_from_others(folder):
    flags = {
        "preset": "roberta_pair",
        "input_file": folder / "train.tfrecord",
        "eval_file": folder / "eval.tfrecord",
        "bert_config_file": folder / "config.json",
        "output_dir": folder / "out",
        "max_seq_length": LENGTH,
        "max_predictions_per_seq": 3,
        "train_batch_size": 32,
        "num_train_steps": STEPS,
        "num_warmup_steps": 30,
        "save_checkpoints_steps": STEPS,
        "learning_rate": 0.003,
        "do_train": True,
        "do_eval": True,
    }
    (done,) = run_many([["--{}={}".format(*flag) for flag in flags.items()]])
    said = out_of({"pairs": done}, "pairs")
    assert "preset: roberta_pair" in said and "objective: bert" in said
    results = dict(results_of(folder / "out"))
    assert results["next_sentence_accuracy"] > 0.9
    assert results["loss"] == pytest.approx(
        results["masked_lm_loss"] + results["next_sentence_loss"], abs=1e-4
    )
    similarity_of_hugging_face(folder)


def similarity_of_hugging_face(folder):
    """The head, converted, gives the same answers: its first class is "similar"."""
    transformers = pytest.importorskip("transformers")
    import torch
    from conversion_runs import converted

    target = str(folder / "converted")
    converted(tf_checkpoint_path=str(folder / "out"), pytorch_dump_path=target)
    tokenizer = transformers.AutoTokenizer.from_pretrained(target)
    model = transformers.BertForNextSentencePrediction.from_pretrained(target).eval()
    first, second, labels = zip(*(line.split("\t") for line in lines(40, 2)))
    with torch.no_grad():
        logits = model(**tokenizer(first, second, return_tensors="pt", padding=True)).logits
    right = (logits.argmax(-1).numpy() == 0) == (np.array(labels) == "1")
    assert right.mean() > 0.85
    assert os.path.exists(os.path.join(target, "vocab.txt"))
