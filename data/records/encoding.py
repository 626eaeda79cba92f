"""Encoding of a batch of rows as the bytes of tf.train.Example messages, without TensorFlow."""

import numpy as np

from data.records.schema import FEATURES, feature_length

_SIGNED_WIDTH = 10  # bytes of a varint of 64 bits


class RecordLayout:
    """Turns batches of rows into the bytes of tf.train.Example messages.

    A record is a fixed skeleton of bytes in which only the values change: integers are varints of
    one width per feature (longer than need be, which the protobuf wire format allows), so a batch
    of records is one byte matrix.

    Attributes:
      names: features in the order they are written.
      size: bytes of one record.
    """

    def __init__(self, names, max_seq_length, max_predictions_per_seq, vocab_size, labels=None):
        """`labels`: see schema.feature_length."""
        self.names = list(names)
        limits = {"S": max_seq_length, "V": vocab_size}
        fields, self._columns = [], {}
        for name in self.names:
            feature = FEATURES[name]
            count = feature_length(name, max_seq_length, max_predictions_per_seq, labels)
            limit = limits.get(feature.limit, feature.limit)
            width = 4 if feature.dtype == "float32" else _varint_width(feature.low, limit - 1)
            fields.append((name, count, width, feature.dtype))
        self._skeleton = self._build(fields)
        self.size = len(self._skeleton)

    def _build(self, fields):
        entries, payload_ends = [], []
        for name, count, width, dtype in fields:
            entry, payload_start = _feature_entry(name.encode("ascii"), count * width, dtype)
            entries.append(entry)
            payload_ends.append((name, count, width, payload_start))
        body = b"".join(entries)
        head = b"\x0a" + _varint(len(body))
        at = len(head)
        for entry, (name, count, width, payload_start) in zip(entries, payload_ends):
            self._columns[name] = (at + payload_start, count, width)
            at += len(entry)
        return np.frombuffer(head + body, dtype=np.uint8)

    def encode(self, values):
        """Encodes a batch.

        Args:
          values: dict of arrays, name -> [records, length].

        Returns:
          uint8 [records, size].
        """
        rows = len(values[self.names[0]])
        matrix = np.empty((rows, self.size), dtype=np.uint8)
        matrix[:] = self._skeleton
        for name in self.names:
            start, count, width = self._columns[name]
            value = np.asarray(values[name]).reshape(rows, count)
            target = matrix[:, start : start + count * width]
            if FEATURES[name].dtype == "float32":
                target[:] = np.ascontiguousarray(value, dtype="<f4").view(np.uint8)
            else:
                _put_varints(target, value, width)
        return matrix


def bytes_example(values):
    """The bytes of a tf.train.Example whose features hold one string of bytes each.

    Args:
      values: dict feature -> bytes, written in this order.
    """
    entries = [
        _message(
            1, _message(1, name.encode("ascii")) + _message(2, _message(1, _message(1, value)))
        )
        for name, value in values.items()
    ]
    return _message(1, b"".join(entries))


def _put_varints(target, value, width):
    if width == 1:
        target[:] = value
        return
    if width == _SIGNED_WIDTH:
        value = value.astype(np.int64, copy=False).view(np.uint64)
    else:
        value = value.astype(np.uint32, copy=False)
    for i in range(width):
        more = 0x80 if i + 1 < width else 0
        target[:, i::width] = ((value >> value.dtype.type(7 * i)) & value.dtype.type(0x7F)) | more


def _varint_width(least, largest):
    """Bytes that hold every value; protobuf writes a negative one as two's complement, 64 bits."""
    return _SIGNED_WIDTH if least < 0 else max(1, (int(largest).bit_length() + 6) // 7)


def _varint(value):
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def _message(number, content):
    """A length-delimited protobuf field."""
    return bytes([number << 3 | 2]) + _varint(len(content)) + content


def _feature_entry(name, payload_size, dtype):
    """One entry of Features.feature with a payload of zeros, and where the payload begins."""
    values = _message(1, bytes(payload_size))  # Int64List.value or FloatList.value, packed
    feature = _message(2 if dtype == "float32" else 3, values)
    entry = _message(1, _message(1, name) + _message(2, feature))
    return entry, len(entry) - payload_size
