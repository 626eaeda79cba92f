"""Precision and recall of each tag: tables of an evaluation."""

from common.tags import TAGS


def tables(counts):
    """Lines of a table for each kind of tags.

    Args:
      counts: dict of an evaluation; KIND_labels, KIND_predicted and KIND_correct are vectors of
        counts, a number for each tag.

    Returns:
      dict kind -> list of lines, tab-separated: tag, labels, share among them, precision, recall;
      the most frequent first, without tags that never occur. Empty without counts.
    """
    result = {}
    for kind, tags in TAGS.items():
        if kind + "_labels" not in counts:
            continue
        columns = zip(
            tags, *(counts["{}_{}".format(kind, n)] for n in ("labels", "predicted", "correct"))
        )
        rows = [row for row in columns if row[1] or row[2]]
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
