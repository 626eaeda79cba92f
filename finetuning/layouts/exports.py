"""Exports of labelling tools, doccano's and Label Studio's, as users' own JSON objects.

doccano (JSONL): {"text": "...", "label": ["a"]}; for spans {"text": "...", "label": [[0, 2, "P"]]}
or "entities": [{"start_offset": 0, "end_offset": 2, "label": "P"}], where the end is exclusive.
Label Studio (JSON): tasks with their "data" and "annotations"; JSON-MIN: a text and what each
control of the labelling page gave, under its name. Its offsets are JavaScript's: UTF-16 units.
"""

from typing import NamedTuple, Optional, Tuple

from common.errors import UserError, quoted
from common.validation import is_object, is_text, is_whole, list_of
from finetuning.examples import Skipped
from finetuning.layouts.json_lines import JsonObject

# Of Label Studio's tasks; the second one is that of versions before 1.0.
_ANNOTATIONS = ("annotations", "completions")
# Of JSON-MIN, beside the text and the labels.
_MIN_MARKS = ("annotator", "annotation_id")
_MIN_KEYS = (*_MIN_MARKS, "id", "created_at", "updated_at", "lead_time", "agreement")
# Of texts with spans: names by which the text, and its labels, are found.
_TEXTS, _SPANS = ("text", "data"), ("label", "labels", "entities")
UNANNOTATED, DISAGREEING = "texts without a label", "texts whose annotations differ"


class Exported(NamedTuple):
    """An object of a labelling tool in plain form.

    Attributes:
      row: JsonObject: its texts and labels under their names; labels are lists of texts, or of
        spans.
      texts: names of its texts.
      labels: names of what was labelled; none where nobody did.
    """

    row: JsonObject
    texts: Tuple[str, ...]
    labels: Tuple[str, ...]


class PlacedLabel(NamedTuple):
    """A label of a stretch of a text.

    Attributes:
      start, end: characters, the end exclusive.
      type: the label.
      text: what is there as the tool says; None where it does not.
    """

    start: int
    end: int
    type: str
    text: Optional[str] = None


def of_label_studio(row):
    """Exported of an object of Label Studio; None where it is none.

    Args:
      row: JsonObject.

    Raises:
      Skipped: several people annotated it differently.
      UserError: it is damaged.
    """
    if is_object(row.values.get("data")) and any(name in row for name in _ANNOTATIONS):
        return _of_task(row)
    if not all(name in row for name in _MIN_MARKS):
        return None
    fields = {name: _choices(row.values[name]) for name in row if name not in _MIN_KEYS}
    texts = tuple(name for name, value in fields.items() if is_text(value))
    return _exported(row, fields, texts, tuple(fields) if len(fields) > 1 else (), True)


def _choices(value):
    """A value of JSON-MIN, without the object around several choices."""
    return value["choices"] if is_object(value) and "choices" in value else value


def _of_task(row):
    name = next(name for name in _ANNOTATIONS if name in row)
    data = row.object("data").values
    annotated = []
    for annotation in row.get(name, list, "a list"):
        if not is_object(annotation):
            raise UserError("{}: {} must be a list of objects".format(row.where, quoted(name)))
        if not annotation.get("was_cancelled"):
            fields = _fields(annotation.get("result"), row.where)
            if fields not in annotated:
                annotated.append(fields)
    if len(annotated) > 1:
        raise Skipped(DISAGREEING)
    labelled = annotated[0] if annotated else {}
    texts = tuple(name for name, value in data.items() if is_text(value))
    return _exported(row, dict(data, **labelled), texts, tuple(labelled), bool(annotated))


def _exported(row, fields, texts, labels, is_annotated):
    """Exported of a row; one that was annotated with nothing has no label, in a list of none."""
    if is_annotated and not labels:
        fields, labels = dict(fields, **{_SPANS[0]: []}), (_SPANS[0],)
    return Exported(JsonObject(fields, row.where, row.mended, row.id), texts, labels)


