"""Questions made by hand, for tests."""

import json

from finetuning.layouts.squad import SPAN, Answer, QuestionExample


def asked(context, *answers, question="甲？", kind=SPAN, identity="1", group=None):
    """A question; `answers`: (text, start) each."""
    placed = tuple(Answer(*answer) for answer in answers)
    return QuestionExample(identity, question, context, placed, kind, group, "q.json, question 1")


def squad_file(path, *questions, **more):
    """Writes questions on one passage in SQuAD's layout; returns the path."""
    paragraph = {"context": "甲乙丙。甲乙", "qas": list(questions)}
    path.write_text(json.dumps({"data": [dict(more, paragraphs=[paragraph])]}), encoding="utf-8")
    return str(path)


def entry(identity, *answers, **more):
    """A question of squad_file; `answers`: (text, start) each."""
    texts = [{"text": text, "answer_start": start} for text, start in answers]
    return dict({"id": identity, "question": "谁？", "answers": texts}, **more)
