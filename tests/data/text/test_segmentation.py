"""Segmenters: rjieba, jieba, LTP's own code on tiny models; from words to groups of pieces."""

import json
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ltp_models import GOLD, RAW_SENTENCES, SENTENCES, raw_text, write_vocabulary

from common.errors import UserError
from data.creation import RecordWork
from data.creation_settings import CreationSettings
from data.record_processor import new_statistics
from data.text import corpus, documents, segmentation
from data.text.characters import inside_accented_words
from data.text.ltp import annotator
from data.text.segmentation import make_segmenter
from data.text.user_dictionary import UserDictionary
from data.text.words import place_words

MIXED = "我爱自然语言处理北京大学。，“”ありがカナ한국abBERT019.-%😀é\u0301\u200b\xad \t\u3000\n"


README = "使用 语言 模型 来 预测 下 一个 词 的 probability 。"


hypothesis_settings = settings(max_examples=60, deadline=None, derandomize=True, database=None)


@pytest.fixture(scope="session")
def ltp(models):
    """{"legacy": segmenter, "neural": segmenter}."""
    return {kind: make_segmenter("ltp", directory) for kind, directory in models.items()}


@pytest.fixture
def make(models, tmp_path):
    """Builds a segmenter by name ("legacy" and "neural" are LTP's), with a dictionary's text."""

    def build(name, dictionary=None):
        path = None
        if dictionary is not None:
            path = tmp_path / "words.txt"
            path.write_text(dictionary, encoding="utf-8")
        if name in models:
            return make_segmenter("ltp", models[name], path and str(path))
        return make_segmenter(name, user_dict=path and str(path))

    return build


both = pytest.mark.parametrize("kind", ["legacy", "neural"])


text_segmenters = pytest.mark.parametrize("name", ["rjieba", "jieba"])


def offsets(sentences):
    """The sentences as the lines of a text, and where they start and end in it."""
    lengths = np.array([len(s) for s in sentences], dtype=np.int64)
    starts = np.cumsum(lengths + 1) - lengths - 1
    return "\n".join(sentences), starts, starts + lengths


def solid(text):
    """The text without blanks and characters of no width."""
    return re.sub(r"[\s\u200b\xad]+", "", text)


def word_starts(segmenter, text, starts, ends):
    shares = []
    marks, bad = segmenter.words(text, starts, ends, shares.append)[:2]
    assert marks.dtype == bad.dtype == bool
    assert marks.shape == (len(text),) and bad.shape == (len(starts),)
    assert shares == sorted(shares) and (not shares or shares[-1] == 1.0)
    return marks, bad


def words_of(segmenter, sentences):
    """The words of each sentence without blanks; None for sentences that are reported as bad."""
    text, starts, ends = offsets(sentences)
    marks, bad = word_starts(segmenter, text, starts, ends)
    found = []
    for start, end, is_bad in zip(starts.tolist(), ends.tolist(), bad.tolist()):
        at = [i for i in range(start, end) if marks[i]] + [end]
        words = [text[a:b].strip() for a, b in zip(at, at[1:])]
        found.append(None if is_bad else words)
    return found


