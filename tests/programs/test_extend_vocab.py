"""data.extend_vocab on the original programs' checkpoints: values, training, conversion."""

import glob
import json
import os
import shutil

import golden_cases
import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from conftest import ROOT
from creation_runs import make
from golden_cases import needs_golden
from pretraining_runs import checkpoint_values
from script_driver import out_of, run_many

from cli.conversion import ModelFiles
from cli.vocabulary import extension
from cli.vocabulary.extension import Words, extend
from common.errors import UserError
from data.tokenizers.building.extension import Line, read_words
from data.tokenizers.wordpiece import Vocabulary

pytestmark = needs_golden
tf.disable_v2_behavior()

VOCAB = golden_cases.path("bert", "vocab.txt")
# Of several pieces, of unknown ones, and both; the tokenizer gives each as one token.
CHARACTERS = [chr(code) for code in range(0x9AA0, 0x9AA0 + 20)]
WORDS = (
    [
        "a1",
        "a8",
        "a18",
        "ai1",
        "ai8",
        "ai18",
        "b1",
        "b8",
        "c18",
        "201a",
        "2018",
        "20118",
        "ab",
        "abc",
    ]
    + ["Covid", "GPT", "😀", "のか", "café", "α1"]
    + CHARACTERS
)
TOKENS = [{"Covid": "covid", "GPT": "gpt", "café": "cafe"}.get(word, word) for word in WORDS]
# Case -> its config, and the tables with a row for each token.
BERT_TABLES = {"bert/embeddings/word_embeddings", "cls/predictions/output_bias"}
ELECTRA_TABLES = {"electra/embeddings/word_embeddings", "generator_predictions/output_bias"}
CASES = {
    "bert": ("bert_config.json", BERT_TABLES),
    "bert_adam": ("bert_config.json", BERT_TABLES),
    "bert_lamb": ("bert_config.json", BERT_TABLES),
    "albert_google": ("albert_config.json", BERT_TABLES),
    "albert_zh": ("albert_config.json", BERT_TABLES),
    "lert": ("lert_config.json", BERT_TABLES),
    "electra": ("discriminator_config.json", ELECTRA_TABLES),
    "electra_pretrain_adam": (
        "discriminator_config.json",
        {*ELECTRA_TABLES, "generator/embeddings/word_embeddings"},
    ),
}


