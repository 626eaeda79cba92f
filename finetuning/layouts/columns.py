"""Which column of a table is what: as its header names them, as the user says, or by position."""

from typing import Dict, NamedTuple, Optional, Tuple, Union

from common.errors import UserError, quoted, some

TEXT_A, TEXT_B, LABEL = "text_a", "text_b", "label"
# Names in a header line -> columns; those of None are not read.
_HEADER_NAMES = {
    **dict.fromkeys((TEXT_A, "text", "sentence", "sentence1", "review", "text1"), TEXT_A),
    **dict.fromkeys(("data", "文本", "文本1", "句子", "句子1", "内容", "正文", "评论"), TEXT_A),
    **dict.fromkeys((TEXT_B, "sentence2", "text2", "文本2", "句子2"), TEXT_B),
    **dict.fromkeys((LABEL, "标签", "类别", "分类", "标注"), LABEL),
    **dict.fromkeys(("", "id", "qid", "idx", "index", "guid", "unnamed: 0", "序号", "编号")),
}
# One of them suffices to tell that a line is a header: no cell of an example is so.
_SURE_NAMES = {TEXT_A, TEXT_B, LABEL, "文本", "标签", "类别"}
# Separator -> the other one, its name, and the ending of files that have it.
OTHER_SEPARATOR = {"\t": (",", "commas", ".csv"), ",": ("\t", "tabs", ".tsv")}


class ColumnChoice(NamedTuple):
    """The columns that the user names; None: not given.

    Attributes:
      label: number from 0, or name in the header line.
      texts: tuple of one or two of these.
    """

    label: Union[int, str, None] = None
    texts: Optional[Tuple[Union[int, str], ...]] = None

    @classmethod
    def of(cls, label_column, text_columns):
        """The choice that the flags make, None without any.

        Args:
          label_column, text_columns: values of the flags, texts or None.

        Raises:
          UserError: they are no numbers or names of columns, or name one twice.
        """
        if label_column is None and text_columns is None:
            return None
        given = [("label_column", label_column), ("text_columns", text_columns)]
        names = [
            [name.strip() for name in value.split(",")] if value is not None else []
            for _, value in given
        ]
        every = [name for of_flag in names for name in of_flag]
        shown = " ".join("--{}={}".format(*pair) for pair in given if pair[1] is not None)
        if "" in every or len(names[0]) > 1 or len(names[1]) > 2:
            raise UserError("{}: one label and one or two texts are expected".format(shown))
        if len(set(every)) < len(every):
            raise UserError("{} names a column twice".format(shown))
        if len({name.isdigit() for name in every}) > 1 or "0" in every:
            raise UserError("{}: give numbers from 1, or names of a header line".format(shown))
        if every[0].isdigit():
            names = [[int(name) - 1 for name in of_flag] for of_flag in names]
        return cls(names[0][0] if names[0] else None, tuple(names[1]) or None)

    @property
    def has_names(self):
        """Whether columns are given by name."""
        return isinstance(self.label if self.texts is None else self.texts[0], str)


class Columns(NamedTuple):
    """The reading of a table.

    Attributes:
      places: dict TEXT_A, TEXT_B, LABEL -> index of the column.
      names: of the columns, for messages; None without a header line.
      is_given: whether the user says so.
    """

    places: Dict[str, int]
    names: Optional[Tuple[str, ...]] = None
    is_given: bool = False

    @property
    def is_certain(self):
        """Whether a header or the user says so."""
        return self.is_given or self.names is not None

    @property
    def order(self):
        """Names of the columns that are read, by their places."""
        return sorted(self.places, key=self.places.get)


def choose(cells, where, is_pair=None, label_first=False, choice=None, separator="\t"):
    """The columns of a table, by its first line.

    Args:
      cells: list of str of that line.
      where: of the line, for messages.
      is_pair: whether there are two texts; None: as the line looks.
      label_first: without a header, the order is label, text.
      choice: ColumnChoice, or None.
      separator: between cells.

    Returns:
      (Columns, whether the line is a header).

    Raises:
      UserError: the line does not fit.
    """
    names = [cell.strip().lower() for cell in cells]
    if choice and choice.has_names:
        return Columns(_places_by_name(names, choice, is_pair, where), tuple(names), True), True
    is_header = _is_header(names)
    if not is_header and len(cells) == 1:
        _check_header_separator(names[0], separator, where)
    if choice:
        places = _places_by_number(len(cells), choice, is_pair, where)
        return Columns(places, tuple(names) if is_header else None, True), is_header
    if is_header:
        return Columns(_places_of_header(names, is_pair, where), tuple(names)), True
    if is_pair is None:
        is_pair = len(cells) == 3
    texts = [TEXT_A, TEXT_B] if is_pair else [TEXT_A]
    if not len(texts) <= len(cells) <= len(texts) + 1:
        raise UserError(
            "{}: {} columns; {} is what is read: say which columns these are with --label_column "
            "and --text_columns, or in a header line with these names".format(
                where, len(cells), ", ".join([*texts, LABEL])
            )
        )
    order = texts + [LABEL][: len(cells) - len(texts)]
    if label_first:
        order = order[-1:] + order[:-1]
    return Columns({name: i for i, name in enumerate(order)}), False


