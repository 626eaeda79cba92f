"""Extractive reading comprehension: answers are spans of a passage."""

import collections
import json
import os
from typing import List, NamedTuple, Optional

import numpy as np

from common.errors import UserError
from common.outputs import write_atomically
from finetuning.kinds import windows
from finetuning.kinds.question_row_options import QuestionRowOptions
from finetuning.layouts import squad
from finetuning.layouts.squad import KINDS, NO, SPAN, UNANSWERABLE, YES, read_questions, with_places
from finetuning.layouts.tables import checked
from finetuning.scoring import answer_files, answers
from finetuning.task import Task, TaskRow
from modeling.conversion.families import QUESTIONS
from modeling.objectives.questions import Questions
from modeling.question_options import QuestionOptions


class Place(NamedTuple):
    """The place of a row's window in the passage.

    Attributes:
      window: pieces of the passage.
      first: position in the row of the window's first piece.
      offsets: int32 [pieces, 2] of the whole passage.
      is_best: bool [pieces of the window], whether a piece has most context in this window.
      best_end: int32 [pieces of the window], end of the window in which a piece has most context.
    """

    window: windows.Window
    first: int
    offsets: np.ndarray
    is_best: np.ndarray
    best_end: np.ndarray


class Candidate(NamedTuple):
    """A span of the passage that may be the answer; characters, `end` not included."""

    text: str
    score: float
    start: int
    end: int


class Prediction(NamedTuple):
    """The answer to a question.

    Attributes:
      text: the answer, YES, NO or ""; "" for a passage without a piece.
      kind: one of KINDS.
      score: of the span, else the log probability of the kind; None for a passage without a piece.
      start, end: characters of the passage, `end` not included; None where it is no span.
      n_best: candidates with different texts, best first, whatever the kind.
      null_odds: by how much having no answer is likelier than the best span; None where questions
        always have one.
    """

    text: str
    kind: str
    score: Optional[float]
    start: Optional[int]
    end: Optional[int]
    n_best: List[Candidate]
    null_odds: Optional[float] = None


NO_ANSWER = "questions without an answer (--version_2_with_negative trains on them)"
# Names of groups of questions in figures.
_GROUPS = ("has_answer", "no_answer")
# Answers in files that are no part of a passage.
_TEXTS = {YES: "YES", NO: "NO", UNANSWERABLE: ""}


