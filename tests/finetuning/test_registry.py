"""The classification tasks: their files as they are downloaded."""

import csv
import json
import os

import pytest

from common.errors import UserError
from finetuning.layouts import clue
from finetuning.layouts.json_lines import read_json_lines
from finetuning.layouts.xnli import join_words, read_xnli
from finetuning.registry import TASK_NAMES, get_task, name_among, registered_name

NLI = ["contradiction", "entailment", "neutral"]


def write(path, *lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines)
    path.write_bytes(text.encode("utf-8"))
    return str(path)


def contents(examples):
    return [(e.text_a, e.text_b, e.label) for e in examples]


# Every file of the reference data: task, split, name the task looks for, the file.
FILES = [
    ("afqmc", "train", "train.json", "afqmc/train.json"),
    ("afqmc", "dev", "dev.json", "afqmc/dev.json"),
    ("afqmc", "test", "test.json", "afqmc/test.json"),
    ("bqcorpus", "dev", "dev.csv", "bq_corpus/dev.csv"),
    ("bqcorpus", "test", "test.csv", "bq_corpus/test.csv"),
    ("bqcorpus", "dev", "dev.tsv", "bq_corpus/luge_tsv/dev.tsv"),
    ("cail2018", "train", "data_train.json", "cail2018/data_train.json"),
    ("cail2018", "test", "data_test.json", "cail2018/data_test.json"),
    ("chnsenticorp", "train", "train.tsv", "chnsenticorp/train.tsv"),
    ("chnsenticorp", "dev", "dev.tsv", "chnsenticorp/dev.tsv"),
    ("chnsenticorp", "test", "test.tsv", "chnsenticorp/test.tsv"),
    ("cluewsc2020", "train", "train_few_all.json", "cluewsc2020/train_few_all.json"),
    ("cluewsc2020", "dev", "dev_few_all.json", "cluewsc2020/dev_few_all.json"),
    ("cluewsc2020", "test", "test_public.json", "cluewsc2020/test_public.json"),
    ("cmnli", "dev", "dev.json", "cmnli/dev.json"),
    ("csl", "train", "train_few_all.json", "csl/fewclue_train_few_all.json"),
    ("csl", "test", "test_public.json", "csl/test_public.json"),
    ("iflytek", "train", "train_few_all.json", "iflytek/fewclue_train_few_all.json"),
    ("iflytek", "dev", "dev.json", "iflytek/dev.json"),
    ("lcqmc", "dev", "dev.txt", "lcqmc/dev.txt"),
    ("lcqmc", "test", "test.txt", "lcqmc/test.txt"),
    ("ocnli", "train", "train.3k.json", "ocnli/train.3k.json"),
    ("ocnli", "dev", "dev.json", "ocnli/dev.json"),
    ("ocnli", "test", "test.json", "ocnli/test.json"),
    ("thucnews", "train", "cnews.train.txt", "thucnews/cnews/cnews.train.txt"),
    ("thucnews", "dev", "cnews.val.txt", "thucnews/cnews/cnews.val.txt"),
    ("thucnews", "dev", "dev.txt", "thucnews/title_subset/dev.txt"),
    ("thucnews", "test", "test.txt", "thucnews/title_subset/test.txt"),
    ("tnews", "train", "train_few_all.json", "tnews/fewclue_train_few_all.json"),
    ("tnews", "dev", "dev.json", "tnews/dev.json"),
    ("tnews", "test", "test.json", "tnews/test.json"),
    ("xnli", "dev", "dev.tsv", "xnli/dev.tsv"),
    ("xnli", "test", "test.tsv", "xnli/test.tsv"),
]
# Tasks whose files are made up in tests/finetuning/layouts.
WITHOUT_FILES = {
    *("cola", "inews", "jdcomment", "mnli", "mrpc", "sentence_pair", "tsv", "weibo_senti_100k")
}
SIDE_FILES = {
    "cail2018/": ["cail2018/accu.txt"],
    "thucnews/title_subset/": ["thucnews/title_subset/class.txt"],
}


def linked(folder, shared, name, source):
    """`folder` with the file under the name of its release, and lists of labels beside it."""
    os.symlink(os.path.join(shared, "datasets", source), str(folder / name))
    for start, others in SIDE_FILES.items():
        for other in others if source.startswith(start) else ():
            target = folder / os.path.basename(other)
            if not target.exists():
                os.symlink(os.path.join(shared, "datasets", other), str(target))
    return str(folder)


