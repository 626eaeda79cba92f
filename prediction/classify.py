"""--task=classify: classes of texts, or any number of labels, by a fine-tuned model."""

from common.errors import UserError
from common.features import TEXT_STARTS
from common.lazy_tensorflow import tf
from data.records.schema import feature_length
from finetuning import task_file
from finetuning.registry import TASK_KINDS
from modeling.conversion import config_keys, huggingface
from modeling.conversion.families import CLASSIFICATION
from prediction.batches import OF_TEXT
from prediction.fine_tuned_models import make_heads, read_settings, settings_path
from prediction.prediction_task import PredictionTask, rounded_probability

# Number of texts of a line -> words for it.
_WORDS = {1: "a single text, without a tab", 2: "two texts with a tab between"}
# Kind of fine-tuning tasks -> class.
_KINDS = {name: kind for name, kind in TASK_KINDS.items() if kind.head == CLASSIFICATION}
# Names the heads of a model that was fine-tuned elsewhere.
_UNNAMED = "classify"


class Classify(PredictionTask):
    """{"text", "label", "probability", "probabilities": {label: probability}} of a line, or of
    `first<TAB>second`; an empty line is [CLS] [SEP]. Where a text may have any number of labels,
    {"text", "labels", "probabilities"}.

    task.json beside the checkpoint has the kind of the task, the names of the labels and the
    defaults of --max_seq_length and --do_lower_case; without one, config.json of a Hugging Face
    directory has kind and names.
    """

    options, saved_options = ("decision_threshold",), ("task_name",)
    shares = {"probabilities": OF_TEXT}

    def __init__(self, setup, decision_threshold=None):
        super().__init__(setup)
        self._texts = setup.saved.get("texts")
        saved = setup.saved
        task = _KINDS[saved["kind"]](saved["task"])
        task.labels = saved["labels"]
        options = dict(saved["row_options"])
        if decision_threshold is not None:
            if "decision_threshold" not in task.model_option_names():
                raise UserError(
                    "--decision_threshold is for models whose texts may have any number of labels, "
                    "and this one gives a text one; remove it"
                )
            options["decision_threshold"] = decision_threshold
        task.configure(options)
        task.options.check_values()
        heads, self.head = make_heads(setup, "classification head")
        self._task, self._objective = task, task.objective(heads)

    @staticmethod
    def saved_settings(path, task_name=None):
        """See fine_tuned_models.read_settings."""
        if huggingface.is_directory(path) and huggingface.has_classifier(path):
            said = huggingface.problem_type(path)
            if settings_path(path) is None and task_name is None:
                return _settings_of_directory(path, said)
        else:
            said = None
        saved = read_settings(path, tuple(_KINDS), task_name)
        kind = _KINDS[saved["kind"]]
        task_file.check_options(settings_path(path), saved, kind)
        if said not in (None, kind.problem_type):
            raise UserError(
                "{} says problem_type {}, but {} says {}; one of them is of another model".format(
                    huggingface.config_file(path), said, settings_path(path), saved["kind"]
                )
            )
        return saved

    def build(self, config, store, kernels, features):
        """probabilities [texts, labels]; see Predictor."""
        # The objective of fine-tuning itself; its loss is never computed.
        counts = self._objective.label_counts()
        texts = tf.shape(features.get(TEXT_STARTS, features["input_ids"][:, 0]))
        no_labels = {}
        for name in counts:
            length = feature_length(name, self.max_seq_length, 0, counts)
            no_labels[name] = tf.zeros(tf.concat([texts, [length]], axis=0), tf.int32)
        features = dict(features, **no_labels)
        output = self._objective.build(config, store, kernels, features, is_training=False)
        return {"probabilities": output.tensors["probabilities"]}

    def predict(self, lines):
        """See PredictionTask.

        Raises:
          UserError: a line has more than two texts, or another number than the examples of the
            model's task.
        """
        rows = [self._row(line) for line in lines]
        for line, output in zip(lines, self.predictor.run(rows)):
            probabilities = output["probabilities"]
            shown = [rounded_probability(p) for p in probabilities]
            yield dict({"text": line.text}, **self._task.answer(probabilities, shown))

    def _row(self, line):
        texts = line.text.split("\t")
        if len(texts) > 2:
            raise UserError(
                "{} has {} tabs; a line is a text, or two texts with a tab between".format(
                    line.where, len(texts) - 1
                )
            )
        if self._texts not in (None, len(texts)) and line.text:
            raise UserError(
                "{} has {}, but the model was fine-tuned on {}".format(
                    line.where, *(_WORDS[n] for n in (len(texts), self._texts))
                )
            )
        if len(texts) > self.config.type_vocab_size:
            raise UserError(
                "{} is a pair of texts, but {} has token types for one only "
                "(type_vocab_size)".format(line.where, self.config.source)
            )
        return self.make_row(line, *(self.pieces(text) for text in texts))


def _settings_of_directory(path, problem_type):
    """The settings of a Hugging Face model that was fine-tuned elsewhere.

    Args:
      path: its directory.
      problem_type: of its config.

    Returns:
      dict, see finetuning.task_file; without max_seq_length and do_lower_case.

    Raises:
      UserError: its outputs are no classes.
    """
    by_type = {kind.problem_type: name for name, kind in _KINDS.items()}
    kind = by_type.get(problem_type or config_keys.ONE_CLASS)
    if kind is None:
        raise UserError(
            "{}: problem_type is {}, and --task=classify predicts labels only".format(
                huggingface.config_file(path), problem_type
            )
        )
    return {
        "task": _UNNAMED,
        "kind": kind,
        "labels": huggingface.all_class_names(path),
        "is_one_of_several": False,
        "row_options": {},
        "head_options": {},
    }
