"""Files with one JSON object per line, as CLUE's and CAIL's."""

import re

from common import bounded_json
from common.errors import UserError, quoted, some
from common.validation import is_object, is_text, is_whole, list_of
from finetuning.examples import Example, Examples, Skipped
from finetuning.layouts.tables import checked, line_of, text_lines, without_empty

HALF_PAIR = re.compile("[\ud800-\udfff]")


class JsonObject:
    """A JSON object with checked access to its fields.

    Attributes:
      where: "FILE, line N".
      mended: Counter of corrections.
      id: its "id", a text or a whole number; without one, its number among the objects of its
        file, from 0.
    """

    def __init__(self, values, where, mended, number=None):
        self._values, self.where, self.mended = values, where, mended
        identity = values.get("id")
        self.id = identity if is_text(identity) or is_whole(identity) else number

    def __contains__(self, name):
        return name in self._values

    def __iter__(self):
        return iter(self._values)

    def get(self, name, kind, what):
        """The value of a field.

        Args:
          name: its key.
          kind: type, or tuple of types, of valid values.
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
        return self._whole(value) if is_text(value) else value

    def _whole(self, text):
        """Replaces halves of surrogate pairs, which JSON can spell but UTF-8 cannot."""
        if not HALF_PAIR.search(text):
            return text
        self.mended["texts with half a surrogate pair, now U+FFFD"] += 1
        return HALF_PAIR.sub("\ufffd", text)

    def text(self, name):
        """A text without the blanks around it."""
        return self.get(name, str, "a text").strip()

    def number(self, name):
        """A whole number."""
        return self.get(name, int, "a whole number")

    def texts(self, name):
        """A list of texts."""
        values = self.get(name, list, "a list of texts")
        if not list_of(is_text)(values):
            raise UserError("{}: {} must be a list of texts".format(self.where, quoted(name)))
        return [self._whole(value) for value in values]

    def labels(self, name):
        """Labels of a text that may have any number of them.

        Args:
          name: of a list of texts or whole numbers, or a text that is not divided here.

        Returns:
          Tuple of str, or a str; None without such a field.
        """
        if name not in self:
            return None
        value = self.get(name, (list, str), "a list of labels, or a text")
        if is_text(value):
            return value
        if not all(is_text(label) or is_whole(label) for label in value):
            raise UserError("{}: {} must be a list of labels".format(self.where, quoted(name)))
        if not all(map(is_text, value)):
            self.mended["labels that are numbers"] += 1
        return tuple(self._whole(str(label)).strip() for label in value)

    def object(self, name):
        """An object in this one."""
        return JsonObject(self.get(name, dict, "an object"), self.where, self.mended)

    def label(self, name="label"):
        """A label as text, also where the file has a number; None without one."""
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
    lines = without_empty(text_lines(path, examples.mended), examples)
    for place, (number, line) in enumerate(lines):
        where = line_of(path, number)
        try:
            values = bounded_json.decode(line, strict=False)
        except bounded_json.Malformed as error:
            raise UserError("{} is not JSON: {}".format(where, error.reason)) from None
        if not is_object(values):
            raise UserError("{} is JSON, but no object; one per line is expected".format(where))
        yield JsonObject(values, where, examples.mended, place)


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
