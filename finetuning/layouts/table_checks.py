"""Signs that the columns of a table are read wrongly, for a file without a header line."""

import collections
from typing import Any, NamedTuple

from common.errors import UserError, quoted
from finetuning.layouts.columns import LABEL, OTHER_SEPARATOR, TEXT_A, TEXT_B, Columns

# Of a column, at most so many different values are counted.
_MOST_VALUES = 1000
# More different values than this are not labels, where each is in one or two examples.
_FEW_LABELS = 20
# More labels than these that occur once are suspicious.
_FEW_SINGLES = 3
# With so many rows a label, one label that occurs once is suspicious.
_ROWS_PER_LABEL = 5
# Rows from which a column can be judged.
_FEW_ROWS, _SOME_ROWS = 3, 5


class ColumnCounts:
    """The values of each column of a table.

    Attributes:
      rows: how many were added.
      first: cells of the first one.
    """

    def __init__(self):
        self.rows, self.first = 0, ()
        self._values, self._numbers, self._lengths = [], [], []
        self._other_separators = collections.Counter()

    def add(self, cells, separator):
        """Counts the cells of a row; `separator`: between them."""
        if not self.rows:
            self.first = tuple(cell.strip() for cell in cells)
            self._values = [collections.Counter() for _ in cells]
            self._numbers, self._lengths = [0] * len(cells), [0] * len(cells)
        self.rows += 1
        for i, cell in enumerate(cells):
            value = cell.strip()
            if len(self._values[i]) < _MOST_VALUES or value in self._values[i]:
                self._values[i][value] += 1
            self._numbers[i] += value.isdigit()
            self._lengths[i] += len(value)
        if len(cells) == 1:
            self._other_separators[cells[0].count(OTHER_SEPARATOR[separator][0])] += 1

    @property
    def width(self):
        """Number of columns."""
        return len(self._values)

    def values(self, column):
        """The different values of a column, at most _MOST_VALUES, the most frequent first."""
        return [value for value, _ in self._values[column].most_common()]

    def times(self, column, value):
        """How often a column has a value."""
        return self._values[column][value]

    def is_of_numbers(self, column):
        """Whether all values are whole numbers."""
        return self.rows > 0 and self._numbers[column] == self.rows

    def mean_length(self, column):
        """Characters of a value."""
        return self._lengths[column] / max(1, self.rows)

    def is_like_labels(self, column):
        """Whether few values occur again and again."""
        count = len(self._values[column])
        return self.rows >= _FEW_ROWS and 2 <= count <= _FEW_LABELS and self.rows >= 2 * count

    @property
    def is_otherwise_separated(self):
        """Whether every row has the same number of another separator, and none of its own."""
        return (
            self.rows >= _SOME_ROWS
            and len(self._other_separators) == 1
            and 0 not in self._other_separators
        )


class Table(NamedTuple):
    """How a file was read.

    Attributes:
      path: of the file.
      columns: columns.Columns.
      counts: ColumnCounts.
      has_flags: whether --label_column and --text_columns can say how to read it.
    """

    path: str
    columns: Columns
    counts: Any
    has_flags: bool = True

    def shown(self, column):
        """`column 1 ('0', '1')`, for messages."""
        values = [quoted(value, 20) for value in self.counts.values(column)[:3]]
        return "column {} ({})".format(column + 1, ", ".join(values))

    def reading(self):
        """`text_a = column 1, label = column 2`, and the columns of a header that are not read."""
        places, names = self.columns.places, self.columns.names
        parts = ["{} = column {}".format(name, places[name] + 1) for name in self.columns.order]
        rest = [i for i in range(self.counts.width) if i not in places.values()]
        if rest:
            shown = ("{}{}".format(i + 1, " ({})".format(names[i]) if names else "") for i in rest)
            parts.append("not read: " + ", ".join(shown))
        return ", ".join(parts)

    def question(self, reason, label=None, note=""):
        """UserError that asks for the columns.

        Args:
          reason: why the reading is doubtful, a clause.
          label: the column that is likely to be the label's, None where there is none.
          note: text that is added.
        """
        others = [i for i in range(self.counts.width) if i != label]
        if not self.has_flags:
            advice = "name them in a first line (label, text_a, text_b)"
        elif label is None or not 1 <= len(others) <= 2:
            advice = (
                "say which they are with --label_column and --text_columns (numbers from 1, or "
                "names of a header line)"
            )
        else:
            advice = "if so, give --label_column={} --text_columns={}, else other numbers".format(
                label + 1, ",".join(str(i + 1) for i in others)
            )
        return UserError(
            "{}: the columns are read as {}, but {}; {}{}".format(
                self.path, self.reading(), reason, advice, note
            )
        )


def check_texts(table, is_pair):
    """Refuses a reading by position where a column of texts seems to be something else.

    Args:
      table: Table.
      is_pair: whether the task says that there are pairs; None: the number of columns does.

    Raises:
      UserError: asking for the columns.
    """
    counts, places = table.counts, table.columns.places
    if table.columns.is_certain:
        return
    if counts.is_otherwise_separated:
        ending = table.path.lower().rpartition(".")[2]
        other = OTHER_SEPARATOR["," if ending == "csv" else "\t"]
        raise UserError(
            "{}: every line has one column, and the same number of {}; if these separate its "
            "columns, call the file {}{}".format(
                table.path,
                other[1],
                other[2],
                ", else give --text_columns=1" if table.has_flags else "",
            )
        )
    if counts.rows < _FEW_ROWS:
        return
    for name in (TEXT_A, TEXT_B):
        column = places.get(name)
        if column is None:
            continue
        if counts.is_of_numbers(column):
            like = counts.is_like_labels(column)
            reason = "{} holds only numbers".format(table.shown(column))
            raise table.question(reason, column if like else None)
        is_constant = len(counts.values(column)) == 1 and counts.rows >= _SOME_ROWS
        if is_constant and is_pair is None and TEXT_B in places:
            raise table.question("{} is the same in all lines".format(table.shown(column)))


