"""Predictions for the test sets of CLUE, as its site takes them."""

import json
import os

import pytest

from finetuning.examples import Example, Examples
from finetuning.kinds.spans import tags_of_spans
from finetuning.kinds.tagging import Tagged
from finetuning.layouts.tagging import read_span_objects
from finetuning.registry import get_task
from finetuning.scoring import submissions


def test_submission_of_cluener(tmp_path):
    """Several of a type, none, and an entity that comes twice."""
    text = "天地协会会长兼主编王小明"
    label = {
        "organization": {"天地协会": [[0, 3]]},
        "position": {"会长": [[4, 5]], "主编": [[7, 8]]},
        "name": {"王小明": [[9, 11]]},
    }
    rows = [
        {"id": 7, "text": text, "label": label},
        {"id": 9, "text": "你我", "label": {}},
        {"id": 11, "text": "你和你", "label": {"name": {"你": [[0, 0], [2, 2]]}}},
    ]
    (tmp_path / "test.json").write_text("".join(json.dumps(r) + "\n" for r in rows))
    task = get_task("cluener")
    examples = task.read(str(tmp_path), "test")
    predictions = [Tagged(tags_of_spans(e.spans, len(e.tokens)), e.spans, []) for e in examples]
    task.save_predictions(str(tmp_path), "test", examples, predictions)
    lines = (tmp_path / "cluener_predict.json").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == [
        {"id": row["id"], "label": row["label"]} for row in rows
    ]
    assert lines[2] == '{"id": 11, "label": {"name": {"你": [[0, 0], [2, 2]]}}}'
    (tmp_path / "dev").mkdir()
    task.save_predictions(str(tmp_path / "dev"), "dev", examples, predictions)
    assert os.listdir(str(tmp_path / "dev")) == ["dev_predictions.txt"]


def test_submission_of_a_whole_file_is_read_back(shared, tmp_path):
    path = os.path.join(shared, "datasets", "cluener", "dev.json")
    task = get_task("cluener")
    examples = task.read_file(path, "dev")
    assert [example.id for example in examples] == list(range(len(examples)))
    written = submissions.save_entities(
        str(tmp_path / "p.json"), examples, [example.spans for example in examples]
    )
    again = tmp_path / "again.json"
    with open(written, encoding="utf-8") as reader, open(path, encoding="utf-8") as texts:
        merged = [dict(json.loads(a), **json.loads(b)) for a, b in zip(texts, reader)]
    again.write_text("".join(json.dumps(row) + "\n" for row in merged))
    read_back = read_span_objects(str(again))
    assert [(e.tokens, e.spans) for e in read_back] == [(e.tokens, e.spans) for e in examples]
    # Nothing overlaps here: the file's own labels, but for the order of places.
    with open(path, encoding="utf-8") as texts:
        expected = [json.loads(line)["label"] for line in texts]
    for entities in (read_back for label in expected for read_back in label.values()):
        entities.update({entity: sorted(places) for entity, places in entities.items()})
    assert [row["label"] for row in merged] == expected


NAMES = {
    ("afqmc", "test.json"): "afqmc_predict.json",
    ("cmnli", "test.json"): "cmnli_predict.json",
    ("ocnli", "test.json"): "ocnli_50k_predict.json",
    ("iflytek", "test.json"): "iflytek_predict.json",
    ("csl", "test.json"): "csl_predict.json",
    ("tnews", "test.json"): "tnews11_predict.json",
    ("tnews", "test1.0.json"): "tnews10_predict.json",
    ("cluewsc2020", "test1.1.json"): "cluewsc11_predict.json",
    ("cluewsc2020", "test1.0.json"): "cluewsc10_predict.json",
    ("cluewsc2020", "test.json"): "cluewsc2020_predict.json",
    ("lcqmc", "test.tsv"): None,
    ("tsv", "test.tsv"): None,
}


@pytest.mark.parametrize(("task", "path"), sorted(NAMES))
def test_names_of_submissions(task, path):
    assert submissions.name_for(task, "some/folder/" + path) == NAMES[task, path]


def numbered(path, ids):
    examples = Examples(path=path)
    examples += [Example("a", None, None, "f", i) for i in ids]
    return examples


def test_submissions_of_classes(tmp_path):
    folder = str(tmp_path)
    written = submissions.save_classes(
        folder, "ocnli", numbered("d/test.json", [0, 5]), ["b", "中"]
    )
    assert written == str(tmp_path / "ocnli_50k_predict.json")
    with open(written, encoding="utf-8") as reader:
        assert reader.read() == '{"id": 0, "label": "b"}\n{"id": 5, "label": "中"}\n'
    labels = get_task("tnews").labels
    examples = numbered("d/test.json", range(15))
    with open(submissions.save_classes(folder, "tnews", examples, labels)) as reader:
        rows = [json.loads(line) for line in reader]
    assert rows[3] == {"id": 3, "label": "103", "label_desc": "news_sports"}
    assert [list(row) for row in rows] == [["id", "label", "label_desc"]] * 15
    assert submissions.save_classes(folder, "lcqmc", examples, labels) is None


def test_topics_of_tnews(shared, tmp_path):
    with open(os.path.join(shared, "datasets", "tnews", "labels.json")) as reader:
        expected = [json.loads(line) for line in reader]
    examples = numbered("d/test.json", range(len(expected)))
    labels = [row["label"] for row in expected]
    with open(submissions.save_classes(str(tmp_path), "tnews", examples, labels)) as reader:
        assert [dict(json.loads(line), id=None) for line in reader] == [
            dict(row, id=None) for row in expected
        ]


def test_no_submission_out_of_step(tmp_path):
    """The site compares line by line."""
    examples = numbered("d/test.json", [0, 2])
    examples.skipped["empty lines"] = 1
    assert submissions.notes("csl", examples) == []
    assert submissions.save_classes(str(tmp_path), "csl", examples, ["0", "1"])
    examples.skipped["spans that are not in their place"] = 1
    assert submissions.save_classes(str(tmp_path), "afqmc", examples, ["0", "1"]) is None
    assert os.listdir(str(tmp_path)) == ["csl_predict.json"]
    ((is_warning, text),) = submissions.notes("afqmc", examples)
    assert is_warning and "afqmc_predict.json would not match d/test.json line by line" in text
    assert submissions.notes("lcqmc", examples) == []


def test_ids(tmp_path):
    path = tmp_path / "a.json"
    rows = [{"text": "王", "id": 5}, {"text": "王", "id": "x"}, {"text": ""}, {"text": "二"}]
    rows.append({"text": "二", "id": True})
    path.write_text("\n".join(json.dumps(row) for row in rows))
    assert [example.id for example in read_span_objects(str(path))] == [5, "x", 3, 4]
