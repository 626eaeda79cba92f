"""XNLI: the official files, CLUE's, and Baidu's (text_a, text_b, label)."""

import re

from common.errors import UserError
from finetuning.examples import Example, Examples
from finetuning.layouts.json_lines import read_json_lines
from finetuning.layouts.tables import (
    LABEL,
    TEXT_A,
    TEXT_B,
    checked,
    read_table,
    rows_of,
    text_lines,
)

LANGUAGE = "language"
# Columns of xnli.dev.tsv and xnli.test.tsv (XNLI 1.0; there are 19), and of multinli.train.zh.tsv
# (XNLI-MT 1.0).
_ALL_LANGUAGES = {
    LANGUAGE: LANGUAGE,
    "gold_label": LABEL,
    "sentence1": TEXT_A,
    "sentence2": TEXT_B,
}
_TRANSLATED = {"premise": TEXT_A, "hypo": TEXT_B, "label": LABEL}
# A blank beside a word of a script that is written without blanks.
_BLANK_BY_CHINESE = re.compile(r"(?<![0-9A-Za-z]) +| +(?![0-9A-Za-z])")


def read_xnli(path):
    """The Chinese pairs of a file.

    Four layouts: CLUE's JSON lines {premise, hypo, label}, and, distinguished by the header, that
    of XNLI 1.0 with rows of 15 languages, of which those of `zh` are read; that of its
    machine-translated training examples; any other is read by `read_table`. Segmented words of
    translations are joined.

    Returns:
      Examples.

    Raises:
      UserError: see `read_table`; no row is Chinese.
    """
    if path.endswith(".json"):
        return read_json_lines(path, _pair)
    _, first = next(text_lines(path), (0, ""))
    names = [name.strip().lower() for name in first.split("\t")]
    if "gold_label" in names:
        return _read(path, names, _ALL_LANGUAGES)
    if "premise" in names:
        return _read(path, names, _TRANSLATED)
    return read_table(path, is_pair=True)


def join_words(text):
    """A segmented text without the blanks between Chinese words; those between two words of
    letters and digits stay."""
    return _BLANK_BY_CHINESE.sub("", text)


def _pair(row):
    """The fields of CLUE's JSON objects, see json_lines.read_json_lines."""
    texts = row.text("premise"), row.text("hypo")
    joined = tuple(join_words(text) for text in texts)
    if joined != texts:
        row.mended["segmented pairs joined"] += 1
    return (*joined, row.label())


def _read(path, names, wanted):
    examples = Examples(path=path)
    lacking = [name for name in wanted if name not in names]
    if lacking:
        raise UserError("{}, line 1: the header names no {}".format(path, lacking[0]))
    columns = {column: names.index(name) for name, column in wanted.items()}
    for where, row in rows_of(path, examples, lambda cells, where: (columns, True)):
        if row.get(LANGUAGE, "zh") != "zh":
            examples.skipped["rows of other languages"] += 1
            continue
        texts = row[TEXT_A], row[TEXT_B]
        if LANGUAGE not in row:
            joined = tuple(join_words(text) for text in texts)
            examples.mended["segmented pairs joined"] += joined != texts
            texts = joined
        examples.append(Example(texts[0], texts[1], row[LABEL] or None, where))
    return checked(examples)
