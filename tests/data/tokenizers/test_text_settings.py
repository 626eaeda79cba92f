"""Texts with quotes: read as ASCII where a model's data were, here and in tokenizer.json."""

import json

import numpy as np
import pytest

from common.errors import UserError
from data.text import simplification
from data.text.characters import ascii_quotes, quotes_by_form
from data.tokenizers import huggingface_files
from data.tokenizers.text_settings import Stated, TextSettings, stated_in
from data.tokenizers.vocabularies import choose_lower_case, read_vocabulary
from data.tokenizers.wordpiece import SPECIAL_TOKENS

TOKENS = (*SPECIAL_TOKENS, "天", "好", "地", "a", "##b", '"', "'", "-", ".")
TEXT = "天“好”地‘ab’——…"


@pytest.fixture
def vocabulary(tmp_path):
    (tmp_path / "vocab.txt").write_text("\n".join(TOKENS) + "\n", encoding="utf-8")
    return read_vocabulary(str(tmp_path / "vocab.txt"))


def test_pieces_are_those_of_the_ascii_forms_in_their_places(vocabulary):
    plain, quoting = (TextSettings(True, q).make_tokenizer(vocabulary) for q in (False, True))
    assert (plain.normalize_quotes, quoting.normalize_quotes) == (False, True)
    assert quoting.vocabulary is vocabulary and quoting.do_lower_case
    expected, found = plain.tokenize(ascii_quotes(TEXT)), quoting.tokenize(TEXT)
    for name in ("ids", "starts", "ends"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
    assert vocabulary.unk not in found.ids and vocabulary.unk in plain.tokenize(TEXT).ids


def test_traditional_characters_are_read_as_simplified_ones_in_their_places(tmp_path):
    """乾 is 干 or stays by the word around it."""
    pytest.importorskip("opencc")
    rows = (*SPECIAL_TOKENS, "干", "乾", "燥", "隆", "年", "间", "头", "发", '"')
    (tmp_path / "vocab.txt").write_text("\n".join(rows) + "\n", encoding="utf-8")
    vocabulary = read_vocabulary(str(tmp_path / "vocab.txt"))
    settings = TextSettings(True, True, True)
    tokenizer = settings.make_tokenizer(vocabulary)
    assert tokenizer.t2s and not TextSettings(True).make_tokenizer(vocabulary).t2s
    found = tokenizer.tokenize("乾燥\n乾隆年間“頭髮”")
    expected = ["干", "燥", "乾", "隆", "年", "间", '"', "头", "发", '"']
    assert [rows[i] for i in found.ids] == expected
    assert found.starts.tolist() == [0, 1, *range(3, 11)]
    (tmp_path / "tokenizer_config.json").write_text(settings.to_json())
    assert stated_in([str(tmp_path)]).settings == settings
    assert read_vocabulary(vocabulary.path).beside.t2s is True


def test_a_line_whose_length_a_phrase_changes_keeps_its_places(monkeypatch):
    changes = {"甲乙": "丙", "甲": "丁", "乙": "戊己"}
    monkeypatch.setattr(simplification, "simplify", lambda text: changes.get(text, text))
    assert simplification.simplify_in_place("甲乙\n甲") == "丁乙\n丁"


def test_every_quote_has_one_form():
    for form, characters in quotes_by_form().items():
        assert ascii_quotes(characters) == form * len(characters)
    assert sorted("".join(quotes_by_form().values())) == sorted("“”„‟‘’‚‛—―–…")


@pytest.mark.parametrize("lower", [True, False])
def test_tokenizer_json_does_the_same(tmp_path, vocabulary, lower):
    tokenizers = pytest.importorskip("tokenizers")
    huggingface_files.write(str(tmp_path), vocabulary, TextSettings(lower, True), 64)
    theirs = tokenizers.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    ours = TextSettings(lower, True).make_tokenizer(vocabulary)
    ids = theirs.encode(TEXT, add_special_tokens=False).ids
    assert ids == ours.tokenize(TEXT).ids.tolist()
    # Read again, also without the vocabulary file, it says so.
    for path in (tmp_path / "vocab.txt", tmp_path / "tokenizer.json"):
        beside = read_vocabulary(str(path)).beside
        assert (beside.lower_case, beside.normalize_quotes) == (lower, True)
        assert not [line for is_warning, line in beside.notes if is_warning]
    assert stated_in([str(tmp_path)]).settings == TextSettings(lower, True)


def test_settings_are_found_in_the_first_folder_that_has_ours(tmp_path):
    for name, content in (
        ("theirs", {"do_lower_case": False, "model_max_length": 512}),
        ("ours", json.loads(TextSettings(False, True).to_json())),
        ("others", json.loads(TextSettings(True, False).to_json())),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / "tokenizer_config.json").write_text(json.dumps(content))
    folders = [str(tmp_path / name) for name in ("nowhere", "theirs", "ours", "others")]
    path = str(tmp_path / "ours" / "tokenizer_config.json")
    assert stated_in(folders) == Stated(TextSettings(False, True), path)
    assert stated_in(folders[:2]) is None and stated_in([]) is None
    assert TextSettings(True, False).shown() == (
        "--do_lower_case=true --normalize_quotes=false --t2s=false"
    )


def test_ours_are_believed_where_no_row_has_a_capital(tmp_path, vocabulary):
    """A pre-training on text that kept its case, however unwise, is what fine-tuning must match."""
    (tmp_path / "tokenizer_config.json").write_text(TextSettings(False, False).to_json())
    lower, notes = choose_lower_case(read_vocabulary(vocabulary.path), None)
    assert not lower and not notes[0][0]


@pytest.mark.parametrize("value", ["yes", 1, [True]])
def test_a_damaged_setting_is_refused(tmp_path, vocabulary, value):
    content = json.dumps({"do_lower_case": True, "normalize_quotes": value})
    (tmp_path / "tokenizer_config.json").write_text(content)
    with pytest.raises(UserError, match=r"normalize_quotes is .*, not true or false"):
        read_vocabulary(vocabulary.path)
