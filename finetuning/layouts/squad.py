"""Questions on passages: the SQuAD layout of CMRC 2018, DRCD and CJRC, and CMRC's own."""

from typing import Any, NamedTuple, Optional, Tuple

from common.errors import UserError, quoted
from common.validation import is_number, is_object, is_text
from finetuning.examples import Examples, Skipped
from finetuning.layouts.json_lines import JsonObject, load_json
from finetuning.layouts.tables import checked


class Answer(NamedTuple):
    """An answer to a question.

    Attributes:
      text: as the file has it.
      start: index of the text in the passage; None where it does not occur there (YES, NO, "", and
        references that annotators wrote in their own words).
    """

    text: str
    start: Optional[int]


class QuestionExample(NamedTuple):
    """A question on a passage.

    Attributes:
      id: of the question.
      question, context: its text, and the passage.
      answers: all of them are references.
      kind: one of KINDS, by the first answer; None where the file has no answers.
      group: CJRC's domain ("civil", "criminal") or None.
      where: "FILE, question ID", for messages.
    """

    id: Any
    question: str
    context: str
    answers: Tuple[Answer, ...]
    kind: Optional[str]
    group: Optional[str]
    where: str


SPAN, YES, NO, UNANSWERABLE = KINDS = ("span", "yes", "no", "unanswerable")
_KIND_OF_TEXT = {"YES": YES, "NO": NO, "": UNANSWERABLE}

FOUND_ELSEWHERE = "answers found in another place"
SEVERAL_PLACES = "answers that occur more than once, of which the first place is taken"
NOT_THERE = "answers that are not in the passage, kept as references"
NUMBERS = "answers that are numbers"
SEVERAL_PARTS = "questions whose answer has several parts"
NO_PLACE = "questions whose first answer is not in the passage"


def read_questions(path):
    """The questions of a file, whichever of the two layouts it has.

    Every answer is kept as a reference for the scorer. One that does not occur at `answer_start`
    gets the nearest place where it does; in CMRC's own layout, which has no places, the first.
    Questions whose answer consists of several spans are skipped.

    Args:
      path: one JSON text, an object with "data" (SQuAD's) or a list (CMRC's).

    Returns:
      Examples of QuestionExample.

    Raises:
      UserError: the file cannot be read or is of another form, an id occurs twice, or there is
        no question.
    """
    examples = Examples(path=path)
    values = load_json(path, examples)
    if is_object(values) and isinstance(values.get("data"), list):
        records = _squad(values["data"], path, examples)
    elif isinstance(values, list):
        records = _cmrc(values, path, examples)
    else:
        raise UserError(
            '{} is neither an object with a list "data" nor a list of passages'.format(path)
        )
    seen = set()
    for make, row in records:
        try:
            example = make(row)
        except Skipped as reason:
            examples.skipped[str(reason)] += 1
            continue
        if example.id in seen:
            raise UserError(
                "{}: question {} occurs twice; predictions are stored by id".format(
                    path, quoted(example.id, 60)
                )
            )
        seen.add(example.id)
        examples.append(example)
    return checked(examples)


def with_places(examples):
    """The questions that can be trained on: unanswerable, yes, no, or with their first answer in
    the passage. The others are counted as skipped.

    Returns:
      Examples; the counts of `examples` and this one.

    Raises:
      UserError: there is none.
    """
    kept = Examples(path=examples.path)
    kept.mended.update(examples.mended)
    kept.noted.update(examples.noted)
    kept.skipped.update(examples.skipped)
    for example in examples:
        if example.kind == SPAN and example.answers[0].start is None:
            kept.skipped[NO_PLACE] += 1
        elif example.kind is None:
            kept.skipped["questions without an answer"] += 1
        else:
            kept.append(example)
    return checked(kept)


def answer_parts(example):
    """dict of the parts of a question's answers, by which placeholders are found: texts, places."""
    return {
        "answer": tuple(answer.text for answer in example.answers),
        "answer_start": tuple(answer.start for answer in example.answers),
    }


def can_be_given(example):
    """Whether one of a question's answers is in its passage, or is one that needs not be (YES)."""
    return example.kind != SPAN or any(answer.start is not None for answer in example.answers)


