"""annotate_corpus.py: text to CoNLL-U, the same bytes whatever happens on the way."""

import dataclasses
import glob
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import conllu
import numpy as np
import pytest
from conftest import ROOT
from creation_runs import contents
from creation_runs import make as make_records
from ltp_models import GOLD, SENTENCES, raw_text, write_vocabulary

from common.errors import UserError
from data import annotation
from data.annotation import AnnotationSettings
from data.jobs import runner
from data.jobs.executors import LocalProcesses
from data.records import manifest
from data.text.ltp.annotator import LtpAnnotator
from data.text.segmentation import make_segmenter

both = pytest.mark.parametrize("kind", ["legacy", "neural"])
BY_TEXT = {sentence.text: sentence for sentence in SENTENCES}


def annotate(folder, text, model, workers=1, names=("a.conllu",), **changes):
    """Paths and manifest of annotations made in this process."""
    folder.mkdir(exist_ok=True)
    source = folder / "in.txt"
    source.write_text(text, encoding="utf-8")
    settings = dataclasses.replace(AnnotationSettings(model), **changes)
    paths = [str(folder / "o" / name) for name in names]
    work, executor = annotation.AnnotationWork(settings), LocalProcesses(workers)
    result = runner.create(work, [str(source)], paths, executor, lambda line: None)
    return paths, result


def parsed(path):
    with open(path, encoding="utf-8") as f:
        return conllu.parse(f.read())


@both
def test_words_tags_and_documents(tmp_path, models, kind):
    (path,), result = annotate(tmp_path, raw_text(2), models[kind])
    found = parsed(path)
    texts = [s for s in raw_text(2).split("\n") if s]
    assert [sentence.metadata["text"] for sentence in found] == texts
    newdoc = ["newdoc" in sentence.metadata for sentence in found]
    assert newdoc == [i % 6 == 0 for i in range(len(texts))]
    for sentence in found:
        gold = BY_TEXT[sentence.metadata["text"]]
        assert [w["form"] for w in sentence] == gold.words
        assert [w["xpos"] for w in sentence] == gold.pos
        assert [w["misc"]["NER"] for w in sentence] == gold.ner
        assert all(w["misc"]["SpaceAfter"] == "No" for w in sentence)
        if kind == "neural":
            assert [w["head"] for w in sentence] == gold.heads
            assert [w["deprel"] for w in sentence] == gold.labels
        else:
            assert {(w["head"], w["deprel"]) for w in sentence} == {(None, "_")}
    assert result["sentences"] == len(texts) and result["unaligned_sentences"] == 0
    assert (
        result["words"]
        == sum(map(len, found))
        == sum(count for tag, count in result["tag_counts"].items() if tag.startswith("POS-"))
    )
    assert result["documents"] == 8 and result["characters"] >= sum(map(len, texts))


@both
def test_blanks_and_characters_of_no_width_are_kept(tmp_path, models, kind):
    text = "我爱 自然\u3000语言\t处理\n\n 猫\u200b在桌子下面睡觉。"
    (path,), _ = annotate(tmp_path, text, models[kind])
    first, second = parsed(path)
    assert first.metadata["text"] == "我爱 自然\u3000语言\t处理"
    forms = [w["form"] for w in first]
    assert "".join(forms) == "我爱自然语言处理"
    ends = np.cumsum([len(form) for form in forms])
    spaced = [(w["misc"] or {}).get("SpaceAfter") != "No" for w in first]
    assert [int(end) for end, blank in zip(ends, spaced) if blank] == [2, 4, 6]
    assert second.metadata["text"] == "猫\u200b在桌子下面睡觉。" and "newdoc" in second.metadata
    assert second[0]["form"] == "猫"
    if kind == "neural":  # heads count in the sentence, a root in each of its parts
        heads = [w["head"] for w in first]
        assert heads.count(0) >= 4 and max(heads) <= len(first)


