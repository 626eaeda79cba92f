"""The outputs of a teacher for records: the features that hold them, their sizes and their bytes.

A teacher's record belongs to one record of pre-training. Its features are raw little-endian arrays,
so that all records of a layout have one size. Nothing here imports TensorFlow.
"""

import collections
from typing import NamedTuple, Optional, Tuple

import numpy as np

from common.errors import UserError
from common.features import (
    TEACHER_HIDDEN,
    TEACHER_IDS,
    TEACHER_LOG_PROBABILITIES,
    TEACHER_NORMALISERS,
)
from data.records import tfrecord
from data.records.encoding import bytes_example
from data.records.side_paths import name_in_set

# Which tokens of a row have soft labels.
MASKED, ALL, NONE = "masked", "all", "none"
POSITIONS = (MASKED, ALL, NONE)
# Types of log probabilities and of hidden states.
FLOAT16, FLOAT32, INT8 = "float16", "float32", "int8"
LABEL_DTYPES, HIDDEN_DTYPES = (FLOAT16, FLOAT32), (FLOAT16, FLOAT32, INT8)
# Of hidden states in INT8, in records alone.
SCALES = TEACHER_HIDDEN + "_scales"
# So much is lost at most when the work is stopped.
SHARD_BYTES = 64 << 20
# Vocabularies of no more rows are counted in two bytes.
_SHORT_IDS = 1 << 16
_LARGEST_INT8 = 127


class Field(NamedTuple):
    """A feature of a teacher's record.

    Attributes:
      dtype: name of NumPy's type; little-endian.
      shape: tuple of ints.
    """

    dtype: str
    shape: Tuple[int, ...]

    @property
    def bytes(self):
        return int(np.prod(self.shape, dtype=np.int64)) * np.dtype(self.dtype).itemsize


