"""What is said of a vocabulary that was made: classes of rows, and how it fits the corpus."""

from data.tokenizers.building.token_classes import CLASSES, CLUE_COUNTS, count_classes


def class_lines(tokens, before=None):
    """Lines of a table: the classes of rows beside those of CLUE's vocabulary.

    Args:
      tokens: of the vocabulary.
      before: tokens of the vocabulary that it is a part of, or None.
    """
    columns = [("rows", count_classes(tokens))]
    if before is not None:
        columns.append(("of", count_classes(before)))
    columns.append(("CLUE's report", CLUE_COUNTS))
    yield " " * 20 + "".join("{:>15}".format(title) for title, _ in columns)
    for name in CLASSES:
        if any(counts.get(name) for _, counts in columns):
            figures = ("{:>15,}".format(counts.get(name, 0)) for _, counts in columns)
            yield "{:20}{}".format(name, "".join(figures))
    totals = ("{:>15,}".format(sum(counts.values())) for _, counts in columns)
    yield "{:20}{}".format("together", "".join(totals))


def coverage_line(coverage, before=None):
    """How a vocabulary fits the corpus, in a sentence.

    Args:
      coverage: from_corpus.Coverage.
      before: that of the vocabulary that it is a part of, or None.
    """
    text = "of the corpus' {:,} pieces ({:.3f} per character) {:,} are [UNK] ({:.3%})".format(
        coverage.pieces, _per_character(coverage), coverage.unknown, _unknown_share(coverage)
    )
    if before is None:
        return text
    return "{}; with all rows {:,} of {:,} ({:.3f} per character) were ({:.3%})".format(
        text, before.unknown, before.pieces, _per_character(before), _unknown_share(before)
    )


def changed_line(changed, characters):
    """The traditional characters of a corpus, in a sentence.

    Args:
      changed: their number.
      characters: number of characters without blanks.
    """
    return (
        "{:,} of its {:,} characters ({:.2%}) are traditional and were counted as simplified: give "
        "--t2s when records are made".format(changed, characters, changed / max(characters, 1))
    )


def _per_character(coverage):
    return coverage.pieces / max(coverage.characters, 1)


def _unknown_share(coverage):
    return coverage.unknown / max(coverage.pieces, 1)
