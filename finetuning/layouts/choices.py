"""Questions with several choices: C3, CHID, COPA."""

import os
import re
from typing import Any, Callable, NamedTuple, Optional, Tuple

from common import files
from common.errors import UserError, quoted
from common.validation import is_object, is_text, is_whole, list_of
from finetuning.examples import Examples
from finetuning.layouts.json_lines import JsonObject, load_json, objects_of
from finetuning.layouts.tables import checked, line_of, text_lines


class Question(NamedTuple):
    """What one of the choices is to be chosen for.

    Attributes:
      id: a text or a whole number.
      texts: what the choices are compared with: of C3 the passage and the question, of CHID the
        passage and the blank in it, of COPA the premise and "cause" or "effect".
      choices: texts.
      answer: number of the right one, from 0; None where the file has none.
    """

    id: Any
    texts: Tuple[str, ...]
    choices: Tuple[str, ...]
    answer: Optional[int]


class ChoiceExample(NamedTuple):
    """Questions that are answered together: of CHID the blanks of one line, else a single one.

    Attributes:
      questions: at least one.
      where: "FILE, line N", for messages.
    """

    questions: Tuple[Question, ...]
    where: str


class ObjectLayout(NamedTuple):
    """How questions stand in a JSON object by itself, a line of input of a prediction.

    Attributes:
      read: function of a JsonObject that returns a ChoiceExample.
      shown: such an object, for messages.
      has_blanks: whether an object has any number of questions, which are blanks.
    """

    read: Callable
    shown: str
    has_blanks: bool = False


BLANK = re.compile("#idiom[0-9]+#")
NO_CHOICE = "questions whose answer is none of the choices"
NO_BLANK = "lines without a blank"
# CLUE's program writes them so, since Google's vocabulary lacks them; longer ones first.
_PLAIN_MARKS = (
    ("——", "--"),
    ("—", "-"),
    ("―", "-"),
    ("…", "..."),
    ("“", '"'),
    ("”", '"'),
    ("‘", "'"),
    ("’", "'"),
)


def read_c3(path):
    """C3: one JSON text, a list of [sentences of a passage, its questions, id]; a question is
    {question, choice: [...], answer: one of them} and has perhaps an id.

    Returns:
      Examples of ChoiceExample.

    Raises:
      UserError: the file cannot be read or is of another form, or there is no question.
    """
    examples = Examples(path=path)
    passages = load_json(path, examples)
    if not isinstance(passages, list):
        raise UserError("{} is no list of passages".format(path))
    number = 0
    for i, passage in enumerate(passages):
        where = "{}, passage {}".format(path, i)
        if not isinstance(passage, list) or len(passage) < 2 or not list_of(is_text)(passage[0]):
            raise UserError("{} is no list of sentences, questions and an id".format(where))
        if not list_of(is_object)(passage[1]):
            raise UserError("{}: its questions must be a list of objects".format(where))
        for j, values in enumerate(passage[1]):
            row = JsonObject(values, "{}, question {}".format(where, j), examples.mended, number)
            number += 1
            question = _on_passage(row, passage[0])
            answer = row.text("answer") if "answer" in row else None
            if answer is not None and answer not in question.choices:
                examples.skipped[NO_CHOICE] += 1
                continue
            place = None if answer is None else question.choices.index(answer)
            examples.append(ChoiceExample((question._replace(answer=place),), row.where))
    return checked(examples)


def question_on_passage(row):
    """The ChoiceExample of a JsonObject {context: a passage or a list of its sentences, question,
    choice: [...]}, as C3's but for the place of the passage; without an answer.

    Raises:
      UserError: a field is missing or of another kind, or there is no choice.
    """
    is_whole_text = is_text(row.get("context", (str, list), "a text or a list of sentences"))
    sentences = [row.text("context")] if is_whole_text else row.texts("context")
    return ChoiceExample((_on_passage(row, sentences),), row.where)


def _on_passage(row, sentences):
    choices = tuple(text.strip() for text in row.texts("choice"))
    if not choices:
        raise UserError("{} has no choice".format(row.where))
    return Question(row.id, ("\n".join(sentences), row.text("question")), choices, None)


def read_copa(path):
    """COPA: JSON lines {premise, choice0, choice1, question: cause or effect, label: 0 or 1}.

    Returns, Raises: see `read_c3`.
    """
    examples = Examples(path=path)
    examples.extend(cause_or_effect(row) for row in objects_of(path, examples))
    return checked(examples)


