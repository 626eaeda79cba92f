"""Users' own texts with labels as JSON lines: which key is what, as they say or by its name."""

from common.errors import UserError, quoted, some
from finetuning.examples import Example, Examples
from finetuning.layouts.json_lines import objects_of
from finetuning.layouts.tables import checked

ENDINGS = (".json", ".jsonl")
_FIRST = ("text", "text_a", "sentence", "sentence1", "text1", "review")
_SECOND = ("text_b", "sentence2", "text2")
_LABELS = ("labels", "label")
_HINT = "; say which keys to read with --text_columns and --label_column"


def read_objects(path, label_of, choice=None, is_pair=None, needs_label=False):
    """Reads the examples of a file of JSON objects, one a line.

    Args:
      path: UTF-8 text.
      label_of: function of a JsonObject and a key that returns the label of an example, None where
        the object lacks the key.
      choice: columns.ColumnChoice of the user, whose names are keys, or None.
      is_pair: whether examples have two texts; None: as the first one.
      needs_label: whether any object must have a label.

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
        first, second, label = _keys(row, choice)
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
        label = label_of(row, label) if label else None
        examples.append(Example(row.text(first), text_b, label, row.where, row.id))
        keys.update(row)
    if needs_label and choice and choice.label is not None and choice.label not in keys:
        raise UserError(
            "{}: no object has {} (--label_column); keys are {}".format(
                path, quoted(choice.label, 40), _shown(sorted(keys))
            )
        )
    return checked(examples)


def _keys(row, choice):
    """(key of the first text, of the second or None, of the label or None) of an object."""
    label = choice.label if choice and choice.label is not None else _one_of(_LABELS, row)
    label = label if label in row else None
    if choice and choice.texts:
        missing = next((key for key in choice.texts if key not in row), None)
        if missing is not None:
            raise UserError(
                "{} has no {} (--text_columns); its keys are {}".format(
                    row.where, quoted(missing, 40), _shown(row)
                )
            )
        return (*choice.texts, None)[:2] + (label,)
    first = _one_of(_FIRST, row)
    if first is None:
        raise UserError(
            "{} has none of {}; its keys are {}{}".format(
                row.where, _shown(_FIRST), _shown(row), _HINT
            )
        )
    return first, _one_of(_SECOND, row), label


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
