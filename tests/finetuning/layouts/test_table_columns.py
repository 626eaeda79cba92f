"""Which column of a table is what: by position only where nothing speaks against it."""

import json

import pytest

from common.errors import UserError
from finetuning import loading
from finetuning.kinds.classification import ClassificationTask
from finetuning.layouts.columns import ColumnChoice
from finetuning.layouts.tables import read_table
from finetuning.registry import get_task

FIRST = ["我想去吃饭", "今天天气好", "他在看电影", "你去哪里玩", "这本书不错", "明天要下雨"]
SECOND = ["吃饭", "天气好", "看电影", "出去玩", "书很好", "下雨"]


def write(path, rows, separator="\t"):
    path.write_text("".join(separator.join(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def examples_of(folder, name, options=(), wanted=("train",), labels=None):
    """(task, splits) of a task as a run reads them, labels checked."""
    task = get_task(name)
    unused = set(dict(options)) - task.configure(dict(options))
    assert not unused, unused
    splits, _ = loading.read_splits(task, str(folder), wanted)
    task.choose_labels(labels, str(folder), splits)
    for examples in splits.values():
        task.check(examples, CONFIG)
    return task, splits


class CONFIG:
    """What a task asks of a model config."""

    type_vocab_size = 2
    source = "config"


def asked(folder, name="tsv", **more):
    with pytest.raises(UserError) as error:
        examples_of(folder, name, **more)
    return str(error.value)


LABEL_FIRST = [("10"[i % 2], *pair) for i, pair in enumerate(zip(FIRST, SECOND))]
NAMED_FIRST = [("不同" if row[0] == "0" else "相同", *row[1:]) for row in LABEL_FIRST]


def test_a_label_that_stands_first(tmp_path):
    """The question names the columns with examples, and its advice is what helps."""
    path = write(tmp_path / "train.tsv", LABEL_FIRST)
    assert asked(tmp_path) == (
        "{}: the columns are read as text_a = column 1, text_b = column 2, label = column 3, but "
        "column 1 ('1', '0') holds only numbers; if so, give --label_column=1 --text_columns=2,3, "
        "else other numbers".format(path)
    )
    task, splits = examples_of(tmp_path, "tsv", {"label_column": "1", "text_columns": "2,3"})
    assert task.labels == ["0", "1"]
    assert [tuple(e[:3]) for e in splits["train"]] == [(a, b, c) for c, a, b in LABEL_FIRST]
    write(tmp_path / "train.tsv", NAMED_FIRST)
    assert (
        "column 1 ('相同', '不同') has 2 values, and column 3 ('吃饭', '天气好', '看电影')"
        in asked(tmp_path)
    )
    assert "--label_column=1 --text_columns=2,3" in asked(tmp_path)
    _, splits = examples_of(tmp_path, "tsv", {"label_column": "1"})
    assert splits["train"][0][:3] == ("我想去吃饭", "吃饭", "相同")


def test_known_labels_in_another_column(tmp_path):
    """Tasks with labels of their own, and labels that are given."""
    write(tmp_path / "train.tsv", LABEL_FIRST)
    message = "column 1 ('1', '0') holds only numbers"
    assert message in asked(tmp_path, "lcqmc")
    assert message in asked(tmp_path, labels=["0", "1"])
    write(tmp_path / "train.tsv", NAMED_FIRST)
    assert "but column 1 ('相同', '不同') holds the labels; if so, give --label_column=1" in asked(
        tmp_path, labels=["相同", "不同"]
    )


WRONG = {
    "an index": [(str(i), text, "好坏"[i % 2]) for i, text in enumerate(FIRST)],
    "a constant": [("lcqmc", text, "好坏"[i % 2]) for i, text in enumerate(FIRST)],
    "nearly all different": [(text, SECOND[min(i, 4)]) for i, text in enumerate(FIRST)],
    "numbers with decimals": [
        (text, other, "{}.{}".format(i % 5, i))
        for i, (text, other) in enumerate(zip(FIRST * 3, SECOND * 3))
    ],
    "a header": [("病历", "结论"), *[(t, "好坏"[i % 2]) for i, t in enumerate(FIRST * 3)]],
    "commas": [(",".join((text, "坏好"[i % 2])),) for i, text in enumerate(FIRST)],
    "a header with commas": [("text_a,label",), ("好,1",)],
    "two names of one column": [("text", "sentence", "label"), ("好", "坏", "1")],
    "another name": [("content", "label"), ("好", "1")],
}
SAID = {
    "an index": "column 1 ('0', '1', '2') holds only numbers; say which they are with --label_col",
    "a constant": "column 1 ('lcqmc') is the same in all lines",
    "nearly all different": "4 of the 5 values of column 2 ('书很好', '吃饭', '天气好') occur once",
    "numbers with decimals": "holds measurements, where classes are expected (there is no regress",
    "a header": "the first line seems to name the columns, '病历', '结论': its label is in no "
    "other line; if so, give --label_column=结论 --text_columns=病历",
    "commas": "every line has one column, and the same number of commas; if these separate its "
    "columns, call the file .csv, else give --text_columns=1",
    "a header with commas": "line 1: the columns are separated by commas; call the file .csv",
    "two names of one column": "line 1: text and sentence are both read as text_a; say which",
    "another name": "line 1: this header cannot be read, 'content' is not known; say which columns "
    "to read with --label_column and --text_columns",
}


@pytest.mark.parametrize("case", WRONG)
def test_doubtful_tables_are_asked_about(tmp_path, case):
    write(tmp_path / "train.tsv", WRONG[case])
    assert SAID[case] in asked(tmp_path)


REMEDIES = {
    "an index": {"label_column": "3", "text_columns": "2"},
    "a constant": {"label_column": "3", "text_columns": "2"},
    "nearly all different": {"label_column": "2"},
    "a header": {"label_column": "结论", "text_columns": "病历"},
    "two names of one column": {"text_columns": "2", "label_column": "3"},
    "another name": {"text_columns": "content"},
}


@pytest.mark.parametrize("case", REMEDIES)
def test_the_answers_to_the_questions(tmp_path, case):
    rows = WRONG[case]
    write(tmp_path / "train.tsv", [*rows, *[(*row[:-1], "0") for row in rows[1:]]])
    _, splits = examples_of(tmp_path, "tsv", REMEDIES[case])
    assert {e.text_b for e in splits["train"]} == {None}
    expected = rows[1:] if splits["train"].table.columns.names else rows
    assert splits["train"][0].label == expected[0][-1]
    assert splits["train"][0].text_a == expected[0][-2]


RIGHT = {
    "labels that recur": [(text, "好坏"[i % 2]) for i, text in enumerate(FIRST)],
    "two lines": [("好", "1"), ("坏", "0")],
    "short texts that recur": [("好", "1"), ("坏", "0"), ("好", "1"), ("坏", "0")] * 3,
    "a few rare labels": [(t, "天地人"[i // 5]) for i, t in enumerate(FIRST * 2)],
    "ratings": [(text, str(i % 3) + ".5") for i, text in enumerate(FIRST * 2)],
}


@pytest.mark.parametrize("case", RIGHT)
def test_plain_tables_are_read_by_position(tmp_path, case):
    write(tmp_path / "train.tsv", RIGHT[case])
    _, splits = examples_of(tmp_path, "tsv")
    assert [(e.text_a, e.label) for e in splits["train"]] == RIGHT[case]


def test_a_test_file_without_the_label_has_a_column_less(tmp_path):
    write(tmp_path / "train.tsv", LABEL_FIRST)
    write(tmp_path / "test.tsv", [row[1:] for row in LABEL_FIRST])
    options = {"label_column": "1", "text_columns": "3,2"}
    _, splits = examples_of(tmp_path, "tsv", options, ("train", "test"))
    assert splits["test"][0][:3] == (SECOND[0], FIRST[0], None)
    assert splits["train"][0][:3] == (SECOND[0], FIRST[0], "1")
    names = [("y", "q1", "q2"), *LABEL_FIRST]
    write(tmp_path / "train.tsv", names)
    write(tmp_path / "test.tsv", [row[1:] for row in names])
    options = {"label_column": "y", "text_columns": "q1,q2"}
    _, splits = examples_of(tmp_path, "tsv", options, ("train", "test"))
    assert splits["test"][0][:3] == (FIRST[0], SECOND[0], None)


def test_a_header_in_one_split_only(tmp_path):
    """Read by position, the other one must have the same order."""
    rows = [(row[0], row[1]) for row in NAMED_FIRST]
    train = write(tmp_path / "train.tsv", [("label", "text_a"), *rows])
    dev = write(tmp_path / "dev.tsv", rows)
    assert asked(tmp_path, wanted=("train", "dev")).startswith(
        "{}: the columns are read as text_a = column 1, label = column 2, but {} names them in "
        "another order: label, text_a; ".format(dev, train)
    )
    write(tmp_path / "train.tsv", [("text_a", "label"), *[row[::-1] for row in rows]])
    write(tmp_path / "dev.tsv", [row[::-1] for row in rows])
    _, splits = examples_of(tmp_path, "tsv", wanted=("train", "dev"))
    assert splits["dev"][0].label == splits["train"][0].label == "相同"
    write(tmp_path / "dev.tsv", [("label", "text_a"), *rows])  # named, so any order is right
    _, splits = examples_of(tmp_path, "tsv", wanted=("train", "dev"))
    assert splits["dev"][0].text_a == FIRST[0]


def test_labels_of_another_task_are_for_tsv(tmp_path):
    write(tmp_path / "train.tsv", [(text, "好评") for text in FIRST])
    message = "unknown label '好评'; known are 0, 1; --task_name=tsv takes other labels"
    assert asked(tmp_path, "chnsenticorp").endswith(message)


def test_the_first_line_of_a_task_with_labels_of_its_own(tmp_path):
    write(tmp_path / "train.tsv", [("病历", "结论"), *[(text, "1") for text in FIRST]])
    assert asked(tmp_path, "chnsenticorp").endswith(
        "the first line seems to name the columns, '病历', '结论': its label is not known; if so, "
        "give --label_column=结论 --text_columns=病历"
    )


@pytest.mark.parametrize("names", [("文本", "标签"), ("评论", "类别"), ("序号", "内容", "标签")])
def test_a_chinese_header_is_no_example(tmp_path, names):
    """However few lines there are, so that no rule on how often labels occur can tell."""
    rows = [(FIRST[0], "好"), (FIRST[1], "坏")]
    lines = [row if len(names) == 2 else ("7", *row) for row in rows]
    write(tmp_path / "train.csv", [names, *lines], ",")
    task, splits = examples_of(tmp_path, "tsv")
    assert [(e.text_a, e.label) for e in splits["train"]] == rows
    assert sorted(task.labels) == ["坏", "好"]
    write(tmp_path / "train.csv", [(*names[:-1], "标签", "医生"), ("7",) * (len(names) + 1)], ",")
    assert "this header cannot be read, '医生' is not known; say which columns" in asked(tmp_path)


def test_splits_with_other_columns(tmp_path):
    """One column less is the label's; another order is asked about, one column more refused."""
    write(tmp_path / "train.tsv", [(*row[1:], row[0]) for row in NAMED_FIRST])
    both = ("train", "dev")
    dev = write(tmp_path / "dev.tsv", [row[1:] for row in NAMED_FIRST])
    assert asked(tmp_path, wanted=both) == (
        "{}, line 1 has no label; the columns are read as text_a = column 1, text_b = column "
        "2".format(dev)
    )
    write(tmp_path / "dev.tsv", NAMED_FIRST)
    assert "column 1 ('相同', '不同') holds the labels; if so, give --label_column=1" in asked(
        tmp_path, wanted=both
    )
    write(tmp_path / "dev.tsv", [(*row, "7") for row in NAMED_FIRST])
    assert "line 1: 4 columns; text_a, text_b, label is what is read: say which" in asked(
        tmp_path, wanted=both
    )


def test_texts_with_a_comma_each(tmp_path):
    """The same line as the program asks for says that they are texts."""
    rows = [("{},好".format(text),) for text in FIRST]
    write(tmp_path / "test.tsv", rows)
    task = get_task("chnsenticorp")
    with pytest.raises(UserError, match="else give --text_columns=1"):
        task.read(str(tmp_path), "test")
    task.configure({"text_columns": "1"})
    assert [(e.text_a,) for e in task.read(str(tmp_path), "test")] == rows


def test_what_is_counted(tmp_path):
    """Labels as pandas writes them beside empty ones, quotes, and columns that are not read."""
    rows = [("", "text", "label"), *[(str(i), t, "1.0") for i, t in enumerate(FIRST)]]
    write(tmp_path / "train.tsv", [*rows, ("7", '"好"', "0")])
    task, splits = examples_of(tmp_path, "chnsenticorp")
    assert {e.label for e in splits["train"]} == {"0", "1"}
    assert splits["train"].mended == {"labels such as 1.0": 6}
    assert splits["train"].noted == {"texts in quotes": 1}
    assert splits["train"][-1].text_a == '"好"'
    line = "train: text_a = column 2, label = column 3, not read: 1 ()"
    assert (False, line) in task.notes("train", splits["train"])


@pytest.mark.parametrize(
    ("label", "texts", "message"),
    [
        ("1,2", None, "--label_column=1,2: one label and one or two texts are expected"),
        (None, "1,2,3", "--text_columns=1,2,3: one label and one or two texts are expected"),
        ("1", "1,2", "--label_column=1 --text_columns=1,2 names a column twice"),
        ("0", None, "--label_column=0: give numbers from 1, or names of a header line"),
        ("1", "text", "--label_column=1 --text_columns=text: give numbers from 1, or names"),
        ("4", "1,2", "line 1: there is no column 4, the line has 3"),
        (None, "1", "line 1: 2 columns beside the texts; say with --label_column which one is"),
        ("label", "a,c", "line 1: the header names no 'c' .--text_columns.; its columns are 'a'"),
        ("x", None, "line 1: the header names no 'x' .--label_column.; its columns are 'a', 'b'"),
    ],
)
def test_wrong_choices(tmp_path, label, texts, message):
    path = write(tmp_path / "t.tsv", [("a", "b", "label"), ("好", "坏", "1")])
    with pytest.raises(UserError, match=message):
        read_table(path, choice=ColumnChoice.of(label, texts))


def test_columns_of_a_known_layout_are_no_choice():
    assert get_task("xnli").configure({"label_column": "1"}) == set()
    assert get_task("bqcorpus").configure({"label_column": "1"}) == {"label_column"}
    task = ClassificationTask("t", is_pair=False)
    assert task.configure({"text_columns": "1"}) == {"text_columns"}


def test_weibo_senti_100k(tmp_path):
    """As published: one file, a byte order mark, label and review with quotes where they hold
    commas."""
    text = '\ufefflabel,review\n1,"￼更博了，爆照了,帅的呀[爱你]"\n0,不好[泪]\n'
    (tmp_path / "weibo_senti_100k.csv").write_text(text, encoding="utf-8")
    _, splits = examples_of(tmp_path, "weibo_senti_100k")
    assert [e[:3] for e in splits["train"]] == [
        ("￼更博了，爆照了,帅的呀[爱你]", None, "1"),
        ("不好[泪]", None, "0"),
    ]


@pytest.mark.parametrize("encoding", ["gb18030", "utf-16"])
@pytest.mark.parametrize("name", ["train.tsv", "train.csv", "train.jsonl", "train.json"])
def test_tables_of_other_encodings_are_read_and_counted(tmp_path, encoding, name):
    texts = ["隔音很差，{}层都能听见走廊的声音".format(i) for i in "二三四五"]
    rows = [(text, "差评") for text in texts] + [(text + "，但早餐丰富", "好评") for text in texts]
    if name.startswith("train.j"):
        objects = [json.dumps({"text": t, "label": x}, ensure_ascii=False) for t, x in rows]
        text = "[{}]".format(",".join(objects)) if name == "train.json" else "\n".join(objects)
    else:
        text = "\n".join(("," if name == "train.csv" else "\t").join(row) for row in rows)
    (tmp_path / name).write_bytes(text.encode(encoding))
    examples = examples_of(tmp_path, "tsv")[1]["train"]
    assert [(example.text_a, example.label) for example in examples] == rows
    expected = {"gb18030": {"read as gb18030": 1}}.get(encoding)
    assert dict(examples.mended) == (expected or {"read as utf-16-le": 1, "byte order mark": 1})


def test_a_line_that_is_damaged_in_another_encoding(tmp_path):
    good = "隔音很差，走廊里的声音都能听见，不会再来了\t差评\n".encode("gb18030")
    (tmp_path / "train.tsv").write_bytes(good * 3 + b"\xff\xff\t1\n")
    with pytest.raises(UserError, match=r"line 4 is not GB18030 \(byte 0xff\); mend the line$"):
        read_table(str(tmp_path / "train.tsv"))


@pytest.mark.parametrize(
    "task, labels, reason",
    [
        ("tsv", "差好", "its label is in no other line"),
        ("chnsenticorp", "01", "its label is not known"),
    ],
)
def test_a_header_of_own_names_over_labels_that_stand_first(tmp_path, task, labels, reason):
    """Asked about at once by its names, not first by numbers, which would make it an example."""
    rows = [(labels[i % 2], "第{}条点评，内容各不相同".format(i)) for i in range(30)]
    write(tmp_path / "train.tsv", [("情感", "点评内容"), *rows])
    message = asked(tmp_path, task)
    assert "the first line seems to name the columns, '情感', '点评内容': " + reason in message
    assert "give --label_column=情感 --text_columns=点评内容" in message
