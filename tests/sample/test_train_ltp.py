"""Training small LTP models from CoNLL-U files, and PKU's text as CoNLL-U."""

import json
import os
import re

import pytest
import torch
from conftest import ROOT
from ltp_models import SENTENCES

from benchmarks import pku_to_conllu
from common.errors import UserError
from data.text.ltp.loading import load_ltp
from sample import conllu_files, ltp_accuracy, train_ltp

EVERYDAY = os.path.join(ROOT, "sample", "annotations", "everyday.conllu")
ALL = os.path.join(ROOT, "sample", "annotations", "*.conllu")


def write(path, *sentences):
    """A file of sentences, each a list of lines of columns with blanks between them."""
    text = "\n\n".join("\n".join("\t".join(row.split()) for row in s) for s in sentences)
    path.write_text(text + "\n\n", encoding="utf-8")
    return str(path)


HE = "1 他 _ _ r _ 2 SBV _ NER=O|SpaceAfter=No"
CAME = "2 来 _ _ v _ 0 HED _ NER=O"


class TestReading:
    def read(self, tmp_path, *rows):
        return conllu_files.read([write(tmp_path / "a.conllu", rows)])

    def test_columns(self, tmp_path):
        (sentence,) = self.read(tmp_path, HE, CAME)
        assert sentence[1:] == (
            "他来",
            ["他", "来"],
            ["r", "v"],
            ["O", "O"],
            [2, 0],
            ["SBV", "HED"],
        )

    def test_blanks_part_words_of_the_text(self, tmp_path):
        (sentence,) = self.read(tmp_path, "1 GPU _ _ ws _ 2 SBV _ _", CAME)
        assert sentence.text == "GPU 来"

    @pytest.mark.parametrize(
        "rows, tasks",
        [
            (["1 他 _ _ _ _ _ _ _ _"], ["cws"]),
            (["1 他 _ _ r _ _ _ _ SpaceAfter=No"], ["cws", "pos"]),
            (["1 他 _ _ r _ _ _ _ NER=O"], ["cws", "pos", "ner"]),
            (["1 他 _ _ r _ 0 HED _ _"], ["cws", "pos", "dep"]),
            (["1 他 _ _ r _ 0 _ _ _"], ["cws", "pos"]),
        ],
    )
    def test_what_is_missing_is_no_task(self, tmp_path, rows, tasks):
        assert conllu_files.tasks_of(self.read(tmp_path, *rows)) == tasks

    def test_what_one_sentence_lacks_is_no_task(self, tmp_path):
        path = write(tmp_path / "a.conllu", [HE, CAME], ["1 他 _ _ r _ _ _ _ _"])
        assert conllu_files.tasks_of(conllu_files.read([path])) == ["cws", "pos"]

    @pytest.mark.parametrize(
        "row, message",
        [
            ("2 来 _ _ v _ 5 HED _ _", "line 2 is no CoNLL-U: HEAD is 5, but must be 0 or another"),
            ("2 来 _ _ v _ 1 HED _ _", "line 1: HEAD must be 0 once, for the root"),
            ("2 来 _ _ v _ x HED _ _", "line 2 is no CoNLL-U: .*'x'"),
            ("2 来 _", "line 2 is no CoNLL-U: it has 3 columns.*--annotations"),
        ],
    )
    def test_errors_name_the_file(self, tmp_path, row, message):
        with pytest.raises(UserError, match=r"a\.conllu.*" + message):
            self.read(tmp_path, HE, row)

    def read_behind(self, tmp_path, comment):
        path = write(tmp_path / "a.conllu", [HE, CAME])
        content = (tmp_path / "a.conllu").read_text(encoding="utf-8")
        (tmp_path / "a.conllu").write_text(comment + "\n" + content, encoding="utf-8")
        return conllu_files.read([path])

    def test_the_text_says_where_blanks_are(self, tmp_path):
        (sentence,) = self.read_behind(tmp_path, "# text = 他\u3000来")
        assert sentence.text == "他\u3000来" and sentence.words == ["他", "来"]

    @pytest.mark.parametrize("text", ["他走来", "他", "他来。"])
    def test_words_that_do_not_join(self, tmp_path, text):
        with pytest.raises(UserError, match=r"a\.conllu line 2: the words do not join"):
            self.read_behind(tmp_path, "# text = " + text)

    def test_heads_that_go_in_a_circle(self, tmp_path):
        rows = ["1 他 _ _ r _ 2 ATT _ _", "2 人 _ _ n _ 1 ATT _ _", "3 来 _ _ v _ 0 HED _ _"]
        with pytest.raises(UserError, match="round in a circle"):
            self.read(tmp_path, *rows)

    def test_files_that_cannot_be_read(self, tmp_path):
        with pytest.raises(UserError, match=r"cannot read .*no: No such file"):
            conllu_files.read([str(tmp_path / "no")])
        (tmp_path / "gbk").write_bytes("1\t语".encode("gb18030"))
        with pytest.raises(UserError, match="gbk is not UTF-8"):
            conllu_files.read([str(tmp_path / "gbk")])
        (tmp_path / "empty").write_text("")
        with pytest.raises(UserError, match=r"no sentence in .*empty"):
            conllu_files.read([str(tmp_path / "empty")])

    def test_a_blank_in_a_word(self, tmp_path):
        path = tmp_path / "a.conllu"
        path.write_text("1\t我 们\t_\t_\tr\t_\t0\tHED\t_\t_\n\n", encoding="utf-8")
        with pytest.raises(UserError, match="'我 们' holds a blank"):
            conllu_files.read([str(path)])


