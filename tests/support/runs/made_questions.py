"""Questions made by hand, for tests."""

from finetuning.layouts.squad import SPAN, Answer, QuestionExample


def asked(context, *answers, question="甲？", kind=SPAN, identity="1", group=None):
    """A question; `answers`: (text, start) each."""
    placed = tuple(Answer(*answer) for answer in answers)
    return QuestionExample(identity, question, context, placed, kind, group, "q.json, question 1")
