"""Exports of doccano and Label Studio, in the forms that their documentation and sources have."""

import json

import pytest
from test_table_columns import asked, examples_of

from common.errors import UserError
from finetuning.kinds.spans import Span
from finetuning.layouts import exports, tagging
from finetuning.registry import get_task


def write(path, rows, as_array=False):
    text = json.dumps(rows, ensure_ascii=False, indent=1 if as_array else None)
    if not as_array:
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    path.write_text(text, encoding="utf-8")
    return str(path)


def task(number, text, *results, **more):
    """A task of Label Studio; of each annotation the result."""
    annotations = [{"id": 7, "result": result, "was_cancelled": False} for result in results]
    return dict({"id": number, "data": text, "annotations": annotations, "predictions": []}, **more)


def choices(*names, control="sentiment"):
    value = {"choices": list(names)}
    return {"value": value, "from_name": control, "to_name": "text", "type": "choices"}


def span(start, end, label, text=None, control="label"):
    value = {"start": start, "end": end, "labels": [label]}
    value.update({} if text is None else {"text": text})
    return {"value": value, "from_name": control, "to_name": "text", "type": "labels"}


def record(number, text, **more):
    """A record of JSON-MIN."""
    marks = {"annotator": 1, "annotation_id": 9, "created_at": "2026", "lead_time": 3.1}
    return dict({"text": text, "id": number}, **dict(more, **marks))


CANCELLED = [{"result": [choices("坏")], "was_cancelled": True}]
CLASSES = {
    "doccano": (
        [
            {"id": 1, "text": "很好", "label": ["好"], "Comments": []},
            {"id": 2, "text": "很差", "label": ["坏"], "Comments": []},
            {"id": 3, "text": "没看", "label": [], "Comments": []},
        ],
        False,
    ),
    "doccano before 1.5": (
        [{"id": 1, "data": "很好", "label": ["好"]}, {"id": 2, "data": "很差", "label": ["坏"]}],
        False,
    ),
    "Label Studio": (
        [
            task(1, {"text": "很好", "source": 3}, [choices("好")]),
            task(2, {"text": "很差"}, [choices("坏")], [choices("坏")]),
            task(3, {"text": "没看"}),
            task(4, {"text": "跳过"}, annotations=CANCELLED),
            task(5, {"text": "不同"}, [choices("好")], [choices("坏")]),
        ],
        True,
    ),
    "Label Studio with another name of the text": (
        [task(1, {"病历": "很好"}, [choices("好")]), task(2, {"病历": "很差"}, [choices("坏")])],
        True,
    ),
    "JSON-MIN": ([record(1, "很好", sentiment="好"), record(2, "很差", sentiment="坏")], True),
    "own objects": ([{"text": "很好", "label": "好"}, {"文本": "很差", "标签": "坏"}], True),
}
LEFT_OUT = {
    "doccano": {exports.UNANNOTATED: 1},
    "Label Studio": {exports.UNANNOTATED: 2, exports.DISAGREEING: 1},
}


@pytest.mark.parametrize("form", CLASSES)
def test_classes(tmp_path, form):
    rows, as_array = CLASSES[form]
    write(tmp_path / "train.json", rows, as_array)
    found, splits = examples_of(tmp_path, "tsv")
    assert [(e.text_a, e.label) for e in splits["train"]] == [("很好", "好"), ("很差", "坏")]
    assert sorted(found.labels) == ["坏", "好"]
    assert splits["train"].skipped == LEFT_OUT.get(form, {})
    if "id" in rows[0]:
        assert [e.id for e in splits["train"]] == [1, 2]
    # Texts to predict need no label.
    write(tmp_path / "test.json", rows, as_array)
    kept = len(rows) - LEFT_OUT.get(form, {}).get(exports.DISAGREEING, 0)
    assert len(get_task("tsv").read(str(tmp_path), "test")) == kept


def test_any_number_of_labels(tmp_path):
    expected = [("发热",), ("发热", "头痛"), ()]
    for rows in (
        [
            {"text": "a", "label": ["发热"]},
            {"text": "b", "label": ["发热", "头痛"]},
            {"text": "c", "label": []},
        ],
        [
            task(i, {"text": "abc"[i]}, [choices(*names)] if names else [])
            for i, names in enumerate(expected)
        ],
        [
            record(0, "a", tags="发热"),
            record(1, "b", tags={"choices": ["发热", "头痛"]}),
            record(2, "c"),
        ],
    ):
        write(tmp_path / "train.json", rows, as_array=True)
        _, splits = examples_of(tmp_path, "multi_label")
        assert [e.label for e in splits["train"]] == expected
        assert not splits["train"].skipped


