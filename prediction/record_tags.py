"""Tags at the masks of records, which run_pretraining.py --do_predict writes."""

import itertools

from common.errors import UserError
from common.features import MASKED_LM, ROW, TAG_LABELS
from common.tags import TAGS
from data.records.checks import record_contents
from data.records.schema import value_ranges
from data.text.tags import UNKNOWN
from prediction.predictor import PLAIN, Predictor
from prediction.tags import TagNetwork, best_tags

# Rows held in memory at a time.
_WINDOW_ROWS = 2048
_NEEDED = (*ROW, *MASKED_LM)


def predict(files, path, model_config, batch_size, vocabulary=None, numerics=PLAIN):
    """Yields a dict for each record.

    Args:
      files: record files with masks.
      path: checkpoint prefix or Hugging Face directory.
      model_config: model config.
      batch_size: rows computed at a time.
      vocabulary: Vocabulary, whose tokens name the masked pieces; None: their ids do.
      numerics: Numerics to compute with.

    Yields:
      {"file", "record", "masked": [{"position", "token" or "id", "pos", "ner", "dep"}]}: the
      piece before it was masked; each kind is {"tag", "probability", "label"}, the label None where
      it is unknown.

    Raises:
      UserError: the records hold no masks, or the checkpoint no tag heads.
    """
    with Predictor(model_config, TagNetwork(), path, batch_size, numerics) as predictor:
        records = _records(files, model_config)
        while True:
            window = list(itertools.islice(records, _WINDOW_ROWS))
            if not window:
                return
            outputs = iter(predictor.run([row for _, _, row in window if row["positions"]]))
            for where, record, row in window:
                output = next(outputs) if row["positions"] else {}
                masked = [
                    dict(_piece(record, number, vocabulary), **_tags(output, record, number))
                    for number in range(len(row["positions"]))
                ]
                yield dict(where, masked=masked)


def _records(files, config):
    """Yields ({"file", "record"}, the record's features, a row for the predictor)."""
    for path in files:
        for number, record in enumerate(record_contents.read_features(path)):
            missing = [name for name in _NEEDED if name not in record]
            if missing:
                raise UserError(
                    "{}, record {}: {} is missing; --do_predict needs records whose masks were "
                    "drawn with them (--masking=static)".format(path, number, missing[0])
                )
            _check(record, config, "{}, record {}".format(path, number))
            length = sum(record["input_mask"])
            row = {name: list(record[name][:length]) for name in ("input_ids", "segment_ids")}
            real = sum(weight > 0 for weight in record["masked_lm_weights"])
            row["positions"] = list(record["masked_lm_positions"][:real])
            yield {"file": path, "record": number}, record, row


def _check(record, config, where):
    """Raises UserError where a record contradicts itself or the model."""
    length, predictions = len(record["input_ids"]), len(record["masked_lm_weights"])
    names = [name for name in (*_NEEDED, *TAG_LABELS) if name in record]
    ranges = value_ranges(names, length, config.vocab_size, config.type_vocab_size, {})
    record_contents.check_record(where, record, ranges, length, predictions)


def _piece(record, number, vocabulary):
    piece = record["masked_lm_ids"][number]
    name = {"token": vocabulary.tokens[piece]} if vocabulary else {"id": piece}
    return dict(position=record["masked_lm_positions"][number], **name)


def _tags(output, record, number):
    tags = best_tags({kind: values[number] for kind, values in output.items()})
    for kind, tag in tags.items():
        labels = record.get(kind + "_labels")
        label = labels[number] if labels else UNKNOWN
        tag["label"] = TAGS[kind][label] if label != UNKNOWN else None
    return tags