class TestLtp:
    @both
    def test_words_of_sentences_it_was_trained_on(self, ltp, kind):
        assert sum(map(len, GOLD)) > annotator._BATCH_CHARS / 3
        assert words_of(ltp[kind], list(GOLD)) == list(GOLD.values())

    @both
    def test_offsets_of_sentences_within_a_text(self, ltp, kind):
        text = "\n\n　我爱自然语言处理。今天的天气很好！\n 猫在桌子下面睡觉。\n"
        parts = ["我爱自然语言处理", "今天的天气很好！", "猫在桌子下面睡觉。"]
        starts = np.array([text.index(part) for part in parts])
        marks, bad = word_starts(ltp[kind], text, starts, starts + [len(p) for p in parts])
        expected = np.zeros(len(text), dtype=bool)
        for part, start in zip(parts, starts.tolist()):
            expected[place_words(text, start, start + len(part), GOLD[part])] = True
        np.testing.assert_array_equal(marks, expected)
        assert not bad.any()

    @both
    def test_blanks_part_words_and_are_never_in_one(self, ltp, kind):
        found = words_of(ltp[kind], ["我爱 自然\u3000语言\t处理", "", "   ", "我 爱  自 然"])
        assert found[1:3] == [[], []]
        assert "".join(found[0]) == "我爱自然语言处理" and "自然" in found[0]
        assert found[3] == ["我", "爱", "自", "然"]

    @both
    def test_no_sentences(self, ltp, kind):
        none = np.zeros(0, dtype=np.int64)
        assert not word_starts(ltp[kind], "", none, none)[0].any()
        assert not word_starts(ltp[kind], "我爱", none, none)[0].any()
        assert words_of(ltp[kind], [""] * 20) == [[]] * 20

    @both
    def test_sentences_of_very_different_length(self, ltp, kind):
        many = "猫在桌子下面睡觉。" * 20
        found = words_of(ltp[kind], [many, "猫", "我爱自然语言处理", "。", "今天的天气很好！"])
        assert "".join(found[0]) == many
        assert found[2] == GOLD["我爱自然语言处理"] and found[4] == GOLD["今天的天气很好！"]
        if kind == "legacy":
            assert found[0] == GOLD["猫在桌子下面睡觉。"] * 20

    @both
    def test_longer_text_than_the_model_reads(self, ltp, kind):
        # Without blanks: LTP itself would take what is behind 510 pieces for one word.
        text = "猫在桌子下面睡觉，" * 200
        marks, bad = word_starts(ltp[kind], text, np.array([0]), np.array([len(text)]))
        assert not bad.any()
        assert all(marks[at : at + 500].any() for at in range(0, len(text), 500))
        stretch = "猫" * 1200  # no mark to cut at
        assert "".join(words_of(ltp[kind], [stretch])[0]) == stretch

    def test_legacy_words_do_not_depend_on_the_batch(self, ltp, monkeypatch):
        sentences = list(GOLD) + ["北京大学的老师喜欢喝咖啡", "BERT模型 2019年 abc", "。", ""]
        expected = words_of(ltp["legacy"], sentences)
        assert [words_of(ltp["legacy"], [s])[0] for s in sentences] == expected
        assert words_of(ltp["legacy"], sentences[::-1])[::-1] == expected
        for size in (1, 3, 100):
            monkeypatch.setattr(ltp["legacy"], "_batch_size", size)
            assert words_of(ltp["legacy"], sentences) == expected

    @both
    @hypothesis_settings
    @given(st.lists(st.text(MIXED.replace("\n", ""), max_size=30), max_size=10))
    def test_no_character_is_lost(self, ltp, kind, sentences):
        for sentence, words in zip(sentences, words_of(ltp[kind], sentences)):
            if words is not None:
                assert solid("".join(words)) == solid(sentence)
            else:  # LTP's own tokenizer has dropped characters
                assert kind == "neural" and "\u0301" in sentence


class TestUserDictionary:
    WORD, TEXT = "语言模型来", "使用语言模型来预测下一个词"
    every_segmenter = pytest.mark.parametrize("name", ["rjieba", "jieba", "legacy", "neural"])

    @every_segmenter
    def test_a_word_is_kept_whole(self, make, name):
        plain = words_of(make(name), [self.TEXT])[0]
        (words,) = words_of(make(name, self.WORD + "\n"), [self.TEXT])
        assert self.WORD not in plain and self.WORD in words
        assert "".join(words) == self.TEXT
        assert words_of(make(name), [self.TEXT])[0] == plain, (
            "the dictionary outlives its segmenter"
        )

    @text_segmenters
    @pytest.mark.parametrize(
        "line", ["{}", "{} 9000", "{}\t9000\tn", "{} n", "\ufeff{} 9000 nz", "\n  \n{}\r\n"]
    )
    def test_formats_of_a_line(self, make, name, line):
        assert self.WORD in words_of(make(name, line.format(self.WORD)), [self.TEXT])[0]

    @every_segmenter
    def test_an_empty_dictionary_changes_nothing(self, make, name):
        texts = list(GOLD)[:5]
        assert words_of(make(name, "\n"), texts) == words_of(make(name), texts)

    @both
    def test_characters_that_the_tokenizer_drops(self, make, kind):
        # LTP.add_words raises RuntimeError on the first and the last, KeyError on the second.
        segmenter = make(kind, "自然语言\n")
        sentences = ["\u200b我爱自然语言处理", "我\u200b爱自然语言", "我爱自然语言处理", "\u200b"]
        found = words_of(segmenter, sentences)
        whole = ["我", "爱", "自然语言", "处理"]
        assert [[solid(w) for w in words] for words in found] == [whole, whole[:3], whole, []]

    @text_segmenters
    def test_errors_name_file_and_line(self, make, tmp_path, name):
        with pytest.raises(UserError, match=r"words\.txt line 3: .* found 4 fields"):
            make(name, "一 1 n\n\n二 2 n 三\n")
        with pytest.raises(UserError, match=r"nothere\.txt: No such file"):
            make_segmenter(name, user_dict=str(tmp_path / "nothere.txt"))
        with pytest.raises(UserError, match="Is a directory"):
            make_segmenter(name, user_dict=str(tmp_path))
        path = tmp_path / "gbk.txt"
        path.write_bytes("语言\n".encode("gb18030"))
        with pytest.raises(UserError, match=r"gbk\.txt line 1 is not UTF-8"):
            make_segmenter(name, user_dict=str(path))


