"""data.build_vocab --from_vocab on the original programs' checkpoints: models with fewer rows."""

import glob
import json
import os
import shutil
import types

import golden_cases
import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from golden_cases import needs_golden
from pretraining_runs import checkpoint_values

from cli.conversion import ModelFiles
from cli.vocabulary.subset import Selection, _WithRows, pick, pick_model
from common.errors import UserError
from data.tokenizers.building.extension import Line
from data.tokenizers.wordpiece import SPECIAL_TOKENS, Vocabulary
from modeling.config_families import read_config
from modeling.conversion import families, family_choice, network, sources

pytestmark = needs_golden
tf.disable_v2_behavior()

VOCAB = golden_cases.path("bert", "vocab.txt")
TEXT = "今天天气很好，我们去北京大学看人工智能。AI 2018\n" * 3 + "你好\n"
BERT_TABLES = {"bert/embeddings/word_embeddings", "cls/predictions/output_bias"}
ELECTRA_TABLES = {"electra/embeddings/word_embeddings", "generator_predictions/output_bias"}
GENERATORS = {*ELECTRA_TABLES, "generator/embeddings/word_embeddings"}
# Case -> its config, the tables with a row for each token, networks.
CASES = {
    "bert_adam": ("bert_config.json", BERT_TABLES, (None,)),
    "albert_google": ("albert_config.json", BERT_TABLES, (None,)),
    "albert_zh": ("albert_config.json", BERT_TABLES, (None,)),
    "lert": ("lert_config.json", BERT_TABLES, (None,)),
    "electra": ("discriminator_config.json", ELECTRA_TABLES, families.NETWORKS),
    "electra_pretrain_adam": ("discriminator_config.json", GENERATORS, families.NETWORKS),
}


def model_of(case, vocab_file):
    config = golden_cases.path(case, CASES[case][0])
    return ModelFiles(golden_cases.path(case), config, str(vocab_file))


