"""Questions with several choices, one of which is right."""

import collections
import json
import os
from typing import List, NamedTuple, Tuple

import numpy as np

from common import files
from common.errors import UserError
from common.outputs import write_atomically
from finetuning.examples import Examples
from finetuning.layouts.choices import BLANK
from finetuning.layouts.tables import checked
from finetuning.scoring import submissions
from finetuning.task import Task, TaskRow
from modeling.conversion.families import CHOICES
from modeling.objectives.choices import MultipleChoice


class ChoicePrediction(NamedTuple):
    """The answers to the questions of an example.

    Attributes:
      chosen: number of a choice for each question, from 0.
      probabilities: for each question float32 [choices].
    """

    chosen: Tuple[int, ...]
    probabilities: List[np.ndarray]


class ChoiceTask(Task):
    """A task whose examples are questions with choices (layouts.choices.ChoiceExample); a row holds
    a sequence for each choice, and predictions are ChoicePrediction.

    Attributes:
      object_layout: layouts.choices.ObjectLayout of the task; for the others see Task.
    """

    kind, head = "multiple_choice", CHOICES
    metric, headline = "eval_accuracy", ("accuracy",)
    feature_names = MultipleChoice.feature_names
    answer_name = "answer"

    def __init__(
        self,
        name,
        defaults=None,
        file_names=None,
        layout=None,
        object_layout=None,
        rows=None,
        num_choices=None,
        are_exclusive=False,
        has_segments=True,
    ):
        """Configures a task: its files, their layout and its rows.

        Args:
          name, defaults: see Task.
          file_names: dict split -> list of tuples of names; the files of the first tuple of which
            any exists are read, one after the other.
          layout: function of a path that returns Examples of ChoiceExample.
          object_layout: layouts.choices.ObjectLayout, for lines of input in prediction.
          rows: function of kinds.choice_rows.
          num_choices: most choices of a question.
          are_exclusive: whether no choice is right for two questions of an example.
          has_segments: whether rows have two of them.
        """
        super().__init__(name, defaults, None, file_names)
        self.texts_per_row = num_choices
        self._layout, self._rows, self.object_layout = layout, rows, object_layout
        self._are_exclusive, self._has_segments = are_exclusive, has_segments

    def read(self, data_dir, split):
        """See Task."""
        if split in self.given_files:
            return self.read_file(self.given_files[split], split)
        for names in self._file_names[split]:
            paths = [os.path.join(data_dir, name) for name in names]
            there = [path for path in paths if files.exists(path)]
            if there:
                return _joined([self.read_file(path, split) for path in there])
        return None

    def file_names(self, split):
        """See Task."""
        return " or ".join(" and ".join(names) for names in self._file_names[split])

    def read_file(self, path, split):
        """See Task."""
        del split
        examples = self._layout(path)
        for example in examples:
            for question in example.questions:
                if len(question.choices) > self.texts_per_row:
                    raise UserError(
                        "{}: {} choices; questions of task {} have {} at most".format(
                            example.where, len(question.choices), self.name, self.texts_per_row
                        )
                    )
        return checked(examples)

    def choose_labels(self, given, data_dir, splits):
        """See Task; they are the numbers of the choices."""
        if given:
            raise UserError(
                "--labels={}, but the answers of task {} are its choices; remove it".format(
                    ",".join(given), self.name
                )
            )
        self.labels = [str(number) for number in range(self.texts_per_row)]
        return "of the task"

    def is_labelled(self, example):
        """See Task."""
        return all(question.answer is not None for question in example.questions)

    def answer_parts(self, example):
        """See Task."""
        answers = {question.answer for question in example.questions}
        return {"answer": tuple(sorted(answers))}

    def without_answer(self, example):
        """See Task."""
        questions = (question._replace(answer=None) for question in example.questions)
        return example._replace(questions=tuple(questions))

    def check(self, examples, config):
        """See Task; passage and question are told apart by their token types."""
        if self._has_segments and config.type_vocab_size < 2:
            raise UserError(
                "{} is compared with its choices, but {} has token types for one text only "
                "(type_vocab_size)".format(examples[0].where, config.source)
            )

    def texts(self, example):
        """See Task; blanks have other numbers in other files."""
        return tuple(BLANK.sub("", text) for q in example.questions for text in q.texts)

    def notes(self, split, examples):
        """See Task: numbers of choices, questions without a text, submissions not written."""
        counts = collections.Counter(
            len(question.choices) for example in examples for question in example.questions
        )
        shown = ", ".join("{:,} of {}".format(n, size) for size, n in sorted(counts.items()))
        lines = [
            (False, "{}: {:,} questions, choices: {}".format(split, sum(counts.values()), shown))
        ]
        empty = sum(
            not text.strip()
            for example in examples
            for question in example.questions
            for text in (*question.texts, *question.choices)
        )
        if empty:
            lines.append((True, "{}: {:,} texts or choices are empty".format(split, empty)))
        return lines + (submissions.notes(self.name, examples) if split == "test" else [])

    def rows(self, example, tokenizer, max_seq_length):
        """See Task; a row for each question, its features are lists for each choice."""
        rows = []
        for question in example.questions:
            try:
                of_choices = self._rows(question, tokenizer, max_seq_length)
            except UserError as error:
                raise UserError("{}: {}".format(example.where, error)) from None
            features = {
                "input_ids": [row.input_ids for row in of_choices],
                "segment_ids": [row.segment_ids for row in of_choices],
                "label_ids": [question.answer or 0],
            }
            rows.append(TaskRow(features, any(row.is_truncated for row in of_choices)))
        return rows

    def objective(self, heads):
        """See Task."""
        return MultipleChoice(self.name, self.texts_per_row, heads)

    def decode(self, example, rows, outputs):
        """See Task: the choice with the highest score; where choices exclude each other, those with
        the highest scores of all questions first (CLUE's CHID_preprocess.py)."""
        del rows
        scores = [
            output["choice_scores"][: len(question.choices)]
            for question, output in zip(example.questions, outputs)
        ]
        chosen = exclusive(scores) if self._are_exclusive else [int(s.argmax()) for s in scores]
        return ChoicePrediction(tuple(chosen), [_softmax(s) for s in scores])

    def answers(self, example, prediction):
        """What is printed of a prediction: for each question a dict for JSON without rounding."""
        return [
            {
                "label": chosen,
                "choice": question.choices[chosen],
                "probabilities": [float(p) for p in probabilities],
            }
            for question, chosen, probabilities in zip(example.questions, *prediction)
        ]

    def score(self, examples, predictions, prefix="eval"):
        """See Task: the share of questions whose answer is right."""
        pairs = [
            (question.answer, chosen)
            for example, prediction in zip(examples, predictions)
            for question, chosen in zip(example.questions, prediction.chosen)
        ]
        right = sum(answer == chosen for answer, chosen in pairs)
        return collections.OrderedDict([(prefix + "_accuracy", right / len(pairs))])

    def prediction_file(self, split):
        """See Task."""
        return "{}_choices.jsonl".format(split)

    def save_predictions(self, folder, split, examples, predictions):
        """See Task: SPLIT_choices.jsonl, a line {id, label, choice, probabilities} for each
        question in the order of the file, and CLUE's submission of test examples."""
        answers = [
            dict({"id": question.id}, **answer)
            for example, prediction in zip(examples, predictions)
            for question, answer in zip(example.questions, self.answers(example, prediction))
        ]
        name = self.prediction_file(split)
        text = "".join(json.dumps(answer, ensure_ascii=False) + "\n" for answer in answers)
        write_atomically(os.path.join(folder, name), text)
        if split != "test":
            return [name]
        pairs = [(answer["id"], answer["label"]) for answer in answers]
        submission = submissions.save_choices(folder, self.name, examples, pairs)
        return [name] + ([os.path.basename(submission)] if submission else [])


def exclusive(scores):
    """A choice for each question, no choice twice: the pair of question and choice with the highest
    score first, then the next one whose question and choice are both free.

    Questions beyond the number of choices get their best one.

    Args:
      scores: list of float [choices], all of the same choices.

    Returns:
      List of int.
    """
    matrix = np.array(scores)
    chosen, taken = [None] * len(matrix), set()
    for flat in np.argsort(-matrix, axis=None, kind="stable"):
        question, choice = divmod(int(flat), matrix.shape[1])
        if chosen[question] is None and choice not in taken:
            chosen[question] = choice
            taken.add(choice)
    return [int(matrix[q].argmax()) if c is None else c for q, c in enumerate(chosen)]


def _softmax(scores):
    shares = np.exp(scores - scores.max())
    return shares / shares.sum()


def _joined(parts):
    """One Examples of several files."""
    if len(parts) == 1:
        return parts[0]
    whole = Examples(path=", ".join(part.path for part in parts))
    for part in parts:
        whole.extend(part)
        for name in ("mended", "skipped", "noted"):
            getattr(whole, name).update(getattr(part, name))
    return whole