def test_several_controls_are_asked_about(tmp_path):
    result = [choices("好"), choices("科普", control="topic")]
    write(tmp_path / "train.json", [task(1, {"text": "a"}, result)], as_array=True)
    assert "object 1 has both 'sentiment' and 'topic'; say which keys to read" in asked(tmp_path)
    write(tmp_path / "train.json", [record(1, "a", sentiment="好", topic="科普")], as_array=True)
    assert "object 1 has both 'sentiment' and 'topic'; say which keys to read" in asked(tmp_path)
    rows = [
        record(1, "a", sentiment="好", topic="科普"),
        record(2, "b", sentiment="坏", topic="新闻"),
    ]
    write(tmp_path / "train.json", rows, as_array=True)
    _, splits = examples_of(tmp_path, "tsv", {"label_column": "topic"})
    assert [e.label for e in splits["train"]] == ["科普", "新闻"]


ENTITIES = [(Span(0, 2, "PER"), Span(3, 5, "LOC")), ()]
TEXTS = ["王二在北京", "都好"]
SPANS = {
    "doccano": [
        {"id": 1, "text": TEXTS[0], "label": [[0, 2, "PER"], [3, 5, "LOC"]], "Comments": []},
        {"id": 2, "text": TEXTS[1], "label": []},
    ],
    "doccano with relations": [
        {
            "id": 1,
            "text": TEXTS[0],
            "entities": [
                {"id": 10, "label": "PER", "start_offset": 0, "end_offset": 2},
                {"id": 11, "label": "LOC", "start_offset": 3, "end_offset": 5},
            ],
            "relations": [],
        },
        {"id": 2, "text": TEXTS[1], "entities": [], "relations": []},
    ],
    "Label Studio": [
        task(1, {"text": TEXTS[0]}, [span(0, 2, "PER", "王二"), span(3, 5, "LOC", "北京")]),
        task(2, {"text": TEXTS[1]}, []),
        task(3, {"text": "没看"}),
    ],
    "Label Studio, the last character counted": [
        task(1, {"病历": TEXTS[0]}, [span(0, 1, "PER", "王二"), span(3, 4, "LOC", "北京")]),
        task(2, {"病历": TEXTS[1]}, []),
    ],
    "JSON-MIN": [
        record(1, TEXTS[0], label=[span(0, 2, "PER")["value"], span(3, 5, "LOC")["value"]]),
        record(2, TEXTS[1]),
    ],
}


@pytest.mark.parametrize("form", SPANS)
@pytest.mark.parametrize("name", ["train.json", "train.jsonl"])
def test_spans(tmp_path, form, name):
    write(tmp_path / name, SPANS[form], as_array=name.endswith("json"))
    examples = get_task("ner").read(str(tmp_path), "train")
    assert ["".join(e.tokens) for e in examples] == TEXTS
    assert [e.spans for e in examples] == ENTITIES
    assert not examples.mended
    assert examples.skipped == ({exports.UNANNOTATED: 1} if form == "Label Studio" else {})


def test_offsets_of_label_studio_count_utf16_units(tmp_path):
    """An emoji takes two of them; the text of the span tells where they are not."""
    rows = [
        task(1, {"text": "😀王二在😀北京"}, [span(2, 4, "PER"), span(7, 9, "LOC", "北京")]),
        task(2, {"text": "😀王二"}, [span(1, 3, "PER", "王二")]),
    ]
    examples = tagging.read_tagged(write(tmp_path / "a.json", rows, as_array=True))
    assert [e.spans for e in examples] == [
        (Span(1, 3, "PER"), Span(5, 7, "LOC")),
        (Span(1, 3, "PER"),),
    ]
    assert not examples.mended


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (
            {"text": "王二", "label": [[0, 3, "P"]]},
            "span [0, 3, 'P'] is empty or outside the text of 2",
        ),
        ({"text": "王二", "label": [[1, 1, "P"]]}, "span [1, 1, 'P'] is empty or outside"),
        (
            {"text": "王二", "label": [[0, "P"]]},
            "[0, 'P'] is no span; [start, end, type] or an object",
        ),
        ({"text": "王二", "label": ["P"]}, "'P' is no span"),
        (
            {"text": "王二", "label": [], "entities": []},
            "has both 'label' and 'entities', of which one",
        ),
        (
            task(1, {"text": "王", "x": "y"}, [{"value": 3}]),
            "this annotation's result is not Label Stud",
        ),
        (task(1, {"text": "王"}, annotations=[3]), "'annotations' must be a list of objects"),
        (
            task(1, {"text": "王二"}, [span(0, 1, "P"), span(0, 1, "Q", control="z")]),
            "has both 'label' and 'z', of which one is read",
        ),
    ],
)
def test_wrong_spans(tmp_path, row, message):
    path = write(tmp_path / "a.json", [row], as_array=True)
    with pytest.raises(UserError) as error:
        tagging.read_tagged(path)
    assert path + ", object 1" in str(error.value) and message in str(error.value)


def test_arrays_that_are_damaged(tmp_path):
    for text, message in (
        ('[{"text": "a"},\n', "line 2 is not JSON"),
        ("[3]", "object 1 is JSON, but no object"),
        ("[]", "holds no example"),
    ):
        (tmp_path / "train.json").write_text(text)
        assert message in asked(tmp_path)
