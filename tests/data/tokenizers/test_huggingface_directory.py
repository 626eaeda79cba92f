"""Vocabularies with the tokenizer files of Hugging Face beside them."""

import json
import os

import pytest

from common.errors import UserError
from data.tokenizers.vocabularies import choose_lower_case, read_vocabulary

transformers = pytest.importorskip("transformers")

TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[unused1]", "今", "天", "a", "##b"]


def write_vocabulary(folder, *more):
    path = folder / "vocab.txt"
    path.write_text("\n".join([*TOKENS, *more]) + "\n", encoding="utf-8")
    return str(path)


def write_config(folder, **values):
    (folder / "tokenizer_config.json").write_text(json.dumps(values), encoding="utf-8")


@pytest.mark.parametrize("name", ["BertTokenizer", "BertTokenizerFast"])
def test_added_tokens_are_rows(tmp_path, name):
    tokenizer = getattr(transformers, name)(write_vocabulary(tmp_path))
    tokenizer.add_tokens(["新词", "<num>"])
    folder = tmp_path / "saved"
    tokenizer.save_pretrained(str(folder))
    for path in (folder, folder / "vocab.txt"):
        vocabulary = read_vocabulary(str(path))
        assert vocabulary.tokens == [*TOKENS, "新词", "<num>"] and len(vocabulary) == len(tokenizer)
        assert [vocabulary.ids[t] for t in ("新词", "<num>")] == [10, 11]
        assert vocabulary.ids["<num>"] == tokenizer.convert_tokens_to_ids("<num>")
        assert not vocabulary.is_as_file
        (note,) = [line for _, line in vocabulary.beside.notes if "2 rows follow" in line]
        assert "新词, <num>" in note
    # each of the files suffices
    os.remove(str(folder / "added_tokens.json"))
    assert len(read_vocabulary(str(folder))) == len(tokenizer)


def test_a_directory_with_tokenizer_json_alone(tmp_path):
    """As transformers 5 saves it."""
    tokenizer = transformers.BertTokenizerFast(write_vocabulary(tmp_path, "A"), do_lower_case=False)
    tokenizer.add_tokens(["<num>"])
    folder = tmp_path / "saved"
    tokenizer.save_pretrained(str(folder))
    for name in ("vocab.txt", "added_tokens.json", "tokenizer_config.json"):
        os.remove(str(folder / name))
    for path in (folder, folder / "tokenizer.json"):
        vocabulary = read_vocabulary(str(path))
        assert vocabulary.tokens == [*TOKENS, "A", "<num>"]
        assert vocabulary.beside.lower_case is False
        assert choose_lower_case(vocabulary, None)[0] is False


def test_rows_that_contradict_each_other(tmp_path):
    path = write_vocabulary(tmp_path)
    added = tmp_path / "added_tokens.json"
    for rows, expected in (
        ({"新词": 12}, "have the ids 12, but those of the vocabulary end with 9"),
        ({"新词": 7}, "row 7 is '新词', but the vocabulary has '天' there"),
        ({"新词": 10, "旧词": 10}, "row 10 is '旧词', but the vocabulary has '新词' there"),
        ({"新词": "x"}, "is no row of an added token"),
        ({"新\n词": 10}, "holds a line break"),
    ):
        added.write_text(json.dumps(rows), encoding="utf-8")
        with pytest.raises(UserError, match=expected):
            read_vocabulary(path)
    added.write_text(json.dumps({"天": 7}), encoding="utf-8")  # known already
    assert read_vocabulary(path).is_as_file


def whole(tmp_path, **changes):
    """tokenizer.json of a saved tokenizer with changes of its top level; its path."""
    tokenizer = transformers.BertTokenizerFast(write_vocabulary(tmp_path))
    tokenizer.save_pretrained(str(tmp_path / "saved"))
    path = tmp_path / "saved" / "tokenizer.json"
    values = json.loads(path.read_text(encoding="utf-8"))
    values.update(changes)
    path.write_text(json.dumps(values), encoding="utf-8")
    return str(path)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"model": {"type": "BPE", "vocab": {}}},
            "is no WordPiece vocabulary of BERT's, but 'BPE'",
        ),
        ({"model": {"type": "Unigram", "vocab": []}}, "holds a SentencePiece model"),
        ({"normalizer": {"type": "NFC"}}, "its normalizer is NFC, not BERT's"),
        ({"normalizer": None}, "its normalizer is missing, not BERT's"),
        ({"pre_tokenizer": {"type": "Whitespace"}}, "its pre_tokenizer is Whitespace, not BERT's"),
        (
            {"normalizer": {"type": "BertNormalizer", "handle_chinese_chars": False}},
            "handle_chinese_chars is false",
        ),
        (
            {"model": {"type": "WordPiece", "vocab": {"a": 0, "b": 2}}},
            "its ids are not 0, 1, 2 and so on",
        ),
    ],
)
def test_tokenizers_of_another_kind(tmp_path, changes, expected):
    with pytest.raises(UserError, match=expected):
        read_vocabulary(whole(tmp_path, **changes))


