"""Multilingual BERT and English whole-word-masking BERT: records, a continued training, conversion.

The models stand for multi_cased_L-12_H-768_A-12, wwm_cased_L-24_H-1024_A-16 and
wwm_uncased_L-24_H-1024_A-16: their files, the keys of their configs and the kinds of their
vocabularies, in small.
"""

import os

import conversion_runs
import huggingface_models as models
import numpy as np
import pytest
import script_driver
from conversion_runs import converted, load, read_json
from record_checks import read_shard, restored
from record_files import write_json

from data.records import manifest
from data.tokenizers.wordpiece import SPECIAL_TOKENS, Vocabulary, WordPieceTokenizer
from modeling.config import BertConfig
from modeling.conversion import huggingface, network

transformers = pytest.importorskip("transformers")

LENGTH, PREDICTIONS = 32, 6
KEYS_OF_GOOGLE = {
    "attention_probs_dropout_prob": 0.1,
    "directionality": "bidi",
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.1,
    "hidden_size": 24,
    "initializer_range": 0.02,
    "intermediate_size": 48,
    "max_position_embeddings": 64,
    "num_attention_heads": 2,
    "num_hidden_layers": 2,
    "pooler_fc_size": 768,
    "pooler_num_attention_heads": 12,
    "pooler_num_fc_layers": 3,
    "pooler_size_per_head": 128,
    "pooler_type": "first_token_transform",
    "type_vocab_size": 2,
}
ENGLISH = ["the", "Philam", "##mon", "##ness", "walked", "to", "his", "house", "un", "##believ"]
ENGLISH += ["##able", ",", ".", "'", "don", "t"]
CASED = [*ENGLISH, "The", "Zürich", "Stra", "##ße", "É", "##ric", "é", "Über", "##all"]
PIECES = {
    "multi_cased": [*CASED, "国", "##国", "中", "学", "校"],
    "wwm_cased": CASED,
    "wwm_uncased": [*map(str.lower, ENGLISH), "zurich", "stra", "##ße", "er", "##ic", "uber"]
    + ["##all"],
}
TEXT = """The Philammonness walked to his house. unbelievable, don't.
Zürich Straße, Éric walked Überall.
The unbelievable Philammon walked.

Philammonness, unbelievable Straße. Éric
the house, Überall the house.
"""
CHINESE = "中国学校 Zürich, 学校 unbelievable。\n"


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """{name: folder} with a release, its records and a model that was trained on them."""
    made = {name: tmp_path_factory.mktemp(name) for name in PIECES}
    creations, trainings = [], []
    for name, folder in made.items():
        release(folder / "release", PIECES[name])
        text = TEXT + CHINESE * (name == "multi_cased")
        (folder / "text.txt").write_text(text, encoding="utf-8")
        creations.append(
            {
                "input_file": folder / "text.txt",
                "output_file": folder / "records",
                "vocab_file": folder / "release" / "vocab.txt",
                "do_lower_case": str(name == "wwm_uncased").lower(),
                "do_whole_word_mask": "true",
                "max_seq_length": LENGTH,
                "max_predictions_per_seq": PREDICTIONS,
                "dupe_factor": 40,
                "masked_lm_prob": 0.2,
                "num_workers": 1,
            }
        )
        trainings.append(
            {
                "input_file": folder / "records",
                "init_checkpoint": folder / "release",
                "output_dir": folder / "out",
                "do_train": "true",
                "max_seq_length": LENGTH,
                "max_predictions_per_seq": PREDICTIONS,
                "train_batch_size": 4,
                "num_train_steps": 3,
                "num_warmup_steps": 1,
            }
        )
    run("create_pretraining_data", creations)
    for said in run("run_pretraining", trainings):
        assert "variables loaded, 0 new, 0 unused" in said and "WARNING" not in said
    return made


def run(script, several):
    """Standard output of the script for each of several dicts of flags."""
    lines = [["--{}={}".format(*flag) for flag in flags.items()] for flags in several]
    done = dict(enumerate(script_driver.run_many(script, lines)))
    return [script_driver.out_of(done, number) for number in done]


