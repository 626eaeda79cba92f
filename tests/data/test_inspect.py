"""python -m data.inspect: rows in words, figures, and what it says of bad shards."""

import json
import os
import re
import shutil

import numpy as np
import pytest
from conftest import ROOT

from data.inspection import ShownRow, show_row
from data.records import tfrecord
from data.records.encoding import RecordLayout
from data.records.manifest import manifest_path
from data.rows.display import word_starts
from data.text.segmentation import make_segmenter
from data.tokenizers.wordpiece import SPECIAL_TOKENS, Vocabulary

VOCAB = os.path.join(ROOT, "sample", "vocab.txt")
NAME = "-m data.inspect"


@pytest.fixture(scope="module")
def made(tmp_path_factory, run_script):
    """(a shard, what its creation said)."""
    folder = tmp_path_factory.mktemp("records")
    corpus = os.path.join(ROOT, "sample", "corpus", "*.txt")
    flags = {"input_file": corpus, "input_format": "raw", "dupe_factor": 1, "vocab_file": VOCAB}
    made = run_script("create_pretraining_data.py", output_file=str(folder / "r"), **flags)
    assert made.returncode == 0, made.stderr
    return str(folder / "r"), made.stdout


@pytest.fixture(scope="module")
def shard(made):
    return made[0]


def test_report(made, run_script):
    shard, said = made
    result = run_script(NAME, input_file=shard, vocab_file=VOCAB, rows=5)
    assert result.returncode == 0, result.stderr
    rows = [line for line in result.stdout.splitlines() if line.startswith("[CLS]")]
    assert len(rows) == 5 and all("[MASK]<-" in row and "(" in row for row in rows)
    assert "[UNK] top list: " in result.stdout
    assert "121-128" in result.stdout  # the histogram of lengths
    (share,) = (line for line in result.stdout.splitlines() if line.startswith("masked: "))
    assert 14.0 < float(share.split()[1].rstrip("%")) < 16.0
    assert "sentence labels: 0: " in result.stdout
    (records,) = (line for line in result.stdout.splitlines() if line.startswith("records: "))
    mean = float(records.split("mean length ")[1].split(" of 128, ")[0])
    padding = records.split(" of 128, ")[1]
    assert padding.endswith("% padding")
    assert abs(float(padding.split("%")[0]) / 100 - (1 - mean / 128)) < 0.001
    with open(manifest_path([shard]), encoding="utf-8") as f:
        described = json.load(f)
    assert "{:.1%} padding".format(described["padding_share"]) == padding
    assert "{:,} tokens, {}, from ".format(described["tokens"], padding) in said


def test_what_a_vocabulary_holds_does_not_steer_the_terminal(shard, run_script, tmp_path):
    with open(VOCAB, encoding="utf-8") as f:
        tokens = f.read().splitlines()
    shown = tokens.index("的")
    tokens[shown] = "\x1b[2J\u202e"
    (tmp_path / "vocab.txt").write_text("\n".join(tokens) + "\n", encoding="utf-8")
    shutil.copy(shard, str(tmp_path / "r"))  # without its manifest
    result = run_script(
        NAME, input_file=str(tmp_path / "r"), vocab_file=str(tmp_path / "vocab.txt"), rows=20
    )
    assert result.returncode == 0, result.stderr
    assert "\\x1b[2J\\u202e" in result.stdout
    assert all(line.isprintable() for line in result.stdout.split("\n"))


