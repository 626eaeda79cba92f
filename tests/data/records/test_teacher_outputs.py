"""The records of a teacher: sizes, bytes, quantisation, and the manifest beside them."""

import json

import numpy as np
import pytest

from common.errors import UserError
from data.records import teacher_manifest, teacher_outputs, tfrecord
from data.records.teacher_manifest import TeacherRecords, identity_of
from data.records.teacher_outputs import Layout, quantise

pytestmark = pytest.mark.tf1

LAYOUT = Layout("masked", 4, "float16", (1.0, 2.0), (0, 2), "int8", 6, 3, 50, 8)


def outputs(rng, tokens=5, places=3):
    made = {
        "teacher_ids": rng.randint(0, 50, (places, 4)),
        "teacher_log_probabilities": -rng.uniform(0, 12, (places, 4)).astype(np.float32),
        "teacher_log_normalisers": rng.uniform(0, 3, (places, 2)).astype(np.float32),
    }
    for layer in (0, 2):
        states = rng.standard_normal((tokens, 8)) * 3
        made["teacher_hidden_{}".format(layer)] = states.astype(np.float32)
    return made


def values_of(framed):
    """dict feature -> bytes of a record, by TensorFlow's own message."""
    from data.records.checks.record_contents import example_of

    (content,) = tfrecord.walk(_Held(framed), 0)
    return {n: f.bytes_list.value[0] for n, f in example_of(content).features.feature.items()}


class _Held:
    """Bytes as a tfrecord.Reader."""

    def __init__(self, content):
        self._content, self.end = content, len(content)

    def block(self, at, size):
        return self._content, at


def test_a_record_holds_what_was_given():
    given = outputs(np.random.RandomState(0))
    framed = LAYOUT.encode(given, "row 0")
    values = values_of(framed)
    ids = np.frombuffer(values["teacher_ids"], "<u2").reshape(3, 4)
    np.testing.assert_array_equal(ids, given["teacher_ids"])
    log_probabilities = np.frombuffer(values["teacher_log_probabilities"], "<f2").reshape(3, 4)
    # Half a unit in the last place of 11 bits.
    bound = np.abs(given["teacher_log_probabilities"]) * 2.0**-11
    error = np.abs(log_probabilities.astype(np.float64) - given["teacher_log_probabilities"])
    assert (error <= bound).all() and error.max() > 0
    normalisers = np.frombuffer(values["teacher_log_normalisers"], "<f4").reshape(3, 2)
    np.testing.assert_array_equal(normalisers, given["teacher_log_normalisers"])
    for layer in (0, 2):
        whole = np.frombuffer(values["teacher_hidden_{}".format(layer)], "i1").reshape(6, 8)
        scales = np.frombuffer(values["teacher_hidden_{}_scales".format(layer)], "<f4")
        states = given["teacher_hidden_{}".format(layer)]
        np.testing.assert_allclose(scales[:5], np.abs(states).max(axis=-1) / 127, rtol=1e-6)
        error = np.abs(whole[:5] * scales[:5, None] - states)
        assert (error <= 0.5001 * scales[:5, None]).all()
        assert not whole[5].any() and not scales[5]  # behind the row


def test_sizes_are_known_before():
    """By hand: ids in two bytes, log probabilities in two, and names and frames beside them."""
    given = outputs(np.random.RandomState(1))
    payload = 3 * 4 * (2 + 2) + 3 * 2 * 4 + 2 * (6 * 8 + 6 * 4)
    size = LAYOUT.record_bytes()
    assert size == len(LAYOUT.encode(given, "row")) and payload < size < payload + 7 * 50
    states = LAYOUT._replace(
        soft_label_positions="none", teacher_layers=(1,), hidden_dtype="float16"
    )
    states = states._replace(max_seq_length=128, hidden_size=768)
    assert 128 * 768 * 2 < states.record_bytes() < 128 * 768 * 2 * 1.001
    many = LAYOUT._replace(vocab_size=(1 << 16) + 1)
    assert many.record_bytes() == size + 3 * 4 * 2  # ids in four bytes


def test_quantised_states():
    states = np.array([[0, 0], [127, -1], [1e-3, 2e-3]], np.float32)
    whole, scales = quantise(states, "int8")
    np.testing.assert_array_equal(whole, [[0, 0], [127, -1], [64, 127]])
    np.testing.assert_allclose(scales, [0, 1, 2e-3 / 127], rtol=1e-6)
    half, none = quantise(states, "float16")
    assert none is None and half.dtype == np.float16
    np.testing.assert_allclose(half, states, rtol=2.0**-11)
    same, _ = quantise(states, "float32")
    np.testing.assert_array_equal(same, states)


