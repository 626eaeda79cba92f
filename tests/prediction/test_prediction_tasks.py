"""The modules of prediction/ by themselves, and the golden numbers of google-research/bert."""

import gzip
import io
import os
import sys
import types
from unittest import mock

import golden_cases
import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from golden_cases import needs_golden

from common import files
from common.errors import UserError
from data.tokenizers.wordpiece import Spelling, Vocabulary, WordPieceTokenizer
from modeling import checkpoint
from modeling.config import BertConfig
from prediction import fill_mask
from prediction.lines import Line, ResultFile, check_beginning, read_lines
from prediction.prediction_task import LineNotes, TaskSetup, predict_lines
from prediction.predictor import Predictor
from prediction.registry import get_prediction_task

tf.disable_v2_behavior()
pytestmark = pytest.mark.tf1
INNER = Spelling("ing", True)


@pytest.mark.parametrize(
    ("text", "piece", "expected"),
    [
        ("今天", "天", "今天天"),
        ("", INNER, "ing"),
        ("play", INNER, "playing"),
        ("play ", INNER, "playing"),
        ("天 ", INNER, "天 ing"),
        ("play", "dog", "play dog"),
        ("play ", "dog", "play dog"),
        ("天", "dog", "天dog"),
        ("dog", "天", "dog天"),
        ("dog", "。", "dog。"),
        ("。", "dog", "。dog"),
        ("2019", "年", "2019年"),
        ("a", "##", "a##"),
    ],
)
def test_pieces_join_so_that_they_are_cut_apart_again(text, piece, expected):
    piece = piece if piece is INNER else Spelling(piece, False)
    assert fill_mask.add_piece(text, piece) == expected


def test_text_after_a_filled_mask():
    assert fill_mask.add_text("play", "dog") == "play dog"
    assert fill_mask.add_text("play", " dog") == "play dog"
    assert fill_mask.add_text("", "dog") == "dog"
    assert fill_mask.add_text("dog", "##x") == "dog##x"  # text of the user, not a piece


# As task.json has it.
SAVED = {
    "task": "t",
    "kind": "classification",
    "labels": ["a", "b"],
    "is_one_of_several": False,
    "row_options": {},
    "head_options": {},
}


def golden_task(name, max_seq_length=64, saved=None, **options):
    """A task for the golden checkpoint `bert`; not started."""
    config = BertConfig.from_json_file(golden_cases.path("bert", "bert_config.json"), gelu="tanh")
    vocabulary = Vocabulary(golden_cases.path("bert", "vocab.txt"))
    setup = TaskSetup(config, WordPieceTokenizer(vocabulary), max_seq_length, saved)
    return get_prediction_task(name)(setup, **options)


def golden_rows():
    """The golden inputs as rows of their own lengths."""
    features = golden_cases.batch_features("bert")
    lengths = features["input_mask"].sum(axis=1)
    return [
        {
            "input_ids": features["input_ids"][i, :length].tolist(),
            "segment_ids": features["segment_ids"][i, :length].tolist(),
            "positions": features["masked_lm_positions"][i].tolist(),
        }
        for i, length in enumerate(lengths)
    ]


def run_golden(task, rows, batch_size):
    prefix = checkpoint.resolve(golden_cases.path("bert"))
    with Predictor(task.config, task, prefix, batch_size) as predictor:
        return predictor.run(rows)


@needs_golden
@pytest.mark.parametrize("batch_size", [1, 32])
def test_masked_lm_equals_the_original_program(batch_size):
    task = golden_task("fill_mask", top_k=1000)
    rows = golden_rows()
    outputs = run_golden(task, rows, batch_size)
    candidates = task.vocabulary.random_replacements(True)
    expected = golden_cases.arrays("bert", "outputs.npz")["masked_lm_log_probs"]
    expected = expected.reshape([len(rows), -1, expected.shape[-1]])
    for row, output, theirs in zip(rows, outputs, expected):
        assert output["ids"].shape == (len(row["positions"]), len(candidates))
        best = np.take_along_axis(theirs, output["ids"], axis=1)
        np.testing.assert_allclose(output["log_probs"], best, rtol=0, atol=1e-5)
        assert sorted(output["ids"][0]) == sorted(candidates)
        assert (np.diff(output["log_probs"], axis=1) <= 0).all()


