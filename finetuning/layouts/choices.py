"""Questions with several choices: C3, CHID, COPA."""

import os
import re
from typing import Any, NamedTuple, Optional, Tuple

from common import files
from common.errors import UserError, quoted
from common.validation import is_object, is_text, is_whole, list_of
from finetuning.examples import Examples
from finetuning.layouts.json_lines import JsonObject, objects_of
from finetuning.layouts.squad import load_json
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
            texts = "\n".join(passage[0]), row.text("question")
            choices = tuple(text.strip() for text in row.texts("choice"))
            answer = row.text("answer") if "answer" in row else None
            _append(examples, row, texts, choices, answer)
    return checked(examples)


def _append(examples, row, texts, choices, answer):
    """Adds an example of one question; `answer` is one of the choices or None."""
    if not choices:
        raise UserError("{} has no choice".format(row.where))
    if answer is not None and answer not in choices:
        examples.skipped[NO_CHOICE] += 1
        return
    place = None if answer is None else choices.index(answer)
    examples.append(ChoiceExample((Question(row.id, texts, choices, place),), row.where))


def read_copa(path):
    """COPA: JSON lines {premise, choice0, choice1, question: cause or effect, label: 0 or 1}.

    Returns, Raises: see `read_c3`.
    """
    examples = Examples(path=path)
    for row in objects_of(path, examples):
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
        examples.append(ChoiceExample((question,), row.where))
    return checked(examples)


def read_chid(path):
    """CHID: JSON lines {content: passages, candidates: idioms}; passages hold blanks, `#idiom123#`.
    The answers, numbers of candidates, lie beside it: dev_answer.json is a JSON object, or lines
    `#idiom123#,4`, of blanks.

    Returns, Raises: see `read_c3`; a blank has no answer where others have.
    """
    examples, answers = Examples(path=path), _answers_beside(path)
    for row in objects_of(path, examples):
        choices = tuple(text.strip() for text in row.texts("candidates"))
        questions = []
        for content in row.texts("content"):
            for blank in BLANK.findall(content):
                answer = None
                if answers is not None:
                    answer = answers.get(blank)
                    if answer is None or not 0 <= answer < len(choices):
                        what = "no answer" if answer is None else "the answer {}".format(answer)
                        text = "{}: {} has {} in {}, and {} candidates"
                        beside = _beside(path)
                        raise UserError(text.format(row.where, blank, what, beside, len(choices)))
                questions.append(Question(blank, (_plain(content), blank), choices, answer))
        if questions:
            examples.append(ChoiceExample(tuple(questions), row.where))
        else:
            examples.skipped[NO_BLANK] += 1
    return checked(examples)


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
