"""Files of JSON objects: one a line, as CLUE's and CAIL's, or one array of them."""

import re

from common import bounded_json, files
from common.errors import UserError, quoted, some
from common.validation import is_object, is_text, is_whole, list_of
from finetuning.examples import Example, Examples, Skipped
from finetuning.layouts.tables import (
    BYTE_ORDER_MARK,
    checked,
    line_of,
    opened,
    text_lines,
    without_empty,
)

# Of a file that is one JSON text; the training questions of CJRC have some tens of MB.
MOST_BYTES = 256 << 20
_ARRAY = re.compile(rb"(?:\xef\xbb\xbf)?\s*\[")
HALF_PAIR = re.compile("[\ud800-\udfff]")


class JsonObject:
    """A JSON object with checked access to its fields.

    Attributes:
      values: dict of its fields.
      where: "FILE, line N"; "FILE, object N" where the file is an array.
      mended: Counter of corrections.
      id: its "id", a text or a whole number; without one, its number among the objects of its
        file, from 0.
    """

    def __init__(self, values, where, mended, number=None):
        self.values, self.where, self.mended = values, where, mended
        identity = values.get("id")
        self.id = identity if is_text(identity) or is_whole(identity) else number

    def __contains__(self, name):
        return name in self.values

    def __iter__(self):
        return iter(self.values)

    def get(self, name, kind, what):
        """The value of a field.

        Args:
          name: its key.
          kind: type, or tuple of types, of valid values.
          what: the kind in words ("a text").

        Raises:
          UserError: it is missing or of another kind.
        """
        if name not in self.values:
            raise UserError(
                "{} has no {}; its fields are {}".format(
                    self.where, quoted(name), some([quoted(key, 40) for key in self.values])
                )
            )
        value = self.values[name]
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
    """Yields the JsonObjects of a file: one a line, or those of one array.

    Args:
      path: the file.
      examples: Examples, whose counts are set.

    Raises:
      UserError: a line or an element is no JSON object, or see text_lines.
    """
    values_of = _array if _is_array(path) else _lines
    for place, (where, values) in enumerate(values_of(path, examples)):
        if not is_object(values):
            raise UserError(
                "{} is JSON, but no object; objects are expected, one a line or in an array".format(
                    where
                )
            )
        yield JsonObject(values, where, examples.mended, place)


def _is_array(path):
    try:
        with opened(path, {}) as reader:
            start = reader.read(files.file_kinds.START_BYTES)
    except files.failures() as error:
        raise UserError("cannot read {}: {}".format(path, files.reason(error))) from None
    return bool(_ARRAY.match(start))


def _lines(path, examples):
    """Yields (where, value) of the lines of a file."""
    for number, line in without_empty(text_lines(path, examples.mended), examples):
        where = line_of(path, number)
        try:
            yield where, bounded_json.decode(line, strict=False)
        except bounded_json.Malformed as error:
            raise UserError("{} is not JSON: {}".format(where, error.reason)) from None


def _array(path, examples):
    """Yields (where, element) of a file that is an array."""
    for number, value in enumerate(load_json(path, examples), 1):
        yield "{}, object {}".format(path, number), value


def load_json(path, examples):
    """The value of a file of one JSON text.

    Args:
      path: UTF-8, with or without a byte order mark.
      examples: Examples, whose `mended` is set.

    Raises:
      UserError: the file cannot be read, or is no JSON.
    """
    try:
        with opened(path, examples.mended) as reader:
            content = bounded_json.read(reader, path, MOST_BYTES)
    except files.failures() as error:
        raise UserError("cannot read {}: {}".format(path, files.reason(error))) from None
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UserError(
            "{} is not UTF-8; mend the line, or convert the file first, for instance with "
            "iconv".format(line_of(path, line))
        ) from None
    if text.startswith("\ufeff"):
        examples.mended[BYTE_ORDER_MARK] = 1
        text = text[1:]
    try:
        return bounded_json.decode(text, strict=False)
    except bounded_json.Malformed as error:
        where = line_of(path, error.line) if error.line else path
        raise UserError("{} is not JSON: {}".format(where, error.reason)) from None


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
