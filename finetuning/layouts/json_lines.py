"""Files with a JSON object a line, as CLUE and CAIL have them."""

import re

from common import bounded_json
from common.errors import UserError, quoted, some
from finetuning.examples import Example, Examples, Skipped
from finetuning.layouts.tables import EMPTY_LINE, checked, line_of, text_lines

HALF_PAIR = re.compile("[\ud800-\udfff]")


class JsonObject:
    """One object, whose fields are asked for by name and kind.

    Attributes:
      where: "FILE, line N".
      mended: Counter of what was set right.
      id: what the object calls itself in "id", a text or a whole number; without that its number
        among the objects of its file, from 0.
    """

    def __init__(self, values, where, mended, number=None):
        self._values, self.where, self.mended = values, where, mended
        found = values.get("id")
        is_name = isinstance(found, (int, str)) and not isinstance(found, bool)
        self.id = found if is_name else number

    def __contains__(self, name):
        return name in self._values

    def get(self, name, kind, what):
        """The value of a field.

        Args:
          name: its key.
          kind: type, or tuple of types, that it must have.
          what: the kind in words ("a text").

        Raises:
          UserError: it is missing or of another kind.
        """
        if name not in self._values:
            raise UserError(
                "{} has no {}; its fields are {}".format(
                    self.where, quoted(name), some([quoted(key, 40) for key in self._values])
                )
            )
        value = self._values[name]
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is int):
            raise UserError(
                "{}: {} is {}, but must be {}".format(
                    self.where, quoted(name), quoted(value, 40), what
                )
            )
        return self._whole(value) if isinstance(value, str) else value

    def _whole(self, text):
        """JSON can spell halves of a surrogate pair, which no text holds."""
        if not HALF_PAIR.search(text):
            return text
        self.mended["texts with half a surrogate pair, now U+FFFD"] += 1
        return HALF_PAIR.sub("\ufffd", text)

    def text(self, name):
        """A text, blanks around it taken off."""
        return self.get(name, str, "a text").strip()

    def number(self, name):
        """A whole number."""
        return self.get(name, int, "a whole number")

    def texts(self, name):
        """A list of texts."""
        values = self.get(name, list, "a list of texts")
        if not all(isinstance(value, str) for value in values):
            raise UserError("{}: {} must be a list of texts".format(self.where, quoted(name)))
        return [self._whole(value) for value in values]

    def object(self, name):
        """An object in this one."""
        return JsonObject(self.get(name, dict, "an object"), self.where, self.mended)

    def label(self, name="label"):
        """A label as text, whether the file has it as text or number; None without one."""
        if name not in self:
            return None
        value = self.get(name, (str, int), "a text or a whole number")
        if isinstance(value, bool):
            value = "true" if value else "false"
        elif isinstance(value, int):
            self.mended["labels that are numbers"] += 1
        return str(value).strip() or None


def objects_of(path, examples):
    """Yields the JsonObjects of a file.

    Args:
      path: the file.
      examples: Examples, whose counts are set.

    Raises:
      UserError: a line is no JSON object, or see text_lines.
    """
    empty = objects = 0
    for number, line in text_lines(path, examples.mended):
        if not line.strip():
            empty += 1
            continue
        if empty:  # those behind the last example are no matter
            examples.skipped[EMPTY_LINE] = empty
        where = line_of(path, number)
        try:
            values = bounded_json.decode(line, strict=False)
        except bounded_json.Malformed as error:
            raise UserError("{} is not JSON: {}".format(where, error.reason)) from None
        if not isinstance(values, dict):
            raise UserError("{} is JSON, but no object; one is expected a line".format(where))
        yield JsonObject(values, where, examples.mended, objects)
        objects += 1


def read_json_lines(path, make):
    """The examples of a file.

    Args:
      path: UTF-8 text.
      make: function of a JsonObject that returns (text_a, text_b or None, label or None), or raises
        Skipped.

    Returns:
      Examples.

    Raises:
      UserError: see `objects_of`; a field is missing or of another kind; there is no example.
    """
    examples = Examples(path=path)
    for row in objects_of(path, examples):
        try:
            examples.append(Example(*make(row), where=row.where, id=row.id))
        except Skipped as reason:
            examples.skipped[str(reason)] += 1
    return checked(examples)
