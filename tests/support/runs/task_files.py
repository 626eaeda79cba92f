"""task.json of made-up models, for tests."""

from data.tokenizers.text_settings import TextSettings
from finetuning import task_file
from finetuning.kinds.classification import ClassificationTask


def save_labels(folder, name, labels, max_seq_length, do_lower_case=True):
    """Writes the file of a classifier into a folder."""
    task = ClassificationTask(name, labels=list(labels))
    task_file.save(str(folder), [(task, {})], max_seq_length, TextSettings(do_lower_case))
