"""python -m data.similar_words: which words and neighbours are written, and what is refused."""

import glob
import os
import pathlib
import sys

import numpy as np
import pytest
from conftest import ROOT
from script_driver import error_of, out_of, run_many

from common import progress
from common.errors import UserError
from data.similarity import making, training, word_choice
from data.similarity.table import read_table
from data.tokenizers.wordpiece import SPECIAL_TOKENS

PROGRAM = "data.similar_words"
# A plane: the angle of a word in degrees. Neighbours differ by less than 53 degrees: cosine 0.6.
ANGLES = {
    "</s>": 0,
    "医生": 10,
    "大夫": 20,
    "医师": 40,
    "看病": 30,
    "药剂师": 25,
    "CT": 100,
    "ct": 100,
    "MR": 110,
    "，": 10,
    "髌骨": 10,
    "上海\u3000": 10,
    "律师": 200,
}
VOCAB = [*SPECIAL_TOKENS, *"医生大夫师看病药剂律上海零，", "ct", "mr", "</s>"]
TAGS = "医生\tn\n大夫 20 n\n看病 v\n药剂师 n\nct x\nmr x\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("similar")
    lines = ["{} {:.6f} {:.6f}".format(w, np.cos(a), np.sin(a)) for w, a in _radians()]
    # Values of any size, whose squares are beyond float32.
    lines[1] = "医生 {:.6e} {:.6e}".format(3e38 * np.cos(np.pi / 18), 3e38 * np.sin(np.pi / 18))
    contents = {
        "vectors": "\n".join(["{} 2".format(len(lines) + 1), *lines, "零 0 0", ""]),
        "vocab.txt": "\n".join(VOCAB) + "\n",
        "tags": TAGS,
        "other.txt": "\n".join([*VOCAB[:5], "x"]) + "\n",
        "twice": "医生 n\n大夫 n\n医生 v\n",
        "untagged": "医生 n\n大夫 20\n",
        "foreign": "foreign n\n",
        "nothing": "",
        "cut": "3 2\n医 1.00 0.00\n生 0.00 1.00\n",
        "wrong": "2 2\n医 1 0\n生 0 1 0\n",
        "dictionary": "大夫 10\n" + "##医\n",
        "corpus.txt": "\n".join(sentences()) + "\n",
        "signs.txt": "，。\n",
        "words.txt": "张 医生 ， 在\u3000医院 。\n大夫\t好\n",
    }
    for name, content in contents.items():
        (folder / name).write_text(content, encoding="utf-8")
    return folder


def _radians():
    return [(word, np.deg2rad(angle)) for word, angle in ANGLES.items()]


ALIKE = [["医生", "大夫"], ["苹果", "香蕉"], ["汽车", "火车"], ["老师", "教师"]]
AROUND = [
    "医院 病人 手术 药品",
    "水果 市场 果汁 新鲜",
    "司机 车站 乘客 速度",
    "学校 学生 课堂 作业",
]


def sentences():
    """Text in which the words of a pair of ALIKE stand among the same others."""
    rng = np.random.default_rng(3)
    around = [words.split() for words in AROUND]
    everyday = [word for words in around for word in words]
    for _ in range(1500):
        kind = rng.integers(4)
        near = [*rng.choice(around[kind], 3, replace=False), rng.choice(ALIKE[kind])]
        yield "，".join(rng.permutation(near)) + "。"
        yield "，".join(rng.choice(everyday, 4, replace=False)) + "。"


