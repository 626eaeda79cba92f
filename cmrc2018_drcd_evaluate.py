"""Scores answers to questions by the rule of CMRC 2018 and prints what its authors' scorer prints.

python cmrc2018_drcd_evaluate.py cmrc2018_dev.json cmrc2018_dev_preds.json

The first file contains the questions (CMRC 2018 in both layouts, DRCD, CJRC), the second an object
with a text for each question's id. A question without an answer counts 0 and is printed to standard
error.
"""

import collections
import json
import sys

from cli.app import one_line
from common import bounded_json, files
from common.errors import UserError, quoted
from common.terminal import complain, say
from common.validation import is_number, is_object, is_text
from finetuning import placeholders
from finetuning.layouts.json_lines import MOST_BYTES
from finetuning.layouts.squad import answer_parts, can_be_given, read_questions
from finetuning.scoring.answers import score_answers


def main(argv):
    """Scores the files in `argv`, [questions, predictions].

    Raises:
      UserError: `argv` does not name two files, or one cannot be read or is in another format.
    """
    if len(argv) != 2 or argv[0].startswith("-"):
        raise UserError(
            "two files are expected: cmrc2018_drcd_evaluate.py QUESTIONS.json PREDICTIONS.json"
        )
    scores = score_answers(read_references(argv[0]), read_predictions(argv[1]))
    for identity in scores.missing:
        complain("Unanswered question: {}".format(identity))
    say(json.dumps(official_result(scores, argv[1])))


def read_references(path):
    """dict question id -> list of texts.

    Raises:
      UserError: see `read_questions`; a question has no answer, or the answers are placeholders.
    """
    references, examples = collections.OrderedDict(), read_questions(path)
    fault = placeholders.fault(
        [answer_parts(example) for example in examples],
        [can_be_given(example) for example in examples],
        path,
    )
    if fault:
        raise UserError("{}; these are placeholders, not answers: no score".format(fault))
    for example in examples:
        if not example.answers:
            raise UserError("{} has no answer to compare with".format(example.where))
        references[example.id] = [answer.text for answer in example.answers]
    if not any(any(texts) for texts in references.values()):
        raise UserError("{} has no answer to compare with, only empty texts".format(path))
    return references


def read_predictions(path):
    """dict question id -> text.

    Raises:
      UserError: it cannot be read, or is no object of texts.
    """
    try:
        with files.open_file(path, "rb") as reader:
            values = bounded_json.load(reader, path, MOST_BYTES, nul=True)
    except files.failures() as error:
        raise UserError("cannot read {}: {}".format(path, files.reason(error))) from None
    if not is_object(values):
        raise UserError("{} is no object of question ids and answers".format(path))
    for identity, value in values.items():
        if not is_text(value) and not is_number(value):
            raise UserError(
                "{}: the answer to {} is {}, but must be a text".format(
                    path, quoted(identity, 60), quoted(value, 40)
                )
            )
    return {identity: str(value) for identity, value in values.items()}


def official_result(scores, predictions_path):
    """The result of the authors' scorer, in its order: figures as texts, in percent."""
    f1, exact = 100.0 * scores.f1, 100.0 * scores.exact
    return collections.OrderedDict(
        [
            ("AVERAGE", "{:.3f}".format((exact + f1) * 0.5)),
            ("F1", "{:.3f}".format(f1)),
            ("EM", "{:.3f}".format(exact)),
            ("TOTAL", scores.total),
            ("SKIP", len(scores.missing)),
            ("FILE", predictions_path),
        ]
    )


if __name__ == "__main__":
    sys.exit(one_line(lambda _: main(sys.argv[1:]))(sys.argv[:1]))
