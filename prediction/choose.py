"""--task=choose: one of several choices for a question, by a fine-tuned model."""

import numpy as np

from common.errors import UserError, quoted
from common.lazy_tensorflow import tf
from finetuning import task_file
from finetuning.kinds.choices import ChoiceTask
from finetuning.registry import TASK_NAMES, get_task
from modeling.objectives.choices import MultipleChoice
from prediction.fine_tuned_models import make_heads, read_settings, settings_path
from prediction.json_objects import identity_of, object_of
from prediction.prediction_task import PredictionTask, rounded_probability

# Fewer than others hold: a line has rows for each choice of each question.
_WINDOW_LINES = 256


class Choose(PredictionTask):
    """{"choice", "label", "probability", "probabilities"} of a line that is a JSON object as the
    task of the model has it (finetuning/layouts/choices.py), optionally with an "id", which is
    copied.

    label is the number of the choice from 0, in whose order the probabilities are. Of CHID, whose
    lines have any number of blanks, {"answers": [...]}, with a "blank" in each.
    """

    saved_options = ("task_name",)
    window_lines = _WINDOW_LINES

    def __init__(self, setup):
        super().__init__(setup)
        self._task = get_task(setup.saved["task"])
        heads, self.head = make_heads(setup, "head for choices")
        # A row of the network is one choice: questions may have any number of them.
        self._objective = MultipleChoice(setup.saved["task"], 1, heads)

    @staticmethod
    def saved_settings(path, task_name=None):
        """See fine_tuned_models.read_settings."""
        saved = read_settings(path, ChoiceTask.kind, task_name, has_classes=False)
        name, beside = saved["task"], settings_path(path)
        if name not in TASK_NAMES or get_task(name).kind != ChoiceTask.kind:
            raise UserError("{}: {} is no task with choices".format(beside, quoted(name, 40)))
        task_file.check_options(beside, saved, ChoiceTask)
        return saved

    def build(self, config, store, kernels, features):
        """choice_scores [batch, 1], of one choice a row; see Predictor."""
        alone = {name: tf.expand_dims(values, 1) for name, values in features.items()}
        alone["label_ids"] = tf.zeros([tf.shape(features["input_ids"])[0], 1], tf.int32)
        output = self._objective.build(config, store, kernels, alone, is_training=False)
        return {"choice_scores": output.tensors["choice_scores"]}

    def predict(self, lines):
        """See PredictionTask.

        Raises:
          UserError: a line is no JSON object, or none of the task's.
        """
        layout = self._task.object_layout
        objects = [object_of(line, layout.shown) for line in lines]
        examples = [layout.read(row) for row in objects]
        self._task.check(examples, self.config)
        rows = [self._rows(*pair) for pair in zip(lines, examples)]
        computed = self.predictor.run(list(_of_choices(rows)))
        scores = (output["choice_scores"] for output in computed)
        for row, example, of_line in zip(objects, examples, rows):
            outputs = [
                {"choice_scores": np.concatenate([next(scores) for _ in question.choices])}
                for question in example.questions
            ]
            prediction = self._task.decode(example, of_line, outputs)
            yield self._result(row, example, self._task.answers(example, prediction))

    def _rows(self, line, example):
        rows = self._task.rows(example, self.tokenizer, self.max_seq_length)
        ids = [i for row in rows for choice in row.features["input_ids"] for i in choice]
        pieces = [i for i in ids if i not in (self.vocabulary.cls, self.vocabulary.sep)]
        self.notes.add(line, pieces, self.vocabulary, any(row.is_truncated for row in rows))
        return rows

    def _result(self, row, example, answers):
        identity = identity_of(row)
        result = {} if identity is None else {"id": identity}
        shown = [_shown(answer) for answer in answers]
        if not self._task.object_layout.has_blanks:
            return dict(result, **shown[0])
        blanks = (question.id for question in example.questions)
        return dict(result, answers=[dict({"blank": b}, **s) for b, s in zip(blanks, shown)])


def _of_choices(rows):
    """Yields the features of each choice."""
    for row in (row for of_line in rows for row in of_line):
        for ids, segments in zip(row.features["input_ids"], row.features["segment_ids"]):
            yield {"input_ids": ids, "segment_ids": segments}


def _shown(answer):
    probabilities = [rounded_probability(p) for p in answer["probabilities"]]
    return {
        "choice": answer["choice"],
        "label": answer["label"],
        "probability": probabilities[answer["label"]],
        "probabilities": probabilities,
    }