def rows_of(case):
    """The vocabulary of a case, as long as its config says."""
    with open(VOCAB, encoding="utf-8") as f:
        return f.read().split("\n")[: golden_cases.settings(case, CASES[case][0])["vocab_size"]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("picked")
    (path / "text.txt").write_text(TEXT, encoding="utf-8")
    for case in CASES:
        (path / (case + ".txt")).write_text("\n".join(rows_of(case)) + "\n", encoding="utf-8")
        selection = Selection([str(path / "text.txt")], [Line(rows_of(case)[-2], "w line 1")])
        pick_model(model_of(case, path / (case + ".txt")), selection, str(path / case), True)
    return path


def values_in(folder):
    (index,) = glob.glob(os.path.join(str(folder), "*.index"))
    return checkpoint_values(index[: -len(".index")])


def outputs_of(folder, config, which, inputs):
    """The outputs of all heads of a checkpoint: dict component -> array or list of arrays."""
    (index,) = glob.glob(os.path.join(str(folder), "*.index"))
    values = checkpoint_values(index[: -len(".index")])
    shapes = {name: list(value.shape) for name, value in values.items()}
    family = family_choice.of_checkpoint(index[: -len(".index")], shapes, which)
    source = sources.open_checkpoint(index[: -len(".index")], read_config(str(config)), family)
    return network.outputs(source, source.components, inputs)


def kept_rows(folder, case):
    with open(str(folder / case / "rows.tsv"), encoding="utf-8") as f:
        table = [line.split("\t") for line in f.read().splitlines()]
    assert table[0] == ["row", "row before", "token", "count in the corpus"]
    assert [row[0] for row in table[1:]] == [str(n) for n in range(len(table) - 1)]
    return [int(row[1]) for row in table[1:]], table[1:]


@pytest.mark.parametrize("case", CASES)
def test_values_and_files(folder, case):
    old, new, rows = values_in(golden_cases.path(case)), values_in(folder / case), rows_of(case)
    kept, table = kept_rows(folder, case)
    assert kept == sorted(set(kept)) and len(SPECIAL_TOKENS) < len(kept) < len(rows)
    assert set(SPECIAL_TOKENS) | set("今天我们abz019!~") & set(rows) <= {rows[i] for i in kept}
    listed = len(rows) - 2
    assert (listed in kept and ["天", "6"] in [row[2:] for row in table]) or "天" not in rows
    # All that is neither a special token, a letter, a digit nor punctuation is used by the text.
    others = [row for row in table if not row[2].isascii() and int(row[1]) != listed]
    assert others and all(row[3] != "0" and row[2] in TEXT for row in others)
    with open(str(folder / case / "vocab.txt"), encoding="utf-8") as f:
        assert f.read().splitlines() == [rows[i] for i in kept] == [row[2] for row in table]
    states = ("/adam_m", "/adam_v", "/lamb_m", "/lamb_v")
    assert set(new) == {n for n in old if n != "global_step" and not n.endswith(states)}
    for name, value in new.items():
        wanted = old[name][kept] if name in CASES[case][1] else old[name]
        assert value.dtype == np.float32 and value.tobytes() == wanted.tobytes(), name
    configs = [n for n in os.listdir(str(folder / case)) if n.endswith(".json") and n[0] != "."]
    assert len(configs) == (2 if case.startswith("electra") else 1)
    for name in configs:
        source = name.replace(".json", "_config.json") if len(configs) == 2 else CASES[case][0]
        with open(str(folder / case / name), encoding="utf-8") as f:
            written = json.load(f)
        assert written == dict(golden_cases.settings(case, source), vocab_size=len(kept))


@pytest.mark.parametrize(
    "case, which", [(case, which) for case in CASES for which in CASES[case][2]]
)
def test_it_is_the_same_model(folder, case, which):
    kept, _ = kept_rows(folder, case)
    rng = np.random.RandomState(7)
    new_ids = rng.randint(0, len(kept), (3, 12)).astype(np.int32)
    mask = (np.arange(12) < np.array([[12], [7], [3]])).astype(np.int32)
    inputs = {"input_mask": mask, "segment_ids": rng.randint(0, 2, (3, 12)).astype(np.int32)}
    config = CASES[case][0] if which is None else which + "_config.json"
    old_config = golden_cases.path(case, config)
    name = {"lert": "bert_config.json"}.get(case, config) if which is None else which + ".json"
    ids = np.array(kept, dtype=np.int32)[new_ids]
    old = outputs_of(golden_cases.path(case), old_config, which, dict(inputs, input_ids=ids))
    new = outputs_of(folder / case, folder / case / name, which, dict(inputs, input_ids=new_ids))
    assert set(old) == set(new) and (which == families.DISCRIMINATOR or "masked_lm" in new)
    for component, values in new.items():
        wanted = old[component]
        if component == "masked_lm":
            assert values.tobytes() == np.ascontiguousarray(wanted[..., kept]).tobytes()
            continue
        for ours, theirs in zip(
            *([a] if isinstance(a, np.ndarray) else a for a in (values, wanted))
        ):
            assert ours.tobytes() == theirs.tobytes(), component


def test_a_generator_with_embeddings_of_its_own():
    release = _WithRows(Selection())
    release.change, release._old_size = types.SimpleNamespace(copied=[0, 2], means={}, size=2), 3
    name, bias = "generator/embeddings/word_embeddings", "generator_predictions/output_bias"
    table = np.arange(6, dtype=np.float32).reshape(3, 2)
    made = release.variables({name: table, bias: table[:, 0], "generator/other": table})
    assert made[name].tolist() == [[0, 1], [4, 5]] and made[bias].tolist() == [0, 4]
    assert made["generator/other"] is table
    with pytest.raises(UserError, match=name + " has 4 rows, and the vocabulary has 3"):
        release.variables({name: np.zeros((4, 2), np.float32)})


def test_texts_of_kept_pieces_are_cut_as_before(folder):
    kept, _ = kept_rows(folder, "bert_adam")
    old = Vocabulary(str(folder / "bert_adam.txt")).make_tokenizer(True)
    new = Vocabulary(str(folder / "bert_adam" / "vocab.txt")).make_tokenizer(True)
    assert [kept[i] for i in new.tokenize(TEXT).ids] == old.tokenize(TEXT).ids.tolist()


def test_vocabulary_alone_and_its_report(tmp_path, capsys):
    (tmp_path / "t.txt").write_text("今今今天天好\nai ai\n", encoding="utf-8")
    paths, out = [str(tmp_path / "t.txt")], tmp_path / "out.txt"
    pick(VOCAB, Selection(paths, min_frequency=2), str(out))
    said = capsys.readouterr().out
    tokens = Vocabulary(str(out)).tokens
    assert {"今", "天"} < set(tokens) and "好" not in tokens
    with open(VOCAB, encoding="utf-8") as f:
        rows = f.read().splitlines()
    assert "{:,} of {:,} rows are kept".format(len(tokens), len(rows)) in said
    pieces = 7 if "ai" in rows else 8
    assert "of the corpus' 8 pieces (0.800 per character) 1 are [UNK] (12.500%)" in said, pieces
    assert "with all rows 0 of 8 (0.800 per character) were (0.000%)" in said
    assert "1 rows that the corpus uses are left out: 好 (1 times)" in said
    pick(VOCAB, Selection(paths, size=len(tokens) - 1), str(out))
    assert [t for t in tokens if t not in Vocabulary(str(out)).tokens] != ["今"]
    assert len(Vocabulary(str(out))) == len(tokens) - 1 and "今" in Vocabulary(str(out)).tokens
    lines = [Line("今天鿿", "w.txt line 1"), Line("##a", "w.txt line 2")]
    pick(VOCAB, Selection(lines=lines), str(out))
    assert {"今", "天", "##a"} <= set(Vocabulary(str(out)).tokens)
    assert "1 of --words hold characters without a row: 今天鿿 (w.txt line 1)" in (
        capsys.readouterr().out
    )
    with pytest.raises(UserError, match="--vocab_size 6 is too small: special tokens, letters"):
        pick(VOCAB, Selection(paths, size=6), str(out))


def test_clue_style_of_a_vocabulary(tmp_path, capsys):
    pytest.importorskip("opencc")
    rows = [*SPECIAL_TOKENS, "[unused1]", "们", "們", "の", "한", "😀", "a", "，", "##a", "##们"]
    (tmp_path / "vocab.txt").write_text("\n".join(rows) + "\n", encoding="utf-8")
    (tmp_path / "t.txt").write_text("我們們 の 한 😀，aa\n", encoding="utf-8")
    selection = Selection([str(tmp_path / "t.txt")], is_clue=True)
    pick(str(tmp_path / "vocab.txt"), selection, str(tmp_path / "out.txt"))
    left_out = ("們", "の", "한", "😀", "##们")
    kept = [token for token in rows if token not in left_out]
    assert Vocabulary(str(tmp_path / "out.txt")).tokens == kept
    said = capsys.readouterr().out
    assert "simplified Chinese                1              2          5,689" in said
    assert "traditional Chinese               0              1              0" in said
    assert "2 of its 11 characters (18.18%) are traditional" in said


@pytest.mark.parametrize(
    "changes, message",
    [
        ("task", "is fine-tuned (task.json lies beside it); pick the rows of the pre-trained"),
        ("hugging_face", "is a Hugging Face directory (pytorch_model.bin); convert it first"),
        ("size", "has 6 tokens, but vocab_size"),
        ("model", "is a SentencePiece model, whose pieces and their probabilities are trained"),
        ("occupied", "which no conversion wrote"),
    ],
)
def test_refusals(tmp_path, changes, message):
    (tmp_path / "v.txt").write_text("\n".join(rows_of("bert_adam")) + "\n", encoding="utf-8")
    model, lines = model_of("bert_adam", tmp_path / "v.txt"), [Line("今", "w line 1")]
    if changes == "size":
        (tmp_path / "v.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\n")
    if changes == "model":
        import sentencepiece_models

        count = len(rows_of("bert_adam")) - 5
        pieces = {chr(code): -1.0 for code in range(0x4E00, 0x4E00 + count)}
        path = sentencepiece_models.hand_made(tmp_path / "spiece.model", pieces)
        model = model._replace(vocabulary=path)
    if changes == "hugging_face":
        (tmp_path / "hf").mkdir()
        (tmp_path / "hf" / "pytorch_model.bin").write_text("x")
        model = model._replace(checkpoint=str(tmp_path / "hf"))
    if changes == "task":
        (tmp_path / "tuned").mkdir()
        for path in glob.glob(golden_cases.path("bert_adam", "*.ckpt*")):
            shutil.copy(path, str(tmp_path / "tuned"))
        (tmp_path / "tuned" / "task.json").write_text("{}")
        model = model._replace(checkpoint=str(tmp_path / "tuned"))
    if changes == "occupied":
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "mine").write_text("x")
    with pytest.raises(UserError) as error:
        pick_model(model, Selection(lines=lines), str(tmp_path / "out"))
    assert message in str(error.value)
    assert not os.path.exists(str(tmp_path / "out" / "vocab.txt"))