@pytest.fixture(scope="session")
def jiebas():
    return {name: make_segmenter(name) for name in ("rjieba", "jieba")}


class TestJieba:
    @text_segmenters
    def test_words_and_offsets(self, jiebas, name):
        assert words_of(jiebas[name], ["我爱北京天安门", "", "语言模型"]) == [
            ["我", "爱", "北京", "天安门"],
            [],
            ["语言", "模型"],
        ]
        none = np.zeros(0, dtype=np.int64)
        assert not len(word_starts(jiebas[name], "", none, none)[0])

    @text_segmenters
    @hypothesis_settings
    @given(text=st.one_of(st.text(MIXED), st.text(st.characters(exclude_categories=["Cs"]))))
    def test_whole_text_equals_line_by_line(self, jiebas, name, text):
        segmenter, none = jiebas[name], np.zeros(0, dtype=np.int64)
        marks, _ = word_starts(segmenter, text, none, none)
        lines = [line + "\n" for line in text.split("\n")]
        by_line = [word_starts(segmenter, line, none, none)[0] for line in lines]
        np.testing.assert_array_equal(marks, np.concatenate(by_line)[:-1])

    @text_segmenters
    @hypothesis_settings
    @given(text=st.one_of(st.text(MIXED), st.text(st.characters(exclude_categories=["Cs"]))))
    def test_every_character_is_kept(self, jiebas, name, text):
        none = np.zeros(0, dtype=np.int64)
        placed = place_words(text, 0, len(text), jiebas[name]._cut(text))
        marks, _ = word_starts(jiebas[name], text, none, none)
        inside = inside_accented_words(text)
        if inside is not None:
            placed = [place for place in placed if not inside[place]]
        assert placed == np.flatnonzero(marks).tolist()

    @text_segmenters
    @pytest.mark.parametrize(
        "text, words",
        [
            ("去Zürich看Straße。", ["去", "Zürich", "看", "Straße", "。"]),
            ("Éric don't naïve2", ["Éric", "", "don", "'", "t", "", "naïve2"]),
            ("苏黎世E\u0301ric和Москва", ["苏黎世", "E\u0301ric", "和", "Москва"]),
        ],
    )
    def test_letters_with_accents_do_not_part_words(self, jiebas, name, text, words):
        assert words_of(jiebas[name], [text]) == [words]

    @text_segmenters
    def test_long_texts_go_in_pieces_of_whole_lines(self, jiebas, name, monkeypatch):
        text = "\n".join(list(GOLD) * 3)
        none = np.zeros(0, dtype=np.int64)
        whole, _ = word_starts(jiebas[name], text, none, none)
        monkeypatch.setattr(segmentation, "_PIECE_CHARS", 50)
        np.testing.assert_array_equal(word_starts(jiebas[name], text, none, none)[0], whole)

    def test_lost_characters_are_an_error(self):
        segmenter = segmentation._TextSegmenter(lambda text: text.split(), UserDictionary())
        with pytest.raises(UserError, match="lost characters at '我 爱'"):
            segmenter.words("我 爱", np.array([0]), np.array([3]), lambda share: None)


@pytest.fixture
def prepare(tmp_path):
    """Groups of the pieces of a text, as token lists by sentence, and the statistics."""
    vocab_file = write_vocabulary(tmp_path / "vocab.txt", ["pro", "##ba", "##bility"])

    def groups_of(text, built=None, **options):
        processor = RecordWork(CreationSettings(vocab_file, **options)).make_processor()
        processor.segmenter = built or processor.segmenter
        statistics = new_statistics()
        source = corpus.Source(text.encode("utf-8"), "text", lambda: 0)
        read = documents.read_documents([source], processor.settings)
        unit, numbers = processor.prepare(read, statistics, lambda share: None)
        groups = []
        for start, end in zip(unit.sentences[:-1], unit.sentences[1:]):
            sentence = {}
            for i in range(start, end):
                token = processor.vocabulary.tokens[unit.ids[i]]
                sentence.setdefault(int(numbers[i]), []).append(token)
            groups.append([" ".join(group) for group in sentence.values()])
        return groups, statistics

    return groups_of


