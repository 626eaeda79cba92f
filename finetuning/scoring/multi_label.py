"""Figures of predictions of any number of labels a text. Indicators are int arrays
[examples, labels], 1 where an example has the label."""

import collections

import numpy as np


def scores(right, predicted, prefix):
    """Figures by scikit-learn.

    Args:
      right, predicted: indicators of the examples and of their predictions.
      prefix: first part of the names.

    Returns:
      Ordered dict of shares between 0 and 1: F1, precision and recall over all decisions (micro);
      the mean F1 of all labels (macro), where a label that neither occurs nor is predicted has 0 as
      in scikit-learn; that of the labels that do (occurring_macro); and the share of examples
      whose labels are all right (exact_match).
    """
    from sklearn import metrics

    micro = metrics.precision_recall_fscore_support(
        right, predicted, average="micro", zero_division=0
    )
    by_label = metrics.f1_score(right, predicted, average=None, zero_division=0)
    occurs = (right + predicted).any(axis=0)
    figures = [
        ("micro_f1", micro[2]),
        ("macro_f1", by_label.mean()),
        ("micro_precision", micro[0]),
        ("micro_recall", micro[1]),
        ("occurring_macro_f1", by_label[occurs].mean() if occurs.any() else 0.0),
        ("exact_match", metrics.accuracy_score(right, predicted)),
    ]
    return collections.OrderedDict(
        ("{}_{}".format(prefix, name), float(value)) for name, value in figures
    )


def cail_score(right, predicted):
    """CAIL 2018's score: the mean of micro and macro F1, where a label that neither occurs nor is
    predicted counts as 1 in the macro F1 (the organisers' judger).

    Args:
      right, predicted: see `scores`.

    Returns:
      dict cail_score -> float.
    """
    hits, total = (right * predicted).sum(axis=0), (right + predicted).sum(axis=0)
    of_labels = np.where(total > 0, 2 * hits / np.maximum(total, 1), 1.0)
    of_all = 2 * hits.sum() / total.sum() if total.sum() else 1.0
    return {"cail_score": float((of_all + of_labels.mean()) / 2)}


def table(labels, right, predicted):
    """Lines of a table with tabs between its columns: a label, how many examples have it, how many
    predictions, precision, recall and F1.

    Args:
      labels: list of str.
      right, predicted: see `scores`.
    """
    from sklearn import metrics

    precision, recall, f1, support = metrics.precision_recall_fscore_support(
        right, predicted, average=None, zero_division=0
    )
    lines = ["label\texamples\tpredicted\tprecision\trecall\tf1"]
    for row in zip(labels, support, predicted.sum(axis=0), precision, recall, f1):
        lines.append("{}\t{}\t{}\t{:.4f}\t{:.4f}\t{:.4f}".format(*row))
    return lines
