"""Users' own JSON lines: keys by their names, or by the flags that name columns of tables."""

import json

import pytest
import script_driver
from finetuning_runs import flags_of, make_examples, make_task
from script_driver import error_of, out_of
from test_table_columns import asked, examples_of

NEWS = [
    {"content": "今天天气好", "category": "天气", "title": "预报", "id": 7},
    {"content": "他在看电影", "category": "娱乐", "title": "影院"},
]


def write(path, rows):
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    path.write_text(text, encoding="utf-8")
    return str(path)


def taken(examples):
    return [(example.text_a, example.text_b, example.label) for example in examples]


@pytest.mark.parametrize("ending", ["json", "jsonl"])
def test_keys_that_the_flags_name(tmp_path, ending):
    write(tmp_path / ("train." + ending), NEWS)
    flags = {"label_column": "category", "text_columns": "content"}
    task, splits = examples_of(tmp_path, "tsv", flags)
    assert task.labels == ["天气", "娱乐"]
    assert taken(splits["train"]) == [(r["content"], None, r["category"]) for r in NEWS]
    assert [example.id for example in splits["train"]] == [7, 1]
    pair = dict(flags, text_columns="title,content")
    task, splits = examples_of(tmp_path, "tsv", pair)
    assert taken(splits["train"]) == [(r["title"], r["content"], r["category"]) for r in NEWS]
    assert task.texts_per_example == 2


def test_keys_by_their_names(tmp_path):
    rows = [{"text": "a", "label": 1, "source": "x"}, {"review": "b", "label": "0"}]
    write(tmp_path / "train.json", rows)
    # Without the label, as test files are.
    write(tmp_path / "test.json", [{"text": "c"}])
    _, splits = examples_of(tmp_path, "chnsenticorp", wanted=("train", "test"))
    assert taken(splits["train"]) == [("a", None, "1"), ("b", None, "0")]
    assert taken(splits["test"]) == [("c", None, None)]
    # One flag alone: the other keys by their names.
    write(tmp_path / "train.json", [{"text": "a", "y": "1"}, {"text": "b", "y": "0"}])
    _, splits = examples_of(tmp_path, "tsv", {"label_column": "y"})
    assert taken(splits["train"]) == [("a", None, "1"), ("b", None, "0")]
    write(tmp_path / "train.json", [{"x": "a", "label": "1"}, {"x": "b", "label": "0"}])
    _, splits = examples_of(tmp_path, "tsv", {"text_columns": "x"})
    assert taken(splits["train"]) == [("a", None, "1"), ("b", None, "0")]


def test_several_labels_under_any_key(tmp_path):
    rows = [{"desc": "烧", "tags": ["发热"]}, {"desc": "疼", "tags": "发热,头痛"}]
    write(tmp_path / "train.jsonl", rows)
    flags = {"text_columns": "desc", "label_column": "tags"}
    _, splits = examples_of(tmp_path, "multi_label", flags)
    assert [e.label for e in splits["train"]] == [("发热",), ("发热", "头痛")]


HINT = "; say which keys to read with --text_columns and --label_column"
REFUSED = [
    (NEWS, "tsv", {}, "train.json, line 1 has none of 'text', 'text_a', 'sentence', 'sentence1', "
     "'text1', 'review', '文本'; its keys are 'content', 'category', 'title', 'id'" + HINT),
    (NEWS, "tsv", {"text_columns": "内容"}, "line 1 has no '内容' (--text_columns); its keys are"),
    (NEWS, "tsv", {"text_columns": "1"}, "JSON objects have keys, not numbers of columns"),
    (NEWS, "tsv", {"text_columns": "content", "label_column": "类别"},
     "train.json: no object has '类别' (--label_column); keys are 'category', 'content', 'id', "),
    (NEWS, "tsv", {"text_columns": "content"}, "line 1 has no label"),
    ([{"text": "a", "sentence": "b", "label": "c"}], "tsv", {},
     "line 1 has both 'text' and 'sentence'" + HINT),
    ([{"text": "a", "label": "c"}, {"text": "a", "text_b": "b", "label": "d"}], "tsv", {},
     "line 2 has two texts, but examples are single texts" + HINT),
    ([{"text": "a", "label": "1"}], "lcqmc", {}, "line 1 has one text, but examples are pairs of"),
    ([{"text": "a", "label": ["1", "2"]}], "tsv", {}, "line 1: 'label' holds 2 labels, but a text "
     "of this task has one; for any number of them give --task_name=multi_label"),
    ([{"text": "a", "label": [[0, 1, "P"]]}], "tsv", {}, "'label' must be a list of labels"),
    ([{"text": 3, "label": "1"}], "tsv", {}, "'text' is 3, but must be a text"),
]  # fmt: skip


@pytest.mark.parametrize(("rows", "name", "options", "message"), REFUSED)
def test_objects_that_are_refused(tmp_path, rows, name, options, message):
    write(tmp_path / "train.json", rows)
    assert message in asked(tmp_path, name, options=options)


def test_a_run_on_other_keys(tmp_path):
    """Trained, scored and predicted; known layouts leave no choice of keys."""
    make_task(tmp_path)
    (tmp_path / "news").mkdir()
    for seed, split in enumerate(("train", "dev", "test")):
        made = make_examples(32, seed)
        rows = [{"content": text, "category": "坏好"[label]} for label, text in made]
        write(tmp_path / "news" / (split + ".jsonl"), rows)
    keys = {"label_column": "category", "text_column": "content", "num_train_epochs": 0.5}
    runs = {
        "own": flags_of(tmp_path, task_name="tsv", data_dir=str(tmp_path / "news"), **keys),
        "known": flags_of(
            tmp_path,
            task_name="tnews",
            data_dir=str(tmp_path / "news"),
            output_dir=str(tmp_path / "other"),
            **keys,
        ),
    }
    done = dict(zip(runs, script_driver.run_many("run_finetuning", list(runs.values()))))
    assert "tsv dev accuracy: " in out_of(done, "own")
    task = json.loads((tmp_path / "out" / "task.json").read_text(encoding="utf-8"))
    assert task["labels"] == ["坏", "好"] and task["texts"] == 1
    assert len((tmp_path / "out" / "test_results.tsv").read_text().splitlines()) == 32
    said = error_of(done, "known")
    assert "--label_column is for tables" in said and "no meaning for --task_name=tnews" in said
