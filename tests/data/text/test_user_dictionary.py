"""User dictionaries: every line is used as it is meant, or named with file, line and reason."""

import json
import os

import numpy as np
import pytest
from creation_runs import VOCAB, make
from record_checks import check_shards

from common.errors import UserError
from data.creation import RecordWork
from data.creation_settings import CreationSettings
from data.jobs.statistics import add_statistics
from data.text.documents import normalization
from data.text.segmentation import make_segmenter
from data.text.user_dictionary import read_user_dictionary
from data.tokenizers.vocabularies import read_vocabulary

# Words that jieba's regular expressions part.
ODD = [
    "*ST舜天",
    "迈克尔·乔丹",
    "脑钠肽/前体",
    "ＡＢＣ公司",
    "α-突触核蛋白",
    "“你好”",
    "5%葡萄糖",
    "(2R)-酸",
]
NATIVE = ["语言模型来", "5G手机", "C++", "COVID-19疫苗", "T恤衫"]
text_segmenters = pytest.mark.parametrize("name", ["rjieba", "jieba"])


def dictionary(folder, text):
    path = folder / "words.txt"
    path.write_text(text, encoding="utf-8")
    return str(path)


def words_of(segmenter, text):
    found = segmenter.words(text, np.array([0]), np.array([len(text)]), lambda share: None)
    at = [*np.flatnonzero(found.starts).tolist(), len(text)]
    return [text[a:b] for a, b in zip(at, at[1:])], dict(found.user_words)


class TestEveryWordIsFound:
    @text_segmenters
    def test_whatever_its_characters_are(self, name, tmp_path):
        words = [*ODD, *NATIVE, "New York"]
        lines = [word + ("\t" if " " in word else "") for word in words]
        segmenter = make_segmenter(name, user_dict=dictionary(tmp_path, "\n".join(lines)))
        for word in words:
            text = "关于" + word + "的消息"
            found, counts = words_of(segmenter, text)
            assert word in found, found
            assert "".join(found) == text
            assert counts == {word: 1}

    def test_with_ltp(self, models, tmp_path):
        segmenter = make_segmenter(
            "ltp", models["legacy"], dictionary(tmp_path, "\n".join([*ODD, *NATIVE]))
        )
        for word in [*ODD, *NATIVE]:
            found, counts = words_of(segmenter, "关于" + word + "的消息")
            assert word in found and counts == {word: 1}

    @text_segmenters
    def test_with_a_frequency_too_small_for_jieba_alone(self, name, tmp_path):
        path = dictionary(tmp_path, "好用的 1 n\n*ST舜天 1\n")
        found, _ = words_of(make_segmenter(name, user_dict=path), "很好用的*ST舜天")
        assert found[-2:] == ["好用的", "*ST舜天"]

    @text_segmenters
    def test_the_longest_counts_and_letters_are_not_torn(self, name, tmp_path):
        path = dictionary(tmp_path, "脑钠肽/前体\n脑钠肽/前体升高症\nai/x\n")
        segmenter = make_segmenter(name, user_dict=path)
        found, counts = words_of(segmenter, "脑钠肽/前体升高症\nsaid\n脑钠肽/前体")
        words = [word.strip() for word in found]
        assert words[0] == "脑钠肽/前体升高症" and words[-1] == "脑钠肽/前体" and "said" in words
        assert counts == {"脑钠肽/前体升高症": 1, "脑钠肽/前体": 1}

    @text_segmenters
    def test_words_of_normalized_text(self, name, tmp_path):
        path = dictionary(tmp_path, "“天眼”工程\n")
        segmenter = make_segmenter(name, user_dict=path, normalize=normalization(True, False))
        assert words_of(segmenter, '关于"天眼"工程的')[1] == {'"天眼"工程': 1}

    def test_words_of_simplified_text(self, tmp_path):
        pytest.importorskip("opencc")
        (tmp_path / "in.txt").write_text("關於*ST舜天電機的消息。\n", encoding="utf-8")
        words = dictionary(tmp_path, "*ST舜天電機\n")
        _, result = make(tmp_path / "out", [str(tmp_path / "in.txt")], user_dict=words, t2s=True)
        assert result["user_dict"] == {"words": 1, "found": 1, "never": []}

    def test_in_the_rows(self, tmp_path):
        """The pieces of a word are masked together: the groups of dynamic records are the words."""
        path = tmp_path / "in.txt"
        path.write_text("关于*ST天天的消息。\n请看迈克·天天的书。\n", encoding="utf-8")
        changes = {"user_dict": dictionary(tmp_path, "*ST天天\n迈克·天天\n"), "dupe_factor": 30}
        paths, result = make(tmp_path / "out", [str(path)], **changes)
        vocabulary = read_vocabulary(VOCAB)
        rows = check_shards(paths, vocabulary)
        ids = vocabulary.make_tokenizer(True).tokenize("天天").ids.tolist()
        chosen = set()
        for row, places, labels in zip(
            rows["input_ids"], rows["masked_lm_positions"], rows["masked_lm_ids"]
        ):
            masked = dict(zip(places.tolist(), labels.tolist()))
            original = [masked.get(i, token) for i, token in enumerate(row.tolist())]
            for i in range(len(original) - 1):
                if original[i : i + 2] == ids:
                    chosen.add((i in masked, i + 1 in masked))
        assert chosen == {(True, True), (False, False)}
        assert result["user_dict"] == {"words": 2, "found": 2, "never": []}