def counted_otherwise(task, path):
    """(labels of the examples, mended, skipped) of a file, without the project's readers."""
    with open(path, encoding="utf-8-sig", newline="") as reader:
        text = reader.read()
    ends = text.count("\r\n")
    mended = {"Windows line ends": ends} if ends else {}
    with open(path, "rb") as reader:
        if reader.read(3) == b"\xef\xbb\xbf":
            mended["byte order mark"] = 1
    if path.endswith(".csv"):
        with open(path, encoding="utf-8-sig", newline="") as reader:
            return [row["label"] for row in csv.DictReader(reader)], mended, {}
    lines = [line for line in text.replace("\r\n", "\n").split("\n") if line]
    if not path.endswith(".json"):
        cells = [line.split("\t") for line in lines]
        if {"label", "text_a"} <= set(cells[0]):
            at = cells[0].index("label")
            return [row[at] for row in cells[1:]], mended, {}
        return [row[0 if "cnews." in path else -1] for row in cells], mended, {}
    rows = [json.loads(line) for line in lines]
    if task == "cail2018":
        charges = [row["meta"]["accusation"] for row in rows]
        single = [names[0] for names in charges if len(names) == 1]
        bracketed = sum("[" in name for name in single)
        mended.update({"brackets in charges": bracketed} if bracketed else {})
        labels = [name.replace("[", "").replace("]", "") for name in single]
        return labels, mended, {"cases with several charges": len(rows) - len(single)}
    labels = [row.get("label") for row in rows]
    numbers = sum(isinstance(label, int) for label in labels)
    mended.update({"labels that are numbers": numbers} if numbers else {})
    kept = [None if label is None else str(label) for label in labels if label != "-"]
    dropped = len(labels) - len(kept)
    return kept, mended, {"labels -": dropped} if dropped else {}


@pytest.mark.parametrize(("name", "split", "as_name", "source"), FILES)
def test_every_file_is_read(shared, tmp_path, name, split, as_name, source):
    """As many examples of each label as counted otherwise; nothing is lost without a word."""
    task = get_task(name)
    folder = linked(tmp_path, shared, as_name, source)
    examples = task.read(folder, split)
    labels, mended, skipped = counted_otherwise(name, str(tmp_path / as_name))
    if "class.txt" in os.listdir(folder):
        names = (tmp_path / "class.txt").read_text(encoding="utf-8").split()
        labels = [names[int(label)] for label in labels]
        mended["labels by number"] = len(labels)
    assert [e.label for e in examples] == labels
    assert (dict(examples.mended), dict(examples.skipped)) == (mended, skipped)
    is_pair = name in ("afqmc", "bqcorpus", "cmnli", "csl", "lcqmc", "ocnli", "xnli")
    assert all(e.text_a and (bool(e.text_b) if is_pair else e.text_b is None) for e in examples)
    task.choose_labels(None, folder, {"train": examples})
    numbers = task.label_numbers(examples)
    if labels[0] is not None:
        assert [task.labels[number] for number in numbers] == labels


def test_the_files_cover_all_tasks():
    tasks = map(get_task, TASK_NAMES)
    classes = {task.name for task in tasks if task.kind == "classification"}
    assert {name for name, *_ in FILES} == classes - WITHOUT_FILES


def test_texts_of_the_files(shared, tmp_path):
    """The first example of some files, against the file's own words."""
    with open(os.path.join(shared, "datasets/csl/test_public.json"), encoding="utf-8") as reader:
        row = json.loads(reader.readline())
    folder = linked(tmp_path, shared, "test_public.json", "csl/test_public.json")
    first = get_task("csl").read(folder, "test")[0]
    assert first.text_a.split(" ") == row["keyword"] and first.text_b == row["abst"].strip()
    path = os.path.join(shared, "datasets/cluewsc2020/train_few_all.json")
    with open(path, encoding="utf-8") as reader:
        row = json.loads(reader.readline())
    example = read_json_lines(path, clue.coreference)[0]
    target = row["target"]
    assert "_{}_".format(target["span1_text"]) in example.text_a
    assert "[{}]".format(target["span2_text"]) in example.text_a
    assert len(example.text_a) == len(row["text"]) + 4


# Layouts that the reference data lacks.
XNLI_HEADER = [
    "language",
    "gold_label",
    *("sentence{}_{}parse".format(n, kind) for kind in ("binary_", "") for n in (1, 2)),
    "sentence1",
    "sentence2",
    *("promptID", "pairID", "genre", "label1", "label2", "label3", "label4", "label5"),
    *("sentence1_tokenized", "sentence2_tokenized", "match"),
]


def xnli_row(language, label, first, second):
    cells = dict.fromkeys(XNLI_HEADER, "")
    cells.update(language=language, gold_label=label, sentence1=first, sentence2=second, match="1")
    return "\t".join(cells.values())