class TestModels:
    @pytest.mark.parametrize("kind", ["legacy", "neural"])
    def test_they_repeat_what_they_were_trained_on(self, models, kind):
        tasks = {"legacy": ["cws", "pos", "ner"], "neural": ["cws", "pos", "ner", "dep"]}[kind]
        found = ltp_accuracy.measure(models[kind], SENTENCES, tasks)
        assert list(found)[:3] == ["cws", "pos", "ner"] and min(found.values()) > 97, found
        assert ("dep labels" in found) == (kind == "neural")

    def test_labels_are_those_of_the_annotations(self, models):
        with open(os.path.join(models["neural"], "config.json"), encoding="utf-8") as f:
            vocabs = json.load(f)["vocabs"]
        assert vocabs["cws"] == ["I-W", "B-W"]
        assert set(vocabs["dep"]) == {label for s in SENTENCES for label in s.labels}
        assert set(vocabs["pos"]) == {label for s in SENTENCES for label in s.pos}

    def test_the_same_seed_gives_the_same_neural_model(self, tmp_path):
        weights = []
        for name, seed in (("a", 1), ("b", 1), ("c", 2)):
            (tmp_path / name).mkdir()
            directory = str(tmp_path / name)
            train_ltp.train("neural", SENTENCES[:9], directory, epochs=2, seed=seed)
            weights.append(torch.load(os.path.join(directory, "pytorch_model.bin")))
        same = [all(torch.equal(weights[0][k], w[k]) for k in w) for w in weights]
        assert same == [True, True, False]

    def test_the_legacy_model_tags_alike_every_time(self, models, tmp_path):
        train_ltp.train("legacy", SENTENCES, str(tmp_path))
        texts = ["这家银行的老师在上海工作，他们喜欢喝咖啡。", "研究人员昨天发布了新的模型"]
        first, second = (
            [load_ltp(d).pipeline(texts, raw_format=True)[t] for t in ("cws", "pos", "ner")]
            for d in (models["legacy"], str(tmp_path))
        )
        assert first == second

    def test_characters_of_the_vocabulary_file_are_known(self, tmp_path):
        tokens = ["[PAD]", "鑫", "ab", "##c", "é", "♬"]
        settings = {"epochs": 1, "vocab_tokens": tokens}
        train_ltp.train("neural", SENTENCES[:2], str(tmp_path), **settings)
        vocabulary = (tmp_path / "vocab.txt").read_text(encoding="utf-8").split("\n")
        assert {"鑫", "♬", "##♬", "e", "##e", "他"} <= set(vocabulary)
        assert not {"ab", "##c", "##鑫", "é"} & set(vocabulary)

    @pytest.mark.parametrize("kind", ["legacy", "neural"])
    def test_sentences_without_dependencies_or_entities(self, tmp_path, kind):
        sentences = [s._replace(heads=None, labels=None, ner=None) for s in SENTENCES[:9]]
        assert train_ltp.train(kind, sentences, str(tmp_path), epochs=2) == ["cws", "pos"]
        assert load_ltp(str(tmp_path)).pipeline(["他在北京"], tasks=["cws", "pos"]).pos[0]

    def test_words_alone_make_a_legacy_model(self, tmp_path):
        nothing = dict.fromkeys(("heads", "labels", "pos"))
        sentences = [s._replace(**nothing) for s in SENTENCES[:9]]  # entities need pos
        assert train_ltp.train("legacy", sentences, str(tmp_path), epochs=2) == ["cws"]

    def test_too_long_a_sentence(self, tmp_path):
        words = ["人"] * 511
        none = dict.fromkeys(("pos", "ner", "heads", "labels"))
        long = SENTENCES[0]._replace(words=words, text="".join(words), **none)
        with pytest.raises(UserError, match="has 511 pieces; LTP's neural models read 510"):
            train_ltp.train("neural", [long], str(tmp_path), epochs=1)