def _squad(articles, path, examples):
    """Yields (function of a question's JsonObject that returns a QuestionExample, JsonObject) of
    SQuAD's layout."""
    for i, article in enumerate(_objects(articles, path, "data", examples)):
        group = article.text("domain") if "domain" in article else None
        at = "data[{}].paragraphs".format(i)
        paragraphs = article.get("paragraphs", list, "a list")
        for j, paragraph in enumerate(_objects(paragraphs, path, at, examples)):
            context = paragraph.get("context", str, "a text")
            questions = paragraph.get("qas", list, "a list")

            def make(row, context=context, group=group):
                return _squad_question(row, context, group, path, examples)

            for row in _objects(questions, path, "{}[{}].qas".format(at, j), examples):
                yield make, row


def _cmrc(passages, path, examples):
    """The same of CMRC's own layout."""
    for i, passage in enumerate(_objects(passages, path, "", examples)):
        context = passage.get("context_text", str, "a text")

        def make(row, context=context):
            return _cmrc_question(row, context, path, examples)

        questions = passage.get("qas", list, "a list")
        for row in _objects(questions, path, "[{}].qas".format(i), examples):
            yield make, row


def _objects(values, path, at, examples):
    for i, value in enumerate(values):
        where = "{}, {}[{}]".format(path, at, i)
        if not is_object(value):
            raise UserError("{} is no object".format(where))
        yield JsonObject(value, where, examples.mended)


def _squad_question(row, context, group, path, examples):
    identity = str(row.get("id", (str, int), "a text or a number")).strip()
    question, where = row.text("question"), "{}, question {}".format(path, identity)
    if "answers" not in row or _is_blanked(row):
        return QuestionExample(identity, question, context, (), None, group, where)
    answers = []
    for value in row.get("answers", list, "a list"):
        if isinstance(value, list):
            raise Skipped(SEVERAL_PARTS)
        if not is_object(value):
            raise UserError("{}: an answer is {}, no object".format(where, quoted(value, 40)))
        answer = JsonObject(value, where, examples.mended)
        text = _answer_text(answer.get("text", (str, int, float), "a text"), examples)
        start = answer.number("answer_start")
        if text in _KIND_OF_TEXT and start < 0:
            answers.append(Answer(text, None))
        else:
            answers.append(_placed(text, start, context, examples))
    is_impossible = _truth(row, "is_impossible") if "is_impossible" in row else False
    kind = UNANSWERABLE
    if answers and not is_impossible:
        kind = SPAN if answers[0].start is not None else _KIND_OF_TEXT.get(answers[0].text, SPAN)
    answers = tuple(answers) or (Answer("", None),)
    return QuestionExample(identity, question, context, answers, kind, group, where)


def _cmrc_question(row, context, path, examples):
    identity, question = row.text("query_id"), row.text("query_text")
    where = "{}, question {}".format(path, identity)
    answers = []
    for value in row.get("answers", list, "a list") if "answers" in row else ():
        if not is_text(value) and not is_number(value):
            raise UserError("{}: an answer is {}, no text".format(where, quoted(value, 40)))
        text = _answer_text(value, examples)
        if context.count(text) > 1 and text:
            examples.noted[SEVERAL_PLACES] += 1
        start = context.find(text) if text else -1
        if start < 0:
            examples.noted[NOT_THERE] += 1
        answers.append(Answer(text, start if start >= 0 else None))
    kind = SPAN if answers else None
    return QuestionExample(identity, question, context, tuple(answers), kind, None, where)


def _answer_text(value, examples):
    if not is_text(value):
        examples.mended[NUMBERS] += 1
    return str(value)


def _placed(text, start, context, examples):
    """Answer with the place of `text` in `context` that is nearest to `start`."""
    if text and start >= 0 and context.startswith(text, start):
        return Answer(text, start)
    places = []
    at = context.find(text) if text else -1
    while at >= 0:
        places.append(at)
        at = context.find(text, at + 1)
    if not places:
        examples.noted[NOT_THERE] += 1
        return Answer(text, None)
    examples.mended[FOUND_ELSEWHERE] += 1
    return Answer(text, min(places, key=lambda place: abs(place - start)))


def _is_blanked(row):
    """Whether CJRC's organisers removed the answer: both fields are empty then."""
    return (
        "is_impossible" in row
        and row.get("is_impossible", (str, bool), "true or false") == ""
        and row.get("answers", list, "a list") == []
    )


def _truth(row, name):
    """A field with true or false, which CJRC writes as texts."""
    value = row.get(name, (str, bool), "true or false")
    if str(value).lower() not in ("true", "false"):
        raise UserError("{}: {} is {}, but must be true or false".format(row.where, name, value))
    return str(value).lower() == "true"