def test_sentences_whose_words_do_not_join(tmp_path, models):
    # LTP's tokenizer drops the accent in front.
    text = "今天的天气很好！\n\u0301我爱 BERT。\n我爱自然语言处理\n"
    (path,), result = annotate(tmp_path, text, models["neural"])
    found = parsed(path)
    assert [w["form"] for w in found[1]] == ["\u0301", "我", "爱", *"BERT", "。"]
    assert {(w["xpos"], w["head"], w["deprel"]) for w in found[1]} == {(None, None, "_")}
    assert found[1][2]["misc"] is None and found[1][3]["misc"] == {"SpaceAfter": "No"}
    assert result["unaligned_sentences"] == 1
    assert result["unaligned_examples"] == [repr("\u0301我爱 BERT。")]
    assert result["tag_counts"]["POS-_"] == 8


@both
def test_records_of_annotations_and_of_text_are_equal(tmp_path, models, kind):
    text = raw_text(3) + "\n我爱 自然\u3000语言\t处理BERT 2019 年\n\u0301我爱“BERT”模型\n"
    text += "\u200b\n长江\u200b是最长的河流。\n\n\u200b。\u200b\n\n\u200b\n他\n"
    (path,), _ = annotate(tmp_path, text, models[kind])
    vocab = write_vocabulary(tmp_path / "vocab.txt", ["ber", "##t"])
    common = {
        "vocab_file": vocab, "objective": "lert", "short_seq_prob": 0.0, "max_seq_length": 40,
        "max_predictions_per_seq": 8,
    }  # fmt: skip
    made = make_records(tmp_path / "1", [path], input_format="conllu", **common)
    direct = make_records(
        tmp_path / "2",
        [str(tmp_path / "in.txt")],
        segmenter="ltp",
        ltp_model=models[kind],
        **common,
    )
    assert contents(made[0]) == contents(direct[0])
    assert made[1]["tag_counts"] == direct[1]["tag_counts"]
    assert made[1]["examples"] == direct[1]["examples"]


@both
def test_quotes_text_fields_and_long_sentences(tmp_path, models, kind):
    record = {"a": "“猫在桌子下面睡觉，猫在桌子下面睡觉。”", "b": "我们应该保护环境"}
    text = json.dumps(record) + "\n"
    (path,), _ = annotate(
        tmp_path, text, models[kind], input_format="jsonl", text_fields=("a", "b"),
        normalize_quotes=True, max_sentence_chars=12,
    )  # fmt: skip
    texts = [sentence.metadata["text"] for sentence in parsed(path)]
    assert texts == ['"猫在桌子下面睡觉，', '猫在桌子下面睡觉。"', "我们应该保护环境"]


def test_a_dictionary_keeps_words_whole(tmp_path, models):
    words = tmp_path / "words.txt"
    words.write_text("语言模型来\n", encoding="utf-8")
    for kind in ("legacy", "neural"):
        (path,), result = annotate(
            tmp_path / kind, "使用语言模型来预测下一个词\n", models[kind], user_dict=str(words)
        )
        (sentence,) = parsed(path)
        (word,) = [w for w in sentence if w["form"] == "语言模型来"]
        assert word["xpos"] and result["unaligned_sentences"] == 0


def test_workers_and_shards_do_not_change_a_byte(tmp_path, models, monkeypatch):
    names = ["a-{:05d}-of-00003".format(i) for i in range(3)]
    text = raw_text(60)
    made = [
        contents(annotate(tmp_path / str(n), text, models["legacy"], n, names)[0]) for n in (1, 2)
    ]
    assert made[0] == made[1] and all(made[0])
    one, result = annotate(tmp_path / "one", text, models["legacy"])
    assert contents(one)[0].count(b"# text") == b"".join(made[0]).count(b"# text")
    assert result["shards"]["a.conllu"]["sentences"] == result["sentences"]
    again = annotate(tmp_path / "1", text, models["legacy"], 2, names)[1]
    assert set(again["shards"]) == set(names)