class TestProgram:
    def run(self, run_script, tmp_path, **flags):
        flags = dict({"annotations": EVERYDAY, "output_dir": str(tmp_path / "ltp")}, **flags)
        return run_script("-m sample.train_ltp", **flags)

    def percentages(self, line):
        return {k: float(v) for k, v in re.findall(r"([a-z][a-z ]*) ([\d.]+) %", line)}

    def test_legacy(self, run_script, tmp_path):
        flags = {"kind": "legacy", "annotations": ALL, "eval_annotations": EVERYDAY}
        result = self.run(run_script, tmp_path, **flags)
        assert result.returncode == 0, result.stderr
        first, second, last = result.stdout.splitlines()  # and nothing of LTP's own
        assert first.startswith("training sentences (224 sentences, 2,850 words): ")
        assert second.startswith("other sentences (64 sentences, ")
        assert min(self.percentages(first).values()) > 98, first
        assert "a legacy model for cws, pos, ner in " in last
        assert sorted(os.listdir(str(tmp_path / "ltp"))) == [
            "config.json",
            "cws_model.bin",
            "ner_model.bin",
            "pos_model.bin",
        ]
        assert os.listdir(str(tmp_path)) == ["ltp"]

    @pytest.mark.slow
    def test_neural_on_all_annotations(self, run_script, tmp_path):
        result = self.run(run_script, tmp_path, annotations=ALL)
        assert result.returncode == 0, result.stderr
        found = self.percentages(result.stdout.splitlines()[0])
        assert list(found) == ["cws", "pos", "ner", "dep heads", "dep labels"]
        assert min(found.values()) > 97, found

    def test_neural_with_few_epochs(self, run_script, tmp_path):
        result = self.run(run_script, tmp_path, epochs=1)
        assert result.returncode == 0, result.stderr
        assert "a neural model for cws, pos, ner, dep in " in result.stdout
        assert len((tmp_path / "ltp" / "vocab.txt").read_text(encoding="utf-8")) > 5000

    @pytest.mark.parametrize(
        "flags, words",
        [
            ({"annotations": ""}, ["--annotations is required"]),
            ({"annotations": "no*.conllu"}, ["no file matches no*.conllu"]),
            ({"annotations": "README.md"}, ["README.md line 3 is no CoNLL-U", "--annotations"]),
            ({"eval_annotations": "README.md"}, ["README.md line 3", "--eval_annotations"]),
            ({"kind": "rnn"}, ["--kind=rnn", "neural|legacy"]),
            ({"epochs": "0"}, ["--epochs"]),
            ({"vocab_file": "no.txt"}, ["cannot read no.txt", "--vocab_file"]),
            ({"output_dir": "docs"}, ["is there already", "--output_dir"]),
            ({"output_dir": "README.md/ltp"}, ["cannot write", "Not a directory"]),
            ({"output_dir": "gs://bucket/ltp"}, ["must be a local directory"]),
        ],
    )
    def test_errors_are_one_line(self, run_script, one_line_error, tmp_path, flags, words):
        one_line_error(self.run(run_script, tmp_path, **flags), *words)
        assert not os.listdir(str(tmp_path))

    def test_nothing_is_left_of_what_failed(self, tmp_path):
        path = str(tmp_path / "ltp")
        with pytest.raises(ZeroDivisionError), train_ltp.new_directory(path) as partial:
            assert os.path.isdir(partial) and not os.path.exists(path)
            raise ZeroDivisionError
        assert not os.listdir(str(tmp_path))