RUNS = {
    "usual": {"vectors": "vectors", "vocab_file": "vocab.txt"},
    "all": {"vectors": "vectors", "top_k": 1, "min_similarity": 0.9},
    "any length": {
        "vectors": "vectors",
        "vocab_file": "vocab.txt",
        "same_length": "false",
        "do_lower_case": "false",
        "vectors_format": "text",
    },
    "tags": {
        "vectors": "vectors",
        "vocab_file": "vocab.txt",
        "same_pos": "true",
        "pos_file": "tags",
    },
    "jieba's tags": {"vectors": "vectors", "same_pos": "true"},
    "trained": {
        "train_on": "corpus.txt",
        "input_format": "text",
        "vector_size": 16,
        "window": 5,
        "epochs": 10,
        "min_count": 3,
        "min_similarity": 0.3,
        "top_k": 3,
        "user_dict": "dictionary",
    },
    "annotated": {
        "train_on": os.path.join(ROOT, "sample", "annotations", "*.conllu"),
        "input_format": "conllu",
        "min_similarity": 0.1,
    },
    "words with blanks": {
        "train_on": "words.txt",
        "input_format": "presegmented",
        "min_count": 1,
        "min_similarity": -1,
    },
}
REFUSED = {
    "neither": (
        {"vectors": ""},
        "give either --vectors or --train_on: a file of vectors, or a text",
    ),
    "both": ({"train_on": "corpus.txt"}, "give either --vectors or --train_on"),
    "no output": ({"output_file": ""}, "--output_file is required"),
    "packed": ({"output_file": "a.gz"}, "--output_file a.gz would not be compressed"),
    "no folder": ({"output_file": "vectors/a"}, "cannot write vectors/a (--output_file): "),
    "idle length": ({"same_length": "true"}, "--same_length needs --vocab_file; remove it"),
    "idle case": ({"do_lower_case": "true"}, "--do_lower_case needs --vocab_file; remove it"),
    "idle tags": ({"pos_file": "tags"}, "--pos_file needs --same_pos; remove it"),
    "idle format": (
        {"vectors": "", "train_on": "corpus.txt", "vectors_format": "text"},
        "--vectors_format needs --vectors; remove it",
    ),
    **{
        name: ({name: value}, "--{} needs --train_on; remove it".format(name))
        for name, value in {
            "input_format": "raw",
            "encoding": "auto",
            "t2s": "true",
            "segmenter": "jieba",
            "ltp_model": "ltp",
            "user_dict": "dictionary",
            "min_count": 2,
            "vector_size": 50,
            "window": 3,
            "epochs": 2,
            "seed": 1,
        }.items()
    },
    "idle fields": ({"text_fields": "a"}, "--text_fields needs --input_format=jsonl; remove it"),
    "words": (
        {"vectors": "", "train_on": "c", "input_format": "conllu", "segmenter": "jieba"},
        "--segmenter cannot be combined with --input_format=conllu; remove it",
    ),
    "similarity": ({"min_similarity": 1.5}, "--min_similarity must be from -1 to 1, found 1.5"),
    "top": ({"top_k": 0}, "--top_k must be from 1 to 1000, found 0"),
    "rare": (
        {"vectors": "", "train_on": "corpus.txt", "min_count": 10000},
        "no word occurs 10000 times in corpus.txt; lower --min_count, or give more text",
    ),
    "signs": (
        {"vectors": "", "train_on": "signs.txt", "min_count": 1},
        "no word occurs 1 times in signs.txt; lower --min_count, or give more text",
    ),
    "no corpus": ({"vectors": "", "train_on": "none*"}, "no file matches none* (--train_on)"),
    "nothing near": (
        {"min_similarity": 1.0, "vocab_file": "vocab.txt"},
        "none of the 8 words has a neighbour with a similarity of 1.0 or more; lower",
    ),
    "foreign words": (
        {"vocab_file": "other.txt"},
        "none of the 14 words can be used: 1 marks such as </s>, 1 with blanks or control "
        "characters, 1 without a letter or digit, 11 with pieces that the vocabulary lacks",
    ),
    "no tags": (
        {"same_pos": "true", "pos_file": "foreign"},
        "none of the 10 words has a part of speech; give another --pos_file",
    ),
    "two tags": (
        {"same_pos": "true", "pos_file": "twice"},
        "twice line 3: '医生' has the part of speech 'v' and before 'n'; keep the line of the more",
    ),
    "missing tag": (
        {"same_pos": "true", "pos_file": "untagged"},
        "untagged line 2: expected a word and its part of speech, found '大夫 20' (--pos_file)",
    ),
    "empty tags": ({"same_pos": "true", "pos_file": "nothing"}, "nothing is empty (--pos_file)"),
    "empty": ({"vectors": "nothing"}, "nothing is empty (--vectors)"),
    "cut": ({"vectors": "cut"}, "cut ends behind 2 of the 3 words that its first line tells of"),
    "wrong": ({"vectors": "wrong"}, "wrong line 3 has 3 values, the first line says 2 (--vectors)"),
}


@pytest.fixture(scope="module")
def done(folder):
    runs = {name: dict({"output_file": name}, **given) for name, given in RUNS.items()}
    runs["again"] = dict(runs["trained"], output_file="new/again")
    usual = {"vectors": "vectors", "output_file": "refused"}
    runs.update((name, dict(usual, **given)) for name, (given, _) in REFUSED.items())
    lines = [["--{}={}".format(*flag) for flag in given.items()] for given in runs.values()]
    return dict(zip(runs, run_many(PROGRAM, lines, folder=str(folder))))


def lines_of(path):
    return path.read_text(encoding="utf-8").splitlines()