@pytest.mark.parametrize(
    ("more", "stated", "given", "lower", "warning"),
    [
        ((), True, None, True, None),
        ((), False, None, True, "no row of the vocabulary has a capital letter"),
        (("Apple",), False, None, False, None),
        (("Apple",), None, None, True, None),
        (("Apple",), False, True, True, "but here it is true, as was asked for"),
        (("Apple",), False, False, False, None),
        ((), True, False, False, "but here it is false, as was asked for"),
    ],
)
def test_lower_case(tmp_path, more, stated, given, lower, warning):
    path = write_vocabulary(tmp_path, *more)
    if stated is not None:
        write_config(tmp_path, do_lower_case=stated)
    chosen, notes = choose_lower_case(read_vocabulary(path), given)
    warnings = [line for warns, line in notes if warns]
    assert chosen is lower and len(warnings) == bool(warning)
    assert not warning or warning in warnings[0]
    if stated is False and lower is False and given is None:
        assert "which is taken over" in notes[0][1]


@pytest.mark.parametrize(
    ("values", "refusal"),
    [
        ({"tokenize_chinese_chars": False}, "tokenize_chinese_chars is False"),
        ({"do_basic_tokenize": False}, "do_basic_tokenize is False"),
        ({"word_tokenizer_type": "mecab"}, "word_tokenizer_type is 'mecab'"),
        ({"subword_tokenizer_type": "character"}, "subword_tokenizer_type is 'character'"),
        ({"cls_token": "<s>"}, r"cls_token is '<s>', but here it is \[CLS\]"),
        ({"unk_token": {"content": "<unk>"}}, "unk_token is '<unk>'"),
    ],
)
def test_settings_of_another_tokenizer(tmp_path, values, refusal):
    path = write_vocabulary(tmp_path)
    write_config(tmp_path, **values)
    with pytest.raises(UserError, match=refusal):
        read_vocabulary(path)
    write_config(tmp_path)
    if next(iter(values)).endswith("_token"):
        (tmp_path / "special_tokens_map.json").write_text(json.dumps(values), encoding="utf-8")
        with pytest.raises(UserError, match=refusal):
            read_vocabulary(path)


@pytest.mark.parametrize(
    ("values", "warning"),
    [
        ({"tokenizer_class": "T5Tokenizer"}, "tokenizer_class 'T5Tokenizer' may give other"),
        ({"do_lower_case": True, "strip_accents": False}, "strip_accents is False"),
        ({"never_split": ["新词"]}, "never_split names ['新词'], which no text gives"),
        ({"additional_special_tokens": ["[E]"]}, "names ['[E]'], which no text gives"),
        ({"auto_map": {"AutoTokenizer": "x.X"}}, "which is not run"),
        ({"keep_accents": True}, "here accents are removed"),
    ],
)
def test_settings_that_are_warned_of(tmp_path, values, warning):
    path = write_vocabulary(tmp_path)
    write_config(tmp_path, **values)
    (line,) = [line for warns, line in read_vocabulary(path).beside.notes if warns]
    assert warning in line


def test_keys_that_are_not_known_are_named(tmp_path):
    path = write_vocabulary(tmp_path)
    write_config(tmp_path, model_max_length=512, padding_side="left", of_another_year=1)
    (note,) = read_vocabulary(path).beside.notes
    assert note == (
        False,
        "{}/tokenizer_config.json: ignored, as not known: of_another_year".format(tmp_path),
    )


def test_a_directory_without_a_vocabulary(tmp_path):
    with pytest.raises(UserError, match="holds no vocabulary"):
        read_vocabulary(str(tmp_path))