def test_xnli_as_released(tmp_path):
    write(
        tmp_path / "xnli.dev.tsv",
        "\t".join(XNLI_HEADER),
        xnli_row("ar", "neutral", "x", "y"),
        xnli_row("zh", "neutral", '他说"妈妈，我回来了。', "他回家了。"),
        xnli_row("zh", "contradiction", "好", "坏"),
        xnli_row("vi", "entailment", "x", "y"),
    )
    write(
        tmp_path / "multinli" / "multinli.train.zh.tsv",
        "premise\thypo\tlabel",
        "从 概念 上 看 , 有 2 个 New York 。\t产品 和 地理 。\tcontradictory",
        "好\t坏\tentailment",
    )
    task = get_task("xnli")
    dev = task.read(str(tmp_path), "dev")
    assert contents(dev) == [
        ('他说"妈妈，我回来了。', "他回家了。", "neutral"),
        ("好", "坏", "contradiction"),
    ]
    assert dev[1].where == "{}, line 4".format(tmp_path / "xnli.dev.tsv")
    assert dev.skipped == {"rows of other languages": 2} and not dev.mended
    train = task.read(str(tmp_path), "train")
    assert contents(train) == [
        ("从概念上看,有2个New York。", "产品和地理。", "contradiction"),
        ("好", "坏", "entailment"),
    ]
    assert train.mended == {"segmented pairs joined": 1, "labels contradictory": 1}
    assert task.labels == NLI and task.label_numbers(dev).tolist() == [2, 0]


def test_words_are_joined_as_chinese_is_written():
    assert join_words("1998 年 3 月") == "1998年3月"
    assert join_words("他 用 Python 3 写 的") == "他用Python 3写的"
    assert join_words("") == ""


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["language\tgold_label\tsentence1"], "line 1: the header names no sentence2"),
        (["\t".join(XNLI_HEADER), "zh\tneutral\ta"], "line 2: 3 columns, where 19 are expected"),
        (
            ["\t".join(XNLI_HEADER), xnli_row("de", "neutral", "a", "b")],
            r"holds no example \(skipped: 1 rows of other languages\)",
        ),
        (["premise\thypo\tlabel"], "holds no example"),
        ([], "holds no example"),
    ],
)
def test_wrong_xnli(tmp_path, lines, message):
    path = write(tmp_path / "x.tsv", *lines)
    with pytest.raises(UserError, match=message) as raised:
        read_xnli(path)
    assert path in str(raised.value)


def test_labels_that_say_there_is_none(tmp_path):
    write(tmp_path / "dev.json", *[{"sentence1": "a", "sentence2": "b", "label": "-"}] * 3)
    with pytest.raises(UserError, match=r"dev.json holds no example \(skipped: 3 labels -\)"):
        get_task("cmnli").read(str(tmp_path), "dev")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "dev.json, line 2 is not JSON: "),
        ("[1]", "dev.json, line 2 is JSON, but no object"),
        ({"sentence1": "a"}, r"line 2 has no 'sentence2'; its fields are 'sentence1'"),
        ({"sentence1": "a", "sentence2": 7}, r"line 2: 'sentence2' is 7, but must be a text"),
        ({"sentence1": "a", "sentence2": "b", "label": 0.5}, r"'label' is 0.5, but must be a text"),
    ],
)
def test_wrong_json_lines(tmp_path, line, message):
    write(tmp_path / "dev.json", {"sentence1": "a", "sentence2": "b", "label": "1"}, line)
    with pytest.raises(UserError, match=message):
        get_task("afqmc").read(str(tmp_path), "dev")


def test_json_lines_that_are_not_utf8_or_empty(tmp_path):
    path = tmp_path / "dev.json"
    path.write_bytes(b'{"sentence": "a"}\n' + '{"sentence": "好"}\n'.encode("gb18030"))
    with pytest.raises(UserError, match=r"dev.json, line 2 is not UTF-8; mend the line"):
        get_task("tnews").read(str(tmp_path), "dev")
    path.write_bytes(b"\r\n\r\n")
    with pytest.raises(UserError, match=r"dev.json holds no example"):
        get_task("tnews").read(str(tmp_path), "dev")


def test_labels_are_texts_whatever_json_has(tmp_path):
    rows = [{"sentence": "a", "label": label} for label in ("100", 116, "", True)]
    examples = get_task("tnews").read(os.path.dirname(write(tmp_path / "dev.json", *rows)), "dev")
    assert [e.label for e in examples] == ["100", "116", None, "true"]
    assert examples.mended == {"labels that are numbers": 1}
    with pytest.raises(UserError, match=r"line 4: unknown label 'true'; known are 100, 101, 102"):
        get_task("tnews").label_numbers(examples)


def test_halves_of_surrogate_pairs(tmp_path):
    (tmp_path / "dev.json").write_text('{"sentence": "a\\ud83d", "label": "100"}\n')
    examples = get_task("tnews").read(str(tmp_path), "dev")
    assert contents(examples) == [("a\ufffd", None, "100")]
    assert examples.mended == {"texts with half a surrogate pair, now U+FFFD": 1}


