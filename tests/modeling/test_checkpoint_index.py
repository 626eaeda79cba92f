"""Index files that TensorFlow's reader would not survive: they never reach it."""

import os
import struct
import sys

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from places import ROOT

from common.errors import UserError
from modeling import checkpoint, checkpoint_index
from modeling.conversion.huggingface import write_checkpoint

sys.path.insert(0, os.path.join(ROOT, "benchmarks"))
from fuzzing import checkpoint_bytes

tf.disable_v2_behavior()
pytestmark = pytest.mark.tf1


@pytest.fixture
def prefix(tmp_path):
    names = ["bert/a", "bert/bc", "bert/bd", "global_step"]
    write_checkpoint(str(tmp_path / "m"), {n: np.ones([2, 3], np.float32) for n in names})
    return str(tmp_path / "m")


def index_of(prefix):
    with open(prefix + ".index", "rb") as f:
        return f.read()


def refusal(prefix, content):
    with open(prefix + ".index", "wb") as f:
        f.write(content)
    with pytest.raises(UserError) as error:
        checkpoint.read_shapes(prefix)
    message = str(error.value)
    assert message.startswith("checkpoint {} is damaged: {}.index".format(prefix, prefix))
    return message


def test_what_tensorflow_writes_is_accepted(prefix):
    checkpoint_index.check(prefix)
    content = index_of(prefix)
    with open(prefix + ".index", "wb") as f:
        f.write(checkpoint_bytes.table(checkpoint_bytes.read_entries(content)))
    assert checkpoint.read_shapes(prefix)["bert/bc"] == [2, 3]


def test_tensors_of_all_kinds_are_accepted(tmp_path):
    with tf.Graph().as_default(), tf.Session() as session:
        values = {
            "scalar": tf.constant(3, tf.int64),
            "empty": tf.zeros([0, 4]),
            "half": tf.zeros([2], tf.bfloat16),
            "truth": tf.constant([True]),
            "text": tf.constant(["", "天气" * 100]),
            "complex": tf.zeros([2], tf.complex64),
        }
        for name, value in values.items():
            tf.get_variable(name, initializer=value, use_resource=False)
        with tf.variable_scope("", partitioner=tf.fixed_size_partitioner(3)):
            parts = tf.get_variable("parts", [7, 2])
        session.run(tf.global_variables_initializer())
        prefix = tf.train.Saver().save(session, str(tmp_path / "model.ckpt"))
    shapes = checkpoint.read_shapes(prefix)
    assert shapes["parts"] == [7, 2] and shapes["empty"] == [0, 4] and shapes["scalar"] == []
    checkpoint.verify(prefix)
    assert set(shapes) == set(values) | {"parts"} and len(list(parts)) == 3


def test_every_cut_and_every_flipped_byte_is_refused_or_harmless(prefix):
    content = index_of(prefix)
    handles = b"".join(map(checkpoint_bytes.varint, checkpoint_bytes._handles(content)))
    unread = range(len(content) - 48 + len(handles), len(content) - 8)  # zeros in the footer
    for end in range(0, len(content), 7):
        refusal(prefix, content[:end])
    for at in set(range(len(content))) - set(unread):
        changed = bytearray(content)
        changed[at] ^= 0x10
        refusal(prefix, bytes(changed))


@pytest.mark.parametrize("number", [2**31, 2**40, 2**62, 2**63, 2**64 - 1])
@pytest.mark.parametrize("place", range(4))
def test_a_footer_that_points_anywhere(prefix, place, number):
    """No checksum covers it, and the reader would ask for as much memory as it says."""
    content = index_of(prefix)
    handles = checkpoint_bytes._handles(content)
    handles[place] = number
    footer = b"".join(map(checkpoint_bytes.varint, handles))[:40].ljust(40, b"\x00")
    message = refusal(prefix, content[:-48] + footer + content[-8:])
    assert "a block lies beyond its end" in message or "a number has" in message


def entry_changed(content, change, at=1):
    """An index, its checksums right, with change(entry) made to one of its entries."""
    from tensorflow.core.protobuf import tensor_bundle_pb2

    entries = checkpoint_bytes.read_entries(content)
    kind = tensor_bundle_pb2.BundleEntryProto if at else tensor_bundle_pb2.BundleHeaderProto
    message = kind.FromString(entries[at][1])
    change(message)
    entries[at] = (entries[at][0], message.SerializeToString())
    return checkpoint_bytes.table(entries)


def set_size(entry):
    entry.shape.dim[0].size = 2**40


def set_negative(entry):
    for dimension in entry.shape.dim:
        dimension.size *= -1


def set_unknown(entry):
    entry.shape.unknown_rank = True


def add_dimensions(entry):
    for _ in range(300):
        entry.shape.dim.add().size = 1


def set_offset(entry):
    entry.offset = 2**62


def set_type(entry):
    entry.dtype = 0


def set_variant(entry):
    entry.dtype = 21


def set_file(entry):
    entry.shard_id = 7


def set_slices(entry):
    entry.slices.add().extent.add().length = -5


@pytest.mark.parametrize(
    "change, reason",
    [
        (set_size, "the size of bert/a does not fit its shape"),
        (set_negative, "the size of bert/a does not fit its shape"),
        (set_unknown, "bert/a has no shape"),
        (add_dimensions, "bert/a has no shape"),
        (set_offset, "its data file ends before bert/a"),
        (set_type, "bert/a holds no numbers"),
        (set_variant, "bert/a holds no numbers"),
        (set_file, "a tensor lies in data file 7"),
        (set_slices, "bert/a is not made of its parts"),
    ],
)
def test_entries_that_say_absurd_things(prefix, change, reason):
    assert reason in refusal(prefix, entry_changed(index_of(prefix), change))


def test_headers(prefix):
    def many(header):
        header.num_shards = 2**31 - 1

    assert "names 2147483647 data files" in refusal(
        prefix, entry_changed(index_of(prefix), many, at=0)
    )


def test_tables_that_are_none(prefix):
    entries = checkpoint_bytes.read_entries(index_of(prefix))
    for changed, reason in (
        (entries[1:], "it has no header"),
        (entries[:2] + entries[:0:-1], "its keys are not in order"),
        (entries + entries[-1:], "its keys are not in order"),
        ([*entries[:1], (b"bert/a", b"\xff\xff")], "an entry cannot be read"),
        # Python's protobuf 3 takes a field of number 0 for the end, C++'s for an error.
        ([*entries[:1], (b"bert/a", entries[1][1] + b"\x00\x01")], "an entry cannot be read"),
    ):
        assert reason in refusal(prefix, checkpoint_bytes.table(changed))
    compressed = checkpoint_bytes._sealed(b"\xff\xff\xff\xff\x0f", kind=1)
    handles = (0, 5, 0, 5)
    footer = b"".join(map(checkpoint_bytes.varint, handles)).ljust(40, b"\x00")
    content = compressed + footer + struct.pack("<Q", 0xDB4775248B80FB57)
    assert "a block is compressed" in refusal(prefix, content)


def test_a_step_that_is_none(prefix):
    with pytest.raises(UserError, match="its global_step is no step"):
        checkpoint.saved_step(prefix)
