"""How the cost of a training step grows with the length of rows, the layers and the batch."""

import os
import statistics

from benchmarks.speed.comparisons import BF16, HF_BF16, pretraining_subjects
from benchmarks.speed.rounds import measure
from benchmarks.speed.shapes import SHAPES

_BASE = SHAPES["base128"]
# Field of a Shape -> its values; the other fields are those of base128.
CURVES = {"seq": (64, 128, 256, 512), "layers": (3, 6, 12, 24), "batch": (2, 4, 8, 16)}
_TITLES = {"seq": "pieces in a row", "layers": "layers", "batch": "rows in a batch"}


def shapes_of(field):
    """The shapes along a curve: list of Shape. Rows have 15 % masked pieces."""
    made = []
    for value in CURVES[field]:
        shape = _BASE._replace(**{field: value}, name="{}{}".format(field, value))
        made.append(shape._replace(predictions=round(0.15 * shape.seq)))
    return made


def measured(field, rounds, threads, names=(BF16, HF_BF16)):
    """dict subject -> list of the median CPU seconds of a step, for the values of CURVES[field]."""
    seconds = {name: [] for name in names}
    for shape in shapes_of(field):
        subjects = [s for s in pretraining_subjects(shape) if s.name in names]
        for name, figures in measure(subjects, 1, rounds, threads).items():
            seconds[name].append(statistics.median(figures.cpu))
    return seconds


def draw(field, seconds, folder):
    """Draws the curves of a field as FIELD.png in `folder`; returns its path."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(5, 3.5), layout="constrained")
    for name, values in seconds.items():
        axes.plot(CURVES[field], values, marker="o", label=name)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log", base=2)
    axes.set_xticks(CURVES[field], [str(value) for value in CURVES[field]])
    axes.set_xlabel(_TITLES[field])
    axes.set_ylabel("CPU seconds of a step")
    axes.legend()
    path = os.path.join(folder, "step-by-{}.png".format(field))
    figure.savefig(path, dpi=110)
    return path