@needs_golden
def test_one_graph_serves_rows_of_all_lengths():
    task = golden_task("features", layers=["-1"], pooling="none")
    rows = [{"input_ids": [1] * n, "segment_ids": [0] * n} for n in (3, 40, 17, 3, 9)]
    with mock.patch.object(task, "build", wraps=task.build) as build:
        outputs = run_golden(task, rows, 2)
        alone = [run_golden(task, [row], 1)[0] for row in rows[:2]]
    assert build.call_count == 3  # one for each predictor
    # Batches of two by length: 3 and 3, 9 and 17, 40; padded to the longest and no further.
    assert [output["layers"].shape[1] for output in outputs] == [3, 40, 17, 3, 17]
    for output, other in zip(outputs, alone):
        np.testing.assert_allclose(output["layers"], other["layers"], rtol=0, atol=1e-6)


@needs_golden
def test_features_equal_the_original_program():
    task = golden_task("features", layers=["0", "1", "2"], pooling="none")
    expected = golden_cases.arrays("bert", "outputs.npz")
    layers = np.concatenate([[expected["embedding_output"]], expected["all_encoder_layers"]])
    rows = golden_rows()
    for i, output in enumerate(run_golden(task, rows, 2)):
        length = len(rows[i]["input_ids"])
        np.testing.assert_allclose(
            output["layers"][:, :length], layers[:, i, :length], rtol=0, atol=1e-5
        )
        np.testing.assert_allclose(output["pooled"], expected["pooled_output"][i], atol=1e-5)


@needs_golden
def test_the_window_holds_all_masks_and_what_is_around_them():
    task = golden_task("fill_mask", max_seq_length=12, top_k=1)
    for length in range(1, 40):
        for first in range(length):
            for last in range(first, min(length, first + 10)):
                start = task._window(Line("", 1, "f"), length, [first, last])
                assert 0 <= start <= first and last < start + 10
                # The row is full, with as much text before the masks as after them.
                assert length <= 10 or start + 10 <= length
                if 0 < start < length - 10:
                    assert abs((first - start) - (start + 9 - last)) <= 1
    with pytest.raises(UserError, match="f line 1 lie 10 tokens apart"):
        task._window(Line("", 1, "f"), 30, [5, 15])


@needs_golden
@needs_golden
def test_a_pair_in_googles_format_is_one_row_of_two_segments():
    task = golden_task("features", layers=["0", "-1"], pooling="none", features_format="google")
    words = [i for i, token in enumerate(task.vocabulary.tokens) if len(token) == 1][-3:]
    first, second, third = (task.vocabulary.tokens[i] for i in words)
    line = Line("{}{} ||| {}".format(first, second, third), 7, "x")
    prefix = checkpoint.resolve(golden_cases.path("bert"))
    with Predictor(task.config, task, prefix, batch_size=2) as predictor:
        task.start(predictor)
        (result,) = task.predict([line])
        cls, sep = task.vocabulary.cls, task.vocabulary.sep
        ids = [cls, *words[:2], sep, words[2], sep]
        row = {"input_ids": ids, "segment_ids": [0, 0, 0, 0, 1, 1]}
        (expected,) = predictor.run([row])
    assert result["linex_index"] == 6
    for at, feature in enumerate(result["features"]):
        assert feature["token"] == task.vocabulary.tokens[ids[at]]
        for layer, values in zip(feature["layers"], expected["layers"]):
            np.testing.assert_allclose(layer["values"], values[at], atol=1e-6)


