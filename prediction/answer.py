"""--task=answer: answers to questions, spans of passages, by a fine-tuned checkpoint."""

import dataclasses

from common.errors import UserError, some
from common.lazy_tensorflow import tf
from finetuning.kinds.question_row_options import QuestionRowOptions
from finetuning.kinds.questions import QuestionTask
from finetuning.layouts.squad import KINDS, SPAN, QuestionExample
from finetuning.task_file import check_options
from prediction.fine_tuned_models import make_heads, read_settings, settings_path
from prediction.json_objects import identity_of, object_of
from prediction.prediction_task import LineNotes, PredictionTask, rounded_probability

# Fewer than others hold: a line has candidates of several rows.
_WINDOW_LINES = 512
# Labels, which the objective reads in training alone; predictions do not depend on them.
_LABELS = ("start_positions", "end_positions", "answer_kinds")


class Answer(PredictionTask):
    """{"id", "question", "answer", "kind", "score", "start", "end", "n_best"} of a line that is a
    JSON object {"question", "context"}, optionally with an "id", which is copied.

    start and end count characters of the passage, `end` excluded, so that answer =
    context[start:end]; they are null where the answer is YES, NO or empty. n_best: the --top_k best
    spans, [{"answer", "score", "start", "end"}]. Passages may be of any length: see QuestionTask.

    Where questions may have no answer there is "null_odds", by how much that is likelier than the
    best span; `answer` is empty where it exceeds the threshold, which task.json beside the
    checkpoint has.
    """

    options = ("top_k", "null_score_diff_threshold")
    saved_options = ("task_name",)
    window_lines = _WINDOW_LINES

    def __init__(self, setup, top_k, null_score_diff_threshold=None):
        super().__init__(setup)
        saved = setup.saved
        kinds = () if saved["labels"] == [SPAN] else saved["labels"]
        options = QuestionRowOptions(n_best_size=top_k, **saved["row_options"])
        if null_score_diff_threshold is not None:
            if not options.version_2_with_negative:
                raise UserError(
                    "--null_score_diff_threshold is for models whose questions may have no answer "
                    "(--version_2_with_negative in training), and this one is not; remove it"
                )
            options = dataclasses.replace(
                options, null_score_diff_threshold=null_score_diff_threshold
            )
        self._questions = QuestionTask(saved["task"], kinds=kinds, options=options)
        prefixes = "cls/squad/", "output_"
        heads, self.head = make_heads(setup, "head for answers", prefixes)
        self._objective = self._questions.objective(heads)
        self.optional = self._objective.optional
        limit = self._questions.options.max_query_length
        self.notes = LineNotes(
            limit, "have a question of more than {} pieces; the rest was cut off"
        )

    @staticmethod
    def saved_settings(path, task_name=None):
        """See fine_tuned_models.read_settings."""
        saved = read_settings(path, QuestionTask.kind, task_name, has_classes=False)
        beside = settings_path(path)
        unknown = [label for label in saved["labels"] if label not in KINDS]
        if unknown or SPAN not in saved["labels"]:
            raise UserError(
                "{}: labels must be kinds of answers, {}; they are {}".format(
                    beside, some(KINDS, len(KINDS)), some(saved["labels"], 5)
                )
            )
        check_options(beside, saved, QuestionTask)
        return saved

    def build(self, config, store, kernels, features):
        """The predictions of the objective Questions, without losses; see Predictor."""
        no_labels = tf.zeros([tf.shape(features["input_ids"])[0], 1], tf.int32)
        features = dict(features, **dict.fromkeys(_LABELS, no_labels))
        output = self._objective.build(config, store, kernels, features, is_training=False)
        names = [name for name in self._objective.predicted if name != "example_loss"]
        return {name: output.tensors[name] for name in names}

    def predict(self, lines):
        """See PredictionTask.

        Raises:
          UserError: see `read_question`.
        """
        examples = [read_question(line) for line in lines]
        self._questions.check(examples, self.config)
        rows = [self._rows(*pair) for pair in zip(lines, examples)]
        outputs = iter(self.predictor.run([row.features for of_line in rows for row in of_line]))
        for example, of_line in zip(examples, rows):
            answer = self._questions.decode(example, of_line, [next(outputs) for _ in of_line])
            yield _result(example, answer)

    def _rows(self, line, example):
        rows = self._questions.rows(example, self.tokenizer, self.max_seq_length)
        ids = [i for row in rows for i in row.features["input_ids"]]
        pieces = [i for i in ids if i not in (self.vocabulary.cls, self.vocabulary.sep)]
        self.notes.add(line, pieces, self.vocabulary, rows[0].is_truncated)
        return rows


def read_question(line):
    """QuestionExample of a Line; its id is the object's or None.

    Raises:
      UserError: the line is not a JSON object, lacks a field, or has an empty passage.
    """
    row = object_of(line, '{"question": ..., "context": ...}')
    question, context = (row.get(name, str, "a text") for name in ("question", "context"))
    identity = identity_of(row)
    if not context.strip():
        raise UserError("{} has an empty passage (context)".format(line.where))
    return QuestionExample(identity, question, context, (), None, None, line.where)


def _result(example, answer):
    result = {} if example.id is None else {"id": example.id}
    result.update(
        question=example.question,
        answer=answer.text,
        kind=answer.kind,
        score=None if answer.score is None else rounded_probability(answer.score),
        start=answer.start,
        end=answer.end,
        n_best=[
            {
                "answer": span.text,
                "score": rounded_probability(span.score),
                "start": span.start,
                "end": span.end,
            }
            for span in answer.n_best
        ],
    )
    if answer.null_odds is not None:
        result["null_odds"] = rounded_probability(answer.null_odds)
    return result