@pytest.mark.parametrize(
    "line, expected",
    [
        ("云计算", ("云计算", None, None)),
        ("云计算 5", ("云计算", 5, None)),
        ("云计算 5 n", ("云计算", 5, "n")),
        ("云计算 n", ("云计算", None, "n")),
        ("云计算 brand", ("云计算", None, "brand")),
        ("云计算\t5\tn\r", ("云计算", 5, "n")),
        ("云计算\t\tn", ("云计算", None, "n")),
        ("New York", ("New York", None, None)),
        ("big data 3 eng", ("big data", 3, "eng")),
        ("machine learning", ("machine learning", None, None)),
        ("iPhone 15\t", ("iPhone 15", None, None)),
        ("iPhone 15\t7\tnz", ("iPhone 15", 7, "nz")),
        ("iPhone 15", ("iPhone", 15, None)),
        ("X 光机\t9", ("X 光机", 9, None)),
        ("张\u3000三\t3", ("张 三", 3, None)),
    ],
)
def test_the_fields_of_a_line(line, expected, tmp_path):
    (word,) = read_user_dictionary(dictionary(tmp_path, line + "\n")).words
    assert word[:3] == expected


@pytest.mark.parametrize(
    "line, message",
    [
        ("云计算 -5", "line 2: the frequency must be a whole number, found '-5'"),
        ("云计算 3.5 n", "line 2: expected a word, a frequency and a tag, found 3 fields"),
        ("云计算 1e5", "line 2: the frequency must be a whole number, found '1e5'"),
        ("云计算\t80%", "line 2: the frequency must be a whole number, found '80%'"),
        ("北京 大学", "line 2: expected a word, a frequency and a tag, found 2 fields; put tabs"),
        ("二 2 n 三", "line 2: expected a word, a frequency and a tag, found 4 fields"),
        ("云计算\tn\tv", "line 2: expected a word, a frequency and a tag, found 3 fields"),
        ("\t5", "line 2: expected a word, a frequency and a tag"),
        ("云 9999999999", "line 2: the frequency is too large"),
    ],
)
def test_lines_that_are_refused(line, message, tmp_path):
    path = dictionary(tmp_path, "一 1 n\n" + line + "\n")
    with pytest.raises(UserError) as caught:
        read_user_dictionary(path)
    assert path + " " + message in str(caught.value) and "--user_dict" in str(caught.value)