def coreference(tmp_path, text, first, second):
    target = {"span1_text": first[0], "span1_index": first[1]}
    target.update(span2_text=second[0], span2_index=second[1])
    row = {"target": target, "label": "true", "text": text}
    return read_json_lines(write(tmp_path / "w.json", row), clue.coreference)


def test_marks_of_coreference(tmp_path):
    assert coreference(tmp_path, "王二说他来", ("王二", 0), ("他", 3))[0].text_a == "_王二_说[他]来"
    assert coreference(tmp_path, "他是王二", ("王二", 2), ("他", 0))[0].text_a == "[他]是_王二_"
    assert coreference(tmp_path, "王二他", ("王二", 0), ("他", 2))[0].text_a == "_王二_[他]"
    examples = coreference(tmp_path, "王二说他来", ("王二", 0), ("他", 2))
    assert examples[0].text_a == "_王二_说[他]来"
    assert examples.mended == {"spans found in another place": 1}
    with pytest.raises(UserError, match=r"1 spans that are not in their place"):
        coreference(tmp_path, "他说他来", ("他", 1), ("来", 3))
    with pytest.raises(UserError, match=r"w.json, line 1: a span is empty"):
        coreference(tmp_path, "王二", ("", 0), ("二", 1))


def test_charges(tmp_path):
    def case(*charges):
        return {"fact": "事实", "meta": {"accusation": list(charges)}}

    cases = [case("[生产、销售]假药"), case("盗窃", "诈骗"), case(), {"fact": "又"}, case("盗窃")]
    write(tmp_path / "data_valid.json", *cases)
    examples = get_task("cail2018").read(str(tmp_path), "dev")
    assert [e.label for e in examples] == ["生产、销售假药", None, "盗窃"]
    assert examples.mended == {"brackets in charges": 1}
    assert examples.skipped == {"cases with several charges": 1, "cases with no charge": 1}
    with pytest.raises(UserError, match="line 1 has no 'accusation'"):
        write(tmp_path / "data_valid.json", {"fact": "a", "meta": {}})
        get_task("cail2018").read(str(tmp_path), "dev")
    with pytest.raises(UserError, match=r"line 2: the charge is '\[\]'"):
        write(tmp_path / "data_valid.json", case("盗窃"), case("[]"))
        get_task("cail2018").read(str(tmp_path), "dev")


def test_news_by_number_and_by_name(tmp_path):
    write(tmp_path / "class.txt", "finance", "realty")
    write(tmp_path / "dev.txt", "涨停\t0", "楼市\t1")
    task = get_task("thucnews")
    examples = task.read(str(tmp_path), "dev")
    assert contents(examples) == [("涨停", None, "finance"), ("楼市", None, "realty")]
    assert task.choose_labels(None, str(tmp_path), {"dev": examples}).endswith("class.txt")
    assert task.label_numbers(examples).tolist() == [0, 1]
    write(tmp_path / "cnews.val.txt", "体育\t涨停", '财经\t"楼市')
    (tmp_path / "class.txt").unlink()
    examples = task.read(str(tmp_path), "dev")
    assert contents(examples) == [("涨停", None, "体育"), ('"楼市', None, "财经")]


def test_tasks_by_name():
    assert {"tsv", "multi_label", "ner", "cmrc2018"} < set(TASK_NAMES)
    assert get_task("lcqmc") is not get_task("lcqmc")
    with pytest.raises(UserError, match=r"'lcmqc' is not known .* lcqmc, mnli, .* wsc$"):
        get_task("lcmqc")


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("XNLI", "xnli"),
        ("TNEWS", "tnews"),
        ("CMRC2018", "cmrc2018"),
        ("DRCD", "drcd"),
        ("wsc", "cluewsc2020"),
        ("WSC", "cluewsc2020"),
        ("msraner", "msra_ner"),
        ("lcqmc_pair", "lcqmc"),
        ("bq", "bqcorpus"),
        ("iflydata", "iflytek"),
    ],
)
def test_names_of_other_programs(typed, name):
    """CLUE's scripts, brightmart/albert_zh and google-research/bert, which lower-cases names."""
    assert registered_name(typed) == name == get_task(typed).name


@pytest.mark.parametrize(
    ("name", "known", "expected"),
    [
        ("MSRANER", ["tsv", "msra_ner"], "msra_ner"),
        ("bq", ["bqcorpus", "bq"], "bq"),
        ("bqcorpus", ["bq"], "bq"),
        ("LCQMC_PAIR", [], "lcqmc"),
        ("lcqmc_pair", ["tsv"], "lcqmc"),
        ("of_others", ["tsv"], "of_others"),
        ("Of_Others", ["Of_Others"], "Of_Others"),
        ("tsv", [None, "TSV"], "TSV"),
    ],
)
def test_names_among_those_of_a_checkpoint(name, known, expected):
    assert name_among(name, known) == expected