class TestPku:
    def tagged(self, line):
        words = pku_to_conllu.parse_line(line)
        tags = pku_to_conllu.entity_tags(words)
        return " ".join("{}/{}/{}".format(w.word, w.pos, t) for w, t in zip(words, tags))

    @pytest.mark.parametrize(
        "line, expected",
        [
            ("19980101-01-001-001/m  迈向/v  新/a  世纪/n", "迈向/v/O 新/a/O 世纪/n/O"),
            ("邓/nr  小平/nr  同志/n", "邓小平/nh/S-Nh 同志/n/O"),
            ("杜/nr 中武/nr 孙/nr 传刚/nr", "杜中武/nh/S-Nh 孙传刚/nh/S-Nh"),
            ("叶利钦/nr 说/v", "叶利钦/nh/S-Nh 说/v/O"),
            ("剑武/nr 安/nr 远远/nr", "剑武/nh/S-Nh 安远远/nh/S-Nh"),
            ("外交部/nt 在/p 北京/ns", "外交部/ni/S-Ni 在/p/O 北京/ns/S-Ns"),
            (
                "[中央/n 人民/n 电台/n]nt 报道/v",
                "中央/n/B-Ni 人民/n/I-Ni 电台/n/E-Ni 报道/v/O",
            ),
            ("[香港/ns 特区/n]ns 的/u", "香港/ns/B-Ns 特区/n/E-Ns 的/u/O"),
            ("[满腔/n 热情/n]l 。/w", "满腔/n/O 热情/n/O 。/wp/O"),
            ("１９９８年/t ３．５％/m ＰＣ/nx", "1998年/nt/O 3.5%/m/O PC/ws/O"),
            ("海外/s 之际/f 摄/Vg 吗/y //w", "海外/nl/O 之际/nd/O 摄/v/O 吗/u/O //wp/O"),
        ],
    )
    def test_tags_names_and_entities(self, line, expected):
        assert self.tagged(line) == expected

    @pytest.mark.parametrize("line, what", [("好/a 的/ude", "ude"), ("好", "好")])
    def test_unknown_tags(self, line, what):
        with pytest.raises(pku_to_conllu.UnknownTag, match=what):
            pku_to_conllu.parse_line(line)

    def test_every_target_is_a_tag_of_ltp(self):
        from common.tags import POS

        assert set(pku_to_conllu.TAGS.values()) <= set(POS)

    def test_the_program(self, run_script, tmp_path):
        lines = ["{}/m 年/q\n".format(n) for n in range(40)] + ["\n", "怪/xx\n"]
        (tmp_path / "pku.txt").write_text("".join(lines), encoding="utf-8")
        paths = {name: str(tmp_path / name) for name in ("output", "held_out")}
        source = str(tmp_path / "pku.txt")
        flags = dict(paths, input=source, hold_out_every=20)
        result = run_script("benchmarks/pku_to_conllu.py", **flags)
        assert result.returncode == 0, result.stderr
        assert "{'xx': 1}" in result.stdout
        kept, held_out = (conllu_files.read([paths[n]]) for n in ("output", "held_out"))
        assert [s.words[0] for s in held_out] == ["19", "39"] and len(kept) == 38
        assert conllu_files.tasks_of(kept) == ["cws", "pos", "ner"] and kept[0].text == "0年"