def cause_or_effect(row):
    """The ChoiceExample of COPA's JsonObject.

    Raises:
      UserError: a field is missing or of another kind.
    """
    asked = row.text("question")
    if asked not in ("cause", "effect"):
        raise UserError(
            "{}: question is {}, but must be cause or effect".format(row.where, quoted(asked))
        )
    choices, label = (row.text("choice0"), row.text("choice1")), row.label()
    if label not in (None, "0", "1"):
        raise UserError("{}: label is {}, but must be 0 or 1".format(row.where, quoted(label)))
    answer = None if label is None else int(label)
    question = Question(row.id, (row.text("premise"), asked), choices, answer)
    return ChoiceExample((question,), row.where)


def read_chid(path):
    """CHID: JSON lines {content: passages, candidates: idioms}; passages hold blanks, `#idiom123#`.
    The answers, numbers of candidates, lie beside it: dev_answer.json is a JSON object, or lines
    `#idiom123#,4`, of blanks.

    Returns, Raises: see `read_c3`; a blank has no answer where others have.
    """
    examples, answers = Examples(path=path), _answers_beside(path)
    for row in objects_of(path, examples):
        questions = _blanks(row)
        if answers is not None:
            questions = [_answered(question, answers, row, path) for question in questions]
        if questions:
            examples.append(ChoiceExample(tuple(questions), row.where))
        else:
            examples.skipped[NO_BLANK] += 1
    return checked(examples)


def blanks_of(row):
    """The ChoiceExample of CHID's JsonObject {content, candidates}; without answers.

    Raises:
      UserError: a field is missing or of another kind, or there is no blank or no idiom.
    """
    questions = _blanks(row)
    if not questions or not questions[0].choices:
        what = "idiom (candidates)" if questions else "blank (content), written as #idiom1#"
        raise UserError("{} has no {}".format(row.where, what))
    return ChoiceExample(tuple(questions), row.where)


def _blanks(row):
    """List of a Question for each blank."""
    choices = tuple(text.strip() for text in row.texts("candidates"))
    return [
        Question(blank, (_plain(content), blank), choices, None)
        for content in row.texts("content")
        for blank in BLANK.findall(content)
    ]


def _answered(question, answers, row, path):
    answer, count = answers.get(question.id), len(question.choices)
    if answer is None or not 0 <= answer < count:
        what = "no answer" if answer is None else "the answer {}".format(answer)
        text = "{}: {} has {} in {}, and {} candidates"
        raise UserError(text.format(row.where, question.id, what, _beside(path), count))
    return question._replace(answer=answer)


def _plain(text):
    for mark, plain in _PLAIN_MARKS:
        text = text.replace(mark, plain)
    return text


def _beside(path):
    """Name of the file of answers: train.json -> train_answer.json, test1.1.json ->
    test1.1_answer.json."""
    stem, ending = os.path.splitext(path)
    named = (stem + "_answer" + ending, stem + "_answer.csv")
    return next((name for name in named if files.exists(name)), named[0])


def _answers_beside(path):
    """dict blank -> number; None without a file."""
    beside = _beside(path)
    if not files.exists(beside):
        return None
    first = next((line for _, line in text_lines(beside) if line.strip()), "")
    if first.lstrip().startswith("{"):
        answers = load_json(beside, Examples(path=beside))
    else:
        answers = dict(_lines_of_answers(beside))
    if not is_object(answers) or not all(map(is_whole, answers.values())):
        raise UserError("{} is no object of blanks and numbers of candidates".format(beside))
    return answers


def _lines_of_answers(path):
    for number, line in text_lines(path):
        if line.strip():
            blank, _, answer = line.partition(",")
            if not answer.strip().isdigit():
                raise UserError(
                    "{}: {} is no blank with a number, as #idiom123#,4".format(
                        line_of(path, number), quoted(line, 40)
                    )
                )
            yield blank.strip(), int(answer)


C3_OBJECT = ObjectLayout(question_on_passage, '{"context": ..., "question": ..., "choice": [...]}')
CHID_OBJECT = ObjectLayout(
    blanks_of, '{"content": ["... #idiom1# ..."], "candidates": [...]}', has_blanks=True
)
COPA_OBJECT = ObjectLayout(
    cause_or_effect, '{"premise": ..., "question": "cause", "choice0": ..., "choice1": ...}'
)