class QuestionTask(Task):
    """Questions on passages; predictions are Prediction.

    Attributes (beside Task's):
      kinds: kinds of answers that are predicted, a tuple; empty: all answers are spans.
      options: QuestionRowOptions.
    """

    kind, head = "questions", QUESTIONS
    metric, headline = "eval_average", ("em", "f1")
    feature_names = Questions.feature_names
    option_class, head_option_class = QuestionRowOptions, QuestionOptions
    answer_name = "answer"
    has_answers = True

    def __init__(
        self,
        name,
        defaults=None,
        file_names=None,
        kinds=(),
        options=None,
        rule=answers.score_answers,
        has_answer_list=False,
        submission=None,
        has_google_names=False,
    ):
        """Configures a task: its files, and how answers are searched and scored.

        Args:
          name, defaults, file_names: see Task.
          kinds: see the class.
          options: QuestionRowOptions, None for the defaults.
          rule: scorer with the arguments of scoring.answers.score_answers.
          has_answer_list: whether the official scorer takes a list of objects, as CJRC's does.
          submission: name of CLUE's file of answers to test questions, or None.
          has_google_names: whether answers to test questions are written under the names of
            google-research/bert's run_squad.py as well.
        """
        super().__init__(name, defaults, None, file_names, options)
        self.kinds = tuple(kinds)
        self._rule, self._has_answer_list = rule, has_answer_list
        self._submission, self._has_google_names = submission, has_google_names
        self._has_null_odds = False
        self._tokenized = None, None, None, None

    def configure(self, values):
        """See Task.

        Raises:
          UserError: an option is out of range, or of questions without an answer, and the task has
            kinds of answers for them.
        """
        names = super().configure(values)
        if self.kinds and self.options.version_2_with_negative:
            raise UserError(
                "--version_2_with_negative has no meaning for --task_name={}, which predicts kinds "
                "of answers; remove it".format(self.name)
            )
        return names

    def read_file(self, path, split):
        """See Task; training skips questions whose answer is not in the passage."""
        examples = read_questions(path)
        if split != "train":
            return examples
        examples = with_places(examples)
        known = self.kinds or (SPAN,)
        if self.options.version_2_with_negative:
            known = (SPAN, UNANSWERABLE)
        kept = []
        for example in examples:
            if example.kind in known:
                kept.append(example)
            elif example.kind == UNANSWERABLE:
                examples.skipped[NO_ANSWER] += 1
            else:
                examples.skipped["questions whose answer is no part of the passage"] += 1
        examples[:] = kept
        return checked(examples)

    def choose_labels(self, given, data_dir, splits):
        """See Task; they are the kinds of answers."""
        if given:
            raise UserError(
                "--labels={}, but the answers of task {} are parts of the passage; remove "
                "it".format(",".join(given), self.name)
            )
        self.labels = list(self.kinds) or [SPAN]
        return "of the task"

    def is_labelled(self, example):
        """See Task; where every question has an answer an empty one is no label."""
        may_be_empty = self.kinds or self.options.version_2_with_negative
        return any(answer.text or may_be_empty for answer in example.answers)

    def answer_parts(self, example):
        """See Task."""
        return squad.answer_parts(example)

    def can_be_right(self, example):
        """See Task."""
        return squad.can_be_given(example)

    def without_answer(self, example):
        """See Task."""
        return example._replace(answers=(), kind=None)

    def check(self, examples, config):
        """See Task; question and passage are told apart by their token types."""
        if config.type_vocab_size < 2:
            raise UserError(
                "{} is a question with its passage, but {} has token types for one text only "
                "(type_vocab_size)".format(examples[0].where, config.source)
            )

    def texts(self, example):
        """See Task."""
        return example.question, example.context

    def notes(self, split, examples):
        """See Task: empty texts, frequencies of the kinds, answers that are too long."""
        lines = []
        for what, name in (("question", "question"), ("passage", "context")):
            empty = sum(not getattr(example, name).strip() for example in examples)
            if empty:
                text = "{}: {:,} questions have an empty {}"
                lines.append((True, text.format(split, empty, what)))
        counts = collections.Counter(example.kind for example in examples)
        if self.kinds and any(counts[kind] for kind in self.kinds):
            shown = ", ".join(
                "{} {:,} ({:.1%})".format(kind, counts[kind], counts[kind] / len(examples))
                for kind in self.kinds
            )
            lines.append((False, "{}: {}".format(split, shown)))
        limit = self.options.max_answer_length
        long = sum(
            all(len(answer.text) > limit for answer in example.answers)
            for example in examples
            if example.answers
        )
        if long:
            text = (
                "{}: the answers to {:,} questions ({:.1%}) have more than {} characters; none of "
                "more than --max_answer_length={} pieces is predicted"
            )
            lines.append((False, text.format(split, long, long / len(examples), limit, limit)))
        return lines

    def rows(self, example, tokenizer, max_seq_length):
        """See Task: [CLS] question [SEP] window of the passage [SEP] for each window.

        start_positions and end_positions are those of the first answer that has a place, 0 in a
        window that does not hold all of it and for other kinds of answers; answer_kinds is the
        question's in every row.
        """
        ids, offsets = self._passage(example.context, tokenizer)
        question = tokenizer.tokenize(example.question).ids.tolist()
        asked = question[: self.options.max_query_length]
        room = max_seq_length - len(asked) - 3
        try:
            cut = windows.make_windows(
                len(ids), room, self.options.doc_stride, self.options.max_answer_length
            )
        except UserError as error:
            raise UserError("{}: {}".format(example.where, error)) from None
        best, answer = windows.most_context(cut, len(ids)), _pieces_of_answer(example, offsets)
        best_ends = np.array([window.end for window in cut], np.int32)[best]
        vocabulary, rows = tokenizer.vocabulary, []
        for number, window in enumerate(cut):
            before = [vocabulary.cls, *asked, vocabulary.sep]
            within = [*ids[window.start : window.end], vocabulary.sep]
            place = answer and windows.place_in(window, *answer)
            start, end = (len(before) + piece for piece in place) if place else (0, 0)
            features = {
                "input_ids": before + within,
                "segment_ids": [0] * len(before) + [1] * len(within),
                "start_positions": [start],
                "end_positions": [end],
                "answer_kinds": [KINDS.index(example.kind or SPAN)],
            }
            pieces = slice(window.start, window.end)
            place = Place(window, len(before), offsets, best[pieces] == number, best_ends[pieces])
            rows.append(TaskRow(features, len(asked) < len(question), place))
        return rows

    def _passage(self, context, tokenizer):
        """(ids, offsets int32 [pieces, 2]) of a passage; the questions on one follow each other."""
        known, by, ids, offsets = self._tokenized
        if known != context or by is not tokenizer:
            pieces = tokenizer.tokenize(context)
            ids, offsets = pieces.ids.tolist(), np.stack([pieces.starts, pieces.ends], axis=1)
            self._tokenized = context, tokenizer, ids, offsets
        return ids, offsets

    def objective(self, heads):
        """See Task."""
        self._has_null_odds = heads.has_null_odds
        return Questions(self.name, heads, self.kinds, self.options.version_2_with_negative)

    def decode(self, example, rows, outputs):
        """See Task: the best span of all windows, or a likelier kind of answer.

        A kind counts with its largest score in any window; that there is no answer, with its
        smallest: one window that holds an answer is enough (google-research/electra).
        """
        n_best = self._n_best(example.context, rows, outputs)
        null_odds = None
        if self.options.version_2_with_negative:
            null_odds = self._null_odds(outputs, n_best)
            if null_odds > self.options.null_score_diff_threshold:
                return Prediction("", UNANSWERABLE, None, None, None, n_best, null_odds)
        if self.kinds:
            scores = np.array([output["kind_scores"] for output in outputs])
            lowest, scores = scores.min(axis=0), scores.max(axis=0)
            if UNANSWERABLE in self.kinds:
                place = self.kinds.index(UNANSWERABLE)
                scores[place] = lowest[place]
            likeliest = self.kinds[int(scores.argmax())]
            if likeliest != SPAN:
                score = float(scores.max())
                return Prediction(_TEXTS[likeliest], likeliest, score, None, None, n_best)
        if not n_best:
            return Prediction("", SPAN, None, None, None, n_best, null_odds)
        best = n_best[0]
        return Prediction(best.text, SPAN, best.score, best.start, best.end, n_best, null_odds)

    def _null_odds(self, outputs, n_best):
        """The smallest score of any window, less that of the best span (run_squad.py), or the log
        odds of ELECTRA's classifier (configure_finetuning.py, qa_na_threshold)."""
        lowest = float(min(output["null_scores"] for output in outputs))
        if self._has_null_odds or not n_best:
            return lowest
        return lowest - n_best[0].score

    def _n_best(self, context, rows, outputs):
        """List of Candidate.

        Where no span is valid, the starts within the passage are taken as answers of one piece.
        """
        spans = [self._spans(*pair) for pair in zip(rows, outputs)]
        if not any(len(starts) for starts, _, _ in spans):
            spans = [_starts(*pair) for pair in zip(rows, outputs)]
        starts, ends, scores = (np.concatenate(parts) for parts in zip(*spans))
        n_best, seen = [], set()
        for i in np.argsort(-scores, kind="stable"):
            text = windows.text_of(context, rows[0].place.offsets, starts[i], ends[i])
            start = int(rows[0].place.offsets[starts[i], 0]) + len(text) - len(text.lstrip())
            text = text.strip()
            if text and text not in seen:
                seen.add(text)
                n_best.append(Candidate(text, float(scores[i]), start, start + len(text)))
            if len(n_best) == self.options.n_best_size:
                break
        return n_best

    def _spans(self, row, output):
        """(starts, ends, scores) of the valid spans of a row, in pieces of the passage.

        A span is taken from the window in which its start has most context (run_squad.py); where
        that window does not reach its end, from any.
        """
        starts, ends = (output[name] - row.place.first for name in ("span_starts", "span_ends"))
        length = len(row.place.is_best)
        can_be = (starts >= 0) & (starts <= ends) & (ends < length)
        can_be &= ends - starts < self.options.max_answer_length
        begin = row.place.window.start
        within = starts[can_be], ends[can_be] + begin
        can_be[can_be] = row.place.is_best[within[0]] | (within[1] >= row.place.best_end[within[0]])
        return starts[can_be] + begin, ends[can_be] + begin, output["span_scores"][can_be]

    def score(self, examples, predictions, prefix="eval"):
        """See Task: exact match (em), F1 and the mean of both (average) by the rule of the task's
        official scorer; em and f1 also for each group of questions (CJRC; has_answer and no_answer
        where some have none)."""
        groups = [example.group for example in examples]
        if self.options.version_2_with_negative:
            groups = [_GROUPS[example.kind == UNANSWERABLE] for example in examples]
        figures = collections.OrderedDict()
        for group in [None, *sorted(set(groups) - {None})]:
            chosen = [e for e, own in zip(examples, groups) if group in (None, own)]
            references = {e.id: [answer.text for answer in e.answers] for e in chosen}
            texts = {e.id: prediction.text for e, prediction in zip(examples, predictions)}
            scores = self._rule(references, texts)
            first = "{}_{}".format(prefix, group) if group else prefix
            figures[first + "_em"], figures[first + "_f1"] = scores.exact, scores.f1
            if group is None:
                figures[first + "_average"] = (scores.exact + scores.f1) / 2
        return figures

    def prediction_file(self, split):
        """See Task."""
        return self._file(split, "preds")

    def _file(self, split, what):
        return "{}_{}_{}.json".format(self.name, split, what)

    def save_predictions(self, folder, split, examples, predictions):
        """See Task: TASK_SPLIT_preds.json, {id: text}, which cmrc2018_drcd_evaluate.py reads;
        TASK_SPLIT_nbest.json, {id: [{text, probability, score}]}, probabilities among the
        listed ones; for CJRC's scorer TASK_SPLIT_result.json, [{id, answer}]; CLUE's submission of
        test questions, {id: text}."""
        contents, names = answer_files.contents(examples, predictions), {}
        if not self._has_answer_list:
            del contents["result"]
        if not self.options.version_2_with_negative:
            del contents["null_odds"]
        for what in contents:
            names[self._file(split, what)] = contents[what]
        if split == "test":
            if self._has_google_names:
                names.update(answer_files.under_google_names(contents))
            if self._submission:
                names[self._submission] = contents["preds"]
        for name, content in names.items():
            write_atomically(
                os.path.join(folder, name),
                json.dumps(content, ensure_ascii=False, indent=2) + "\n",
            )
        return list(names)


def _pieces_of_answer(example, offsets):
    """(first, last) piece of the answer to train on; None where it is no span."""
    if example.kind != SPAN:
        return None
    placed = next((answer for answer in example.answers if answer.start is not None), None)
    return placed and windows.pieces_of(offsets, placed.start, placed.start + len(placed.text))


def _starts(row, output):
    """(starts, ends, scores) of a row, each start within the passage being an answer."""
    starts = output["span_starts"] - row.place.first
    can_be = (starts >= 0) & (starts < len(row.place.is_best))
    starts = starts[can_be] + row.place.window.start
    return starts, starts, output["span_scores"][can_be]
