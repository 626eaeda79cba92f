"""Records of rows: kept while they are good, and never another run's that are replaced."""

import pytest

from data.tokenizers.wordpiece import SPECIAL_TOKENS, Vocabulary, WordPieceTokenizer
from finetuning.examples import Example
from finetuning.features import digest_of, write_features
from finetuning.kinds.classification import ClassificationTask


@pytest.fixture(scope="module")
def vocabulary(tmp_path_factory):
    path = tmp_path_factory.mktemp("vocab") / "vocab.txt"
    path.write_text("\n".join([*SPECIAL_TOKENS, *"天地人"]) + "\n", encoding="utf-8")
    return Vocabulary(str(path))


def test_rows_are_kept_while_they_are_good(tmp_path, vocabulary):
    """Not where examples, labels, length or vocabulary are others, or the file is damaged."""
    path, task = str(tmp_path / "r"), ClassificationTask("t", labels=["0", "1"])
    examples = [Example("天地人", None, "1", "")]

    def kept(examples=examples, labels=("0", "1"), lower=True, length=16):
        task.labels = list(labels)
        tokenizer = WordPieceTokenizer(vocabulary, lower)
        return write_features(path, task, examples, tokenizer, length).is_kept

    assert [kept(), kept()] == [False, True]
    for change in (
        {"examples": [Example("天地", None, "1", "")]},
        {"labels": ("1", "0")},
        {"lower": False},
        {"length": 12},
    ):
        assert not kept(**change) and kept(**change)
    with open(path, "ab") as writer:
        writer.write(b"x")
    assert not kept(length=12)
    with open(path, "r+b") as writer:  # as long, as records with another label are
        writer.seek(-1, 2)
        writer.write(b"x")
    assert not kept(length=12) and kept(length=12)


def test_rows_of_others_are_not_replaced(tmp_path, vocabulary):
    """They are taken where they are of the same sources."""
    path, tokenizer = str(tmp_path / "eval.tf_record"), WordPieceTokenizer(vocabulary)
    task = ClassificationTask("t", labels=["0", "1"])
    mine, others = ([Example(text, None, "1", "")] for text in ("天地", "人"))
    written = write_features(path, task, mine, tokenizer, 16)
    content = (tmp_path / "eval.tf_record").read_bytes()

    def read(examples):
        return write_features(path, task, examples, tokenizer, 16, is_owner=False)

    assert read(mine) == written._replace(is_kept=True)
    first, again = read(others), read(others)
    assert [first.is_kept, again.is_kept] == [False, True]
    assert (
        first.path
        == again.path
        == str(tmp_path / "eval-{}.tf_record".format(digest_of(first.made_from)))
    )
    assert (tmp_path / "eval.tf_record").read_bytes() == content
