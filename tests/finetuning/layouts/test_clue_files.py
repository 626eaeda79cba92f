"""Files of CLUE's first packaging and of its scripts, made up in the layouts that its READMEs and
programs describe."""

import json

import pytest

from common.errors import UserError
from finetuning.registry import get_task


def write(path, *lines):
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")


def contents(examples):
    return [(e.text_a, e.text_b, e.label) for e in examples]


def test_inews(tmp_path):
    """Label, number, title, text."""
    write(tmp_path / "train.txt", "1_!_00a_!_好题_!_一段_!_正文", "2_!_00b_!_题_!_文", "0_!_00c")
    examples = get_task("inews").read(str(tmp_path), "train")
    assert contents(examples) == [("好题", "一段_!_正文", "1"), ("题", "文", "2")]
    assert examples.skipped == {"lines with less than 4 cells": 1}
    assert examples[1].where == "{}, line 2".format(tmp_path / "train.txt")


def test_a_first_line_that_names_the_columns(tmp_path):
    write(tmp_path / "dev.txt", "label_!_id_!_title_!_text", "", "1_!_00a_!_题_!_文", "")
    examples = get_task("inews").read(str(tmp_path), "dev")
    assert contents(examples) == [("题", "文", "1")]
    assert (examples.mended, examples.skipped) == ({"header lines": 1}, {"empty lines": 1})


@pytest.mark.parametrize(
    ("task", "name", "line", "text", "label"),
    [
        ("thucnews", "train.txt", "11_!_科技_!_493337.txt_!_高清播放器", "高清播放器", "11"),
        ("tnews", "toutiao_category_train.txt", "65_!_102_!_news_x_!_标题_!_词", "标题", "102"),
        ("iflytek", "train.txt", "17_!_休闲益智_!_一个应用", "一个应用", "17"),
    ],
)
def test_first_packaging(tmp_path, task, name, line, text, label):
    write(tmp_path / name, line)
    examples = get_task(task).read(str(tmp_path), "train")
    assert contents(examples) == [(text, None, label)]


def test_newer_files_come_first(tmp_path):
    write(tmp_path / "train.txt", "17_!_休闲益智_!_一个应用")
    write(tmp_path / "train.json", json.dumps({"sentence": "新", "label": "3"}))
    assert contents(get_task("iflytek").read(str(tmp_path), "train")) == [("新", None, "3")]


def test_jdcomment(tmp_path):
    """Quoted cells with commas and line ends, a header, further columns."""
    header = '"rating","title","comment","time"'
    write(tmp_path / "jd_dev.csv", header, '"5","好, 很好","第一行\n第二行","2020"', "1,坏,差,")
    task = get_task("jdcomment")
    examples = task.read(str(tmp_path), "dev")
    assert contents(examples) == [("好, 很好", "第一行\n第二行", "5"), ("坏", "差", "1")]
    assert task.labels == ["1", "2", "3", "4", "5"]
    write(tmp_path / "jd_dev.csv", "5,好")
    with pytest.raises(UserError, match=r"jd_dev.csv, line 1: 2 columns; label, title, comment"):
        task.read(str(tmp_path), "dev")


def test_sentence_pair(tmp_path):
    """brightmart/albert_zh and roberta_zh: two texts and 0 or 1."""
    write(tmp_path / "train_0827.tsv", "text_a\ttext_b\tlabel", "甲\t乙\t1")
    write(tmp_path / "dev.tsv", "甲\t丙\t0")
    task = get_task("sentence_pair")
    assert contents(task.read(str(tmp_path), "train")) == [("甲", "乙", "1")]
    assert contents(task.read(str(tmp_path), "dev")) == [("甲", "丙", "0")]
    assert task.labels == ["0", "1"]


def test_xnli_of_clue(tmp_path):
    rows = [
        {"premise": "从 概念 上 看", "hypo": "New York 好", "label": "contradictory"},
        {"premise": "好", "hypo": "坏", "label": "neutral"},
    ]
    write(tmp_path / "train.json", *map(json.dumps, rows))
    write(tmp_path / "test.json", json.dumps({"premise": "好", "hypo": "坏"}))
    task = get_task("XNLI")
    train = task.read(str(tmp_path), "train")
    assert contents(train) == [
        ("从概念上看", "New York好", "contradiction"),
        ("好", "坏", "neutral"),
    ]
    assert train.mended == {"segmented pairs joined": 1, "labels contradictory": 1}
    assert contents(task.read(str(tmp_path), "test")) == [("好", "坏", None)]
