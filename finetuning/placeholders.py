"""Answers that are placeholders. Where the right ones of a test set are kept secret, its files hold
a constant, or texts that no prediction can agree with; figures of such answers mean nothing."""

import collections

from common.errors import quoted

# All answers are equal: they are taken for placeholders where chance would do that less often.
_CHANCE = 0.01
# The share of an answer where there are no other examples to count it in.
_UNKNOWN_SHARE = 0.5


def fault_of(task, examples, known=None):
    """Why the answers of examples are placeholders.

    Args:
      task: task object.
      examples: Examples.
      known: Examples with right answers, of another split; None without them.

    Returns:
      A text, or None: they are answers.
    """
    answered = [example for example in examples if task.is_labelled(example)]
    return fault(
        [task.answer_parts(example) for example in answered],
        [task.can_be_right(example) for example in answered],
        examples.path,
        [task.answer_parts(example) for example in known or ()],
        known and known.path,
    )


def fault(parts, can_be_right, path, known_parts=(), known_path=None):
    """Why answers are placeholders: no prediction can give most of them, or a part of them is the
    same in all examples though it should differ.

    Args:
      parts: for each example an ordered dict word -> hashable part of its answer. Parts after the
        first one are only compared with known ones.
      can_be_right: for each example, whether a prediction can agree with its answer.
      path: of the file, for messages.
      known_parts, known_path: `parts` and `path` of examples whose answers are right, if any.

    Returns:
      A text, or None: they are answers.
    """
    wrong = [part for part, can_be in zip(parts, can_be_right) if not can_be]
    if 2 * len(wrong) > len(parts):
        text = "{:,} of {:,} examples of {} have an answer that no prediction can give, such as {}"
        shown = _shown(next(iter(wrong[0].values())))
        return text.format(len(wrong), len(parts), path, shown)
    if len(parts) < 2:
        return None
    for word in parts[0] if known_parts else list(parts[0])[:1]:
        values = [part[word] for part in parts]
        if len(set(values)) > 1:
            continue
        counts = collections.Counter(part[word] for part in known_parts)
        share = counts[values[0]] / len(known_parts) if known_parts else _UNKNOWN_SHARE
        if share ** len(values) < _CHANCE:
            others = ", where {} has {:,} different ones".format(known_path, len(counts))
            return "all {:,} examples of {} have the same {}, {}{}".format(
                len(values), path, word, _shown(values[0]), others if known_parts else ""
            )
    return None


def _shown(value):
    """A part of an answer for messages; the first of several, "none" where there is none."""
    while isinstance(value, tuple):
        value = value[0] if value else None
    return "none" if value is None else quoted(str(value), 40)
