"""The figures of a training's evaluations before its first step, after the last one, and of the
best checkpoint, side by side."""

from training import evaluations


def lines(start, last, best, best_by):
    """The report at the end of a training.

    Args:
      start, last, best: contents of eval_results.txt (best.read_results); {} where there is none.
      best_by: figure of an evaluation by which checkpoints are compared, a loss.

    Returns:
      list of (is_warning, line): a table for each set of the last evaluation; warnings where no
      checkpoint is better than the start, and where the loss of the first set has fallen and that
      of another one has risen.
    """
    now, then, kept = (evaluations.parted(results) for results in (last, start, best))
    name_then = dict(evaluations.same_rows(now, then))
    name_kept = dict(evaluations.same_rows(now, kept))
    shown, columns = [], {}
    for name, figures in now.items():
        if name not in name_then:
            shown.append((False, _no_comparison(name, then.get(name))))
            continue
        best_one = kept[name_kept[name]] if name in name_kept else None
        columns[name] = _columns(then[name_then[name]], figures, best_one)
        if name == last.get(evaluations.SET) and not _is_better(columns[name], best_by):
            text = "no checkpoint is better than the weights that the training started from"
            shown.append((True, text))
        of_set = " of " + name if name else ""
        rows = evaluations.describe_rows(figures)
        shown.append((False, "before -> after{}, on the same {}:".format(of_set, rows)))
        shown += [(False, line) for line in evaluations.table(columns[name])]
    return shown + _forgetting(columns, last.get(evaluations.SET), best_by)


def _no_comparison(name, figures):
    """Why a set has no table; `figures`: those of the start under the same name, or None."""
    return "no comparison with the start{}: {}".format(
        " of " + name if name else "",
        "it was evaluated on " + evaluations.describe_rows(figures) + ", or other masks"
        if figures
        else "step 0 was not evaluated{}, since --eval_file was not given then".format(
            " on these rows" if name else ""
        ),
    )


def _columns(start, last, best):
    """(title, figures) each; the best checkpoint's where it is not the last one."""
    columns = [("step 0", start), (_shown_step(last), last)]
    if best and best[evaluations.STEP] != last[evaluations.STEP]:
        columns.append(("best: " + _shown_step(best), best))
    return columns


def _shown_step(figures):
    return "step {:,}".format(figures[evaluations.STEP])


def _is_better(columns, best_by):
    """Whether a checkpoint is better than the start."""
    return min(figures[best_by] for _, figures in columns[1:]) < columns[0][1][best_by]


def _forgetting(columns, first, best_by):
    """A warning of each set that the training has made worse while it made the first one better,
    in the checkpoint that is the best one.

    Args:
      columns: dict name of a set -> its columns.
      first: name of the first set.
      best_by: see `lines`.
    """
    ends = {name: (some[0][1][best_by], some[-1][1][best_by]) for name, some in columns.items()}
    if first not in ends or not ends[first][1] < ends[first][0]:
        return []
    step = _shown_step(columns[first][-1][1])
    return [
        (
            True,
            "{}: {} of {} has fallen from {:.4f} to {:.4f}, that of {} has risen from {:.4f} to "
            "{:.4f}: the model forgets what it knew of {}; take text like it into --input_file, a "
            "lower --learning_rate or fewer steps".format(
                step, best_by, first, *ends[first], name, *ends[name], name
            ),
        )
        for name in ends
        if ends[name][1] > ends[name][0] and name != first
    ]
