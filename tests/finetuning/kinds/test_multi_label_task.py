"""Tasks whose texts have any number of labels: files, labels, rows, figures, predictions."""

import json
import os
import types

import numpy as np
import pytest

from common.errors import UserError
from data.tokenizers.wordpiece import SPECIAL_TOKENS, Vocabulary, WordPieceTokenizer
from finetuning import audit, features
from finetuning.examples import Example
from finetuning.kinds.multi_label import MultiLabelTask
from finetuning.registry import get_task
from finetuning.scoring import multi_label

NAMES = ["发热", "咳嗽", "头痛"]


def write(path, *lines):
    lines = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")


def read(folder, split="train", **options):
    task = get_task("multi_label")
    task.configure(options)
    examples = task.read(str(folder), split)
    return task, examples


def with_longer_text(line):
    """Labels that are longer than texts are taken for texts."""
    return line.replace("\t", "的病人今天上午来看了医生\t")


def labels_of(examples):
    return [example.label for example in examples]


def test_tables(tmp_path):
    """PaddleNLP's format: labels with commas between; none, one named twice, blanks around."""
    write(tmp_path / "train.txt", "高烧\t发热,咳嗽", "体检\t", "又\t咳嗽, 发热 ,咳嗽,", "疼\t头痛")
    task, examples = read(tmp_path)
    assert labels_of(examples) == [("发热", "咳嗽"), (), ("咳嗽", "发热"), ("头痛",)]
    assert examples.mended == {"labels named twice": 1}
    assert [(e.text_a, e.text_b) for e in examples][1] == ("体检", None)
    assert task.choose_labels(None, str(tmp_path), {"train": examples}) == "found in train"
    assert task.labels == NAMES
    assert task.indicators(examples).tolist() == [[1, 1, 0], [0, 0, 0], [1, 1, 0], [0, 0, 1]]
    # Columns by name, and pairs.
    write(tmp_path / "dev.tsv", "label\ttext_a\ttext_b", "头痛,发热\t疼\t烧")
    _, examples = read(tmp_path, "dev")
    assert [tuple(e)[:3] for e in examples] == [("疼", "烧", ("头痛", "发热"))]
    write(tmp_path / "dev.csv", "text_a,label", '"疼,烧","头痛,发热"')
    os.remove(str(tmp_path / "dev.tsv"))
    _, examples = read(tmp_path, "dev")
    assert [tuple(e)[:3] for e in examples] == [("疼,烧", None, ("头痛", "发热"))]


def test_json_lines(tmp_path):
    write(
        tmp_path / "train.json",
        {"text": "a", "labels": NAMES[:2]},
        {"sentence1": "b", "label": []},
        {"text": "d", "label": "头痛,咳嗽"},
        {"text": "e", "labels": [3, "咳嗽"]},
    )
    _, examples = read(tmp_path)
    assert labels_of(examples) == [("发热", "咳嗽"), (), ("头痛", "咳嗽"), ("3", "咳嗽")]
    assert [(e.text_a, e.text_b) for e in examples[:2]] == [("a", None), ("b", None)]
    assert examples.mended == {"labels that are numbers": 1}
    write(
        tmp_path / "train.json",
        {"text_a": "b", "sentence2": "c", "label": []},
        {"标题": "b", "text_b": "c", "label": NAMES[:1], "text": "d"},
    )
    _, examples = read(tmp_path)
    assert [(e.text_a, e.text_b) for e in examples] == [("b", "c"), ("d", "c")]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ({"text": "a", "label": {"b": 1}}, "line 1: 'label' is .* must be a list of labels, or a"),
        ({"text": "a", "labels": [["b"]]}, "line 1: 'labels' must be a list of labels"),
        (
            {"labels": ["b"]},
            "line 1 has none of 'text', .* its keys are 'labels'; say which keys to read with",
        ),
    ],
)
def test_wrong_json_lines(tmp_path, line, message):
    write(tmp_path / "train.jsonl", line)
    with pytest.raises(UserError, match=message):
        read(tmp_path)


