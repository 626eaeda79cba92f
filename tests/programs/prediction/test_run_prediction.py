"""run_prediction.py from the command line: results, order, files and every refusal."""

import gzip
import json
import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from places import ROOT
from prediction_runs import (
    CONFIG,
    LABELS,
    TOKENS,
    WORDS,
    assert_same_results,
    flags_of,
    random_weights,
    results_of,
    run_many,
    taken_apart,
    write_model,
    write_text,
)
from task_files import save_labels

from modeling.conversion.huggingface import write_checkpoint
from modeling.objectives.classification import Classification

tf.disable_v2_behavior()
pytestmark = pytest.mark.tf1

LINES = [
    "今天天气[MASK]",
    "",
    "[MASK][MASK]好。[MASK]",
    "今天 play[MASK] dog。" * 2,
    "天[MASK][MASK]。",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("predict")
    write_model(path)
    write_text(path / "lines.txt", "\n".join(LINES) + "\n")
    return path


REFUSED = [
    ({"task": None}, "--task is required"),
    ({"task": "fill"}, "--task=fill is not known; known are answer, choose, classify, correct"),
    ({"task": "correct", "min_probability": 1.5}, "--min_probability must be from 0 to 1, found"),
    (
        {"vocab_file": None, "init_checkpoint": "{}/tuned"},
        "--vocab_file is required; none, or more than one, lies in {}/tuned",
    ),
    (
        {"bert_config_file": None, "init_checkpoint": "{}/tuned"},
        "--config_file is required; none, or more than one, lies in {}/tuned",
    ),
    ({"init_checkpoint": None}, "--init_checkpoint is required"),
    ({"init_checkpoint": "{}/none"}, "checkpoint {}/none does not exist"),
    ({"batch_size": 0}, "--predict_batch_size=0 must be positive"),
    ({"top_k": -1}, "--top_k=-1 must be positive"),
    ({"max_seq_length": 2}, "--max_seq_length=2 leaves no room"),
    ({"max_seq_length": 41}, "--max_seq_length=41 is more than max_position_embeddings 40"),
    ({"layers": "-1"}, "--layers is for --task=features and has no meaning for --task=fill_mask"),
    ({"input_file": "{}/none.txt"}, "cannot read {}/none.txt (--input_file): No such file or"),
    ({"input_file": "{}"}, "cannot read {} (--input_file): Is a directory"),
    ({"input_file": "{}/gbk.txt"}, "{}/gbk.txt line 2 is not UTF-8 (byte 0xcc)"),
    ({"input_file": "{}/torn.gz"}, "{}/torn.gz is not a whole gzip file"),
    ({"input_file": "{}/no.gz"}, "{}/no.gz"),
    ({"output_file": "{}/no/out"}, "cannot write --output_file {}/no/out: No such file"),
    ({"input_file": "{}/lines.txt", "output_file": "{}/lines.txt"}, "is --input_file; give"),
    ({"input_file": "{}/unmasked.txt"}, "{}/unmasked.txt line 2 has no [MASK]; put it where"),
    ({"input_file": "{}/unmasked.txt", "output_file": "{}/kept.jsonl"}, "has no [MASK]"),
    ({"input_file": "{}/small.txt"}, "small.txt line 1 has no [MASK]; [mask] must be written in"),
    ({"input_file": "{}/far.txt"}, "the masks of {}/far.txt line 1 lie 31 tokens apart"),
    ({"vocab_file": "{}/short.txt"}, "short.txt holds 13 tokens, but vocab_size in {}/config.json"),
    ({"vocab_file": "{}/none.txt"}, "vocabulary file {}/none.txt does not exist"),
    ({"init_checkpoint": "{}/headless"}, "checkpoint {}/headless has no masked-LM head"),
    ({"init_checkpoint": "{}/holes"}, "the encoder in {}/holes is not whole"),
    ({"init_checkpoint": "{}/nan"}, "checkpoint {}/nan gives log_probs that are not finite"),
    ({"bert_config_file": "{}/shallow.json"}, "is larger than {}/shallow.json says"),
    ({"bert_config_file": "{}/wide.json"}, "shapes differ"),
    ({"task": "features", "layers": "-3"}, "has 2 layers: 1 to 2 or -2 to -1, and 0"),
    (
        {"task": "features", "layers": "2", "features_format": "google"},
        "has 2 layers: 0 to 1 or -2 to -1",
    ),
    ({"task": "features", "features_format": "json"}, "--features_format=json is not known; known"),
    (
        {"task": "features", "features_format": "google", "pooling": "cls"},
        "--pooling=cls cannot be combined with --features_format=google",
    ),
    ({"features_format": "google"}, "--features_format is for --task=features and has no"),
    ({"task": "features", "layers": "x"}, "--layers=x must be layer numbers"),
    ({"task": "features", "layers": ""}, "--layers= must be layer numbers"),
    ({"task": "features", "pooling": "max"}, "--pooling=max is not known; known are none, cls"),
    ({"task": "features", "init_checkpoint": "{}/holes"}, "is not whole"),
    (
        {"task": "classify", "init_checkpoint": "{}/whole"},
        "checkpoint {}/whole has no task.json beside it",
    ),
    ({"task": "classify", "init_checkpoint": "{}/tuned", "input_file": "{}/tabs.txt"}, "2 tabs"),
    ({"task": "classify", "init_checkpoint": "{}/other"}, "names 2 labels, but the checkpoint has"),
    ({"task": "classify", "init_checkpoint": "{}/odd"}, "max_seq_length is '24', but must be a"),
    ({"task": "classify", "init_checkpoint": "{}/bare"}, "has no classification head (it lacks"),
]


def write_faults(folder):
    """Files that are refused."""
    gzipped = gzip.compress("天[MASK]\n".encode() * 50)
    for name, content in (
        ("gbk.txt", "天[MASK]\n".encode() + "天".encode("gbk") + b"[MASK]\n"),
        ("torn.gz", gzipped[: len(gzipped) // 2]),
        ("no.gz", b"[MASK]\n"),
        ("unmasked.txt", "[MASK]\n天气\n".encode()),
        ("small.txt", b"[mask]\n"),
        ("far.txt", "[MASK]{}[MASK]\n".format("天" * 30).encode()),
        ("tabs.txt", b"a\tb\tc\n"),
        ("kept.jsonl", b"as it was\n"),
        ("short.txt", "\n".join(TOKENS[:-1]).encode()),
        ("shallow.json", json.dumps(dict(CONFIG, num_hidden_layers=1)).encode()),
        ("wide.json", json.dumps(dict(CONFIG, intermediate_size=48)).encode()),
    ):
        with open(str(folder / name), "wb") as writer:
            writer.write(content)
    tuned = random_weights(Classification("tiny", 3))
    bare = {k: v for k, v in tuned.items() if not k.startswith("output_")}
    for name, weights, labels, length in (
        ("other", tuned, ["a", "b"], 24),
        ("odd", tuned, LABELS, "24"),
        ("bare", bare, LABELS, 24),
    ):
        write_checkpoint(str(folder / name / "model.ckpt"), weights)
        save_labels(folder / name, "tiny", labels, length)


MIXED = [3, 5, 0, 2, 4, 1]
LONG = "今天" * 40
NEAR = "天" * 15 + "[MASK]" + "气" * 14  # as much as a row of 32 takes


def lines_for(task):
    return LINES + ["今天\tplay" if task == "classify" else "天" * 9 + "[MASK]"]


def named_runs(folder):
    """name -> (flags, standard input) of what must succeed."""
    runs = {
        "plain": ("fill_mask", LINES, {}),
        "dashes": ("fill_mask", LINES, {"input_file": "-", "output_file": "-", "batch_size": 1}),
        "files": ("fill_mask", [], {"input_file": "lines.txt", "output_file": "out.jsonl"}),
        "gzipped": ("fill_mask", [], {"input_file": "lines.gz", "output_file": "out.jsonl.gz"}),
        "nothing": ("fill_mask", [], {}),
        "all": ("fill_mask", ["天[MASK]"], {"top_k": 999}),
        "notes": ("fill_mask", ["天[MASK]", "猫狗[MASK]", "天" * 20 + "[MASK]" + "气" * 30], {}),
        "near": ("fill_mask", [NEAR, "好" * 50 + NEAR + "好" * 50, NEAR[1:]], {}),
        "no pooler": ("fill_mask", LINES, {"init_checkpoint": "poolerless"}),
        "layers": ("features", ["今天天气", "", "天"], {"layers": "0,1,2,-1,-2"}),
        "cls": ("features", ["今天天气"], {"layers": "2,1", "pooling": "cls"}),
        "mean": ("features", ["今天天气", ""], {"layers": "2,1", "pooling": "mean"}),
        "no pooled": ("features", ["今天"], {"init_checkpoint": "poolerless"}),
        "google": (
            "features",
            ["今天天气", " 今天 ||| play dog ", "", "天|||气"],
            {"layers": "0,-1", "features_format": "google"},
        ),
        "google's layers": ("features", ["天"], {"features_format": "google"}),
        "of layers": ("features", ["今天天气"], {"layers": "1,-1"}),
        "cased": ("features", ["PLAY"], {"do_lower_case": False}),
        "lower": ("features", ["PLAY"], {"max_seq_length": None}),
        "classes": ("classify", ["今天天气好", "今天\tplay", "", LONG], {}),
        "longer": (
            "classify",
            [LONG],
            {"init_checkpoint": "tuned/model.ckpt-7.index", "max_seq_length": 40},
        ),
    }
    for task in ("fill_mask", "features", "classify"):
        lines = lines_for(task)
        runs[task + " 1"] = (task, lines, {"batch_size": 1})
        runs[task + " 4"] = (task, [lines[i] for i in MIXED], {"batch_size": 4})
    for name, (task, lines, changes) in runs.items():
        for flag in ("input_file", "output_file", "init_checkpoint"):
            if flag in changes and changes[flag] != "-":
                changes[flag] = str(folder / changes[flag])
        text = "".join(line + "\n" for line in lines)
        yield name, (flags_of(folder, task, **changes), text)


def refused_runs(folder):
    """number in REFUSED -> (flags, standard input)."""
    for number, (changes, _) in enumerate(REFUSED):
        changes = {name: at(folder, value) for name, value in changes.items()}
        flags = flags_of(folder, **dict({"task": "fill_mask"}, **changes))
        yield number, (flags, "天[MASK]")


def at(folder, value):
    """`value` with the folder's name for {}."""
    return value.format(folder) if isinstance(value, str) else value


@pytest.fixture(scope="module")
def done(folder):
    """name or number -> [exit code, stdout, stderr] of all runs, in one process."""
    write_faults(folder)
    with gzip.open(str(folder / "lines.gz"), "wb") as writer:
        writer.write(b"\xef\xbb\xbf" + "\r\n".join(LINES).encode("utf-8"))
    runs = dict(named_runs(folder))
    runs.update(refused_runs(folder))
    return dict(zip(runs, run_many(list(runs.values()))))


def test_features_in_googles_format(done):
    results, (plain,) = results_of(done["google"]), results_of(done["of layers"])
    assert [list(r) for r in results] == [["linex_index", "features"]] * 4
    assert [r["linex_index"] for r in results] == [0, 1, 2, 3]
    tokens = [[f["token"] for f in r["features"]] for r in results]
    assert tokens[0] == ["[CLS]", "今", "天", "天", "气", "[SEP]"]
    assert tokens[1] == ["[CLS]", "今", "天", "[SEP]", "play", "dog", "[SEP]"]
    assert tokens[2] == ["[CLS]", "[SEP]"]
    for at, feature in enumerate(results[0]["features"]):
        assert list(feature) == ["token", "layers"]
        # Its layer 0 is the first; the index is written as it was given.
        assert [list(layer) for layer in feature["layers"]] == [["index", "values"]] * 2
        assert [layer["index"] for layer in feature["layers"]] == [0, -1]
        for layer, of_plain in zip(feature["layers"], plain["layers"]):
            np.testing.assert_allclose(layer["values"], of_plain["values"][at], atol=2e-6)
            assert all(round(x, 6) == x for x in layer["values"])
    (one,) = results_of(done["google's layers"])
    assert [layer["index"] for layer in one["features"][0]["layers"]] == [-1, -2]
    assert "1 of 4 lines hold ||| without a blank on both sides" in done["google"][2] + "".join(
        done["google"][1:]
    )


def test_streams_files_and_order(folder, done):
    results = results_of(done["plain"])
    assert [r["text"] for r in results] == LINES
    assert results[1] == {"text": "", "masks": [], "words": [], "filled": ""}
    assert "WARNING: 1 of 5 lines are empty (first: standard input line 2)" in done["plain"][2]
    assert_same_results(results_of(done["dashes"]), results)
    assert done["files"][2] == "" and "5 lines in" in done["files"][1]
    with open(str(folder / "out.jsonl"), encoding="utf-8") as reader:
        assert_same_results([json.loads(line) for line in reader], results)
    with gzip.open(str(folder / "out.jsonl.gz"), "rt", encoding="utf-8") as reader:
        assert_same_results([json.loads(line) for line in reader], results)
    assert done["nothing"][:2] == [0, ""] and "0 lines" in done["nothing"][2]
    assert not [name for name in os.listdir(str(folder)) if ".tmp" in name]


def test_fill_mask(done):
    results = results_of(done["plain"])
    for line, result in zip(LINES, results):
        assert [m["position"] for m in result["masks"]] == [
            i for i in range(len(line)) if line.startswith("[MASK]", i)
        ]
        for mask in result["masks"]:
            shares = [t["probability"] for t in mask["top"]]
            assert len(shares) == 5 and shares == sorted(shares, reverse=True)
            assert {t["token"] for t in mask["top"]} <= set(WORDS)
        assert "[MASK]" not in result["filled"]
    assert [(w["position"], w["length"]) for w in results[2]["words"]] == [(0, 2)]
    assert results[0]["words"] == []
    best = results[0]["masks"][0]["top"][0]["token"]
    assert results[0]["filled"] == "今天天气" + (best[2:] if best.startswith("##") else best)
    assert results[4]["filled"] == "天{}。".format(results[4]["words"][0]["top"][0]["word"])
    # Special tokens and [unused1] are not proposed, however many are asked for.
    assert len(results_of(done["all"])[0]["masks"][0]["top"]) == len(WORDS)
    assert_same_results(results_of(done["no pooler"]), results_of(done["plain"]))


@pytest.mark.parametrize("task", ["fill_mask", "features", "classify"])
def test_neighbours_and_padding_change_nothing(done, task):
    alone, together = (results_of(done["{} {}".format(task, n)]) for n in (1, 4))
    assert [r["text"] for r in alone] == lines_for(task)
    assert_same_results(together, [alone[i] for i in MIXED])


def test_features(done):
    results = results_of(done["layers"])
    first = results[0]
    assert list(first) == ["text", "tokens", "layers", "pooled"]
    assert first["tokens"] == ["[CLS]", "今", "天", "天", "气", "[SEP]"]
    assert results[1]["tokens"] == ["[CLS]", "[SEP]"]
    assert [layer["index"] for layer in first["layers"]] == [0, 1, 2, -1, -2]
    values = np.array([layer["values"] for layer in first["layers"]])
    assert values.shape == (5, 6, 16) and np.shape(first["pooled"]) == (16,)
    np.testing.assert_array_equal(values[[1, 2]], values[[4, 3]])
    assert all(round(x, 6) == x for x in values.flat)
    poolerless = results_of(done["no pooled"])[0]
    assert poolerless["layers"][0]["index"] == -1 and "pooled" not in poolerless
    assert "the checkpoint has no pooler" in done["no pooled"][2]
    for name, expected in (
        ("cls", np.concatenate([values[2, 0], values[1, 0]])),
        ("mean", np.concatenate([values[2].mean(0), values[1].mean(0)])),
    ):
        vectors = results_of(done[name])
        assert all(list(r) == ["text", "vector"] for r in vectors)
        np.testing.assert_allclose(vectors[0]["vector"], expected, rtol=0, atol=2e-6)
    assert len(results_of(done["mean"])[1]["vector"]) == 32


def test_case(done):
    assert results_of(done["cased"])[0]["tokens"] == ["[CLS]", "[UNK]", "[SEP]"]
    assert results_of(done["lower"])[0]["tokens"] == ["[CLS]", "play", "[SEP]"]
    assert "rows of up to 40 tokens, lower case" in done["lower"][2]


def test_classify(done):
    results = results_of(done["classes"])
    for result in results:
        assert list(result) == ["text", "label", "probability", "probabilities"]
        assert list(result["probabilities"]) == LABELS
        assert sum(result["probabilities"].values()) == pytest.approx(1.0, abs=1e-5)
        best = max(result["probabilities"], key=result["probabilities"].get)
        assert (result["label"], result["probability"]) == (best, result["probabilities"][best])
    assert results[1]["text"] == "今天\tplay"
    log = done["classes"][2]
    assert "rows of up to 24 tokens, lower case" in log
    assert "1 of 4 lines were cut at --max_seq_length=24 (first: standard input line 4)" in log
    assert "rows of up to 40 tokens" in done["longer"][2]
    assert results_of(done["longer"])[0]["probabilities"] != results[3]["probabilities"]


def test_notes(done):
    assert len(results_of(done["notes"])) == 3
    log = done["notes"][2]
    assert (
        "1 of 3 lines hold nothing that --vocab_file knows (all is unknown) (first: standard input "
        "line 2)" in log
    )
    assert "1 of 3 lines were cut at --max_seq_length=32 (first: standard input line 3)" in log


def test_of_a_long_text_the_model_sees_what_is_around_its_masks(done):
    near, inside, other = (r["masks"][0]["top"] for r in results_of(done["near"]))
    assert_same_results(inside, near)
    assert taken_apart(other)[1] != pytest.approx(taken_apart(near)[1], abs=1e-5)


def test_refusals(folder, done):
    for number, (changes, expected) in enumerate(REFUSED):
        code, out, err = done[number]
        errors = [line for line in err.splitlines() if line.startswith("error: ")]
        assert code == 1 and len(errors) == 1 and "Traceback" not in err, (changes, err)
        assert at(folder, expected) in errors[0], (changes, errors)
        assert out == "" or "output_file" in changes, changes
    with open(str(folder / "kept.jsonl"), encoding="utf-8") as reader:
        assert reader.read() == "as it was\n"


def test_a_reader_that_leaves_early(folder):
    command = [sys.executable, os.path.join(ROOT, "run_prediction.py")]
    piped = subprocess.Popen(
        command + flags_of(folder, "features", pooling="cls"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    piped.stdout.close()
    _, err = piped.communicate("天气\n".encode(), timeout=120)
    assert piped.returncode == 141, err
    assert b"Traceback" not in err and b"error" not in err.lower(), err