@pytest.mark.parametrize("masking, share", [("static", "masked pieces"), ("dynamic", "pieces")])
def test_tags_of_masked_words(tmp_path, run_script, masking, share):
    """A corpus in which every word has one tag: it stands behind each masked one."""
    word = "{}\t{}\t_\t_\t{}\t_\t_\t{}\t_\tNER={}|SpaceAfter=No\n"
    sentence = word.format(1, "北京", "ns", "SBV", "S-Ns") + word.format(2, "很", "d", "ADV", "O")
    (tmp_path / "in.conllu").write_text(sentence + "\n" + sentence + "\n\n" * 30)
    made = run_script(
        "create_pretraining_data.py", input_file=str(tmp_path / "in.conllu"), vocab_file=VOCAB,
        input_format="conllu", objective="lert", output_file=str(tmp_path / "r"), dupe_factor=1,
        masking=masking, masked_lm_prob=0.5,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    result = run_script(NAME, input_file=str(tmp_path / "r"), vocab_file=VOCAB)
    assert result.returncode == 0, result.stderr
    words, row = result.stdout.splitlines()[:2]
    assert words == "words: as in the records"
    assert "/ns/S-Ns/SBV" in row or "/d/O/ADV" in row
    assert "[CLS]/" not in row and "[SEP]/" not in row
    if masking == "dynamic":
        words = "(北 京)/ns/S-Ns/SBV 很/d/O/ADV [SEP]"
        assert row == "[CLS] {0} {0}".format(words)
    else:
        shown = re.findall(r"\([^)]*\)\S*|\S+", row)  # a word in brackets, or of one piece
        assert all(("<-" in word) == ("/" in word) for word in shown)
    assert "tags: pos 100.0%, ner 100.0%, dep 100.0% of the " + share in result.stdout
    assert "sentence labels" not in result.stdout


@pytest.mark.parametrize(
    "masking, message",
    [
        ({"kind": "static"}, "masking must be an object with kind, unit and shares"),
        ({"replacement": [1.0]}, "replacement must be the three probabilities"),
        ({"probability": 2}, ": probability must lie between 0 and 1, found 2"),
    ],
)
def test_a_manifest_with_malformed_masking_is_named(
    shard, tmp_path, run_script, one_line_error, masking, message
):
    copy = str(tmp_path / "r")
    shutil.copy(shard, copy)
    with open(manifest_path([shard]), encoding="utf-8") as f:
        content = json.load(f)
    given = masking if "kind" in masking else dict(content["masking"], **masking)
    with open(manifest_path([copy]), "w", encoding="utf-8") as f:
        json.dump(dict(content, masking=given), f)
    result = run_script(NAME, input_file=copy, vocab_file=VOCAB)
    one_line_error(result, "manifest " + manifest_path([copy]), message)
    assert "--" not in result.stderr
    result = run_script(NAME, input_file=copy, vocab_file=VOCAB, segmenter="none")
    assert result.returncode == 0, result.stderr


def test_words_are_bracketed_and_masks_shown(tmp_path):
    tokens = [*SPECIAL_TOKENS, "语", "言", "模", "型", "pro", "##ba", "的"]
    path = tmp_path / "vocab.txt"
    path.write_text("\n".join(tokens) + "\n", encoding="utf-8")
    vocabulary = Vocabulary(str(path))
    original = np.array([2, 5, 6, 7, 8, 11, 9, 10, 3, 0])
    ids = original.copy()
    ids[[1, 2, 7]] = [4, 4, 10]
    row = ShownRow(ids, original, np.array([1, 2, 7]), 9, 0, None)
    expected = "[CLS] ([MASK]<-语 [MASK]<-言) (模 型) 的 (pro ##ba<-##ba) [SEP]"
    assert show_row(row, vocabulary, make_segmenter("rjieba")) == expected
    groups = np.array([0, 1, 1, 2, 3, 4, 5, 5, 0, 0])
    with_groups = "[CLS] ([MASK]<-语 [MASK]<-言) 模 型 的 (pro ##ba<-##ba) [SEP]"
    said = row._replace(starts=word_starts(groups, 0))
    assert show_row(said, vocabulary, None) == with_groups
    without = "[CLS] [MASK]<-语 [MASK]<-言 模 型 的 (pro ##ba<-##ba) [SEP]"
    assert show_row(row, vocabulary, None) == without


def test_errors(shard, run_script, one_line_error, tmp_path):
    one_line_error(run_script(NAME, vocab_file=VOCAB), "--input_file is required")
    one_line_error(run_script(NAME, input_file="/nowhere/*", vocab_file=VOCAB), "no file matches")
    other = tmp_path / "vocab.txt"
    other.write_text("\n".join(SPECIAL_TOKENS) + "\n")
    result = run_script(NAME, input_file=shard, vocab_file=str(other))
    one_line_error(result, "is not the vocabulary of these records", "5 tokens")
    bare = tmp_path / "bare"  # without its manifest only the ids can tell
    with open(shard, "rb") as f:
        content = f.read()
    bare.write_bytes(content)
    result = run_script(NAME, input_file=str(bare), vocab_file=str(other))
    one_line_error(result, "bare record 0: input_ids holds", "from 0 to 4 (--vocab_file)")


def test_unfinished_and_missing_shards(shard, run_script, one_line_error, tmp_path):
    shutil.copy(shard, str(tmp_path / "r"))
    with open(manifest_path([shard]), encoding="utf-8") as f:
        content = json.load(f)
    content["shards"]["s"] = content["shards"]["r"]
    (tmp_path / "_r.manifest.json").write_text(json.dumps(content))
    flags = {"input_file": str(tmp_path / "*"), "vocab_file": VOCAB}
    one_line_error(run_script(NAME, **flags), "lists s, which is not there (1 of 2 are missing)")
    (tmp_path / "_r.partial").mkdir()
    one_line_error(run_script(NAME, **flags), "{}/r is not finished".format(tmp_path))


@pytest.mark.parametrize(
    "damage, message",
    [
        (lambda c: c[:-3], "cut off"),
        (
            lambda c: c[:100] + b"\x00\x01" + c[102:],
            "record 0 (byte 0) does not match its checksum",
        ),
        (
            lambda c: b"{" + c,
            "is damaged or no TFRecord file: record 0 (byte 0) has no valid header",
        ),
    ],
)
def test_damaged_shards(shard, tmp_path, damage, message):
    from common.errors import UserError

    path = tmp_path / "bad"
    with open(shard, "rb") as f:
        path.write_bytes(damage(f.read()))
    with pytest.raises(UserError) as error:
        list(tfrecord.read_records(str(path)))
    assert message in str(error.value) and "bad" in str(error.value)


def test_records_of_another_kind(tmp_path):
    import tensorflow.compat.v1 as tf

    from common.errors import UserError
    from data.inspection import read_rows

    def example(**changes):
        values = {"input_ids": [1, 2], "input_mask": [1, 1], "word_groups": [0, 1], **changes}
        made = tf.train.Example()
        for name, numbers in values.items():
            if numbers is not None:
                made.features.feature[name].int64_list.value.extend(numbers)
        return made.SerializeToString()

    for content, message in (
        (example(input_mask=None), "record 0 has no feature input_mask"),
        (b"\xff\xff\xff", "record 0 is no tf.train.Example"),
        (example(input_ids=[]), "record 0: input_ids holds no whole numbers"),
        (example(input_ids=[1, -2]), "record 0: input_ids holds -2, which is not from 0 to 9"),
        (example(input_mask=[1]), "input_mask has 1 whole numbers, expected are 2"),
        (
            example(input_mask=[2**40, 1]),
            "input_mask holds 1099511627776, which is not from 0 to 1",
        ),
        (example(word_groups=[0, 7]), "word_groups holds 7, which is not from 0 to 1"),
        (example(word_starts=[128]), "word_starts holds 128, which is not from 0 to 127"),
        (example(word_starts=[1, 1]), "word_starts has 2 whole numbers, expected are 1"),
        (
            example(masked_lm_positions=[1]),
            "masked_lm_positions has 1 whole numbers, expected are 0",
        ),
        (example(next_sentence_labels=[0, 1]), "next_sentence_labels has 2 whole numbers"),
    ):
        matrix = np.frombuffer(content, dtype=np.uint8)[None]
        (tmp_path / "other").write_bytes(tfrecord.frame(matrix).tobytes())
        with pytest.raises(UserError, match=message):
            list(read_rows(str(tmp_path / "other"), 10))


def test_tensorflow_reads_what_we_frame(tmp_path):
    import tensorflow.compat.v1 as tf

    matrix = np.random.default_rng(0).integers(0, 256, (7, 1000), dtype=np.uint8)
    path = tmp_path / "framed"
    path.write_bytes(tfrecord.frame(matrix).tobytes())
    assert [bytes(r) for r in tf.python_io.tf_record_iterator(str(path))] == [
        row.tobytes() for row in matrix
    ]
    assert list(tfrecord.read_records(str(path))) == [row.tobytes() for row in matrix]


def test_layout_holds_any_value_below_its_limits():
    import tensorflow.compat.v1 as tf

    rng = np.random.default_rng(0)
    vocab_size, length, predictions = 3_000_000, 300, 7
    names = ["input_ids", "segment_ids", "masked_lm_positions", "masked_lm_weights"]
    names.append("next_sentence_labels")
    values = {
        "input_ids": rng.integers(0, vocab_size, (5, length)),
        "segment_ids": rng.integers(0, 2, (5, length)),
        "masked_lm_positions": rng.integers(0, length, (5, predictions)),
        "masked_lm_weights": rng.random((5, predictions)).astype(np.float32),
        "next_sentence_labels": rng.integers(0, 2, 5),
    }
    values["input_ids"][0, :2] = [0, vocab_size - 1]
    matrix = RecordLayout(names, length, predictions, vocab_size).encode(values)
    for i, row in enumerate(matrix):
        features = tf.train.Example.FromString(row.tobytes()).features.feature
        assert sorted(features) == sorted(names)
        for name in names:
            kind = features[name].WhichOneof("kind")
            found = np.array(getattr(features[name], kind).value)
            assert np.array_equal(found, np.atleast_1d(values[name][i])), name
