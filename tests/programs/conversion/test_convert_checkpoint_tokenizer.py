"""The tokenizer files that convert_checkpoint.py writes: AutoTokenizer gives our ids."""

import shutil

import golden_cases
import pytest
from golden_cases import needs_golden
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("transformers")

import transformers
from conversion_runs import loaded_and_saved_tokenizers, no_warnings, read_json
from record_files import write_json

from data.tokenizers import huggingface_files
from data.tokenizers.huggingface_files import AWKWARD
from data.tokenizers.text_settings import TextSettings
from data.tokenizers.wordpiece import Vocabulary, WordPieceTokenizer

pytestmark = pytest.mark.tf2_15

SPECIAL_NAMES = {
    "unk_token": "[UNK]",
    "sep_token": "[SEP]",
    "pad_token": "[PAD]",
    "cls_token": "[CLS]",
    "mask_token": "[MASK]",
}
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
# Whatever an awkward string may come down to, so that few of its pieces are [UNK].
CHARS = sorted(
    {c for text in AWKWARD for c in text + text.lower() if not c.isspace()}
    | set("acefilnorsuβςσϊαΑΣ12390.;'豈가ᄀ")
)
TOKENS = SPECIAL + CHARS + ["##" + c for c in CHARS] + ["ing", "##ing", "201", "##8", "y" * 150]
TOKENS += ["z" * 200, "w" * 201, "GPT", "gpt", "caf", "##fe", "istanbul"]
TOKENS = list(dict.fromkeys(TOKENS))


@pytest.fixture(scope="module", params=[True, False])
def pair(request, tmp_path_factory):
    """(folder, our tokenizer), lower-casing and not."""
    folder = tmp_path_factory.mktemp("tokenizer")
    return folder, make(folder, TOKENS, request.param)


def make(folder, tokens, lower):
    (folder / "vocab.txt").write_text("\n".join(tokens) + "\n", encoding="utf-8")
    vocabulary = Vocabulary(str(folder / "vocab.txt"))
    assert vocabulary.tokens == tokens
    huggingface_files.write(str(folder), vocabulary, TextSettings(lower), 512)
    return WordPieceTokenizer(vocabulary, lower)


def ids(tokenizer, texts):
    return [tokenizer.tokenize(text).ids.tolist() for text in texts]


def test_awkward_strings(pair):
    folder, ours = pair
    texts = [*AWKWARD, " ".join(AWKWARD)]
    expected = ids(ours, texts)
    assert huggingface_files.encode(str(folder), texts) == expected
    known = [i for row in expected for i in row]
    assert known.count(1) < 0.2 * len(known)


AWKWARD_CHARS = st.sampled_from(
    CHARS + list(" \t\n\u3000ΣΑςΪΌἈΣ'·\u0301\u0327\u0300\u200d\u00ad\x85\u2028\ue123\U0002b820")
)


@settings(max_examples=60, deadline=None)
@given(texts=st.lists(st.text(AWKWARD_CHARS, max_size=30), min_size=20, max_size=20))
def test_random_strings(pair, texts):
    folder, ours = pair
    assert huggingface_files.encode(str(folder), texts) == ids(ours, texts)


@needs_golden
@pytest.mark.parametrize("lower", [True, False])
def test_golden_strings(lower, tmp_path):
    with open(golden_cases.path("bert", "vocab.txt"), encoding="utf-8") as reader:
        make(tmp_path, reader.read().splitlines(), lower)
    cases = golden_cases.settings("bert", "tokenization.json")
    cases = [case for case in cases if case["do_lower_case"] == lower]
    assert len(cases) > 20
    got = huggingface_files.encode(str(tmp_path), [case["text"] for case in cases])
    assert got == [case["ids"] for case in cases]


def test_the_settings_say_everything_themselves(pair):
    """Versions of transformers take different things for granted."""
    folder, ours = pair
    assert read_json(folder, "tokenizer_config.json") == {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_input_names": ["input_ids", "token_type_ids", "attention_mask"],
        "clean_up_tokenization_spaces": False,
        "model_max_length": 512,
        "do_lower_case": ours.do_lower_case,
        "do_basic_tokenize": True,
        "tokenize_chinese_chars": True,
        "strip_accents": None,
        **SPECIAL_NAMES,
    }
    assert read_json(folder, "special_tokens_map.json") == SPECIAL_NAMES


@pytest.mark.parametrize("use_fast", [True, False])
def test_what_auto_tokenizer_makes_of_the_files(pair, use_fast, tmp_path):
    """With use_fast=False, too, and after transformers has saved them."""
    folder, ours = pair
    for tokenizer in loaded_and_saved_tokenizers(folder, tmp_path, use_fast=use_fast):
        assert type(tokenizer) is transformers.PreTrainedTokenizerFast
        with no_warnings():
            check(tokenizer, ours)
    assert huggingface_files.encode(str(tmp_path), AWKWARD) == ids(ours, AWKWARD)


def check(tokenizer, ours):
    assert tokenizer.model_max_length == 512
    assert tokenizer.init_kwargs["do_lower_case"] == ours.do_lower_case
    assert tokenizer.all_special_tokens == ["[UNK]", "[SEP]", "[PAD]", "[CLS]", "[MASK]"]
    assert len(tokenizer) == len(TOKENS) and tokenizer.vocab_size == len(TOKENS)
    coded = tokenizer("今天[MASK]气", "GPT 好", padding="max_length", max_length=12)
    pieces = tokenizer.convert_ids_to_tokens(coded["input_ids"])
    gpt = "gpt" if ours.do_lower_case else "GPT"
    assert pieces == (
        ["[CLS]", "今", "天", "[MASK]", "气", "[SEP]", gpt, "好", "[SEP]"] + 3 * ["[PAD]"]
    )
    assert coded["token_type_ids"] == [0] * 6 + [1] * 3 + [0] * 3
    assert coded["attention_mask"] == [1] * 9 + [0] * 3
    assert tokenizer.decode(coded["input_ids"][6:8]) == gpt + " 好"


@pytest.mark.parametrize("class_name", ["BertTokenizer", "BertTokenizerFast"])
def test_directories_that_name_the_models_own_class(pair, class_name, tmp_path):
    """As earlier conversions and transformers 4 write them: the same tokens in transformers 4."""
    folder, ours = pair
    shutil.copytree(str(folder), str(tmp_path / "older"))
    config = read_json(folder, "tokenizer_config.json")
    for name in ("model_input_names", "clean_up_tokenization_spaces"):
        del config[name]
    write_json(
        tmp_path / "older" / "tokenizer_config.json", dict(config, tokenizer_class=class_name)
    )
    with no_warnings():
        assert huggingface_files.encode(str(tmp_path / "older"), AWKWARD) == ids(ours, AWKWARD)


def test_tokens_that_are_there_twice(tmp_path, capfd):
    """The last one counts, as in google-research/bert, and no id moves."""
    ours = make(tmp_path, SPECIAL + ["a", "", "b", "a", "c", "a"], True)
    texts = ["a b c", "[line 6, as line 11]"]
    assert ids(ours, texts)[0] == [10, 7, 9]
    assert huggingface_files.encode(str(tmp_path), texts) == ids(ours, texts)
    tokenizer = transformers.AutoTokenizer.from_pretrained(str(tmp_path))
    assert tokenizer.vocab_size == 11
    assert capfd.readouterr().out == ""  # the library's warning of holes
