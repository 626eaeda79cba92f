"""The tokenizer files of a SentencePiece model: AutoTokenizer gives our ids, there and back."""

import collections
import json
import shutil

import pytest
import sentencepiece_models
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("transformers")

import transformers
from conversion_runs import loaded_and_saved_tokenizers, no_warnings
from test_sentencepiece_pieces import AWKWARD

from common.errors import UserError
from data.tokenizers import huggingface_files
from data.tokenizers.text_settings import TextSettings
from data.tokenizers.vocabularies import read_vocabulary

SPECIAL_NAMES = {
    "bos_token": "[CLS]",
    "eos_token": "[SEP]",
    "unk_token": "<unk>",
    "sep_token": "[SEP]",
    "pad_token": "<pad>",
    "cls_token": "[CLS]",
    "mask_token": "[MASK]",
}


def make(folder, content, lower):
    """Our tokenizer for a folder of files."""
    (folder / "spiece.model").write_bytes(content)
    vocabulary = read_vocabulary(str(folder / "spiece.model"))
    huggingface_files.write(str(folder), vocabulary, TextSettings(lower), 512)
    return vocabulary.make_tokenizer(lower)


@pytest.fixture(scope="module", params=[True, False])
def pair(request, tmp_path_factory, spiece):
    """(folder, our tokenizer), lower-casing and not."""
    folder = tmp_path_factory.mktemp("tokenizer")
    with open(spiece, "rb") as f:
        return folder, make(folder, f.read(), request.param)


def ids(tokenizer, texts):
    return [tokenizer.tokenize(text).ids.tolist() for text in texts]


def test_awkward_strings(pair):
    folder, ours = pair
    texts = [*huggingface_files.AWKWARD, " ".join(huggingface_files.AWKWARD), "<pad> <unk>[MASK]"]
    assert huggingface_files.encode(str(folder), texts) == ids(ours, texts)


# Always the same texts: of cuts that are equally probable the libraries may choose different ones.
@settings(max_examples=10, deadline=None, derandomize=True)
@given(texts=st.lists(st.text(AWKWARD + "[MASK]'`", max_size=30), min_size=60, max_size=60))
def test_random_strings(pair, texts):
    folder, ours = pair
    # Blanks that are no blanks are not told apart from real ones.
    texts = [text.replace("▁", "_") for text in texts]
    assert huggingface_files.encode(str(folder), texts) == ids(ours, texts)


def test_real_text(pair, shared):
    folder, ours = pair
    with open(shared + "/datasets/corpus/corpus_1mb.txt", encoding="utf-8") as f:
        lines = f.read().split("\n")[:500]
    assert huggingface_files.encode(str(folder), lines) == ids(ours, lines)


def test_a_number_and_a_comma(tmp_path):
    with open(sentencepiece_models.write_tiny_model(tmp_path), "rb") as f:
        ours = make(tmp_path, f.read(), True)
    texts = ["1,000", "天1,000 1,1,", "hello 1, books"]
    assert huggingface_files.encode(str(tmp_path), texts) == ids(ours, texts)


def test_the_settings_say_everything_themselves(pair):
    """Versions of transformers take different things for granted."""
    folder, ours = pair
    assert json.loads((folder / "tokenizer_config.json").read_text()) == {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_input_names": ["input_ids", "token_type_ids", "attention_mask"],
        "clean_up_tokenization_spaces": False,
        "model_max_length": 512,
        "do_lower_case": ours.do_lower_case,
        "keep_accents": False,
        "remove_space": True,
        **SPECIAL_NAMES,
    }
    assert json.loads((folder / "special_tokens_map.json").read_text()) == SPECIAL_NAMES


@pytest.mark.parametrize("use_fast", [True, False])
def test_what_auto_tokenizer_makes_of_the_files(pair, use_fast, tmp_path):
    """With use_fast=False, too, and after transformers has saved them."""
    folder, ours = pair
    for tokenizer in loaded_and_saved_tokenizers(folder, tmp_path, use_fast=use_fast):
        assert type(tokenizer) is transformers.PreTrainedTokenizerFast
        with no_warnings():
            check(tokenizer, ours)
    texts = huggingface_files.AWKWARD
    assert huggingface_files.encode(str(tmp_path), texts) == ids(ours, texts)


def check(tokenizer, ours):
    assert tokenizer.model_max_length == 512
    assert tokenizer.init_kwargs["do_lower_case"] == ours.do_lower_case
    vocabulary = ours.vocabulary
    assert len(tokenizer) == tokenizer.vocab_size == len(vocabulary)
    for name in ("pad", "unk", "cls", "sep", "mask"):
        assert getattr(tokenizer, name + "_token_id") == getattr(vocabulary, name)
    coded = tokenizer("今天[MASK]", "很 好", padding="max_length", max_length=14)
    first, second = (ours.tokenize(text).ids.tolist() for text in ("今天", "很 好"))
    expected = [2, *first, 4, 3, *second, 3]
    assert coded["input_ids"] == expected + [0] * (14 - len(expected))
    assert coded["token_type_ids"][: len(expected)] == (
        [0] * (len(first) + 3) + [1] * (len(second) + 1)
    )
    assert tokenizer.decode(second) == "很 好"


def test_a_directory_that_names_the_models_own_class(pair, tmp_path):
    """As earlier conversions and transformers 4 write it: the same tokens in transformers 4."""
    folder, ours = pair
    shutil.copytree(str(folder), str(tmp_path / "older"))
    config = json.loads((folder / "tokenizer_config.json").read_text())
    for name in ("model_input_names", "clean_up_tokenization_spaces"):
        del config[name]
    config["tokenizer_class"] = "AlbertTokenizer"
    (tmp_path / "older" / "tokenizer_config.json").write_text(json.dumps(config))
    with no_warnings():
        got = huggingface_files.encode(str(tmp_path / "older"), huggingface_files.AWKWARD)
    assert got == ids(ours, huggingface_files.AWKWARD)


def test_models_that_the_files_cannot_hold(tmp_path):
    path = sentencepiece_models.train(tmp_path / "x.model", model_type="bpe")
    with pytest.raises(UserError, match=r"x.model is not a unigram model, .* --model_type=unigram"):
        huggingface_files.write(str(tmp_path), read_vocabulary(path), TextSettings(True), 512)


def test_a_vocabulary_goes_there_and_back(tmp_path, spiece, capsys):
    from cli import release_files

    vocabulary = read_vocabulary(spiece)
    config = collections.namedtuple("Config", "vocab_size source max_position_embeddings")
    config = config(3000, "config.json", 512)
    (tmp_path / "hf").mkdir()
    release_files.write_tokenizer(str(tmp_path / "hf"), vocabulary, config, TextSettings(True))
    assert "20 of 20 strings are tokenised alike" in capsys.readouterr().out
    found = release_files.vocabulary_in([str(tmp_path), str(tmp_path / "hf")])
    assert found == str(tmp_path / "hf" / "spiece.model")
    again = release_files.find_vocabulary(None, [str(tmp_path / "hf")], config)
    assert again.sha256 == vocabulary.sha256
    with pytest.raises(UserError, match=r"spiece.model has 3000 tokens, but vocab_size in config"):
        release_files.find_vocabulary(spiece, [], config._replace(vocab_size=3001))
