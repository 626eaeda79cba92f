"""--task=ner: entities in texts, by a fine-tuned checkpoint."""

from common.lazy_tensorflow import tf
from finetuning.kinds.spans import split_tag
from finetuning.kinds.tagging import TaggingTask
from finetuning.layouts.tagging import TaggedExample
from prediction.batches import OF_TOKENS
from prediction.fine_tuned_models import make_heads, read_settings, settings_path
from prediction.prediction_task import PredictionTask, rounded_probability


class Ner(PredictionTask):
    """{"text", "entities": [{"text", "type", "start", "end", "probability"}]} of a line; start
    and end count characters of the line, `end` excluded.

    As in the training files, every character is a token. A line longer than a row is cut into
    several rows, see finetuning.kinds.tagging. task.json beside the checkpoint has the names of the
    tags and the defaults of --max_seq_length and --do_lower_case.
    """

    saved_options = ("task_name",)
    shares = {"tags": OF_TOKENS, "tag_probabilities": OF_TOKENS}

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
        """See fine_tuned_models.read_settings."""
        saved = read_settings(path, TaggingTask.kind, task_name)
        for tag in saved["labels"]:
            split_tag(tag, settings_path(path))
        return saved

    def build(self, config, store, kernels, features):
        """tags, tag_probabilities [batch, seq]; see Predictor."""
        # The objective of fine-tuning itself; its loss is never computed.
        features = dict(features, tag_ids=-tf.ones_like(features["input_ids"]))
        output = self._objective.build(config, store, kernels, features, is_training=False)
        return {name: output.tensors[name] for name in ("tags", "tag_probabilities")}

    def predict(self, lines):
        """See PredictionTask."""
        examples = [TaggedExample(tuple(line.text), None, line.where) for line in lines]
        rows = [self._rows(line, example) for line, example in zip(lines, examples)]
        outputs = iter(self.predictor.run([row.features for of_line in rows for row in of_line]))
        for line, example, of_line in zip(lines, examples, rows):
            tagged = self._task.decode(example, of_line, [next(outputs) for _ in of_line])
            yield {
                "text": line.text,
                "entities": [
                    {
                        "text": line.text[span.start : span.end],
                        "type": span.type,
                        "start": span.start,
                        "end": span.end,
                        "probability": rounded_probability(probability),
                    }
                    for span, probability in zip(tagged.spans, tagged.probabilities)
                ],
            }

    def _rows(self, line, example):
        rows = self._task.rows(example, self.tokenizer, self.max_seq_length)
        # A line of blanks counts as empty.
        ids = [i for row in rows for i in row.features["input_ids"][1:-1]]
        self.notes.add(line, ids if line.text.strip() else [], self.vocabulary, is_cut=False)
        return rows
