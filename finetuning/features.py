"""Examples as record files, which training and prediction read like those of pre-training."""

import collections

import numpy as np

from data import files
from data.records import RecordLayout
from data.sequences import encode_text
from data.tfrecord import frame

CHUNK = 2000

# path: record file; count: its examples, padding not counted; truncated: how many texts were cut.
FeatureFile = collections.namedtuple("FeatureFile", ["path", "count", "truncated"])


def write_features(path, examples, numbers, tokenizer, max_seq_length, multiple_of=1):
    """Writes one record per example, in order, under a temporary name first.

    Args:
      path: record file.
      examples: list with text_a and text_b (str or None).
      numbers: int32 [examples], their classes.
      tokenizer: of a vocabulary (data/vocabularies.py).
      max_seq_length: length of rows.
      multiple_of: the last example is repeated up to a multiple of this many records, for a TPU
        takes full batches only.

    Returns:
      FeatureFile.
    """
    names = ("input_ids", "input_mask", "segment_ids", "label_ids")
    layout = RecordLayout(names, max_seq_length, 0, len(tokenizer.vocabulary))
    truncated = 0
    with files.replacing(path) as writer:
        for start in range(0, len(examples), CHUNK):
            rows = [
                encode_text(tokenizer, example.text_a, example.text_b, max_seq_length)
                for example in examples[start : start + CHUNK]
            ]
            truncated += sum(row.is_truncated for row in rows)
            values = {name: np.array([getattr(row, name) for row in rows]) for name in names[:3]}
            values["label_ids"] = numbers[start : start + CHUNK, np.newaxis]
            framed = frame(layout.encode(values))
            writer.write(framed.tobytes())
        for _ in range(-len(examples) % multiple_of):
            writer.write(framed[-1].tobytes())
    return FeatureFile(path, len(examples), truncated)