def _fields(result, where):
    """dict name of a control -> list of choices, or of spans, of an annotation."""
    fields = {}
    for item in result if list_of(is_object)(result) else [None]:
        value = item.get("value") if item else None
        if not is_object(value):
            raise UserError("{}: this annotation's result is not Label Studio's".format(where))
        name = item.get("from_name")
        if "choices" in value:
            fields.setdefault(name, []).extend(value["choices"])
        elif "labels" in value:
            fields.setdefault(name, []).append(value)
    return fields


def tagged(row):
    """The keys of an object whose text has labelled spans.

    Args:
      row: JsonObject, of doccano, of Label Studio or of one's own.

    Returns:
      (JsonObject to read, key of its text, key of its labels or None).

    Raises:
      Skipped: see of_label_studio.
      UserError: it is damaged, or has several texts or kinds of labels.
    """
    exported = of_label_studio(row)
    if exported is None:
        text = next((name for name in _TEXTS if is_text(row.values.get(name))), _TEXTS[0])
        return row, text, _only([name for name in _SPANS if name in row], row)
    row = exported.row
    texts = [name for name in _TEXTS if name in exported.texts] or list(exported.texts)
    labels = [name for name in exported.labels if isinstance(row.values[name], list)]
    return row, _only(texts, row) or _TEXTS[0], _only(labels, row)


def _only(names, row):
    """The only one of some keys, None without.

    Raises:
      UserError: there are several.
    """
    if len(names) > 1:
        raise UserError(
            "{} has both {} and {}, of which one is read; remove the other from the objects".format(
                row.where, *map(quoted, names[:2])
            )
        )
    return names[0] if names else None


def spans_in(values, text, where):
    """Yields a PlacedLabel for each labelled span.

    Args:
      values: list of doccano's or Label Studio's spans.
      text: str that they are in.
      where: place for messages.

    Raises:
      UserError: a span has another form, or lies outside the text.
    """
    for value in values:
        is_studio = is_object(value) and "labels" in value
        placed = _of_studio(value, text) if is_studio else _of_doccano(value)
        if placed is None:
            raise UserError(
                "{}: {} is no span; [start, end, type] or an object of doccano's or Label Studio's "
                "is expected".format(where, quoted(value, 60))
            )
        for label in placed:
            if not 0 <= label.start < label.end <= len(text):
                raise UserError(
                    "{}: the span {} is empty or outside the text of {} characters".format(
                        where, quoted(value, 60), len(text)
                    )
                )
            yield label


def _of_doccano(value):
    """List of PlacedLabel; None: another form."""
    if is_object(value):
        start, end = (value.get(n + "_offset", value.get(n)) for n in ("start", "end"))
        value = [start, end, value.get("label")]
    if not isinstance(value, list) or len(value) != 3:
        return None
    is_span = is_whole(value[0]) and is_whole(value[1]) and is_text(value[2])
    return [PlacedLabel(*value)] if is_span else None


def _of_studio(value, text):
    """List of PlacedLabel, one for each label of the span; None: another form."""
    start, end, said = value.get("start"), value.get("end"), value.get("text")
    if not (is_whole(start) and is_whole(end) and list_of(is_text)(value["labels"])):
        return None
    start, end = _characters(text, start), _characters(text, end)
    if not is_text(said):
        said = None
    elif text[start:end] != said == text[start : end + 1]:  # an end that is the last character
        end += 1
    return [PlacedLabel(start, end, label, said) for label in value["labels"]]


def _characters(text, units):
    """The characters of a text that take so many UTF-16 units; more than it has, where it ends."""
    if max(text, default="") <= "\uffff":
        return units
    if units < 0:
        return units
    begin = text.encode("utf-16-le", "surrogatepass")[: 2 * units]
    missing = units - len(begin) // 2
    return len(begin.decode("utf-16-le", "replace")) + missing