def test_states_beyond_float16_are_refused():
    given = outputs(np.random.RandomState(2))
    given["teacher_hidden_2"][1, 1] = 70000
    with pytest.raises(UserError) as caught:
        LAYOUT._replace(hidden_dtype="float16").encode(given, "r.tfrecord, record 7")
    assert str(caught.value) == (
        "r.tfrecord, record 7: layer 2 of the teacher has states up to 7e+04, and float16 holds "
        "65504; take --hidden_dtype=int8 or float32"
    )
    LAYOUT.encode(given, "row")


def test_shards_are_of_some_size(monkeypatch):
    monkeypatch.setattr(teacher_outputs, "SHARD_BYTES", 4 * LAYOUT.record_bytes() + 1)
    assert list(LAYOUT.shards("r", 10).items()) == [
        ("r.teacher-00000-of-00003", 4),
        ("r.teacher-00001-of-00003", 4),
        ("r.teacher-00002-of-00003", 2),
    ]
    monkeypatch.setattr(teacher_outputs, "SHARD_BYTES", 1)
    assert list(LAYOUT.shards("r", 2).values()) == [1, 1]


@pytest.fixture
def records(tmp_path):
    """Teacher records of one file, with their shard."""
    path = tmp_path / "r.tfrecord"
    path.write_bytes(b"records")
    teacher = {"checkpoint": "t", "digest": "5" * 64, "config": "c.json", "num_blocks": 2}
    teacher.update(num_attention_heads=2, hidden_size=8, vocab_size=50)
    teacher.update(precision="fp32", kernels="plain")
    shard, size = "r.tfrecord.teacher-00000-of-00001", 2 * LAYOUT.record_bytes()
    entry = dict(identity_of(str(path)), records=2, shards=[shard])
    shards = {shard: {"bytes": size, "records": 2}}
    (tmp_path / "t").mkdir()
    made = TeacherRecords(str(tmp_path / "t"), LAYOUT, teacher, {"r.tfrecord": entry}, shards)
    made.write()
    (tmp_path / "t" / shard).write_bytes(bytes(size))
    return made


def test_places_of_masks_without_their_number(records):
    content = records.to_json()
    del content["max_predictions_per_seq"]
    with open(records.path, "w", encoding="utf-8") as writer:
        json.dump(content, writer)
    with pytest.raises(UserError, match="contradicts itself"):
        teacher_manifest.read(records.folder)
    content.update(soft_label_positions="all")  # of another size
    with open(records.path, "w", encoding="utf-8") as writer:
        json.dump(content, writer)
    with pytest.raises(UserError, match="contradicts itself"):
        teacher_manifest.read(records.folder)


def test_a_manifest_is_read_as_it_was_written(records, tmp_path):
    read = teacher_manifest.read(records.folder)
    assert read == records
    paths = read.shards_of([str(tmp_path / "r.tfrecord")])
    assert paths == [[str(tmp_path / "t" / "r.tfrecord.teacher-00000-of-00001")]]
    assert teacher_manifest.read(str(tmp_path)) is None


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("teacher", {"checkpoint": "t"}, "teacher must be an object that says which teacher it is"),
        ("soft_label_positions", "some", "soft_label_positions must be one of masked, all, none"),
        ("soft_label_positions", [], "soft_label_positions must be one of masked, all, none"),
        ("soft_label_top_k", 0, "soft_label_top_k must be a positive number, found 0"),
        ("soft_label_dtype", "int8", "soft_label_dtype must be one of float16, float32"),
        ("soft_label_temperatures", [0], "must be a list of positive numbers, found [0]"),
        ("teacher_layers", ["1"], "teacher_layers must be a list of layers"),
        ("hidden_dtype", None, "hidden_dtype must be one of float16, float32, int8, found None"),
        ("max_predictions_per_seq", 0, "max_predictions_per_seq must be a positive number, found"),
        ("files", {"r.tfrecord": {"bytes": 7}}, "files must be an object of record files"),
        ("teacher_layers", [0], "contradicts itself: its shards do not follow"),
        ("shards", {}, "contradicts itself"),
    ],
)
def test_damaged_manifests(records, key, value, message):
    content = dict(records.to_json(), **{key: value})
    with open(records.path, "w", encoding="utf-8") as writer:
        json.dump(content, writer)
    with pytest.raises(UserError) as caught:
        teacher_manifest.read(records.folder)
    assert message in str(caught.value) and str(caught.value).startswith(records.path)
