"""Fine-tuning without a model: rows, tables, labels, scores, reports."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import UserError
from data.records import schema
from data.records.tfrecord import read_records
from data.rows.sequences import encode_pieces, encode_text
from data.tokenizers.text_settings import TextSettings
from data.tokenizers.wordpiece import SPECIAL_TOKENS, Vocabulary, WordPieceTokenizer
from finetuning import audit, task_file
from finetuning.examples import Example, Examples
from finetuning.features import FeatureFile, fingerprint, write_features
from finetuning.kinds.classification import ClassificationTask
from finetuning.kinds.questions import QuestionTask
from finetuning.layouts.tables import read_table

CHARACTERS = "天地人你我他好坏大小"


@pytest.fixture(scope="module")
def vocabulary(tmp_path_factory):
    path = tmp_path_factory.mktemp("vocab") / "vocab.txt"
    path.write_text("\n".join([*SPECIAL_TOKENS, *CHARACTERS, "a", "##b"]) + "\n", encoding="utf-8")
    return Vocabulary(str(path))


def googles_pair(first, second, room):
    """What google-research/bert does: one piece after the other from the longer list."""
    first, second = list(first), list(second)
    while len(first) + len(second) > room:
        (first if len(first) > len(second) else second).pop()
    return first, second


@settings(max_examples=200, deadline=None)
@given(
    first=st.lists(st.integers(5, 14), max_size=30),
    second=st.none() | st.lists(st.integers(5, 14), max_size=30),
    max_seq_length=st.integers(8, 40),
)
def test_rows_are_googles(vocabulary, first, second, max_seq_length):
    row = encode_pieces(vocabulary, first, second, max_seq_length)
    cls, sep = vocabulary.cls, vocabulary.sep
    if second is None:
        expected = [cls, *first[: max_seq_length - 2], sep]
        segments = [0] * len(expected)
    else:
        one, two = googles_pair(first, second, max_seq_length - 3)
        expected = [cls, *one, sep, *two, sep]
        segments = [0] * (len(one) + 2) + [1] * (len(two) + 1)
    padding = [0] * (max_seq_length - len(expected))
    assert row.input_ids == expected + padding
    assert row.input_mask == [1] * len(expected) + padding
    assert row.segment_ids == segments + padding
    whole = len(first) + len(second or ()) + (2 if second is None else 3)
    assert row.is_truncated == (whole > max_seq_length)


def write(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    return str(path)


def texts(path, **kwargs):
    return [(e.text_a, e.text_b, e.label) for e in read_table(path, **kwargs)]


def test_tables(tmp_path):
    path = tmp_path / "t.tsv"
    two = [("好", None, "1"), ("坏", None, "0")]
    assert texts(write(path, "label\ttext_a\n1\t好\n0\t坏\n")) == two
    assert texts(write(path, "qid\ttext_a\ttext_b\n7\t好\t坏\n")) == [("好", "坏", None)]
    assert texts(write(path, '"好\t坏"\t1\n')) == [('"好', '坏"', "1")]  # quotes mean nothing
    bom_crlf_blank = b"\xef\xbb\xbf" + "好\t1\r\n\r\n坏\t0\r\n".encode()
    assert texts(write(path, bom_crlf_blank)) == two
    assert texts(write(path, "好\t坏\n"), is_pair=True) == [("好", "坏", None)]
    assert texts(write(path, "好\n"), is_pair=False) == [("好", None, None)]
    assert texts(write(path, "\t1\n好\t\n"), is_pair=False) == [("", None, "1"), ("好", None, None)]
    assert texts(write(path, "sentence1\tsentence2\tlabel\n好\t坏\t1\n")) == [("好", "坏", "1")]
    assert texts(write(path, "Text\tLabel\n好\t1\n")) == [("好", None, "1")]
    examples = read_table(write(path, "\n好\t1\n\n好\t1\n\n"))
    assert examples[0].where == "{}, line 2".format(path)
    assert examples.skipped == {"empty lines": 2}  # those behind the last example do not count
    assert not examples.mended
    write(path, b"\xef\xbb\xbf" + "好\t1\r\n\r\n坏\t0\n".encode())
    examples = read_table(str(path))
    assert examples.mended == {"byte order mark": 1, "Windows line ends": 2}
    assert examples.skipped == {"empty lines": 1}
    assert texts(write(path, "1\t好\n"), is_pair=False, label_first=True) == [("好", None, "1")]


def test_comma_tables(tmp_path):
    path = tmp_path / "t.csv"
    content = '\ufeffsentence1,sentence2,label\r\n"好,""妙""","坏\r\n差",1\r\n优,劣,0\r\n'
    examples = read_table(write(path, content), is_pair=True)
    assert [tuple(e)[:4] for e in examples] == [
        ('好,"妙"', "坏\n差", "1", "{}, line 2".format(path)),
        ("优", "劣", "0", "{}, line 4".format(path)),
    ]
    with pytest.raises(UserError, match=r"line 3: 2 columns, where 3 .* separated by a comma"):
        read_table(write(path, "label,text_a,text_b\n1,a,b\n1,a\n"))
    with pytest.raises(UserError, match=r"line 2: not valid CSV"):
        read_table(write(path, '好,1\n"好"坏,1\n'))


