"""Users' own texts with labels as JSON objects, those of labelling tools among them: which key is
what, as they say or by its name."""

from common.errors import UserError, quoted, some
from common.validation import is_text
from finetuning.examples import Example, Examples, Skipped
from finetuning.layouts import exports
from finetuning.layouts.json_lines import objects_of
from finetuning.layouts.tables import checked

ENDINGS = (".json", ".jsonl")
_FIRST = ("text", "text_a", "sentence", "sentence1", "text1", "review", "文本")
_OLD_DOCCANO = "data"
_SECOND = ("text_b", "sentence2", "text2")
_LABELS = ("labels", "label", "标签")
_HINT = "; say which keys to read with --text_columns and --label_column"


def read_objects(path, label_of, choice=None, is_pair=None, needs_label=False):
    """Reads the examples of a file of JSON objects, one a line or an array of them.

    Args:
      path: UTF-8 text.
      label_of: function of a JsonObject and a key that returns the label of an example, None where
        the object lacks the key.
      choice: columns.ColumnChoice of the user, whose names are keys, or None.
      is_pair: whether examples have two texts; None: as the first one.
      needs_label: whether every object must have a label. Those that a labelling tool exported
        without one are skipped.

    Returns:
      Examples; keys that are not chosen are not read.

    Raises:
      UserError: a line is no JSON object, or lacks a text; the chosen keys are numbers, or the
        label's is in no line that needs one.
    """
    if choice and not choice.has_names:
        raise UserError(
            "{}: JSON objects have keys, not numbers of columns; give --text_columns and "
            "--label_column as keys".format(path)
        )
    examples, keys = Examples(path=path), set()
    for row in objects_of(path, examples):
        try:
            exported = exports.of_label_studio(row)
        except Skipped as reason:
            examples.skipped[str(reason)] += 1
            continue
        row = exported.row if exported else row
        first, second, label = _keys(row, choice, exported)
        text_b = row.text(second) if second else None
        if is_pair is None:
            is_pair = second is not None
        if is_pair != (second is not None):
            raise UserError(
                "{} has {}, but examples are {}{}".format(
                    row.where,
                    "two texts" if second else "one text",
                    "pairs of texts" if is_pair else "single texts",
                    "" if choice else _HINT,
                )
            )
        is_unannotated = row.values.get(label, [] if exported else None) == []
        label = label_of(row, label) if label else None
        keys.update(row)
        if label is None and is_unannotated and needs_label:
            examples.skipped[exports.UNANNOTATED] += 1
            continue
        examples.append(Example(row.text(first), text_b, label, row.where, row.id))
    if needs_label and choice and choice.label is not None and choice.label not in keys:
        raise UserError(
            "{}: no object has {} (--label_column); keys are {}".format(
                path, quoted(choice.label, 40), _shown(sorted(keys))
            )
        )
    return checked(examples)


def only_label(row, key):
    """The label of a text that has one, by itself or in a list; None without one.

    Args:
      row: JsonObject.
      key: of its label.

    Raises:
      UserError: there are several.
    """
    value = row.values.get(key)
    if not isinstance(value, list):
        return row.label(key)
    labels = row.labels(key)
    if len(labels) > 1:
        raise UserError(
            "{}: {} holds {:,} labels, but a text of this task has one; for any number of them "
            "give --task_name=multi_label".format(row.where, quoted(key), len(labels))
        )
    return labels[0] if labels else None


def _keys(row, choice, exported):
    """(key of the first text, of the second or None, of the label or None) of an object."""
    texts = choice.texts if choice and choice.texts else _texts(row, exported)
    missing = next((key for key in texts if key not in row), None)
    if missing is not None:
        raise UserError(
            "{} has no {} (--text_columns); its keys are {}".format(
                row.where, quoted(missing, 40), _shown(row)
            )
        )
    if choice and choice.label is not None:
        label = choice.label if choice.label in row else None
    else:
        label = _one_of(_LABELS, row)
        if label is None and exported:
            label = _one_of([name for name in exported.labels if name not in texts], row)
    return (*texts, None)[:2] + (label,)


def _texts(row, exported):
    """The keys of an object's texts by their names."""
    others = exported.texts if exported else [_OLD_DOCCANO]
    others = [name for name in others if is_text(row.values.get(name))]
    first = _one_of(_FIRST, row) or (others[0] if len(others) == 1 else None)
    if first is None:
        raise UserError(
            "{} has none of {}; its keys are {}{}".format(
                row.where, _shown(_FIRST), _shown(row), _HINT
            )
        )
    second = _one_of(_SECOND, row)
    return (first, second) if second else (first,)


def _one_of(names, row):
    """The only one of some keys that an object has, None without.

    Raises:
      UserError: it has several.
    """
    found = [name for name in names if name in row]
    if len(found) > 1:
        raise UserError("{} has both {} and {}{}".format(row.where, *map(quoted, found[:2]), _HINT))
    return found[0] if found else None


def _shown(keys):
    return some([quoted(key, 40) for key in keys], len(_FIRST))