def test_a_file_without_labels_is_not_labelled(tmp_path):
    """A test file is made so by leaving the column empty, or out; training needs labels."""
    write(tmp_path / "test.tsv", "高烧\t", "体检\t")
    task, examples = read(tmp_path, "test")
    assert labels_of(examples) == [None, None]
    assert examples.mended == {"empty labels, taken for unknown ones": 2}
    assert not any(task.is_labelled(example) for example in examples)
    write(tmp_path / "test.tsv", "高烧", "体检")
    assert labels_of(read(tmp_path, "test")[1]) == [None, None]
    write(tmp_path / "test.tsv", "高烧\t发热", "体检\t")
    assert labels_of(read(tmp_path, "test")[1]) == [("发热",), ()]
    for split in ("train", "dev"):
        write(tmp_path / (split + ".tsv"), "高烧\t", "体检\t")
        with pytest.raises(UserError, match=split + r".tsv: no example has a label"):
            read(tmp_path, split)
    os.remove(str(tmp_path / "test.tsv"))
    write(tmp_path / "data.txt", "高烧")
    assert labels_of(read(tmp_path, "test")[1]) == [None]


@pytest.mark.parametrize(
    ("lines", "separator"),
    [
        (("高烧\t发热|咳嗽", "咳\t咳嗽", "疼\t头痛|发热"), "|"),
        (("高烧\t发热；咳嗽", "咳\t咳嗽；头痛", "疼\t头痛"), "；"),
        (("高烧\t发热 咳嗽", "咳\t咳嗽 头痛"), " "),
        # Some with a full-width comma.
        (("高烧\t发热,咳嗽", "咳\t咳嗽", "疼\t发热，咳嗽"), "，"),
    ],
)
def test_another_separator_is_asked_for(tmp_path, lines, separator):
    write(tmp_path / "train.tsv", *map(with_longer_text, lines))
    task, examples = read(tmp_path)
    with pytest.raises(UserError) as caught:
        task.choose_labels(None, str(tmp_path), {"train": examples})
    said = str(caught.value)
    assert "train.tsv: label '" in said and "seems to be several" in said
    assert "--label_separator={!r} or, if this is one label, --label_sep".format(separator) in said
    task, examples = read(tmp_path, label_separator=",")
    assert task.choose_labels(None, str(tmp_path), {"train": examples})
    if "," not in lines[0]:
        task, examples = read(tmp_path, label_separator=separator)
        task.choose_labels(None, str(tmp_path), {"train": examples})
        assert set(task.labels) <= set(NAMES)
    # With a list of labels the first one that is not in it says so.
    task, examples = read(tmp_path)
    task.choose_labels(NAMES, str(tmp_path), {"train": examples})
    with pytest.raises(UserError, match=r"unknown label .* if it is several, give --label_separat"):
        task.check(examples, types.SimpleNamespace(type_vocab_size=2))


def test_labels_that_only_look_like_several(tmp_path):
    lines = ("a\t生产、销售假药,诈骗", "b\t盗窃", "c\t生产、销售假药,盗窃")
    write(tmp_path / "train.tsv", *map(with_longer_text, lines))
    task, examples = read(tmp_path)
    task.choose_labels(None, str(tmp_path), {"train": examples})
    assert task.labels == ["生产、销售假药", "盗窃", "诈骗"]


def test_a_label_with_the_separator_in_it(tmp_path):
    write(tmp_path / "train.json", {"text": "a", "labels": ["p,q", "r"]})
    task, examples = read(tmp_path)
    with pytest.raises(UserError, match=r"label 'p,q' .found in train. holds ',', which separates"):
        task.choose_labels(None, str(tmp_path), {"train": examples})
    task, examples = read(tmp_path, label_separator="|")
    assert task.choose_labels(None, str(tmp_path), {"train": examples})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"label_separator": ""}, "--label_separator='' must be a text without tab"),
        ({"label_separator": "\t"}, "must be a text without tab and line end"),
    ],
)
def test_options_that_cannot_be(options, message):
    with pytest.raises(UserError, match=message):
        get_task("multi_label").configure(options)


@pytest.mark.parametrize("threshold", [0.0, 1.0, -0.5, 2.0])
def test_a_threshold_is_a_probability(threshold):
    with pytest.raises(UserError, match=r"--decision_threshold=.* must be (positive|below 1)"):
        MultiLabelTask.option_class.of({"decision_threshold": threshold}, "t")