def test_the_program(tmp_path, run_in_one, one_line_error):
    (tmp_path / "t.txt").write_text(TEXT, encoding="utf-8")
    (tmp_path / "w.txt").write_text("好\n", encoding="utf-8")
    (tmp_path / "v.txt").write_text("\n".join(rows_of("bert_adam")) + "\n", encoding="utf-8")
    model = {
        "from_vocab": tmp_path / "v.txt",
        "init_checkpoint": golden_cases.path("bert_adam"),
        "bert_config_file": golden_cases.path("bert_adam", "bert_config.json"),
        "output_dir": tmp_path / "out",
    }
    text, alone = {"input_file": tmp_path / "t.txt"}, {"output_file": tmp_path / "small.txt"}
    of = {"from_vocab": VOCAB}
    runs = [
        (dict(model, words=tmp_path / "w.txt", **text), None),
        (dict(of, words=tmp_path / "w.txt", **alone), None),
        (dict(of, **alone), "--from_vocab needs what says which rows are kept"),
        (dict(of, words=tmp_path / "w.txt", min_frequency=2, **alone),
         "--min_frequency chooses among the rows of texts: give --input_file"),
        (dict(of, words=tmp_path / "w.txt", vocab_size=500, **alone),
         "--vocab_size chooses among the rows of texts"),
        (dict(of, words=tmp_path / "w.txt", style="clue", **alone),
         "--style chooses among the rows of texts"),
        (dict(of, config_file="c.json", **text, **alone), "--config_file is of a model"),
        (dict(of, output_dir="x", **text, **alone), "--output_dir is of a model"),
        (dict(of, write_meta_graph=False, **text, **alone), "--write_meta_graph is of a model"),
        (dict(of, **text), "--output_file is required"),
        (dict(model, **text, **alone), "--output_file is for a vocabulary alone"),
        (dict(model, output_dir="", **text), "--output_dir is required"),
        (dict(text, words="w.txt", **alone), "--words is for a part of an existing vocabulary"),
        (dict(of, tokenizer="sentencepiece", output_file="x.model", **text),
         "--from_vocab cannot be combined with --tokenizer=sentencepiece"),
        (dict(style="clue", tokenizer="sentencepiece", output_file="x.model", **text),
         "--style cannot be combined with --tokenizer=sentencepiece"),
        (dict(style="clue", vocab_size=200, **text, **alone),
         "--vocab_size 200 is too small for --style=clue"),
    ]  # fmt: skip
    done = run_in_one("data.build_vocab.py", [flags for flags, _ in runs])
    for (_, message), result in zip(runs, done):
        if message is None:
            assert result.returncode == 0, result.stderr
        else:
            one_line_error(result, message)
    names = set(os.listdir(str(tmp_path / "out")))
    assert {"vocab.txt", "rows.tsv", "bert_config.json", "bert_model.ckpt.meta"} <= names
    assert "好" in Vocabulary(str(tmp_path / "small.txt")).tokens
