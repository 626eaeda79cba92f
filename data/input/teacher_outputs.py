"""Teacher records to tensors: what a teacher gave for a batch of rows."""

from common.features import TEACHER_HIDDEN, TEACHER_IDS
from common.lazy_tensorflow import tf
from data.records.teacher_outputs import INT8, SCALES


def parser(layout):
    """A function that parses a batch of teacher records at once.

    Args:
      layout: data.records.teacher_outputs.Layout.

    Returns:
      function of strings [batch], giving a dict feature -> [batch, places, top_k] (int32 ids,
      float32 log probabilities) or float32 [batch, seq, width], hidden states, without scales.
    """
    fields = layout.fields()
    spec = {name: tf.io.FixedLenFeature([], tf.string) for name in fields}

    def parse(serialized):
        contents = tf.io.parse_example(serialized, spec)
        values, rows = {}, serialized.shape.as_list()[0]
        for name, field in fields.items():
            flat = tf.io.decode_raw(contents[name], tf.as_dtype(field.dtype), little_endian=True)
            kind = tf.int32 if name == TEACHER_IDS else tf.float32
            values[name] = tf.cast(tf.reshape(flat, [rows or -1, *field.shape]), kind)
        if layout.hidden_dtype == INT8:
            for layer in layout.teacher_layers:
                scales = values.pop(SCALES.format(layer))
                values[TEACHER_HIDDEN.format(layer)] *= scales[:, :, tf.newaxis]
        return values

    return parse