def release(folder, pieces):
    """What a release holds: bert_config.json, vocab.txt and bert_model.ckpt."""
    folder.mkdir()
    tokens = [*SPECIAL_TOKENS, *pieces]
    (folder / "vocab.txt").write_text("\n".join(tokens) + "\n", encoding="utf-8")
    values = dict(KEYS_OF_GOOGLE, vocab_size=len(tokens))
    write_json(folder / "bert_config.json", values)
    shapes = network.shapes(BertConfig(values), conversion_runs.GOLDEN_COMPONENTS, 2)
    rng = np.random.RandomState(0)
    variables = {n: (rng.standard_normal(s) * 0.3).astype(np.float32) for n, s in shapes.items()}
    huggingface.write_checkpoint(str(folder / "bert_model.ckpt"), variables)


@pytest.mark.parametrize("name", PIECES)
def test_whole_words_are_masked_and_capitals_and_accents_kept(folders, name):
    """Google's rule for English: a piece and the ## pieces behind it go together."""
    folder = folders[name]
    vocabulary = Vocabulary(str(folder / "release" / "vocab.txt"))
    rows = read_shard(str(folder / "records"), LENGTH, PREDICTIONS)
    tokens = np.array(vocabulary.tokens)
    seen, masked_words = set(), set()
    for row, ids in enumerate(restored(rows)):
        chosen = set(rows["masked_lm_positions"][row][rows["masked_lm_weights"][row] > 0].tolist())
        words, row_tokens = [], tokens[ids].tolist()
        for at, token in enumerate(row_tokens):
            if token.startswith("##"):
                words[-1].append(at)
            else:
                words.append([at])
        for word in words:
            assert len(chosen & set(word)) in (0, len(word)), [row_tokens[at] for at in word]
            if chosen & set(word):
                masked_words.add("".join(row_tokens[at] for at in word).replace("##", ""))
        seen |= set(row_tokens)
    if name == "wwm_uncased":
        assert {"philammonness", "zurich", "unbelievable"} <= masked_words
        assert not any(token != token.lower() for token in seen - set(SPECIAL_TOKENS))
    else:
        words = {"Philammonness", "unbelievable", "Straße", "Éric", "Überall", "Zürich", "The"}
        assert words <= masked_words
    made = manifest.read_manifest(str(folder / "_records.manifest.json"))
    assert made["unaligned_words"] == 0
    assert made["flags"]["do_lower_case"] == (name == "wwm_uncased")


@pytest.mark.parametrize("name", PIECES)
def test_the_converted_model_is_the_same_and_so_is_its_tokenizer(folders, name):
    folder = folders[name]
    target = str(folder / "converted")
    lower = name == "wwm_uncased"
    if not lower:  # the release says nothing of it
        said = converted(tf_checkpoint_path=str(folder / "release"), pytorch_dump_path=target)
        assert "have capital letters, but text is lower-cased" in said
    converted(tf_checkpoint_path=str(folder / "out"), pytorch_dump_path=target)
    assert read_json(target, "tokenizer_config.json")["do_lower_case"] is lower
    vocabulary = Vocabulary(str(folder / "release" / "vocab.txt"))
    ours = WordPieceTokenizer(vocabulary, lower)
    text = "The Zürich Straße, Éric unbelievable don't 中国"
    theirs = transformers.AutoTokenizer.from_pretrained(target)
    assert theirs(text, add_special_tokens=False)["input_ids"] == ours.tokenize(text).ids.tolist()
    values = read_json(str(folder / "release"), "bert_config.json")
    inputs = models.random_inputs(values)
    outputs, plan = models.our_outputs(
        values, os.path.join(str(folder / "out"), "model.ckpt-3"), inputs
    )
    assert not plan.new
    model, unexpected = load("BertForPreTraining", target)
    assert not unexpected
    models.assert_same(outputs, models.their_outputs(model, inputs))
