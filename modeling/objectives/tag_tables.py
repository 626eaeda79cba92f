"""How well each tag is found: tables of an evaluation."""

from common.tags import TAGS


def tables(found):
    """Lines of a table for each kind of tags.

    Args:
      found: dict of an evaluation; KIND_labels, KIND_predicted and KIND_correct are vectors of
        counts, a number for each tag.

    Returns:
      dict kind -> list of lines, tab-separated: tag, labels, share among them, precision, recall;
      tags that occur nowhere are left out, the most frequent come first. Empty without counts.
    """
    result = {}
    for kind, tags in TAGS.items():
        if kind + "_labels" not in found:
            continue
        counts = zip(
            tags, *(found["{}_{}".format(kind, n)] for n in ("labels", "predicted", "correct"))
        )
        rows = [row for row in counts if row[1] or row[2]]
        total = max(1.0, sum(row[1] for row in rows))
        rows.sort(key=lambda row: -row[1])
        lines = ["tag\tlabels\tshare\tprecision\trecall"]
        for tag, labels, predicted, correct in rows:
            lines.append(
                "{}\t{:.0f}\t{:.3f}\t{}\t{}".format(
                    tag, labels, labels / total, _share(correct, predicted), _share(correct, labels)
                )
            )
        result[kind] = lines
    return result


def _share(part, whole):
    return "{:.3f}".format(part / whole) if whole else "-"