@pytest.mark.parametrize(
    ("content", "is_pair", "message"),
    [
        ("好\t1\n坏\n", None, r"line 2: 1 columns, where 2 are expected \(text_a, label\)"),
        ("好\t坏\t1\t2\n", True, "line 1: 4 columns; text_a, text_b, label is what is read"),
        ("好\t坏\t1\n", False, "line 1: 3 columns; text_a, label is what is read"),
        ("label\ttext_a\n1\t好\n", True, "line 1: the header names no text_b, but texts are pairs"),
        ("text_a\ttext_b\n好\t好\n", False, "line 1: the header names a text_b, but texts are si"),
        ("content\tlabel\n好\t1\n", None, "line 1: this header cannot be read, 'content' is not"),
        ("id\tlabel\n7\t1\n", None, "line 1: this header cannot be read; say which columns"),
        ("", None, "holds no example"),
        ("label\ttext_a\n", None, "holds no example"),
        (
            "好\t1\n".encode() + "坏\t0\n".encode("gb18030"),
            None,
            "line 2 is not UTF-8; mend the line",
        ),
    ],
)
def test_wrong_tables(tmp_path, content, is_pair, message):
    path = write(tmp_path / "t.tsv", content)
    with pytest.raises(UserError, match=message) as raised:
        read_table(path, is_pair)
    assert path in str(raised.value)


def test_missing_table(tmp_path):
    with pytest.raises(UserError, match=r"cannot read .*No such file"):
        read_table(str(tmp_path / "none.tsv"))


def examples_of(*labels):
    lines = enumerate(labels)
    return Examples(Example("好", None, label, "f.tsv, line {}".format(i)) for i, label in lines)


def test_labels(tmp_path):
    task = ClassificationTask("t", {})
    assert task.choose_labels(None, str(tmp_path), {"train": examples_of("b", "a", "b")})
    assert task.labels == ["a", "b"]
    assert task.label_numbers(examples_of("b", "a", None)).tolist() == [1, 0, 0]
    with pytest.raises(UserError, match=r"f.tsv, line 1: unknown label 'c'; known are a, b"):
        task.label_numbers(examples_of("a", "c"))
    write(tmp_path / "labels.txt", b"\xef\xbb\xbfy\r\nx\r\n")
    task = ClassificationTask("t", {})
    assert task.choose_labels(None, str(tmp_path), {}).endswith("labels.txt")
    assert task.labels == ["y", "x"]
    task = ClassificationTask("t", {})
    assert task.choose_labels(["q", "r"], str(tmp_path), {}) == "--labels"
    assert task.labels == ["q", "r"]


def table(path, *rows):
    return read_table(write(path, "".join("{}\t{}\n".format(*row) for row in rows)))


SENTENCES = ["第{}句话说的是天地人，长短都差不多".format(i) for i in range(30)]


@pytest.mark.parametrize("count", [30, 6])
def test_texts_are_not_taken_for_labels(tmp_path, count):
    """The label stands first, in files large and small."""
    rows = [("坏好"[i % 2], text) for i, text in enumerate(SENTENCES[:count])]
    splits = {"train": table(tmp_path / "train.tsv", *rows)}
    message = (
        r"train.tsv: the columns are read as text_a = column 1, label = column 2, but column 1 "
        r"\('坏', '好'\) has 2 values, and column 2 \('第0句话.*\) has {}; .*list them in "
        r".*labels.txt"
    ).format(count)
    with pytest.raises(UserError, match=message):
        ClassificationTask("t", {}).choose_labels(None, str(tmp_path), splits)
    task = ClassificationTask("t", {})
    assert task.choose_labels(SENTENCES[:count], str(tmp_path), splits) == "--labels"
    turned = {"train": table(tmp_path / "train.tsv", *[row[::-1] for row in rows])}
    assert ClassificationTask("t", {}).choose_labels(None, str(tmp_path), turned)
    headed = {"train": table(tmp_path / "train.tsv", ("label", "text_a"), *rows)}
    assert headed["train"].label_column == 1
    assert ClassificationTask("t", {}).choose_labels(None, str(tmp_path), headed)


