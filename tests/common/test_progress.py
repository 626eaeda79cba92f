"""Lines about a long work where there is no terminal."""

from common import progress
from common.progress import Progress


def lines(monkeypatch, total, counts, **more):
    """What is said when 10 seconds pass between counts."""
    now, said = [100.0], []
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    with Progress("reading", total, said.append, **more) as shown:
        for count in counts:
            now[0] += 10.0
            shown(count)
    assert shown.done == sum(counts) and shown.total == total
    return said


def test_a_line_every_fifteen_seconds(monkeypatch):
    said = lines(monkeypatch, 4000, [500] * 5)
    assert said == ["reading: 1.00kB of 4.00kB", "reading: 2.00kB of 4.00kB"]


def test_what_must_be_done_again_is_taken_back(monkeypatch):
    assert lines(monkeypatch, 4000, [2000, -1500]) == ["reading: 500B of 4.00kB"]


def test_other_units_are_counted_as_they_are(monkeypatch):
    said = lines(monkeypatch, 20000, [1000, 500], unit="steps")
    assert said == ["reading: 1,500 steps of 20,000 steps"]


def test_work_of_an_unknown_size(monkeypatch):
    said = lines(monkeypatch, None, [1000, 500], unit="lines")
    assert said == ["reading: 1,500 lines"]


def test_each_item_is_counted():
    with Progress("reading", 3, None, "lines") as shown:
        items = progress.counted("abc", shown)
        assert next(items) == "a" and shown.done == 0
        assert "".join(items) == "bc" and shown.done == 3