class TestFaults:
    def notes(self, folder, text, segmenter="rjieba", is_split=True):
        return read_user_dictionary(dictionary(folder, text)).usable(segmenter, is_split).notes()

    @pytest.mark.parametrize(
        "line, segmenter, reason",
        [
            ("##化学", "rjieba", "not used, since ## is a mark of vocabularies"),
            ("\u200b", "rjieba", "not used, since they hold characters of no width alone"),
            (
                "为什么。吗",
                "rjieba",
                "not used, since the text is split into sentences",
            ),
            ("New York", "ltp", "not used, since LTP's words hold no blanks"),
            ("好用 5", "ltp", "LTP takes no frequencies: these words are always found"),
            ("好用 0", "ltp", "not used, since LTP knows no frequency of 0"),
            ("iPhone 15", "rjieba", "read as a word and its frequency; put a tab behind"),
            ("脑钠肽,3,n", "rjieba", "read as a word with commas; fields are separated by"),
            ("脑钠肽 7\tn", "rjieba", "read as a word that ends with a number"),
            ("一", "rjieba", "repeated"),
            ("一 3", "rjieba", "repeated with another frequency or tag, which counts"),
        ],
    )
    def test_a_line_is_named_with_its_reason(self, line, segmenter, reason, tmp_path):
        (note,) = self.notes(tmp_path, "一\n二\n" + line + "\n", segmenter)
        assert str(tmp_path / "words.txt") + " (--user_dict): " + reason in note
        assert ": line 3 " in note

    def test_lines_of_one_kind_are_one_note(self, tmp_path):
        (note,) = self.notes(tmp_path, "".join("##{}\n".format(i) for i in range(20)))
        assert "line 1 '##0', line 2" in note and note.endswith("and 15 more")

    def test_common_lines_have_none(self, tmp_path):
        text = "\ufeff云计算 5\n李小福 2 nr\neasy_install 3 eng\n好用 0\n\n*ST舜天\nNew York\n"
        assert self.notes(tmp_path, text) == []
        assert len(self.notes(tmp_path, "为什么。吗\n", is_split=False)) == 0

    def test_words_that_the_vocabulary_or_the_rows_do_not_take(self, tmp_path):
        path = dictionary(tmp_path, "天气\n天\U0002a700\n" + "天" * 21 + "\n")
        words = read_user_dictionary(path)
        tokenizer = read_vocabulary(VOCAB).make_tokenizer(True)
        unknown, long = words.with_pieces(tokenizer, 20).notes()
        assert "lacks pieces of these words, which become [UNK]: line 2" in unknown
        assert "words of more than 20 pieces are never masked whole: line 3" in long
        settings = CreationSettings(VOCAB, user_dict=path)
        assert len(RecordWork(settings).notes()) == 2


def test_the_report_counts_the_words(tmp_path, run_in_one, models):
    corpus = tmp_path / "in.txt"
    corpus.write_text("关于*ST舜天的消息。\n\n*ST舜天又来了。\n" * 300, encoding="utf-8")
    words = dictionary(tmp_path, "*ST舜天\n没有出现\n##词\n")
    (tmp_path / "none.txt").write_text("没有出现\n", encoding="utf-8")
    base = {"input_file": str(corpus), "vocab_file": VOCAB, "user_dict": words, "dupe_factor": 1}
    base.update(num_workers=2, input_format="raw", num_shards=2)
    runs = [
        dict(base, output_file=str(tmp_path / "rjieba")),
        dict(base, output_file=str(tmp_path / "ltp"), segmenter="ltp", ltp_model=models["legacy"]),
        dict(base, output_file=str(tmp_path / "none"), user_dict=str(tmp_path / "none.txt")),
    ]
    results = run_in_one("create_pretraining_data.py", runs)
    for result, name in zip(results[:2], ("rjieba", "ltp")):
        assert result.returncode == 0, result.stderr
        assert words + ": 1 of 2 words occur; 1 never do, as they are written" in result.stdout
        assert "(--user_dict): not used, since ##" in result.stdout
        with open(str(tmp_path / "_{}.manifest.json".format(name)), encoding="utf-8") as f:
            found = json.load(f)["user_dict"]
        assert found == {"words": 2, "found": 1, "never": ["没有出现"]}
    assert "WARNING: {}: 0 of 1 words occur".format(tmp_path / "none.txt") in results[2].stdout


def test_annotations_count_them_too(tmp_path, run_script, models):
    (tmp_path / "in.txt").write_text("关于*ST舜天的消息。\n", encoding="utf-8")
    words = dictionary(tmp_path, "*ST舜天\n没有出现\nNew York\n")
    result = run_script(
        "annotate_corpus.py", input_file=str(tmp_path / "in.txt"), ltp_model=models["legacy"],
        output_file=str(tmp_path / "out"), user_dict=words, num_workers=1,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert words + ": 1 of 2 words occur" in result.stdout
    assert "not used, since LTP's words hold no blanks" in result.stdout
    assert "*ST舜天" in (tmp_path / "out").read_text(encoding="utf-8").split("\t")
    assert os.path.exists(str(tmp_path / "_out.manifest.json"))


def test_many_words_are_all_counted():
    """Unknown words are kept up to a limit, those of a dictionary all."""
    total = {"user_words": {}, "unknown": {}}
    for start in (0, 15000):
        words = dict.fromkeys(map(str, range(start, start + 15000)), 1)
        add_statistics(total, {"user_words": words, "unknown": words})
    assert len(total["user_words"]) == 30000 and len(total["unknown"]) < 30000