class TestAnnotator:
    def offsets(self, sentences):
        lengths = np.array([len(s) for s in sentences], dtype=np.int64)
        starts = np.cumsum(lengths + 1) - lengths - 1
        return "\n".join(sentences), starts, starts + lengths

    @both
    def test_batches_do_not_change_what_is_said(self, models, kind):
        text, starts, ends = self.offsets([*GOLD, "", "BERT模型 2019年 abc", "\ufffd", "。"])
        annotator = LtpAnnotator(models[kind], tagged=True)
        shares = []
        expected = annotator.annotate(text, starts, ends, shares.append)
        assert shares == sorted(shares) and shares[-1] == 1.0
        for size, most in ((1, 10), (3, 10**6), (10**6, 10**6)):
            annotator._batch_size, annotator._batch_chars = size, most
            assert annotator.annotate(text, starts, ends, lambda share: None) == expected

    @both
    def test_nothing_to_annotate(self, models, kind):
        annotator = LtpAnnotator(models[kind], tagged=True)
        for sentences in ([], ["", " \u200b"]):
            text, starts, ends = self.offsets(sentences)
            assert annotator.annotate(text, starts, ends, lambda share: None) == []
            assert annotator.words(text, starts, ends, lambda share: None).tags.shape == (0, 3)

    @both
    def test_words_are_those_of_the_segmenter(self, models, kind):
        text, starts, ends = self.offsets(["我们应该保护 BERT。", *GOLD])
        tagged = LtpAnnotator(models[kind], tagged=True).words(text, starts, ends, lambda s: None)
        segmenter = make_segmenter("ltp", models[kind])
        marks, bad = segmenter.words(text, starts, ends, lambda s: None)[:2]
        assert (tagged.starts == marks).all() and (tagged.unusable == bad).all()
        assert len(tagged.tags) == marks.sum()

    def test_a_model_that_fails(self, models, monkeypatch):
        def fail(texts, tasks, raw_format, parallelism):
            if len(tasks) > 1 and "我爱" in texts and (broken or len(annotator._ltp.hook)):
                raise ValueError("out of order")
            words = [list(text) for text in texts]
            return dict.fromkeys(tasks, words)

        text, starts, ends = self.offsets(["我爱", "他们", "她们"])
        annotator, broken = LtpAnnotator(models["legacy"], tagged=True), True
        monkeypatch.setattr(annotator._ltp, "pipeline", fail)
        for words in ((), ["我爱"]):
            annotator = LtpAnnotator(models["legacy"], words, tagged=True)
            with pytest.raises(UserError, match=r"fails on '我爱': .*out of order"):
                annotator.annotate(text, starts, ends, lambda share: None)
        broken = False
        # LTP raises KeyError where a word of the dictionary ends inside a piece.
        annotator = LtpAnnotator(models["legacy"], ["我爱"], tagged=True)
        found = annotator.annotate(text, starts, ends, lambda share: None)
        assert [stretch.words for stretch in found] == [["我爱"], ["他", "们"], ["她", "们"]]
        assert [stretch.pos for stretch in found] == [None, ["他", "们"], ["她", "们"]]

    def test_a_model_without_tags(self, models, tmp_path):
        model = str(shutil.copytree(models["legacy"], str(tmp_path / "model")))
        path = os.path.join(model, "config.json")
        with open(path, encoding="utf-8") as f:
            config = json.load(f)
        config["tasks"] = {"cws": config["tasks"]["cws"], "ner": config["tasks"]["ner"]}
        with open(path, "w", encoding="utf-8") as f:
            json.dump(config, f)
        (made,), result = annotate(tmp_path, "我爱自然语言处理\n", model)
        assert {w["xpos"] for w in parsed(made)[0]} == {None}
        assert result["tag_counts"]["POS-_"] == result["words"]
        with pytest.raises(UserError, match="gives words but no tags"):
            make_records(
                tmp_path / "r", [str(tmp_path / "in.txt")], objective="lert", segmenter="ltp",
                ltp_model=model, short_seq_prob=0.0,
            )  # fmt: skip