def test_windows_of_features_fit_in_memory():
    windows = [
        golden_task("features", layers=layers, pooling=pooling).window_lines
        for layers, pooling in ((["-1"], "none"), (["-1"] * 100, "none"), (["-1"] * 100, "mean"))
    ]
    assert windows == [2048, (1 << 24) // (100 * 64 * 48), 2048]


@needs_golden
def test_too_little_memory_names_the_flag():
    task = golden_task("features", layers=["-1"], pooling="cls")
    prefix = checkpoint.resolve(golden_cases.path("bert"))
    row = {"input_ids": [1] * 17, "segment_ids": [0] * 17}
    with Predictor(task.config, task, prefix, 32) as predictor:
        fault = tf.errors.ResourceExhaustedError(None, None, "OOM when allocating")
        with mock.patch.object(predictor, "_session") as session:
            session.run.side_effect = fault
            with pytest.raises(
                UserError, match="1 rows of 17 tokens; take a smaller --predict_batch_size"
            ):
                predictor.run([row])


@needs_golden
def test_pairs_need_two_token_types():
    task = golden_task("classify", saved=SAVED)
    line = Line("今天\t天气", 3, "f")
    assert task._row(line)["segment_ids"] == [0] * 4 + [1] * 3
    task.config.type_vocab_size = 1
    with pytest.raises(UserError, match="f line 3 is a pair of texts, but "):
        task._row(line)


@needs_golden
def test_lines_have_as_many_texts_as_the_training_examples():
    """A table with its labels is not taken for pairs, nor a single text for one."""
    single, pair = (golden_task("classify", saved=dict(SAVED, texts=n)) for n in (1, 2))
    with pytest.raises(UserError) as error:
        single._row(Line("1\t天气", 3, "f"))
    assert str(error.value) == (
        "f line 3 has two texts with a tab between, but the model was fine-tuned on a single text, "
        "without a tab"
    )
    with pytest.raises(UserError, match="has a single text, without a tab, but the model was"):
        pair._row(Line("天气", 3, "f"))
    for task, text in ((single, "天气"), (pair, "今天\t天气"), (pair, "")):
        assert task._row(Line(text, 3, "f"))["input_ids"]


class CountingTask:
    """Looks at how many lines are read at once."""

    window_lines = 7

    def __init__(self):
        self.notes, self.windows, self.read = LineNotes(8), [], 0
        self.predictor = types.SimpleNamespace()  # whose progress is set

    def lines(self, count):
        for number in range(1, count + 1):
            self.read += 1
            yield Line("x", number, "f")

    def predict(self, lines):
        self.windows.append((len(lines), self.read))
        for line in lines:
            self.notes.total += 1
            yield {"n": line.number}


def test_a_window_at_a_time_is_held(tmp_path):
    task = CountingTask()
    path = tmp_path / "out.jsonl"
    with ResultFile(str(path)) as results:
        predict_lines(task, task.lines(17), results)
    assert task.windows == [(7, 7), (7, 14), (3, 17)]
    assert path.read_text() == "".join('{{"n": {}}}\n'.format(n) for n in range(1, 18))


def test_lines_end_at_line_feeds_only(tmp_path):
    path = tmp_path / "lines.txt"
    path.write_bytes("\ufeffa\u2028b\x0bc\r\n\n d \r\r\nlast".encode("utf-8"))
    lines = list(read_lines(str(path)))
    assert [line.text for line in lines] == ["a\u2028b\x0bc", "", " d \r", "last"]
    assert lines[3].where == "{} line 4".format(path)
    with mock.patch.object(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"x\n"))):
        assert next(read_lines("-")).where == "standard input line 1"


def test_a_file_of_results_is_complete_or_missing(tmp_path):
    path = tmp_path / "out.jsonl"
    with pytest.raises(KeyError), ResultFile(str(path)) as results:
        results.write([{"a": 1}])
        raise KeyError
    assert list(tmp_path.iterdir()) == []
    path.mkdir()
    with pytest.raises(UserError, match="is a directory; name a file"), ResultFile(str(path)):
        pass
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["lines", "lines.gz"])
def test_lines_are_bounded(tmp_path, monkeypatch, name):
    """A small gzip file may hold a line that no memory does."""
    monkeypatch.setattr(files, "TEXT_LINE_BYTES", 100)
    content = b"a" * 100 + b"\n" + b"b" * 99 + b"\n" + b"c" * 101
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    lines = read_lines(str(tmp_path / name))
    with pytest.raises(UserError, match=r"lines(.gz)? line 1 is longer than 100 bytes; cut it"):
        list(lines)
    (tmp_path / "short").write_bytes(content[101:201])
    assert [line.text for line in read_lines(str(tmp_path / "short"))] == ["b" * 99]


def test_a_file_is_looked_at_before_a_model_is_loaded(tmp_path):
    (tmp_path / "good.txt").write_text("今天\n", encoding="utf-8")
    (tmp_path / "later.txt").write_bytes("今天\n".encode() + b"\xc4\xe3\n")
    (tmp_path / "bad.txt").write_bytes(b"\xc4\xe3\n")
    os.mkfifo(str(tmp_path / "pipe"))
    for name in ("good.txt", "later.txt", "pipe"):
        check_beginning(str(tmp_path / name))
    check_beginning(None)
    for name, message in (
        ("bad.txt", "line 1 is not UTF-8"),
        ("none.txt", "No such file or directory"),
        ("", "Is a directory"),
    ):
        with pytest.raises(UserError, match=message):
            check_beginning(str(tmp_path / name))