@pytest.mark.parametrize("labels", ["abc", "aabbcc", "abcdefghijklmnopqrst"])
def test_few_labels_are_labels_in_a_file_of_any_size(tmp_path, labels):
    task = ClassificationTask("t", {})
    assert task.choose_labels(None, str(tmp_path), {"train": examples_of(*labels)})
    assert task.labels == sorted(set(labels))


def test_a_header_that_is_not_known_is_warned_of(tmp_path):
    rows = [(text, i % 2) for i, text in enumerate(SENTENCES)]
    warned = []
    for first in (("甲", "乙"), (SENTENCES[0], 1), ("text_a", "label")):
        splits = {"train": table(tmp_path / "train.tsv", first, *rows)}
        features = {"train": FeatureFile("f", len(splits["train"]), 9, 0, False)}
        task = ClassificationTask("t", labels=sorted({str(e.label) for e in splits["train"]}))
        lines = audit.describe(task, splits, features, 8)
        warned.append([line for is_warning, line in lines if is_warning])
    assert warned == [
        [
            "{}, line 1: label '乙' (column 2) is in no other line; if this line names the "
            "columns, write label, text_a".format(tmp_path / "train.tsv")
        ],
        [],
        [],
    ]


def test_labels_that_cannot_be_read(tmp_path):
    task = ClassificationTask("t", {})
    write(tmp_path / "labels.txt", "正\n负\n".encode("gb18030"))
    with pytest.raises(UserError, match=r"labels.txt, line 1 is not UTF-8"):
        task.choose_labels(None, str(tmp_path), {})
    (tmp_path / "labels.txt").unlink()
    (tmp_path / "labels.txt").mkdir()
    with pytest.raises(UserError, match=r"cannot read .*labels.txt"):
        task.choose_labels(None, str(tmp_path), {})


@pytest.mark.parametrize(
    ("own", "given", "message"),
    [
        (["0", "1"], ["a", "b"], "--labels=a,b, but task t has the labels 0,1; remove it"),
        (None, ["a"], "labels a .--labels.: two different ones at least"),
        (None, ["a", "a"], "labels a,a .--labels.: two different ones"),
        (None, None, "the labels are not known; give --labels or "),
    ],
)
def test_wrong_labels(tmp_path, own, given, message):
    with pytest.raises(UserError, match=message):
        ClassificationTask("t", {}, labels=own).choose_labels(given, str(tmp_path), {})


def test_scores_by_hand():
    """3 of 4 right; F1 of class 0 is 2*1/(2*1+0+1) = 2/3, of class 1 2*2/(2*2+1+0) = 4/5."""
    task = ClassificationTask("t", {}, labels=["0", "1"])
    probabilities = np.float32([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6], [0.3, 0.7]])
    figures = task.score(examples_of("0", "1", "1", "0"), list(probabilities))
    assert figures["eval_accuracy"] == pytest.approx(0.75)
    assert figures["eval_macro_f1"] == pytest.approx((2 / 3 + 4 / 5) / 2)
    assert figures["eval_micro_f1"] == pytest.approx(0.75)  # one class each: the accuracy
    # (TP * TN - FP * FN) / sqrt((TP+FP)(TP+FN)(TN+FP)(TN+FN)) = 2 / sqrt(3 * 2 * 2 * 1)
    assert figures["eval_mcc"] == pytest.approx(2 / np.sqrt(12))


