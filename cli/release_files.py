"""What stands beside the weights of a release folder or a Hugging Face directory: vocabulary,
tokenizer, the task of a fine-tuned model; and putting all of it in its place."""

import codecs
import os

import tensorflow.compat.v1 as tf

from common import files as data_files
from common.errors import UserError
from common.log import log, warn
from data.tokenizers import huggingface_files
from data.tokenizers.vocabularies import FILE_NAMES, read_vocabulary
from finetuning import task_file
from modeling.config import read_json_object
from modeling.conversion import export, families, folders, head_choice, huggingface

# Part of a network -> what task.json calls the kind of its task, and what --head does.
_KINDS = {
    "classifier": ("classification", families.CLASSIFICATION),
    "tagger": ("tagging", families.TAGGING),
    "answers": ("questions", families.QUESTIONS),
}


def split_target(path):
    """(directory, weights file name) of --pytorch_dump_path.

    Raises:
      UserError: it is remote, or something else is in the way.
    """
    folder, weights = path.rstrip("/") or "/", huggingface.WEIGHTS[0]
    if path.endswith(".bin"):
        folder, weights = os.path.split(path)
        if os.path.isdir(path):
            raise UserError(
                "--pytorch_dump_path={} is a directory, but names a weights file; give a name in "
                "it".format(path)
            )
    if data_files.is_remote(path):
        raise UserError(
            "--pytorch_dump_path={} must be a local path; copy the directory afterwards".format(
                path
            )
        )
    folders.check("--pytorch_dump_path=" + path, folder)
    return folder, weights


def split_prefix(prefix, paths):
    """(directory, name) of --tf_dump_path.

    Raises:
      UserError: it is a directory, lies in one of `paths`, or something else is in the way.
    """
    folder, base = os.path.split(prefix)
    folders.check("--tf_dump_path=" + prefix, folder)
    if not base or tf.io.gfile.isdir(prefix):
        raise UserError(
            "--tf_dump_path={} is a directory; give the checkpoint's prefix in it, as {}".format(
                prefix, os.path.join(prefix, families.BERT.files.checkpoint)
            )
        )
    if os.path.abspath(folder) in [os.path.abspath(path) for path in paths]:
        raise UserError(
            "--tf_dump_path={} lies in the directory of --from_pytorch; give another one".format(
                prefix
            )
        )
    return folder, base


def find_vocabulary(path, folders_beside, config):
    """The vocabulary of a model.

    Args:
      path: its file, or None: the first that lies in one of the folders.
      folders_beside: of the checkpoint and of its config.
      config: model config.

    Returns:
      What data.tokenizers.vocabularies.read_vocabulary gives, None where there is none.

    Raises:
      UserError: it is damaged, or has another size than the model.
    """
    path = path or vocabulary_in(folders_beside)
    if path is None:
        return None
    vocabulary = read_vocabulary(path)
    if len(vocabulary) != config.vocab_size:
        raise UserError(
            "vocabulary {} has {} tokens, but vocab_size in {} is {}; name the model's own with "
            "--vocab_file".format(path, len(vocabulary), config.source, config.vocab_size)
        )
    return vocabulary


def vocabulary_in(beside):
    """Name of the first vocabulary file in the folders `beside`, None where there is none."""
    return first_there(
        FILE_NAMES, [folder for folder in beside if not data_files.is_remote(folder)]
    )


def first_there(names, beside):
    """Path of the first of the files `names` in the folders `beside`, None where there is none."""
    paths = [os.path.join(folder, name) for folder in beside for name in names]
    return next((path for path in paths if tf.io.gfile.exists(path)), None)


def write_tokenizer(folder, vocabulary, config, lower):
    """Writes the tokenizer's files and shows on how many strings it is ours."""
    copy(vocabulary.path, os.path.join(folder, vocabulary.file_name))
    with folders.writing(folder):
        huggingface_files.write(folder, vocabulary, lower, config.max_position_embeddings)
    ours = vocabulary.make_tokenizer(lower)
    texts = huggingface_files.AWKWARD
    theirs = huggingface_files.encode(folder, texts)
    differing = [t for t, ids in zip(texts, theirs) if ours.tokenize(t).ids.tolist() != ids]
    log(
        "tokenizer (do_lower_case {}): {} of {} strings are tokenised alike".format(
            lower, len(texts) - len(differing), len(texts)
        )
    )
    if differing:
        warn("AutoTokenizer gives other tokens for {!r}".format(differing[0]))