def test_words_of_the_vocabulary_and_neighbours_of_as_many_pieces(done, folder):
    out = out_of(done, "usual")
    comment, *lines = lines_of(folder / "usual")
    origin = "# from vectors, vocabulary vocab.txt; --top_k=10 --min_similarity=0.6 --same_length"
    assert comment == origin
    assert lines == [
        "医生\t大夫:0.985 看病:0.940 医师:0.866",
        "大夫\t医生:0.985 看病:0.985 医师:0.940",
        "医师\t看病:0.985 大夫:0.940 医生:0.866",
        "看病\t大夫:0.985 医师:0.985 医生:0.940",
        "CT\tMR:0.985",
        "MR\tCT:0.985",
    ]
    assert (
        "14 words read, 8 kept; left out: 1 marks such as </s>, 1 with blanks or control "
        "characters, 1 without a letter or digit, 1 with pieces that the vocabulary lacks, 1 that "
        "are spelled like one before, 1 whose vector is 0"
    ) in out
    assert "6 words (75.0% of the kept ones) have neighbours, 2.3 on average" in out
    assert ": MR:0.985\n" in out and out.endswith("similar words: usual\n")


def test_without_a_vocabulary(done, folder):
    out_of(done, "all")
    found = dict(line.split("\t") for line in lines_of(folder / "all")[1:])
    assert found["CT"] == "ct:1.000" and found["医生"] == "髌骨:1.000"
    assert "律师" not in found and "，" not in found


def test_other_lengths_where_they_are_asked_for(done, folder):
    out_of(done, "any length")
    found = dict(line.split("\t") for line in lines_of(folder / "any length")[1:])
    assert "药剂师:0.996" in found["大夫"] and "CT" not in found


def test_parts_of_speech(done, folder):
    out = out_of(done, "tags")
    assert lines_of(folder / "tags")[1:] == [
        "医生\t大夫:0.985",
        "大夫\t医生:0.985",
        "CT\tMR:0.985",
        "MR\tCT:0.985",
    ]
    assert "2 words have no part of speech, and so no neighbours" in out
    out_of(done, "jieba's tags")
    found = dict(line.split("\t") for line in lines_of(folder / "jieba's tags")[1:])
    assert "大夫" in found["医生"] and "看病" not in found["医生"]


def test_vectors_of_a_corpus(done, folder):
    pytest.importorskip("gensim")
    out = out_of(done, "trained")
    # Words that the dictionary cannot give are named, and the same words come out every time.
    assert "dictionary (--user_dict): not used, since ## is a mark of vocabularies" in out
    assert "12,000 words in 3,000 sentences" in out
    assert "note: the median similarity of nearest neighbours is 0.9" in out
    table = read_table(str(folder / "trained"))
    found = dict(zip(table.words, table.neighbours))
    assert all(one in found[other] and other in found[one] for one, other in ALIKE)
    assert lines_of(folder / "new" / "again") == lines_of(folder / "trained")
    assert not [name for name in os.listdir(str(folder)) if name.startswith((".", "tmp"))]


def test_words_that_the_text_has(done, folder):
    pytest.importorskip("gensim")
    with_signs = sum(
        line[:1].isdigit() and any(map(str.isalnum, line.split("\t")[1]))
        for path in glob.glob(RUNS["annotated"]["train_on"])
        for line in lines_of(pathlib.Path(path))
    )
    words = "{:,} words in 224 sentences".format(with_signs)
    assert words in out_of(done, "annotated")
    assert "6 words in 2 sentences" in out_of(done, "words with blanks")
    table = read_table(str(folder / "words with blanks"))
    assert sorted(table.words) == sorted(["张", "医生", "在", "医院", "大夫", "好"])


@pytest.mark.parametrize("cosine", [0.94, 0.96])
def test_vectors_that_hardly_differ_are_told_of(cosine):
    vectors = np.array([[1, 0], [cosine, (1 - cosine**2) ** 0.5]], np.float32)
    chosen = word_choice.Chosen(["医生", "大夫"], vectors, np.zeros(2, np.int64), 2, {})
    table = making.make(chosen, making.TableSettings(), lambda line: None)
    notes = [line for line in table.report() if line.startswith("note: ")]
    assert len(notes) == (cosine > 0.95)


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(done, folder, case):
    if case in ("rare", "signs"):
        pytest.importorskip("gensim")
    assert REFUSED[case][1] in error_of(done, case)
    assert not (folder / "refused").exists()


def test_a_reader_of_the_output_that_leaves_ends_the_training(folder, monkeypatch):
    """In gensim's own thread, which would be waited for without end."""
    pytest.importorskip("gensim")
    monkeypatch.setattr(progress, "_LINE_SECONDS", -1.0)
    said = []

    def say(line):
        said.append(line)
        if line.startswith("training: 4,000 sentences"):  # in the first epoch of 3,000
            raise BrokenPipeError

    settings = training.CorpusSettings(input_format="text")
    with pytest.raises(BrokenPipeError):
        training.trained([str(folder / "corpus.txt")], settings, training.TrainingSettings(), say)
    assert said[-1].startswith("training: 4,000 sentences")


def test_gensim_that_is_missing_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "gensim", None)
    with pytest.raises(UserError) as caught:
        training.check_library()
    expected = "--train_on needs the package gensim, which is not installed: pip install gensim"
    assert str(caught.value) == expected
