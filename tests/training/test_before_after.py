"""The report at the end of a training: figures of each set before and after."""

import pytest

from training import before_after, evaluations

pytestmark = pytest.mark.tf1


def figures(step, loss, rows_id="a", **more):
    rows = {"rows": 8, "files": 1, "all_rows_read": "yes", "records": rows_id, "rows_id": rows_id}
    return {"global_step": step, "loss": loss, **more, **rows}


def results(step, law, general=None, rows_id="g"):
    """Contents of an eval_results.txt; `rows_id`: of the second set."""
    parts = [("law", figures(step, law, "l"))]
    if general is not None:
        parts.append(("general", figures(step, general, rows_id)))
    return evaluations.joined(parts)


def report(start, last, best, best_by="loss"):
    lines = before_after.lines(start, last, best, best_by)
    return [line for warns, line in lines if not warns], [line for warns, line in lines if warns]


def test_every_set_has_a_table():
    shown, warned = report(results(0, 9.0, 5.0), results(40, 3.0, 4.5), results(40, 3.0, 4.5))
    assert not warned
    assert shown[0] == "before -> after of law, on the same 8 rows of l (all of them):"
    assert shown[3] == "before -> after of general, on the same 8 rows of g (all of them):"
    assert [line.split() for line in (shown[2], shown[5])] == [
        ["loss", "9.0000", "->", "3.0000"],
        ["loss", "5.0000", "->", "4.5000"],
    ]


def test_the_best_checkpoint_is_that_of_the_first_set():
    """Its column is in both tables, and the sentence on what was forgotten is of it."""
    start, last, best = results(0, 9.0, 5.0), results(40, 3.5, 7.0), results(20, 3.0, 6.0)
    shown, warned = report(start, last, best)
    assert shown[2].split() == ["loss", "9.0000", "->", "3.5000", "3.0000"]
    assert shown[5].split() == ["loss", "5.0000", "->", "7.0000", "6.0000"]
    assert shown[1].split() == ["step", "0", "step", "40", "best:", "step", "20"]
    (told,) = warned
    assert told == (
        "step 20: loss of law has fallen from 9.0000 to 3.0000, that of general has risen from "
        "5.0000 to 6.0000: the model forgets what it knew of general; take text like it into "
        "--input_file, a lower --learning_rate or fewer steps"
    )


def test_a_training_that_helped_nothing():
    _, warned = report(results(0, 3.0, 5.0), results(40, 3.0, 7.0), results(40, 3.0, 7.0))
    assert warned == ["no checkpoint is better than the weights that the training started from"]


def test_without_names_nothing_else_is_said():
    start, last = figures(0, 9.0), figures(4, 3.0)
    shown, warned = report(start, last, last)
    assert shown[0] == "before -> after, on the same 8 rows of a (all of them):" and not warned
    assert report({}, last, last)[0] == [
        "no comparison with the start: step 0 was not evaluated, since --eval_file was not given "
        "then"
    ]
    other = figures(0, 9.0, "b")
    assert report(other, last, last)[0] == [
        "no comparison with the start: it was evaluated on 8 rows of b (all of them), or other "
        "masks"
    ]
    assert report(start, {}, {}) == ([], [])


def test_sets_that_were_not_there_at_the_start():
    """The rows tell which sets are the same; the others have no table."""
    unnamed = figures(0, 9.0, "l")
    shown, warned = report(unnamed, results(40, 3.0, 7.0), {})
    assert shown[0].startswith("before -> after of law, on") and not warned
    assert shown[-1] == (
        "no comparison with the start of general: step 0 was not evaluated on these rows, since "
        "--eval_file was not given then"
    )
    shown, _ = report(results(0, 9.0, 5.0, "x"), results(40, 3.0, 7.0), {})
    assert shown[-1].startswith("no comparison with the start of general: it was evaluated on 8 ")
    shown, _ = report(results(0, 9.0, 5.0), results(40, 3.0), {})
    assert len(shown) == 3
