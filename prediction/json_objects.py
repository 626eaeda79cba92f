"""Lines of input that are JSON objects."""

import collections

from common import bounded_json
from common.errors import UserError, quoted
from common.validation import is_object
from finetuning.layouts.json_lines import JsonObject


def object_of(line, expected):
    """The JsonObject of a line.

    Args:
      line: prediction.lines.Line.
      expected: an object for messages: '{"text": ...}'.

    Raises:
      UserError: it is no JSON object.
    """
    try:
        values = bounded_json.decode(line.text, nul=True)
    except bounded_json.Malformed as error:
        raise UserError(
            "{} is not JSON ({}); one object a line is expected: {}".format(
                line.where, error.reason, expected
            )
        ) from None
    if not is_object(values):
        raise UserError("{} is JSON, but no object: {}".format(line.where, quoted(values, 40)))
    return JsonObject(values, line.where, collections.Counter())


def identity_of(row):
    """The "id" of a JsonObject, to be copied; None without one.

    Raises:
      UserError: it is neither a text nor a number.
    """
    return row.get("id", (str, int), "a text or a number") if "id" in row else None
