"""--task=teach: what is written, resuming, and what is refused before anything is computed."""

import collections
import json
import os
from unittest import mock

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from checkpoint_files import save
from record_files import (
    PREDICTIONS,
    SEQ,
    TINY_CONFIG,
    VOCAB,
    learnable_records,
    permuted_records,
    write_records,
)

from common import outputs
from common.errors import Stopped, UserError
from data.input import teacher_outputs as reader
from data.records import teacher_manifest, teacher_outputs
from modeling import heads
from modeling.config import BertConfig
from modeling.encoder import encode
from modeling.kernels import PlainKernels
from modeling.objectives import get_objective
from modeling.parameters import ParameterStore
from prediction.predictor import Predictor
from prediction.teach import plan, run
from prediction.teach.options import TeachOptions
from training.devices.numerics import Numerics
from training.model_fn import model_parameters

pytestmark = pytest.mark.tf1
tf.disable_v2_behavior()

CONFIG = BertConfig(dict(TINY_CONFIG, num_hidden_layers=2))
SHARD_ROWS = 8


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("teach")
    store = model_parameters(CONFIG, get_objective("roberta"), SEQ, PREDICTIONS)
    save(path / "model", {n: list(s) for n, s in store.shapes().items()})
    write_records(path / "a", learnable_records(20))
    write_records(path / "b", learnable_records(5, seed=1))
    return path


def request(folder, output_dir, names=("a", "b"), config=CONFIG, vocabulary=None, **options):
    options.setdefault("soft_label_top_k", 6)
    options.setdefault("teacher_layers", "2")
    return plan.TeachRequest(
        [str(folder / name) for name in names],
        str(output_dir),
        TeachOptions(**options),
        config,
        str(folder / "model"),
        "5" * 64,
        vocabulary,
        Numerics(),
    )


def teach(folder, output_dir, **changes):
    """Makes teacher records in shards of SHARD_ROWS rows."""
    asked = request(folder, output_dir, **changes)
    with mock.patch.object(teacher_outputs.Layout, "shards", few_rows):
        made = plan.make(asked)
    run.teach(made, CONFIG, str(folder / "model"), 4, Numerics())
    return made.records


def few_rows(layout, file_name, records):
    with mock.patch.object(teacher_outputs, "SHARD_BYTES", SHARD_ROWS * layout.record_bytes()):
        return SHARDS(layout, file_name, records)


SHARDS = teacher_outputs.Layout.shards


def contents(path):
    return {name: (path / name).read_bytes() for name in sorted(os.listdir(str(path)))}


def rows_in(made, name):
    """dict feature -> array of all rows of a record file, as training reads them."""
    entry = made.files[name]
    paths = [os.path.join(made.folder, shard) for shard in entry["shards"]]
    with tf.Graph().as_default(), tf.Session() as session:
        dataset = tf.data.TFRecordDataset(paths).batch(100).map(reader.parser(made.layout))
        return session.run(tf.data.make_one_shot_iterator(dataset).get_next())


def computed(folder, records):
    """(log probabilities [rows, seq, vocab], states of layer 2) by the network in whole rows."""
    with tf.Graph().as_default(), tf.Session() as session:
        store = ParameterStore()
        names = ("input_ids", "input_mask", "segment_ids")
        features = {n: tf.constant(np.array([r[n] for r in records]), tf.int32) for n in names}
        encoded = encode(CONFIG, store, PlainKernels(), features)
        flat = tf.reshape(encoded.sequence_output, [-1, CONFIG.hidden_size])
        tables = encoded.embedding_tables
        logits = heads.masked_lm_logits(CONFIG, store, PlainKernels(), flat, tables)
        saver = tf.train.Saver(tf.global_variables())
        saver.restore(session, str(folder / "model"))
        scores, states = session.run([tf.nn.log_softmax(logits), encoded.sequence_output])
    return scores.reshape(len(records), SEQ, VOCAB), states