class TestGroups:
    def test_example_of_bert_wwm(self, prepare):
        groups, statistics = prepare(README, input_format="presegmented")
        expected = ["使 用", "语 言", "模 型", "来", "预 测", "下", "一 个", "词", "的"]
        assert groups == [expected + ["pro ##ba ##bility", "。"]]
        assert statistics["unaligned_words"] == statistics["unaligned_sentences"] == 0

    @pytest.mark.parametrize("blank", [" ", "\u3000", "\t", "\xa0", "   "])
    def test_any_blank_parts_presegmented_words(self, prepare, blank):
        text = README.replace(" ", blank)
        assert (
            prepare(text, input_format="presegmented")[0]
            == prepare(README, input_format="presegmented")[0]
        )

    def test_wordpiece_unit_keeps_english_words_only(self, prepare):
        text = README.replace(" ", "")
        for options in ({"masking_unit": "wordpiece"}, {"segmenter": "none"}):
            (groups,), _ = prepare(text, **options)
            assert groups == [*"使用语言模型来预测下一个词的", "pro ##ba ##bility", "。"]

    @both
    def test_ltp_words_become_groups(self, prepare, models, kind):
        text = "我爱自然语言处理\n研究人员用BERT模型做实验。\n"
        groups, statistics = prepare(text, built=make_segmenter("ltp", models[kind]))
        assert groups[0] == ["我", "爱", "自 然", "语 言", "处 理"]
        assert groups[1] == ["研 究", "人 员", "用", "bert", "模 型", "做", "实 验", "。"]
        assert statistics["unaligned_words"] == statistics["unaligned_sentences"] == 0

    def test_sentences_whose_words_do_not_join_are_masked_by_piece(self, prepare, models):
        # LTP's tokenizer drops the accent in front.
        segmenter = make_segmenter("ltp", models["neural"])
        text = "我爱自然语言处理\n\u0301我爱自然语言处理\n今天的天气很好！\n"
        groups, statistics = prepare(text, built=segmenter)
        assert groups[0] == ["我", "爱", "自 然", "语 言", "处 理"]
        assert groups[1] == list("我爱自然语言处理")
        assert groups[2] == ["今 天", "的", "天 气", "很", "好", "！"]
        assert statistics["unaligned_sentences"] == 1

    def test_place_words(self):
        text = "他说：我爱自然语言。"
        assert place_words(text, 3, 9, ["我", "爱", "自然", "语言"]) == [3, 4, 5, 7]
        assert place_words(text, 0, 0, []) == []
        for words in (["我", "自然", "语言"], ["我", "爱", "自然"], ["我", "爱自然语言。"], ["你"]):
            assert place_words(text, 3, 9, words) is None
        assert place_words(text, 3, 9, []) is None


class TestCreatePretrainingData:
    def create(self, run_script, tmp_path, model, workers, **flags):
        (tmp_path / "text.txt").write_text(raw_text(9), encoding="utf-8")
        folder = tmp_path / "workers{}".format(workers)
        folder.mkdir()
        result = run_script(
            "create_pretraining_data.py",
            input_file=str(tmp_path / "text.txt"),
            input_format="raw",
            output_file=str(folder / "train"),
            vocab_file=write_vocabulary(tmp_path / "vocab.txt"),
            segmenter="ltp",
            ltp_model=model,
            num_workers=workers,
            num_shards=2,
            max_seq_length=48,
            dupe_factor=2,
            **flags,
        )
        assert result.returncode == 0, result.stderr
        assert "Loading weights" not in result.stdout
        shards = {path.name: path.read_bytes() for path in sorted(folder.glob("train-*"))}
        assert len(shards) == 2 and all(shards.values())
        return shards, json.loads((folder / "_train.manifest.json").read_text(encoding="utf-8"))

    def check_groups(self, manifest):
        """All words in brackets are words of the sentences."""
        words = {word.lower() for sentence in SENTENCES for word in sentence.words}
        assert manifest["examples"]
        for example in manifest["examples"]:
            plain = re.sub(r"[^\s(]+<-", "", example)
            shown = {group.replace(" ", "") for group in re.findall(r"\(([^()]*)\)", plain)}
            assert len(shown) > 3 and shown <= words
        assert manifest["unaligned_words"] == manifest["unaligned_sentences"] == 0
        assert 0.1 < manifest["masked_share"] < 0.17

    def test_legacy_model_with_one_and_two_workers(self, run_script, tmp_path, models):
        one, manifest = self.create(run_script, tmp_path, models["legacy"], 1)
        two, other = self.create(run_script, tmp_path, models["legacy"], 2)
        assert one == two
        assert manifest["examples"] == other["examples"]
        self.check_groups(manifest)

    def test_neural_model(self, run_script, tmp_path, models):
        _, manifest = self.create(run_script, tmp_path, models["neural"], 1)
        self.check_groups(manifest)
        assert manifest["sentences"] == 9 * len(RAW_SENTENCES)
