"""What is wrong with a SentencePiece model, or with the flag that names one, is one sentence."""

import os

import pytest
import sentencepiece_models
from conftest import ROOT
from creation_runs import CORPUS, VOCAB, make

from common.errors import UserError
from data.tokenizers import vocabularies, vocabulary_file
from data.tokenizers.building.sentencepiece_training import train_model
from data.tokenizers.vocabularies import read_vocabulary


def refused(*words):
    return pytest.raises(UserError, match=r".*".join(map(_escaped, words)))


def _escaped(text):
    return "".join("\\" + c if c in "[]().<>" else c for c in text)


def test_missing_and_remote_files(tmp_path):
    path = str(tmp_path / "none.model")
    with refused("vocabulary file", "none.model does not exist (--vocab_file)"):
        read_vocabulary(path, "sentencepiece")
    with refused("--vocab_file must be a local file: copy gs://bucket/spiece.model here first"):
        read_vocabulary("gs://bucket/spiece.model")
    os.mkdir(path)
    with refused("none.model holds no vocabulary (vocab.txt, spiece.model, 30k-clean.model"):
        read_vocabulary(path)


def test_damaged_models(tmp_path, spiece):
    with open(spiece, "rb") as f:
        content = f.read()
    path = tmp_path / "x.model"
    for damaged in (content[:-1], content[:1000], b"PX\x03\x04" + content, b"[PAD]\n[UNK]\n"):
        path.write_bytes(damaged)
        with refused("x.model is not a SentencePiece model, or a damaged one (--vocab_file)"):
            read_vocabulary(str(path))
    path.write_bytes(b"PK\x03\x04" + content)
    with refused("x.model is a zip archive, not a vocabulary (--vocab_file); unpack it"):
        read_vocabulary(str(path))
    path.write_bytes(b"")
    with refused("x.model is empty"):
        read_vocabulary(str(path))
    # By its content it is told as well.
    other = tmp_path / "renamed"
    other.write_bytes(content[:-1])
    with refused("renamed is not a SentencePiece model"):
        read_vocabulary(str(other))
    other.write_bytes(content)
    assert read_vocabulary(str(other)).kind == "sentencepiece"


def test_pieces_that_are_no_text(tmp_path):
    path = sentencepiece_models.hand_made(tmp_path / "x.model", {"今": -1.0})
    content = (tmp_path / "x.model").read_bytes()
    (tmp_path / "x.model").write_bytes(content.replace("今".encode(), b"\xff\xfe\xfd"))
    with refused("x.model is not a SentencePiece model, or a damaged one"):
        read_vocabulary(path)


def test_a_normalisation_that_gives_no_text(tiny_tokenizer, monkeypatch):
    class Damaged:
        def encode(self, texts, **options):
            return b"\xff".decode("utf-8")

    monkeypatch.setattr(tiny_tokenizer, "_processor", Damaged())
    with refused("spiece.model is a damaged SentencePiece model: what it makes of a text is not"):
        tiny_tokenizer.tokenize("今天")


@pytest.fixture
def tiny_tokenizer(tmp_path):
    path = sentencepiece_models.write_tiny_model(tmp_path)
    return read_vocabulary(path).make_tokenizer(True)


def test_a_model_that_is_larger_than_any(tmp_path, monkeypatch):
    monkeypatch.setattr(vocabulary_file, "_MOST_BYTES", 100)
    (tmp_path / "x.model").write_bytes(b"\n" * 101)
    with refused("x.model is larger than 100 bytes, which is no vocabulary"):
        read_vocabulary(str(tmp_path / "x.model"))


@pytest.mark.parametrize(
    ("changes", "missing"),
    [
        ({"control_symbols": ["[CLS]", "[SEP]"]}, "[MASK]"),
        ({"control_symbols": ["[MASK]"], "pad_id": -1, "unk_id": 0}, "<pad>, [CLS], [SEP]"),
        ({"unk_piece": "[UNK]"}, "<unk>"),
    ],
)
def test_a_model_without_special_pieces(tmp_path, changes, missing):
    path = sentencepiece_models.train(tmp_path / "x.model", **changes)
    with refused("x.model has no piece " + missing + "; ALBERT's have <pad> <unk> [CLS] [SEP]"):
        read_vocabulary(path)


def test_a_model_without_pieces_of_text(tmp_path):
    path = sentencepiece_models.hand_made(tmp_path / "x.model", {"1,": -1.0})  # always cut apart
    with refused("x.model holds nothing but special tokens"):
        read_vocabulary(path).random_replacements(True)


def test_the_other_kind(tmp_path, spiece):
    with refused(
        spiece + " is a SentencePiece model, not a WordPiece vocabulary: give --tokenizer="
    ):
        make(tmp_path, vocab_file=spiece)
    with refused("vocab.txt is a WordPiece vocabulary, not a SentencePiece model: give"):
        make(tmp_path, vocab_file=VOCAB, tokenizer="sentencepiece")
    assert os.listdir(str(tmp_path)) == []
    assert [read_vocabulary(path).kind for path in (spiece, VOCAB)] == [
        "sentencepiece",
        "wordpiece",
    ]


def test_flags(run_script, one_line_error, spiece, tmp_path):
    corpus = os.path.join(ROOT, "sample", "corpus", "*.txt")
    flags = {"input_file": corpus, "output_file": str(tmp_path / "x"), "vocab_file": spiece}
    result = run_script("create_pretraining_data.py", tokenizer="bpe", **flags)
    one_line_error(result, "--tokenizer=bpe: value should be one of <wordpiece|sentencepiece>")
    result = run_script("create_pretraining_data.py", input_format="raw", **flags)
    one_line_error(result, "is a SentencePiece model", "give --tokenizer=sentencepiece")


def test_building_a_model(tmp_path, run_script, one_line_error):
    (tmp_path / "empty").write_text(" \n\n")
    (tmp_path / "latin").write_bytes("é".encode("latin-1"))
    path = tmp_path / "x.model"
    for changes, *words in (
        ({"vocab_size": 100}, "--vocab_size 100 is too small for the corpus, whose characters"),
        ({"min_frequency": 2}, "--min_frequency cannot be combined with --tokenizer=sentencepiece"),
        ({"output_file": "vocab.txt"}, "vocab.txt with --tokenizer=sentencepiece: SentencePiece"),
        ({"input_file": tmp_path / "empty"}, "no text in", "empty"),
        ({"input_file": tmp_path / "latin"}, "latin line 1 is not UTF-8"),
    ):
        corpus = os.path.join(ROOT, "sample", "corpus", "*.txt")
        flags = {"input_file": corpus, "output_file": path, "tokenizer": "sentencepiece"}
        one_line_error(run_script("-m data.build_vocab", **dict(flags, **changes)), *words)
        assert not path.exists()
    done = run_script("-m data.build_vocab", **dict(flags, vocab_size=2500))
    assert done.stdout == "{}: 2,500 tokens\n".format(path), done.stderr
    assert path.read_bytes() == train_model(CORPUS, 2500, True)


def test_kinds_have_names():
    assert vocabularies.FILE_NAMES == ("vocab.txt", "spiece.model", "30k-clean.model")