def check_found(table, found, labels_file, may_be_rare=False):
    """Refuses labels that were found in a table where they do not look like labels.

    Args:
      table: Table with a column of labels.
      found: Counter of the labels.
      labels_file: where the user can list them if they are labels after all.
      may_be_rare: whether many labels may occur once, as where texts have any number of them.

    Raises:
      UserError: asking for the columns, or that the labels are measurements.
    """
    shown = table.shown(table.columns.places[LABEL])
    if len(found) > _FEW_LABELS / 2 and all(map(_is_measure, found)):
        raise UserError(
            "{}: {} holds measurements, where classes are expected (there is no regression here); "
            "round them to a few labels".format(table.path, shown)
        )
    once = [label for label, count in found.items() if count == 1]
    is_rare = len(found) > 2 and table.counts.rows >= _ROWS_PER_LABEL * len(found)
    if is_rare and once == [_first_label(table)]:
        raise _header_question(table, "its label is in no other line", labels_file)
    if table.columns.is_given:
        return
    reason = _label_doubt(table, found, shown, may_be_rare)
    if reason and _is_name_above(table, reason[1]):
        raise _header_question(table, "its label is in no other line", labels_file, label=reason[1])
    if reason:
        note = "; if these are labels, list them in {}".format(labels_file)
        raise table.question(*reason, note=note)


def _label_doubt(table, found, shown, may_be_rare):
    """(reason, likely column of the label or None) where `found` are no labels; else None."""
    counts, places = table.counts, table.columns.places
    texts = [column for name, column in places.items() if name != LABEL]
    like = [c for c in texts if counts.is_like_labels(c) and len(counts.values(c)) < len(found)]
    if like and len(found) > _FEW_SINGLES and not table.columns.is_certain:
        text = "{} has {} values, and {} has {:,}"
        different = len(counts.values(like[0]))
        return text.format(table.shown(like[0]), different, shown, len(found)), like[0]
    length = sum(map(len, found)) / len(found)
    is_longer = any(length > 2 * counts.mean_length(column) for column in texts)
    if 2 * len(found) > counts.rows and (len(found) > _FEW_LABELS or is_longer):
        text = "{} has {:,} different values in {:,} lines"
        return text.format(shown, len(found), counts.rows), None
    singles = sum(count == 1 for count in found.values())
    if not may_be_rare and singles > _FEW_SINGLES and 2 * singles > len(found):
        text = "{:,} of the {:,} values of {} occur once"
        return text.format(singles, len(found), shown), None
    return None


def _is_measure(value):
    whole, point, digits = value.lstrip("+-").partition(".")
    return bool(point) and (whole + digits).isdigit()


def _first_label(table):
    """The label of the first example, None where a header names the columns."""
    return None if table.columns.names else table.counts.first[table.columns.places[LABEL]]


def _is_name_above(table, column):
    """Whether a column that looks like labels begins with a value that is in no other line."""
    counts = table.counts
    return column is not None and counts.times(column, counts.first[column]) == 1


def _header_question(table, reason, labels_file=None, label=None):
    """UserError for a first line that names the columns, in words that are not known.

    Args:
      label: the labels' column, where it is likely to be another than the one that was read.
    """
    places, first = table.columns.places, table.counts.first
    texts = [places[name] for name in (TEXT_A, TEXT_B) if name in places]
    if label is not None and label != places[LABEL]:
        texts = [column for column in range(len(first)) if column != label]
    label = places[LABEL] if label is None else label
    advice = "write label, text_a, text_b there"
    if table.has_flags:
        advice = "give --label_column={} --text_columns={}".format(
            first[label], ",".join(first[column] for column in texts)
        )
    note = "; if it is an example, list the labels in {}".format(labels_file)
    return UserError(
        "{}: the first line seems to name the columns, {}: {}; if so, {}{}".format(
            table.path,
            ", ".join(quoted(name, 20) for name in first),
            reason,
            advice,
            note if labels_file else "",
        )
    )


def check_known(table, labels):
    """Refuses a reading by position where another column holds the known labels, or all labels but
    that of the first line are known.

    Args:
      table: Table.
      labels: list of str.

    Raises:
      UserError: asking for the columns.
    """
    counts, known = table.counts, set(labels)
    if table.columns.names or LABEL not in table.columns.places:
        return
    place = table.columns.places[LABEL]
    unknown = set(counts.values(place)) - known
    if not unknown:
        return
    first = _first_label(table)
    if unknown == {first} and counts.times(place, first) == 1 and counts.rows >= _SOME_ROWS:
        raise _header_question(table, "its label is not known")
    if table.columns.is_given:
        return
    for column in range(counts.width):
        if set(counts.values(column)) <= known:
            raise table.question("{} holds the labels".format(table.shown(column)), column)
    for column in range(counts.width):
        others = set(counts.values(column)) - {counts.first[column]}
        if others and others <= known and _is_name_above(table, column):
            raise _header_question(table, "its label is not known", label=column)


def check_alike(table, other):
    """Refuses two files of a task of which one names its columns and the other one has them in
    another order.

    Raises:
      UserError: naming both.
    """
    for one, two in ((table, other), (other, table)):
        if one.columns.is_certain or not two.columns.is_certain:
            continue
        both = set(one.columns.places) & set(two.columns.places)
        orders = [[name for name in t.columns.order if name in both] for t in (one, two)]
        if orders[0] != orders[1]:
            raise one.question(
                "{} names them in another order: {}".format(two.path, ", ".join(two.columns.order))
            )