def test_what_is_written_is_what_the_network_gives(folder, tmp_path, capsys):
    options = {"soft_label_positions": "all", "soft_label_dtype": "float32", "hidden_dtype": "int8"}
    made = teach(folder, tmp_path / "all", soft_label_temperatures="1,2.5", **options)
    assert list(made.files["a"]["shards"]) == [
        "a.teacher-0000{}-of-00003".format(i) for i in range(3)
    ]
    records = learnable_records(20)
    scores, states = computed(folder, records)
    rows = rows_in(made, "a")
    for number, record in enumerate(records):
        length = record["input_mask"].sum()
        ids, found = rows["teacher_ids"][number], rows["teacher_log_probabilities"][number]
        of_row = scores[number]
        wanted = np.sort(of_row, axis=-1)[:, ::-1][:length, :6]
        np.testing.assert_allclose(found[:length], wanted, atol=1e-5)
        taken = np.take_along_axis(of_row, ids, axis=-1)
        np.testing.assert_allclose(taken[:length], wanted, atol=1e-5)
        sums = np.log(np.exp(of_row.astype(np.float64) / 2.5).sum(axis=-1))
        np.testing.assert_allclose(
            rows["teacher_log_normalisers"][number, :length, 1], sums[:length], atol=1e-5
        )
        hidden = rows["teacher_hidden_2"][number]
        bound = 0.501 / 127 * np.abs(states[number]).max(axis=-1, keepdims=True) + 1e-5
        assert (np.abs(hidden - states[number]) < bound)[:length].all()
        assert not hidden[length:].any() and not ids[length:].any()
    said = capsys.readouterr().out
    total = sum(
        len(content) for name, content in contents(tmp_path / "all").items() if "-of-" in name
    )
    size = made.layout.record_bytes()
    assert total == 25 * size  # stated to the byte
    assert (
        "{:,} bytes a record, {:,.1f} a token of 16; 25 records in 4".format(size, size / 16)
        in said
    )


def test_stopped_it_goes_on_to_the_same_bytes(folder, tmp_path, capsys):
    teach(folder, tmp_path / "whole")
    compute, calls = Predictor.run, []

    def stop(self, texts):
        calls.append(len(texts))
        if len(calls) == 3:
            raise Stopped(15, "")
        return compute(self, texts)

    with mock.patch.object(Predictor, "run", stop), pytest.raises(Stopped) as caught:
        teach(folder, tmp_path / "parts")
    assert calls == [8, 8, 4] and caught.value.exit_code == 143
    assert "2 of 4 shards are finished and kept; the same command goes on" in str(caught.value)
    there = contents(tmp_path / "parts")
    assert list(there) == ["_teacher.manifest.json", *list(contents(tmp_path / "whole"))[1:3]]
    # What a writer that was killed has left.
    left = outputs.temporary_path(str(tmp_path / "parts" / "a.teacher-00002-of-00003"))
    with open(left, "wb") as writer:
        writer.write(b"half")
    del calls[:]
    with mock.patch.object(Predictor, "run", lambda *of: calls.append(1) or compute(*of)):
        teach(folder, tmp_path / "parts")
    assert len(calls) == 2 and "16 of 25 records are there, and kept" in capsys.readouterr().out
    assert contents(tmp_path / "parts") == contents(tmp_path / "whole")
    with mock.patch.object(Predictor, "run", None):
        teach(folder, tmp_path / "parts")
    assert "all 4 shards are there" in capsys.readouterr().out


def refused(folder, output_dir, **changes):
    """The message with which nothing is computed."""
    with pytest.raises(UserError) as caught:
        plan.make(request(folder, output_dir, **changes))
    return str(caught.value)


def test_a_folder_of_other_outputs_is_refused(folder, tmp_path):
    teach(folder, tmp_path / "o")
    said = "--output_dir {}/o holds other teacher records: ".format(tmp_path)
    message = refused(folder, tmp_path / "o", soft_label_top_k=5, hidden_dtype="int8")
    assert message.startswith(
        said + "soft_label_top_k was 6 and is 5, hidden_dtype was float16 and is int8; take another"
    )
    assert refused(folder, tmp_path / "o", names=["a"]).startswith(
        said + "its record files were others (b); take another --output_dir"
    )
    other = request(folder, tmp_path / "o")._replace(digest="6" * 64)
    with pytest.raises(UserError, match=r"digest was 5+ and is 6+;"):
        plan.make(other)


def test_too_small_a_disk_is_refused_before(folder, tmp_path):
    usage = collections.namedtuple("usage", ["total", "used", "free"])
    with mock.patch.object(plan.shutil, "disk_usage", lambda path: usage(9, 0, 1000)):
        message = refused(folder, tmp_path / "o" / "p")
    assert "has 1.00kB left, and the teacher's outputs take " in message
    assert message.endswith(
        "write less: a smaller --soft_label_top_k than 6, --hidden_dtype=int8, fewer "
        "--teacher_layers"
    )
    assert not (tmp_path / "o").exists()