def _is_header(names):
    if set(names) & _SURE_NAMES:
        return True
    known = [_HEADER_NAMES.get(name) for name in names]
    return TEXT_A in known and all(name in _HEADER_NAMES for name in names)


def _check_header_separator(name, separator, where):
    """Refuses a header whose names are separated otherwise than the file's name says."""
    other, word, ending = OTHER_SEPARATOR[separator]
    parts = [part.strip() for part in name.split(other)]
    if len(parts) > 1 and _is_header(parts):
        raise UserError(
            "{}: the columns are separated by {}; call the file {}".format(where, word, ending)
        )


def _places_of_header(names, is_pair, where):
    unknown = [name for name in names if name not in _HEADER_NAMES]
    places = {}
    for i, name in enumerate(names):
        column = _HEADER_NAMES.get(name)
        if column in places:
            raise UserError(
                "{}: {} and {} are both read as {}; say which columns to read with --label_column "
                "and --text_columns".format(where, names[places[column]], name, column)
            )
        if column:
            places[column] = i
    if unknown or TEXT_A not in places:
        raise UserError(
            "{}: this header cannot be read{}; say which columns to read with --label_column and "
            "--text_columns, or name them text_a, text_b and label".format(
                where, ", {} is not known".format(quoted(unknown[0])) if unknown else ""
            )
        )
    if is_pair is not None and is_pair != (TEXT_B in places):
        raise UserError(
            "{}: the header names {} text_b, but texts are {}".format(
                where, "no" if is_pair else "a", "pairs" if is_pair else "single"
            )
        )
    return places


def _places_by_name(names, choice, is_pair, where):
    """Of a header line; a label that it does not name is no label, as in test files."""
    wanted = [choice.label] if choice.label is not None else []
    for name in choice.texts or ():
        if name.lower() not in names:
            raise UserError(
                "{}: the header names no {} (--text_columns); its columns are {}".format(
                    where, quoted(name), some([quoted(known, 40) for known in names])
                )
            )
    wanted = [name.lower() for name in [*wanted, *(choice.texts or ())]]
    twice = [name for name in wanted if names.count(name) > 1]
    if twice:
        raise UserError(
            "{}: the header names {} twice; give numbers of columns".format(where, quoted(twice[0]))
        )
    numbers = ColumnChoice(
        names.index(wanted[0]) if choice.label is not None and wanted[0] in names else None,
        choice.texts and tuple(names.index(name.lower()) for name in choice.texts),
    )
    if numbers == ColumnChoice():
        raise UserError(
            "{}: the header names no {} (--label_column); its columns are {}".format(
                where, quoted(choice.label), some([quoted(known, 40) for known in names])
            )
        )
    is_unlabelled = choice.label is not None and numbers.label is None
    return _places_by_number(len(names), numbers, is_pair, where, is_unlabelled)


def _places_by_number(width, choice, is_pair, where, is_unlabelled=False):
    """Columns that are not given are the others, where this leaves no choice."""
    label, texts = choice
    if texts is None:
        texts = tuple(i for i in range(width) if i != label)
        if not 1 <= len(texts) <= 2:
            raise UserError(
                "{}: {} columns beside the label; say with --text_columns which of them to "
                "read".format(where, len(texts))
            )
    elif width == len(texts) and max([*texts, label or 0]) >= width:
        # A test file without the column of the label: the others have moved up.
        texts = tuple(sorted(texts).index(text) for text in texts)
        label = None
    elif label is None and not is_unlabelled:
        rest = [i for i in range(width) if i not in texts]
        if len(rest) > 1:
            raise UserError(
                "{}: {} columns beside the texts; say with --label_column which one is the "
                "label".format(where, len(rest))
            )
        label = rest[0] if rest else None
    highest = max([*texts, label or 0])
    if highest >= width:
        raise UserError(
            "{}: there is no column {}, the line has {} (--label_column, --text_columns)".format(
                where, highest + 1, width
            )
        )
    if is_pair is not None and is_pair != (len(texts) == 2):
        raise UserError(
            "{}: {} of texts, but texts are {} (--text_columns)".format(
                where,
                "2 columns" if len(texts) == 2 else "1 column",
                "pairs" if is_pair else "single",
            )
        )
    places = dict(zip((TEXT_A, TEXT_B), texts))
    return places if label is None else dict(places, **{LABEL: label})