def naive(right, predicted):
    """Figures by their definitions, in plain Python."""

    def f1(pairs):
        hits = sum(a and b for a, b in pairs)
        false, missed = sum(b and not a for a, b in pairs), sum(a and not b for a, b in pairs)
        return 2 * hits / (2 * hits + false + missed) if hits else 0.0

    columns = [list(zip(*column)) for column in zip(right.T.tolist(), predicted.T.tolist())]
    used = [column for column in columns if any(a or b for a, b in column)]
    pooled = [pair for column in columns for pair in column]
    hits = sum(a and b for a, b in pooled)
    return {
        "micro_f1": f1(pooled),
        "macro_f1": sum(map(f1, columns)) / len(columns),
        "micro_precision": hits / max(1, predicted.sum()),
        "micro_recall": hits / max(1, right.sum()),
        "occurring_macro_f1": sum(map(f1, used)) / len(used) if used else 0.0,
        "exact_match": sum(a == b for a, b in zip(right.tolist(), predicted.tolist())) / len(right),
    }


@pytest.mark.parametrize("seed", range(6))
def test_figures_by_their_definitions(seed):
    rng = np.random.RandomState(seed)
    right = (rng.rand(40, 7) < 0.25 * seed / 5).astype(np.int32)
    predicted = np.where(rng.rand(40, 7) < 0.8, right, rng.randint(0, 2, (40, 7))).astype(np.int32)
    right[:, 2] = predicted[:, 2] = 0
    ours = multi_label.scores(right, predicted, "eval")
    assert ours == {"eval_" + k: pytest.approx(v) for k, v in naive(right, predicted).items()}
    metrics = pytest.importorskip("sklearn.metrics")
    for average in ("micro", "macro"):
        theirs = metrics.f1_score(right, predicted, average=average, zero_division=0)
        assert ours["eval_{}_f1".format(average)] == pytest.approx(theirs)


def test_figures_by_hand(tmp_path):
    """Two labels right of three that are there, one wrong: 2 * 2 / (2 * 2 + 1 + 1); a label that
    neither occurs nor is predicted counts 0 here and 1 in CAIL's score."""
    task = MultiLabelTask("t", labels=[*NAMES, "乏力"], further_figures=multi_label.cail_score)
    examples = [Example("a", None, ("发热", "咳嗽"), ""), Example("b", None, ("头痛",), "")]
    predictions = [np.float32([0.9, 0.4, 0.5, 0.1]), np.float32([0.1, 0.2, 0.5, 0.49])]
    figures = task.score(examples, predictions)
    assert figures["eval_micro_f1"] == pytest.approx(4 / 6)
    # F1 of the labels: 1, 0, 2 * 1 / (2 + 1 + 0), none.
    assert figures["eval_macro_f1"] == pytest.approx((1 + 0 + 2 / 3) / 4)
    assert figures["eval_occurring_macro_f1"] == pytest.approx((1 + 0 + 2 / 3) / 3)
    assert figures["eval_exact_match"] == 0.5
    assert figures["eval_cail_score"] == pytest.approx((4 / 6 + (1 + 0 + 2 / 3 + 1) / 4) / 2)
    task.configure({"decision_threshold": 0.4})
    assert task.score(examples, predictions)["eval_micro_f1"] == pytest.approx(6 / 8)
    assert task.answer(predictions[0], [0.9, 0.4, 0.5, 0.1]) == {
        "labels": ["发热", "头痛", "咳嗽"],
        "probabilities": dict(zip(task.labels, [0.9, 0.4, 0.5, 0.1])),
    }
    names = task.save_predictions(str(tmp_path), "dev", examples, predictions)
    assert names == ["dev_results.tsv", "dev_labels.txt", "dev_label_scores.tsv"]
    written = [(tmp_path / name).read_text(encoding="utf-8") for name in names]
    assert written[0].splitlines()[0] == "0.9\t0.4\t0.5\t0.1"
    assert written[1] == "发热,咳嗽,头痛\n头痛,乏力\n"
    assert written[2].splitlines() == [
        "label\texamples\tpredicted\tprecision\trecall\tf1",
        "发热\t1\t1\t1.0000\t1.0000\t1.0000",
        "咳嗽\t1\t1\t1.0000\t1.0000\t1.0000",
        "头痛\t1\t2\t0.5000\t1.0000\t0.6667",
        "乏力\t0\t1\t0.0000\t0.0000\t0.0000",
    ]
    unlabelled = [example._replace(label=None) for example in examples]
    assert len(task.save_predictions(str(tmp_path), "test", unlabelled, predictions)) == 2