class TestScript:
    @pytest.fixture
    def flags(self, models, tmp_path):
        """Flags of a run over a corpus of several parts."""
        (tmp_path / "in.txt").write_text(raw_text(40), encoding="utf-8")
        return {
            "input_file": str(tmp_path / "in.txt"),
            "output_file": str(tmp_path / "out" / "a.conllu"),
            "ltp_model": models["legacy"],
            "num_workers": 2,
            "num_shards": 2,
        }

    def test_report_and_every_flag(self, flags, run_in_one, tmp_path, models):
        words = tmp_path / "words.txt"
        words.write_text("自然语言\n从不出现\n", encoding="utf-8")
        (tmp_path / "in.jsonl").write_text('{"t": "我愛自然語言處理。"}\n', encoding="gb18030")
        given = {
            "encoding": "gb18030", "keep_text_private": True,
            "input_format": "jsonl", "text_fields": "t", "normalize_quotes": True, "t2s": True,
            "max_sentence_chars": 30, "user_dict": str(words), "batch_size": 3,
            "ltp_model": models["legacy"], "ltp_precision": "fp32",
        }  # fmt: skip
        files = {"input_file": str(tmp_path / "in.jsonl"), "output_file": str(tmp_path / "b")}
        result, again, other = run_in_one(
            "annotate_corpus.py", [flags, flags, dict(given, num_workers=1, **files)]
        )
        assert result.returncode == 0, result.stderr
        out = result.stdout
        assert "160 documents, 960 sentences, " in out and " characters/s" in out
        assert "note: the model gives no tags of the kind dep" in out
        made = manifest.read_manifest(str(tmp_path / "out" / "_a.conllu.manifest.json"))
        assert sorted(os.listdir(str(tmp_path / "out"))) == sorted(
            [*made["shards"], "_a.conllu.manifest.json"]
        )
        assert made["flags"]["batch_size"] == 32 and "tag_counts" in made
        assert "is complete and made from the same input: kept" in again.stdout
        assert other.returncode == 0, other.stderr
        made = manifest.read_manifest(str(tmp_path / "_b.manifest.json"))
        assert made["flags"] == dict(given, text_fields=["t"])
        assert "1 of 2 words occur; 1 never do" in other.stdout
        shown = other.stdout + json.dumps(made)
        assert "\\u" not in shown and shown.isascii()  # no word of the text
        assert "自然语言\t" in (tmp_path / "b").read_text(encoding="utf-8")

    def test_a_killed_run_goes_on(self, flags, run_in_one, tmp_path, models):
        (tmp_path / "in.txt").write_text(raw_text(160), encoding="utf-8")
        flags = dict(flags, ltp_model=models["neural"], num_shards=4)
        command = [sys.executable, "annotate_corpus.py"]
        command += ["--{}={}".format(*item) for item in flags.items()]
        parts = os.path.join(str(tmp_path), "out", "_a.conllu.partial", "unit-*.json")
        process = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        deadline = time.time() + 120
        while not glob.glob(parts) and process.poll() is None and time.time() < deadline:
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.wait()
        kept = len(glob.glob(parts))
        straight = dict(flags, output_file=str(tmp_path / "straight" / "a.conllu"))
        alone = [dict(each, num_workers=1) for each in (flags, straight)]
        again, other = run_in_one("annotate_corpus.py", alone)
        assert again.returncode == other.returncode == 0, again.stderr + other.stderr
        assert kept and "kept from an earlier run" in again.stdout
        for folder in ("out", "straight"):
            assert len(os.listdir(str(tmp_path / folder))) == 5
        names = ["a.conllu-{:05d}-of-00004".format(i) for i in range(4)]
        made, expected = (
            contents([str(tmp_path / folder / name) for name in names])
            for folder in ("out", "straight")
        )
        assert made == expected

    def test_bad_flags(self, flags, run_in_one, one_line_error, tmp_path):
        out = str(tmp_path / "out")
        cases = [
            ({"input_file": None}, ["--input_file is required"]),
            ({"output_file": None}, ["--output_file is required"]),
            ({"ltp_model": None}, ["--ltp_model is required"]),
            ({"ltp_model": "/not/here"}, ["LTP model directory /not/here does not exist"]),
            ({"ltp_model": __file__}, ["py is a file, no LTP model's directory"]),
            ({"ltp_model": ROOT}, ["holds no LTP model: config.json is missing"]),
            ({"input_file": "/nowhere/*"}, ["no file matches /nowhere/*"]),
            ({"batch_size": 0}, ["--batch_size must be 1 or more, found 0"]),
            ({"max_sentence_chars": 3}, ["--max_sentence_chars must be 8 or more"]),
            ({"input_format": "conllu"}, ["--input_format=conllu"]),
            ({"text_fields": "a"}, ["--text_fields needs --input_format=jsonl"]),
            ({"input_format": "text", "max_sentence_chars": 30}, ["--max_sentence_chars needs"]),
            ({"num_workers": -1}, ["--num_workers must be 0 or more"]),
            ({"num_shards": 0}, ["--num_shards must be from 1"]),
            ({"num_shards": 5000}, ["too few for 5000 shards"]),
            (
                {"output_file": "{0}/a.gz,{0}/b.gz".format(out)},
                ["out/a.gz would not be compressed"],
            ),
            ({"output_file": out + "/a.gz"}, ["out/a.gz would not be compressed"]),
            ({"output_file": out + "/*.gz"}, ["out/*.gz would not be compressed"]),
            ({"user_dict": "/nowhere/words"}, ["cannot read /nowhere/words", "--user_dict"]),
            ({"normalize_quotes": "perhaps"}, ["--normalize_quotes"]),
        ]
        given = [
            {name: value for name, value in dict(flags, **changes).items() if value is not None}
            for changes, _ in cases
        ]
        for (_, words), result in zip(cases, run_in_one("annotate_corpus.py", given)):
            one_line_error(result, *words)
        assert not (tmp_path / "out").exists()

    def test_bad_input_and_models(self, flags, run_in_one, one_line_error, tmp_path):
        bad = tmp_path / "bad.txt"
        bad.write_bytes("好。\n坏".encode("gb18030"))
        model = str(shutil.copytree(flags["ltp_model"], str(tmp_path / "model")))
        with open(os.path.join(model, "pos_model.bin"), "r+b") as f:
            f.truncate(1000)
        given = [
            dict(flags, num_shards=1, num_workers=workers, **changes)
            for changes in ({"input_file": str(bad)}, {"ltp_model": model})
            for workers in (1, 2)
        ]
        blank = tmp_path / "blank.txt"
        blank.write_text(" \n\u200b\n", encoding="utf-8")
        given.append(dict(flags, num_shards=1, num_workers=1, input_file=str(blank)))
        results = run_in_one("annotate_corpus.py", given)
        one_line_error(results.pop(), "no text to make annotations from")
        for result in results[:2]:
            one_line_error(result, "bad.txt line 1 is not UTF-8")
        for result in results[2:]:
            one_line_error(result, "pos_model.bin is damaged", "--ltp_model")
        assert not (tmp_path / "out" / "a.conllu").exists()

    def test_hub_that_cannot_be_reached(self, flags, run_script, one_line_error, tmp_path):
        nowhere = {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(tmp_path / "hub")}
        result = run_script("annotate_corpus.py", env=nowhere, **dict(flags, ltp_model="LTP/tiny"))
        one_line_error(result, "LTP/tiny", "cannot be fetched from the hub", "give its directory")
        assert not (tmp_path / "out").exists(), "it had begun"

    def test_workers_import_no_tensorflow(self):
        code = (
            "import sys, annotate_corpus, data.annotation, data.jobs.executors; "
            "sys.exit('tensorflow' in sys.modules)"
        )
        assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def test_settings_check_themselves(models):
    with pytest.raises(UserError, match="unknown --input_format 'xml'; known are raw, text, jsonl"):
        AnnotationSettings(models["legacy"], input_format="xml").check()
    assert annotation.AnnotationWork(AnnotationSettings(models["legacy"])).model_files