def test_features(tmp_path, vocabulary, monkeypatch):
    monkeypatch.setattr("finetuning.features.CHUNK", 2)
    tokenizer = WordPieceTokenizer(vocabulary)
    examples = [
        Example("天地人", "你我", "1", ""),
        Example("ab 好" * 9, "", "0", ""),
        Example("大", "小", "1", ""),
    ]
    path, task = str(tmp_path / "r"), ClassificationTask("t", labels=["0", "1"])
    written = write_features(path, task, examples, tokenizer, 16, multiple_of=4)
    assert written[:5] == (path, 3, 29, 1, False)
    assert not (tmp_path / "r.tmp").exists()
    import tensorflow.compat.v1 as tf

    rows = [tf.train.Example.FromString(bytes(r)).features.feature for r in read_records(path)]
    assert len(rows) == 4
    for row, example, number in zip(rows, [*examples, examples[-1]], (1, 0, 1, 1)):
        expected = encode_text(tokenizer, example.text_a, example.text_b, 16)
        for name in ("input_ids", "input_mask", "segment_ids"):
            assert list(row[name].int64_list.value) == getattr(expected, name)
        assert list(row["label_ids"].int64_list.value) == [number]
    assert set(rows[0]) <= set(schema.FEATURES)


def test_audit():
    splits = {"train": examples_of("a", "a", "b"), "dev": examples_of("a")}
    splits["dev"].insert(0, Example("", None, "a", ""))
    splits["dev"].insert(0, Example("\ufffd", None, "a", ""))
    splits["dev"].path = "d.tsv"
    splits["dev"].skipped["empty lines"] = 1000
    splits["dev"].noted["odd things"] = 7
    splits["dev"].mended["byte order mark"] = 1
    splits["dev"].mended["Windows line ends"] = 2
    features = {"train": FeatureFile("f", 3, 48, 1, False), "dev": FeatureFile("g", 5, 80, 0, True)}
    lines = audit.describe(ClassificationTask("t", labels=["a", "b", "c"]), splits, features, 64)
    assert lines == [
        (False, "file   examples  mended                                      skipped"),
        (False, "-      3         0                                           0"),
        (
            False,
            "d.tsv  3         3 (2 Windows line ends, 1 byte order mark)  "
            "1,000 (1,000 empty lines)",
        ),
        (False, "train: 3 examples, 1 (33.3%) cut at --max_seq_length=64, 75.0% padding"),
        (False, "train: a 2 (66.7%), b 1 (33.3%), c 0 (0.0%), 1 of 3 labels do not occur"),
        (
            False,
            "dev: 3 examples, 0 (0.0%) cut at --max_seq_length=64, 5 rows, 75.0% padding "
            "(rows of g are kept)",
        ),
        (
            True,
            "dev: 1,000 (1,000 empty lines) skipped; they count in no score and no prediction",
        ),
        (False, "dev: 7 (7 odd things) kept as they are"),
        (True, "dev: 1 examples have an empty text"),
        (True, "dev: 1 examples hold U+FFFD, the replacement of characters that were lost"),
        (False, "dev: a 3 (100.0%), b 0 (0.0%), c 0 (0.0%), 2 of 3 labels do not occur"),
        (True, "1 of 3 dev examples are also in train; their score is too good by that"),
    ]


def test_task_file(tmp_path):
    task = ClassificationTask("t", labels=["坏", "好"])
    task_file.save(str(tmp_path), [(task, {})], 32, TextSettings(True))
    for prefix in (tmp_path / "model.ckpt-1", tmp_path / "best" / "model.ckpt-1"):
        entry = task_file.find(str(prefix), "classification")
        assert entry["labels"] == ["坏", "好"] and entry["max_seq_length"] == 32
    content = json.loads((tmp_path / "task.json").read_text(encoding="utf-8"))
    del content["t2s"]  # as earlier versions wrote it
    (tmp_path / "task.json").write_text(json.dumps(content))
    assert task_file.find(str(tmp_path / "m"), "classification")["t2s"] is False
    (tmp_path / "task.json").write_text(json.dumps(dict(content, t2s=1)))
    with pytest.raises(UserError, match="t2s is 1, but must be true or false"):
        task_file.find(str(tmp_path / "m"), "classification")
    with pytest.raises(UserError, match="fine-tuned for 'classification', not for tagging"):
        task_file.find(str(tmp_path / "m"), "tagging")
    assert task_file.path_beside(str(tmp_path / "other run" / "model.ckpt-1")) is None
    assert fingerprint(examples_of("a")) != fingerprint(examples_of("b"))
    with pytest.raises(UserError, match=r"has no task.json beside it"):
        task_file.find(str(tmp_path / "a" / "b" / "c"), "classification")
    (tmp_path / "task.json").write_text('{"kind": "classification", "labels": "ab"}')
    with pytest.raises(UserError, match="labels must be a list of names"):
        task_file.find(str(tmp_path / "m"), "classification")
    for length in (-24, 0, 2, 65537):
        task_file.save(str(tmp_path), [(task, {})], length, TextSettings(True))
        message = "max_seq_length is {}, but must be from 3 to 65536".format(length)
        with pytest.raises(UserError, match=message):
            task_file.find(str(tmp_path / "m"), "classification")