def rows_of(case):
    """The vocabulary of a case, as long as its config says."""
    with open(VOCAB, encoding="utf-8") as f:
        return f.read().split("\n")[: golden_cases.settings(case, CASES[case][0])["vocab_size"]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("extended")
    (path / "words.txt").write_text("\ufeff" + "\n\n".join(WORDS) + "\n", encoding="utf-8")
    for case, (config, _) in CASES.items():
        (path / (case + ".txt")).write_text("\n".join(rows_of(case)) + "\n", encoding="utf-8")
        files = [golden_cases.path(case), golden_cases.path(case, config)]
        model = ModelFiles(*files, str(path / (case + ".txt")))
        words = Words(read_words([str(path / "words.txt")]), "end")
        extend(model, words, str(path / case), write_meta_graph=True)
    return path


def values_in(folder):
    """The checkpoint of a folder that holds one: dict name -> array."""
    (index,) = glob.glob(os.path.join(str(folder), "*.index"))
    return checkpoint_values(index[: -len(".index")])


def is_state(name):
    return name == "global_step" or name.endswith(("/adam_m", "/adam_v", "/lamb_m", "/lamb_v"))


def means(table, vocab_file=VOCAB):
    """The new rows of a table, by the pieces of Hugging Face's tokenizer."""
    transformers = pytest.importorskip("transformers")
    tokenizer = transformers.BertTokenizer(str(vocab_file))
    ids = [tokenizer.convert_tokens_to_ids(tokenizer.tokenize(word)) for word in WORDS]
    assert len(ids) == 40 and max(map(len, ids)) >= 3 and [1] in ids
    return np.stack([table[i].astype(np.float64).sum(axis=0) / len(i) for i in ids])


@pytest.mark.parametrize("case", CASES)
def test_values(folder, case):
    old, new = values_in(golden_cases.path(case)), values_in(folder / case)
    tables, size = CASES[case][1], len(rows_of(case))
    # Slots and the step are dropped: the words have none, and a training on them starts anew.
    assert set(new) == {name for name in old if not is_state(name)}
    for name, value in new.items():
        assert value.dtype == old[name].dtype == np.float32
        kept = value[:size] if name in tables else value
        assert kept.tobytes() == old[name].tobytes(), name
        assert len(value) == len(old[name]) + 40 * (name in tables)
        if name in tables:
            wanted = means(old[name], folder / (case + ".txt"))
            assert np.allclose(value[size:], wanted, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("case", CASES)
def test_files(folder, case):
    names, rows = set(os.listdir(str(folder / case))), rows_of(case)
    config = {"lert": "bert_config.json", "discriminator_config.json": "discriminator.json"}
    written = config.get(case) or config.get(CASES[case][0]) or CASES[case][0]
    assert {"vocab.txt", "words.tsv", written} <= names
    assert any(name.endswith(".ckpt.meta") for name in names)
    configs = [name for name in names if name.endswith(".json") and not name.startswith(".")]
    assert len(configs) == (2 if case.startswith("electra") else 1)
    for name in configs:
        with open(str(folder / case / name), encoding="utf-8") as f:
            values = json.load(f)
        source = name.replace(".json", "_config.json") if len(configs) == 2 else CASES[case][0]
        assert values == dict(golden_cases.settings(case, source), vocab_size=len(rows) + 40)
    with open(str(folder / case / "vocab.txt"), encoding="utf-8") as f:
        assert f.read() == "\n".join([*rows, *TOKENS]) + "\n"
    vocabulary = Vocabulary(str(folder / case / "vocab.txt"))
    tokenizer = vocabulary.make_tokenizer(True)
    for row, word in enumerate(WORDS, len(rows)):
        assert tokenizer.tokenize(word).ids.tolist() == [row]


def test_training_goes_on(folder):
    """From the enlarged checkpoint, on texts in which the words stand."""
    text = folder / "corpus.txt"
    with open(golden_cases.path("bert", "corpus.txt"), encoding="utf-8") as f:
        lines = f.read().splitlines()
    words = iter(WORDS * 100)
    text.write_text(
        "\n".join(line and line + " " + next(words) for line in lines), encoding="utf-8"
    )
    runs = {}
    for case, objective in (
        ("bert", "bert"),
        ("albert_google", "albert"),
        ("lert", "lert"),
        ("electra", "electra"),
    ):
        out = folder / case
        source = {"input_format": "text", "inputs": [str(text)]}
        if objective == "lert":
            annotated = sorted(glob.glob(os.path.join(ROOT, "sample", "annotations", "*.conllu")))
            source = {"input_format": "conllu", "inputs": annotated, "short_seq_prob": 0.0}
        (records,), _ = make(
            folder / (case + "_records"), dupe_factor=1, objective=objective, max_seq_length=32,
            max_predictions_per_seq=6, vocab_file=str(out / "vocab.txt"),
            masking="dynamic" if objective == "electra" else "static", **source,
        )  # fmt: skip
        flags = {
            "input_file": records,
            "bert_config_file": out
            / {"albert": "albert_config.json", "electra": "discriminator.json"}.get(
                objective, "bert_config.json"
            ),
            "init_checkpoint": out,
            "output_dir": folder / (case + "_trained"),
            "max_seq_length": 32,
            "max_predictions_per_seq": 6,
            "train_batch_size": 8,
            "num_train_steps": 3,
            "num_warmup_steps": 1,
            "learning_rate": 1e-3,
            "do_train": True,
            "vocab_file": out / "vocab.txt",
        }
        if objective == "electra":
            flags["generator_config_file"] = out / "generator.json"
        runs[case] = ["--{}={}".format(*flag) for flag in flags.items()]
    done = dict(zip(runs, run_many("run_pretraining", list(runs.values()))))
    for case in runs:
        out_of(done, case)
        before, after = (
            values_in(folder / case),
            checkpoint_values(str(folder / (case + "_trained") / "model.ckpt-3")),
        )
        for name in CASES[case][1]:
            assert after[name].shape == before[name].shape
            assert np.isfinite(after[name]).all()
        changed = (after[name] != before[name]).reshape(280, -1).any(axis=1)
        assert changed[240:].any()


@pytest.mark.parametrize("case", ["bert", "albert_google", "lert", "electra"])
def test_it_converts(folder, case):
    from conversion_runs import converted

    transformers = pytest.importorskip("transformers")
    out, name = (
        folder / case,
        {"albert_google": "albert_config.json", "electra": "discriminator.json"},
    )
    flags = {"tf_checkpoint_path": out, "config_file": out / name.get(case, "bert_config.json")}
    said = converted(pytorch_dump_path=folder / (case + "_hf"), **flags)
    assert "tokenised alike" in said
    model = transformers.AutoModel.from_pretrained(str(folder / (case + "_hf")))
    table = model.get_input_embeddings().weight.detach().numpy()
    word_table = next(n for n in CASES[case][1] if n.endswith("word_embeddings"))
    assert table.tobytes() == values_in(out)[word_table].tobytes()
    tokenizer = transformers.AutoTokenizer.from_pretrained(str(folder / (case + "_hf")))
    assert tokenizer.tokenize("Covid是ai18") == ["covid", "是", "ai18"]


@pytest.fixture
def spare(tmp_path):
    """The golden vocabulary with [unused] rows among the last ones."""
    with open(VOCAB, encoding="utf-8") as f:
        rows = f.read().split("\n")[:240]
    for number, row in enumerate([199, 201, 203, *range(205, 240)]):
        rows[row] = "[unused{}]".format(number + 1)
    rows[204] = "人工智能"  # which does not make it a word of the tokenizer
    (tmp_path / "vocab.txt").write_text("\r\n".join(rows) + "\r\n", encoding="utf-8")
    return tmp_path / "vocab.txt"


def model_of(vocab_file, case="bert"):
    return ModelFiles(
        golden_cases.path(case), golden_cases.path(case, CASES[case][0]), str(vocab_file)
    )


def lines_of(*words):
    return [Line(word, "words.txt line {}".format(n)) for n, word in enumerate(words, 1)]


def test_unused_rows(tmp_path, spare):
    extend(model_of(spare), Words(lines_of(*WORDS[:5])), str(tmp_path / "out"))
    old, new = values_in(golden_cases.path("bert")), values_in(tmp_path / "out")
    places = [199, 201, 203, 205, 206]
    for name, value in new.items():
        expected = old[name].copy()
        if name in BERT_TABLES:
            expected[places] = means(old[name])[:5]
            assert value[places] == pytest.approx(expected[places], rel=1e-6)
            expected[places] = value[places]
        assert value.tobytes() == expected.tobytes(), name
    rows = Vocabulary(str(spare)).tokens
    for place, token in zip(places, TOKENS):
        rows[place] = token
    assert Vocabulary(str(tmp_path / "out" / "vocab.txt")).tokens == rows
    with open(golden_cases.path("bert", "bert_config.json"), "rb") as f:
        assert (tmp_path / "out" / "bert_config.json").read_bytes() == f.read()


REFUSED = {
    "人工智能": "the tokenizer parts Chinese words into characters",
    "维生素b12": "the tokenizer parts Chinese words into characters",
    "covid-19": "the tokenizer parts it, at punctuation",
    "<num>": "the tokenizer parts it, at punctuation",
    "[unused3]": "the tokenizer parts it, at punctuation",
    "今": "the vocabulary has the word",
    "AI": "the vocabulary has the word",
    "脑钠肽 3 n": "there is a blank in it",
    "##ing": "## marks a piece inside a word",
    "\u200d": "the tokenizer drops all of its characters",
    "x" * 201: "the tokenizer takes words of up to 200 characters",
    "COVID": "the same word is added from an earlier line",
}


def test_words_that_cannot_be_added_are_named(tmp_path, spare, capsys):
    lines = lines_of("covid", *REFUSED)
    with open(str(spare), encoding="utf-8") as f:
        assert "今" in f.read()
    extend(model_of(spare), Words(lines), str(tmp_path / "out"))
    said = capsys.readouterr().out
    assert "1 of 13 words are added in [unused] rows, 199 to 199" in said
    with open(str(tmp_path / "out" / "words.tsv"), encoding="utf-8") as f:
        table = [line.split("\t") for line in f.read().splitlines()]
    assert table[1] == ["words.txt line 1", "covid", "199", "covid", "[UNK]"]
    listed = {row[1]: row for row in table[2:]}
    for number, (word, reason) in enumerate(REFUSED.items(), 2):
        place = "words.txt line {}".format(number)
        assert "not added, " + reason in said
        assert listed[word][0] == place and listed[word][4].startswith(reason)
        (line,) = [text for text in said.splitlines() if "not added, " + reason in text]
        assert "({})".format(place) in line or "more" in line


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"words": lines_of("人工智能", "今天")}, "none of the 2 words can be added; 人工智能"),
        ({"words": lines_of(*WORDS)}, "40 words are to be added, and {vocab} has 38 [unused] rows"),
        ({"vocab": "other"}, "vocabulary {vocab} has 6 tokens, but vocab_size"),
        ({"vocab": "model"}, "{vocab} is a SentencePiece model, whose pieces"),
        (
            {"hugging_face": True},
            "is a Hugging Face directory (pytorch_model.bin); convert it first",
        ),
        ({"task": True}, "is fine-tuned (task.json lies beside it)"),
        ({"occupied": True}, "which no conversion wrote"),
    ],
)
def test_refusals(tmp_path, spare, changes, message):
    model, words = model_of(spare), changes.get("words", lines_of("covid"))
    if changes.get("vocab") == "other":
        spare.write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n[unused1]\n")
    if changes.get("vocab") == "model":
        import sentencepiece_models

        letters = [chr(code) for code in range(0x4E00, 0x4E00 + 235)]
        pieces = dict.fromkeys(letters, -1.0)
        path = sentencepiece_models.hand_made(tmp_path / "spiece.model", pieces)
        model = model._replace(vocabulary=path)
    if changes.get("hugging_face"):
        (tmp_path / "hf").mkdir()
        (tmp_path / "hf" / "pytorch_model.bin").write_text("x")
        model = model._replace(checkpoint=str(tmp_path / "hf"))
    if changes.get("task"):
        (tmp_path / "tuned").mkdir()
        for path in glob.glob(golden_cases.path("bert", "*.ckpt.*")):
            shutil.copy(path, str(tmp_path / "tuned"))
        (tmp_path / "tuned" / "task.json").write_text("{}")
        model = model._replace(checkpoint=str(tmp_path / "tuned"))
    if changes.get("occupied"):
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "mine").write_text("x")
    with pytest.raises(UserError) as error:
        extend(model, Words(words), str(tmp_path / "out"))
    assert message.format(vocab=model.vocabulary) in str(error.value)
    assert not os.path.exists(str(tmp_path / "out" / "vocab.txt"))