class Layout(NamedTuple):
    """What the records of a teacher hold.

    Attributes:
      soft_label_positions: of POSITIONS.
      soft_label_top_k: how many of the likeliest pieces are kept for a token.
      soft_label_dtype: of LABEL_DTYPES, of their log probabilities at temperature 1.
      soft_label_temperatures: for each of these T there is the logarithm of the sum of p^(1/T) over
        the whole vocabulary, so that log p / T less that is the log probability at T.
      teacher_layers: layers whose hidden states are kept; 0: the embeddings.
      hidden_dtype: of HIDDEN_DTYPES.
      max_seq_length, max_predictions_per_seq: of the records; the latter None where it is not
        needed.
      vocab_size, hidden_size: of the teacher.
    """

    soft_label_positions: str
    soft_label_top_k: int
    soft_label_dtype: str
    soft_label_temperatures: Tuple[float, ...]
    teacher_layers: Tuple[int, ...]
    hidden_dtype: str
    max_seq_length: int
    max_predictions_per_seq: Optional[int]
    vocab_size: int
    hidden_size: int

    def label_fields(self):
        """Ordered dict feature -> Field, of the soft labels."""
        if self.soft_label_positions == NONE:
            return collections.OrderedDict()
        is_masked = self.soft_label_positions == MASKED
        places = self.max_predictions_per_seq if is_masked else self.max_seq_length
        shape = places, self.soft_label_top_k
        id_dtype = "uint16" if self.vocab_size <= _SHORT_IDS else "int32"
        of_temperatures = places, len(self.soft_label_temperatures)
        return collections.OrderedDict(
            [
                (TEACHER_IDS, Field(id_dtype, shape)),
                (TEACHER_LOG_PROBABILITIES, Field(self.soft_label_dtype, shape)),
                (TEACHER_NORMALISERS, Field(FLOAT32, of_temperatures)),
            ]
        )

    def hidden_fields(self):
        """Ordered dict feature -> Field, of the hidden states."""
        fields, length = collections.OrderedDict(), self.max_seq_length
        for layer, name in zip(self.teacher_layers, self.states()):
            fields[name] = Field(self.hidden_dtype, (length, self.hidden_size))
            if self.hidden_dtype == INT8:
                fields[SCALES.format(layer)] = Field(FLOAT32, (length,))
        return fields

    def states(self):
        """Names of the features of hidden states, without those of scales, in the order of
        teacher_layers."""
        return [TEACHER_HIDDEN.format(layer) for layer in self.teacher_layers]

    def fields(self):
        """Ordered dict feature -> Field."""
        return collections.OrderedDict(
            [*self.label_fields().items(), *self.hidden_fields().items()]
        )

    def describe(self):
        """What they hold, in words."""
        parts = []
        if self.soft_label_positions != NONE:
            parts.append(
                "the {} likeliest pieces at {} tokens ({}, temperatures {})".format(
                    self.soft_label_top_k,
                    self.soft_label_positions,
                    self.soft_label_dtype,
                    ", ".join("{:g}".format(t) for t in self.soft_label_temperatures),
                )
            )
        if self.teacher_layers:
            layers = ", ".join(map(str, self.teacher_layers))
            parts.append("hidden states of layers {} ({})".format(layers, self.hidden_dtype))
        return "; ".join(parts)

    def record_bytes(self):
        """Bytes of a record in a file, its frame included."""
        zeros = {name: bytes(field.bytes) for name, field in self.fields().items()}
        return len(tfrecord.enframe(bytes_example(zeros)))

    def encode(self, outputs, where):
        """The bytes of a record in a file.

        Args:
          outputs: dict feature -> array of float32 or integers, of the row's own tokens and places
            alone: [places, top_k or temperatures], [tokens, hidden_size]; without scales. What is
            missing to the full length is filled with zeros.
          where: name of the row in messages.

        Raises:
          UserError: a hidden state is too large for float16.
        """
        values = collections.OrderedDict()
        for name, field in self.label_fields().items():
            values[name] = _bytes_of(outputs[name], field)
        fields = self.hidden_fields()
        for layer, name in zip(self.teacher_layers, self.states()):
            states, scales = quantise(outputs[name], self.hidden_dtype)
            if self.hidden_dtype == FLOAT16 and not np.isfinite(states).all():
                raise UserError(
                    "{}: layer {} of the teacher has states up to {:.3g}, and float16 holds 65504; "
                    "take --hidden_dtype=int8 or float32".format(
                        where, layer, np.abs(outputs[name]).max()
                    )
                )
            values[name] = _bytes_of(states, fields[name])
            if scales is not None:
                values[SCALES.format(layer)] = _bytes_of(scales, fields[SCALES.format(layer)])
        return tfrecord.enframe(bytes_example(values))

    def shards(self, file_name, records):
        """The shards for a record file: ordered dict name -> how many of its rows, in order.

        Args:
          file_name: of the record file, without its folder.
          records: how many it holds, at least 1.
        """
        most = max(1, SHARD_BYTES // self.record_bytes())
        counts = [min(most, records - first) for first in range(0, records, most)]
        stem = file_name + ".teacher"
        return collections.OrderedDict(
            (name_in_set(stem, number, len(counts)), count) for number, count in enumerate(counts)
        )


def quantise(states, dtype):
    """Hidden states in fewer bytes.

    Args:
      states: float32 [tokens, width].
      dtype: of HIDDEN_DTYPES.

    Returns:
      (array of this type, scales): int8 times a token's scale, float32 [tokens], is its vector to
      half a scale; the scale is 1/127 of the vector's largest magnitude. None for other types.
    """
    if dtype != INT8:
        with np.errstate(over="ignore"):  # infinite then, which is refused
            return states.astype(dtype), None
    scales = (np.abs(states).max(axis=-1) / _LARGEST_INT8).astype(np.float32)
    divisors = np.where(scales > 0, scales, 1).astype(np.float32)[:, np.newaxis]
    whole = np.clip(np.rint(states / divisors), -_LARGEST_INT8, _LARGEST_INT8)
    return whole.astype(np.int8), scales


def _bytes_of(values, field):
    whole = np.zeros(field.shape, np.dtype(field.dtype).newbyteorder("<"))
    whole[: len(values)] = values
    return whole.tobytes()