def test_texts_per_example_in_task_files(tmp_path):
    for name, text, count in (("t.tsv", "好\t1\n坏\t0\n", 1), ("p.tsv", "好\t坏\t1\n", 2)):
        task = ClassificationTask("t", labels=["0", "1"])
        task.read_file(write(tmp_path / name, text), "train")
        task_file.save(str(tmp_path), [(task, {})], 32, TextSettings(True))
        assert task_file.find(str(tmp_path / "m"), "classification")["texts"] == count


def test_vocabularies_in_task_files(tmp_path, vocabulary):
    """Those of older versions name none."""
    task, path = ClassificationTask("t", labels=["坏", "好"]), tmp_path / "other.txt"
    path.write_text("\n".join(reversed(vocabulary.tokens)) + "\n", encoding="utf-8")
    other = Vocabulary(str(path))
    task_file.save(str(tmp_path), [(task, {})], 32, TextSettings(True), vocabulary)
    entry = task_file.find(str(tmp_path / "m"), "classification")
    task_file.check_vocabulary(entry, vocabulary, "m")
    with pytest.raises(UserError, match=r"other\.txt is not the vocabulary that the model in m"):
        task_file.check_vocabulary(entry, other, "m")
    task_file.save(str(tmp_path), [(task, {})], 32, TextSettings(True))
    entry = task_file.find(str(tmp_path / "m"), "classification")
    task_file.check_vocabulary(entry, other, "m")
    for key, value in (("vocabulary", 7), ("fingerprints", []), ("texts", 3)):
        (tmp_path / "task.json").write_text(json.dumps(dict(entry, **{key: value})))
        with pytest.raises(UserError, match=key + " must be"):
            task_file.find(str(tmp_path / "m"), "classification")


def test_task_files_of_several_tasks(tmp_path):
    tasks = [ClassificationTask(name, labels=labels) for name, labels in (("a", "01"), ("b", "xy"))]
    task_file.save(str(tmp_path), [(task, {}) for task in tasks], 32, TextSettings(True))
    path = str(tmp_path / "task.json")
    assert task_file.read(path, "classification", name="b")["labels"] == ["x", "y"]
    for name, message in (
        (
            None,
            r"2 tasks that fit \(classification\), among a, b; say which one with --task_name",
        ),
        ("c", r"holds 0 tasks that fit \(c\), among a, b"),
    ):
        with pytest.raises(UserError, match=message):
            task_file.read(path, "classification", name=name)
    task_file.save(str(tmp_path), [(tasks[0], {})], 32, TextSettings(True))
    with pytest.raises(UserError, match="fine-tuned for task 'a', not for b"):
        task_file.read(path, "classification", name="b")
    (tmp_path / "task.json").write_text('{"tasks": 7}')
    with pytest.raises(UserError, match="tasks must be a list of objects"):
        task_file.read(path, "classification")


def test_options_in_task_files():
    def check(kind, rows=None, heads=None):
        entry = {"row_options": rows or {}, "head_options": heads or {}}
        task_file.check_options("f", entry, kind)

    check(QuestionTask, heads={"answerable_weight": 0})
    check(QuestionTask, heads={"answerable_weight": 1.5, "beam_size": 1})
    check(QuestionTask, {"doc_stride": 1}, {"joint_prediction": False})
    for kind, options, message in (
        (QuestionTask, {"heads": {"answerable_weight": -1}}, "f: answerable_weight cannot be -1"),
        (QuestionTask, {"heads": {"answerable_weight": True}}, "answerable_weight cannot be True"),
        (QuestionTask, {"heads": {"beam_size": 0}}, "f: beam_size cannot be 0"),
        (QuestionTask, {"heads": {"doc_stride": 1}}, "f: head_options may have joint_prediction"),
        (QuestionTask, {"rows": {"n_best_size": 1}}, "f: row_options may have max_query_length"),
        (ClassificationTask, {"heads": {"beam_size": 2}}, "head_options may have nothing for this"),
    ):
        with pytest.raises(UserError, match=message):
            check(kind, **options)