def test_files_of_words(tmp_path):
    (tmp_path / "a.txt").write_bytes("\ufeff髌\r\n\r\n 鞣 \r\n".encode())
    read = read_words([str(tmp_path / "a.txt")])
    assert read == [
        Line("髌", "{}/a.txt line 1".format(tmp_path)),
        Line("鞣", "{}/a.txt line 3".format(tmp_path)),
    ]
    (tmp_path / "b.txt").write_bytes("好\n髌".encode("gb18030"))
    with pytest.raises(UserError, match=r"b\.txt line 1 is not UTF-8"):
        read_words([str(tmp_path / "b.txt")])
    (tmp_path / "c.txt").write_text("\n\n")
    with pytest.raises(UserError, match=r"no words in .*c\.txt"):
        read_words([str(tmp_path / "c.txt")])


def test_the_program(tmp_path, spare, run_script, one_line_error):
    (tmp_path / "words.txt").write_text("covid\n人工智能\n", encoding="utf-8")
    flags = {
        "vocab_file": spare,
        "words": tmp_path / "words.txt",
        "init_checkpoint": golden_cases.path("bert", "bert_model.ckpt"),
        "bert_config_file": golden_cases.path("bert", "bert_config.json"),
        "output_dir": tmp_path / "out",
    }
    done = run_script("-m data.extend_vocab", **flags)
    assert done.returncode == 0, done.stderr
    assert "1 of 2 words are added" in done.stdout
    assert (tmp_path / "out" / "bert_model.ckpt.meta").exists()
    del flags["words"]
    one_line_error(run_script("-m data.extend_vocab", **flags), "--words is required")
    assert extension.WORDS_FILE in os.listdir(str(tmp_path / "out"))