def with_manifest(folder, **content):
    """A record file with a manifest that says so."""
    path = folder / "r.tfrecord"
    write_records(path, learnable_records(4))
    shards = {"r.tfrecord": {"bytes": path.stat().st_size, "records": 4}}
    text = json.dumps(dict(content, shards=shards))
    (folder / "_r.tfrecord.manifest.json").write_text(text, encoding="utf-8")


def test_records_that_cannot_be_taught(folder, tmp_path):
    os.mkdir(str(tmp_path / "s"))
    write_records(tmp_path / "s" / "a", learnable_records(3))
    plain = [
        {n: r[n] for n in ("input_ids", "input_mask", "segment_ids")} for r in learnable_records(3)
    ]
    write_records(tmp_path / "plain", plain)
    write_records(tmp_path / "permuted", permuted_records(3))
    write_records(tmp_path / "none", [])
    write_records(tmp_path / "foreign", [{"label_ids": np.array([1])}])

    def said(*names, **changes):
        paths = [str(tmp_path / n) for n in names]
        with pytest.raises(UserError) as caught:
            asked = request(folder, tmp_path / "o", **changes)._replace(record_files=paths)
            plan.make(asked)
        return str(caught.value)

    double = [str(folder / "a"), str(tmp_path / "s" / "a")]
    assert "{} and {} have one name, by which".format(*double) in said(*double)
    assert "holds no masked places: masks are drawn in training" in said("plain")
    assert "holds no masked places" in said("plain", soft_label_positions="all")
    assert "(masked_lm_positions is missing); give --soft_label_positions=none" in said("permuted")
    assert "none holds no record" in said("none")
    assert "foreign holds no pre-training records: input_ids is missing" in said("foreign")
    assert "--soft_label_top_k=41 is more than the 40 pieces" in said("s/a", soft_label_top_k=41)
    short = BertConfig(dict(TINY_CONFIG, max_position_embeddings=SEQ - 1, num_hidden_layers=2))
    assert "has rows of 16 tokens, more than max_position_embeddings 15" in said(
        "s/a", config=short
    )
    with_manifest(tmp_path, masking={"kind": "dynamic"})
    assert "_r.tfrecord.manifest.json holds no masked places" in said("r.tfrecord")
    with_manifest(tmp_path, vocab_size=VOCAB + 1)
    assert "vocabulary sizes differ" in said("r.tfrecord")
    with_manifest(tmp_path, vocab_sha256="7" * 64)
    own = collections.namedtuple("Vocabulary", ["path", "sha256"])("v.txt", "8" * 64)
    assert "another vocabulary: v.txt (SHA-256 888888888888...) is not that of the records" in said(
        "r.tfrecord", vocabulary=own
    )
    (tmp_path / "_r.tfrecord.manifest.json").unlink()


def test_records_that_do_not_fit_are_named(folder, tmp_path):
    records = learnable_records(4)
    length = records[2]["input_mask"].sum()
    records[2]["masked_lm_positions"][0] = min(length, SEQ - 1)
    records[2]["input_mask"][min(length, SEQ - 1) :] = 0
    write_records(tmp_path / "a", records)
    asked = request(folder, tmp_path / "o")._replace(record_files=[str(tmp_path / "a")])
    made = plan.make(asked)
    with pytest.raises(UserError, match=r"a, record 2: masked place .* lies behind its"):
        run.teach(made, CONFIG, str(folder / "model"), 4, Numerics())
    assert os.listdir(str(tmp_path / "o")) == ["_teacher.manifest.json"]
    assert teacher_manifest.read(str(tmp_path / "o")) == made.records


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"soft_label_positions": "none", "teacher_layers": None},
            "without --teacher_layers writes",
        ),
        ({"soft_label_top_k": 0}, "--soft_label_top_k=0 must be positive"),
        ({"soft_label_temperatures": "1,x"}, "--soft_label_temperatures=1,x must be numbers from"),
        ({"soft_label_temperatures": "0"}, "--soft_label_temperatures=0 must be numbers from 0.01"),
        ({"teacher_layers": "1,x"}, "--teacher_layers=1,x must be numbers of layers with commas"),
        ({"teacher_layers": "1,1"}, "--teacher_layers names 1 twice; remove one"),
        ({"teacher_layers": "3"}, "--teacher_layers asks for 3, but the teacher has layers 0 to 2"),
    ],
)
def test_options_are_checked(options, message):
    with pytest.raises(UserError) as caught:
        TeachOptions.of(options, "--task=teach").layers(CONFIG)
    assert message in str(caught.value)
