"""--task=ner: the entities that a fine-tuned checkpoint finds in texts."""

import tensorflow.compat.v1 as tf

from finetuning.kinds.spans import split_tag
from finetuning.kinds.tagging import TaggingTask
from finetuning.layouts.tagging import TaggedExample
from prediction.fine_tuned_models import make_heads, read_settings, settings_path
from prediction.prediction_task import Task, rounded_share


class Ner(Task):
    """{"text", "entities": [{"text", "type", "start", "end", "probability"}]} of a line; places
    are characters of the line, `end` not included.

    As in the files that models are trained on, every character is a token. A line that is longer
    than a row is read in several, see finetuning.kinds.tagging. What the tags are called stands in
    task.json beside the checkpoint, as do the defaults of --max_seq_length and --do_lower_case.
    """

    saved_options = ("task_name",)

    def __init__(self, setup):
        super().__init__(setup)
        saved = setup.saved
        heads, self.head = make_heads(setup, "tagging head")
        self._task = TaggingTask(saved["task"])
        self._task.labels = saved["labels"]
        self._objective = self._task.objective(heads)
        self.optional = self._objective.optional

    @staticmethod
    def saved_settings(path, task_name=None):
        """See finetuned.read_settings."""
        saved = read_settings(path, TaggingTask.kind, task_name)
        for tag in saved["labels"]:
            split_tag(tag, settings_path(path))
        return saved

    def build(self, config, store, kernels, features):
        """tags, tag_probabilities [batch, seq]; see Predictor."""
        # The objective of fine-tuning itself; its loss is not run.
        features = dict(features, tag_ids=-tf.ones_like(features["input_ids"]))
        output = self._objective.build(config, store, kernels, features, is_training=False)
        return {name: output.tensors[name] for name in ("tags", "tag_probabilities")}

    def predict(self, lines):
        """See Task."""
        examples = [TaggedExample(tuple(line.text), None, line.where) for line in lines]
        found = [self._rows(line, example) for line, example in zip(lines, examples)]
        outputs = iter(self.predictor.run([row.features for rows in found for row in rows]))
        for line, example, rows in zip(lines, examples, found):
            tagged = self._task.decode(example, rows, [next(outputs) for _ in rows])
            yield {
                "text": line.text,
                "entities": [
                    {
                        "text": line.text[span.start : span.end],
                        "type": span.type,
                        "start": span.start,
                        "end": span.end,
                        "probability": rounded_share(probability),
                    }
                    for span, probability in zip(tagged.spans, tagged.probabilities)
                ],
            }

    def _rows(self, line, example):
        rows = self._task.rows(example, self.tokenizer, self.max_seq_length)
        # A line of blanks only is unknown as well as empty.
        ids = [i for row in rows for i in row.features["input_ids"][1:-1]]
        self.notes.see(line, ids if line.text.strip() else [], self.vocabulary, is_cut=False)
        return rows