def copy_vocabulary(path, folder, name=None):
    """Copies a vocabulary's file to `folder`, under another name where that is given, or says that
    there is none (None)."""
    if path:
        copy(path, os.path.join(folder, name or os.path.basename(path)))
    else:
        log("no vocabulary was found ({}), so none is written".format(" or ".join(FILE_NAMES)))


def tasks_beside(prefix):
    """Dict task -> one of families.HEADS or None, by the task.json of the checkpoint `prefix`.

    Raises:
      UserError: it is damaged.
    """
    path = task_file.path_beside(prefix)
    if path is None:
        return {}
    values = read_json_object(path, "task file")
    entries = values.get("tasks", [values])
    heads = dict(_KINDS.values())
    found = [e for e in entries if isinstance(e, dict)] if isinstance(entries, list) else []
    return {str(e.get("task", "")): heads.get(str(e.get("kind"))) for e in found}


def read_task(source, selection, name):
    """What a task.json beside a checkpoint says of the head that is converted, as it is to be said
    beside the converted model; an empty dict where there is none.

    Args:
      source: Source.
      selection: Selection.
      name: of the task, None where it is not known.

    Raises:
      UserError: it is damaged, or belongs to another checkpoint.
    """
    path = task_file.path_beside(source.prefix)
    part = next((part for part in _KINDS if part in selection.parts), None)
    if part is None or path is None:
        return {}
    has_answers = part == "answers"
    labels = None if has_answers else source.num_labels
    task = task_file.read(path, _KINDS[part][0], labels, name or None)
    # Of several tasks this model has one only.
    task = dict(task, is_one_of_several=False)
    if has_answers:  # and neither kinds of answers nor what predicts them
        task["labels"] = ["span"]
        if source.family.network:
            task["head_options"] = dict(
                task["head_options"], joint_prediction=False, answerable_classifier=False
            )
    return task


def write_task(task, folder):
    """Writes what read_task gave, if that is anything: run_prediction.py names classes by it."""
    if task:
        export.write_json(os.path.join(folder, task_file.FILE_NAME), task)


def check_task_name(directory, given):
    """Refuses a --task_name that does not fit, or is lacking.

    Args:
      directory: huggingface.Directory.
      given: --task_name or None.

    Raises:
      UserError: see above.
    """
    family, named = directory.family, tasks_beside(os.path.join(directory.path, ""))
    is_called = family.network is not None and family.task is not None
    has_head = head_choice.head_of_electra(directory.unknown) is not None
    if family.network == families.DISCRIMINATOR and has_head:
        raise UserError(
            "the head in {} has variables that ELECTRA calls by the task; say its name (letters, "
            "digits, _ . -) with --task_name".format(directory.path)
        )
    if given and not is_called:
        raise UserError(
            "--task_name is for heads that ELECTRA calls by the task, and {} has none; leave it "
            "out".format(directory.path)
        )
    if given and named and given not in named:
        raise UserError(
            "--task_name={}, but the task.json in {} is of {}; leave it out".format(
                given, directory.path, ", ".join(named)
            )
        )


def copy_task(path, folder):
    """Copies a task.json, if there is one (not None): run_prediction.py names classes by it."""
    if path:
        copy(path, os.path.join(folder, task_file.FILE_NAME))


def copy(path, target):
    """Copies a small file, without the byte order mark that other programs stumble over.

    Raises:
      UserError: it cannot be read or written.
    """
    with folders.writing(target):
        with tf.io.gfile.GFile(path, "rb") as reader:
            content = reader.read()
        if content.startswith(codecs.BOM_UTF8):
            content = content[len(codecs.BOM_UTF8) :]
        with tf.io.gfile.GFile(target, "wb") as writer:
            writer.write(content)


def publish(scratch, folder):
    """Moves what was written to its place and says what it is."""
    names = sorted(tf.io.gfile.listdir(scratch))
    with folders.writing(folder or "."):
        folders.publish(scratch, folder)
    log("written to {}: {}".format(folder or ".", ", ".join(names)))


def warn_of_other_weights(folder, weights):
    """Says when transformers would read another file of the directory than the one written."""
    for name in huggingface.WEIGHTS:
        if name == weights:
            return
        if os.path.exists(os.path.join(folder, name)):
            warn(
                "transformers reads {} in {} before {}; remove what is old".format(
                    name, folder, weights
                )
            )
            return