def test_nothing_predicted_and_nothing_right():
    nothing = np.zeros([3, 2], np.int32)
    figures = multi_label.scores(nothing, nothing, "eval")
    assert figures["eval_micro_f1"] == figures["eval_occurring_macro_f1"] == 0.0
    assert figures["eval_exact_match"] == 1.0
    assert multi_label.cail_score(nothing, nothing) == {"cail_score": 1.0}


def test_rows_and_report(tmp_path):
    """Indicators of each row, also beside a task with more labels; the report counts labels."""
    tf = pytest.importorskip("tensorflow").compat.v1
    write(tmp_path / "vocab.txt", *SPECIAL_TOKENS, *"天地人")
    tokenizer = WordPieceTokenizer(Vocabulary(str(tmp_path / "vocab.txt")))
    write(tmp_path / "train.tsv", "天\t发热,头痛", "地\t", "人\t发热")
    task, examples = read(tmp_path)
    task.choose_labels(NAMES, str(tmp_path), {"train": examples})
    wide = MultiLabelTask("wide", labels=list("abcde"))
    union = features.union_of_features([task, wide])
    for name, more in (
        ("alone", {}),
        ("together", {"names": union, "labels": features.label_counts([task, wide])}),
    ):
        path = str(tmp_path / name)
        written = features.write_features(path, task, examples, tokenizer, 8, **more)
        width = 5 if more else 3
        assert written.made_from["label_counts"] == {"label_indicators": width}
        found = []
        for record in tf.python_io.tf_record_iterator(path):
            feature = tf.train.Example.FromString(record).features.feature
            found.append(list(feature["label_indicators"].int64_list.value))
        padding = [0] * (width - 3)
        assert found == [[*row, *padding] for row in ([1, 0, 1], [0, 0, 0], [1, 0, 0])]
        assert features.write_features(path, task, examples, tokenizer, 8, **more).is_kept
    lines = audit.describe(task, {"train": examples}, {"train": written}, 8)
    shown = [line for _, line in lines]
    assert "train: 3 labels, 1.00 an example, 2 at most; 1 of 3 examples have none" in shown
    assert (
        "train: 发热 2 (66.7%), 头痛 1 (33.3%), 咳嗽 0 (0.0%), 1 of 3 labels do not occur" in shown
    )


def test_charges_and_articles(tmp_path):
    def case(charges, articles):
        return {"fact": "事实", "meta": {"accusation": charges, "relevant_articles": articles}}

    write(
        tmp_path / "data_train.json",
        case(["[生产、销售]假药", "诈骗"], [141, 266]),
        case([], []),
        case(["盗窃"], [264, 264]),
    )
    examples = get_task("cail2018_multi").read(str(tmp_path), "train")
    assert labels_of(examples) == [("生产、销售假药", "诈骗"), (), ("盗窃",)]
    assert examples.mended == {"brackets in charges": 1} and not examples.skipped
    examples = get_task("cail2018_articles").read(str(tmp_path), "train")
    assert labels_of(examples) == [("141", "266"), (), ("264",)]
    write(tmp_path / "data_test.json", {"fact": "事实"})
    assert labels_of(get_task("cail2018_multi").read(str(tmp_path), "test")) == [None]


@pytest.mark.parametrize("split", ["train", "test"])
def test_the_files_of_cail2018(shared, split):
    """No case is skipped; every charge, and every article, is one of the organisers' lists."""
    folder = os.path.join(shared, "datasets", "cail2018")
    with open(os.path.join(folder, "data_{}.json".format(split)), encoding="utf-8") as reader:
        metas = [json.loads(line)["meta"] for line in reader]
    for name, key in (("cail2018_multi", "accusation"), ("cail2018_articles", "relevant_articles")):
        task = get_task(name)
        examples = task.read(folder, split)
        expected = [{str(v).replace("[", "").replace("]", "") for v in meta[key]} for meta in metas]
        assert [set(example.label) for example in examples] == expected
        assert not examples.skipped
        assert task.choose_labels(None, folder, {split: examples}).endswith(".txt")
        assert task.indicators(examples).sum() == sum(map(len, expected))
    assert sum(len(meta["accusation"]) > 1 for meta in metas) == {"train": 139, "test": 28}[split]
