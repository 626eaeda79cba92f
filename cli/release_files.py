"""The files beside the weights of a release folder or a Hugging Face directory: vocabulary,
tokenizer, task.json of a fine-tuned model; and publishing all of them.
"""

import codecs
import os

from common import files, separate_process
from common.errors import UserError
from common.log import log, warn
from common.validation import is_object
from data.tokenizers import huggingface_directory, huggingface_files, text_settings
from data.tokenizers.vocabularies import FILE_NAMES, read_vocabulary
from finetuning import task_file
from finetuning.registry import TASK_KINDS
from modeling.config import read_json_object
from modeling.conversion import config_keys, export, families, folders, head_choice, huggingface

# Component of a network -> the value of --head.
_HEADS = {
    "classifier": families.CLASSIFICATION,
    "tagger": families.TAGGING,
    "chooser": families.CHOICES,
    "answers": families.QUESTIONS,
}


def hugging_face_destination(path):
    """(folders.Destination, weights file name) of --pytorch_dump_path.

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
    if files.is_remote(path):
        raise UserError(
            "--pytorch_dump_path={} must be a local path; copy the directory afterwards".format(
                path
            )
        )
    what = "--pytorch_dump_path=" + path
    return folders.Destination(what, folder or ".", "a Hugging Face model", weights), weights


def checkpoint_destination(prefix):
    """(folders.Destination, name) of --tf_dump_path.

    Raises:
      UserError: it is a directory.
    """
    folder, base = os.path.split(prefix)
    what, longest = "--tf_dump_path=" + prefix, base + huggingface.DATA_ENDING
    if not base or files.is_directory(prefix):
        raise UserError(
            "{} is a directory; give the checkpoint's prefix in it, as {}".format(
                what, os.path.join(prefix, families.BERT.files.checkpoint)
            )
        )
    return folders.Destination(what, folder or ".", "the checkpoint " + base, longest), base


def release_destination(folder):
    """folders.Destination of --strip_optimizer."""
    return folders.Destination(
        "--strip_optimizer=" + folder, folder.rstrip("/") or "/", "a release"
    )


def find_vocabulary(path, folders_beside, config):
    """The vocabulary of a model.

    Args:
      path: its file, or None: the first in one of the folders.
      folders_beside: list of the folders of the checkpoint and of its config.
      config: model config.

    Returns:
      The result of data.tokenizers.vocabularies.read_vocabulary, None where there is no file.

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


def check_task_vocabulary(vocabulary, prefix):
    """Refuses another vocabulary than the one that the task.json beside a checkpoint names.

    Args:
      vocabulary: result of find_vocabulary.
      prefix: of the checkpoint.

    Raises:
      UserError: it is another one, or the file is damaged.
    """
    path = task_file.path_beside(prefix)
    if path and vocabulary:
        for entry in task_file.entries_of(os.path.dirname(path)):
            task_file.check_vocabulary(entry, vocabulary, prefix)


def vocabulary_in(folders_beside):
    """Path of the first vocabulary file in local folders, None where there is none."""
    local = [folder for folder in folders_beside if not files.is_remote(folder)]
    return first_existing((*FILE_NAMES, huggingface_directory.WHOLE), local)


def first_existing(names, folders_beside):
    """Path of the first of the files `names` in the folders, None where there is none."""
    paths = [os.path.join(folder, name) for folder in folders_beside for name in names]
    return next((path for path in paths if files.exists(path)), None)


def write_tokenizer(folder, vocabulary, config, texts):
    """Writes the tokenizer's files and logs on how many strings it agrees with ours.

    Args:
      folder: local folder.
      vocabulary: of the model.
      config: model config.
      texts: TextSettings.
    """
    lower, quotes = texts.do_lower_case, texts.normalize_quotes
    write_vocabulary(vocabulary, folder)
    with folders.writing(folder):
        huggingface_files.write(folder, vocabulary, texts, config.max_position_embeddings)
    if texts.t2s:
        warn(
            "transformers does not simplify characters, as --t2s did for this model: give it "
            "simplified text (opencc, t2s)"
        )
    ours = texts._replace(t2s=False).make_tokenizer(vocabulary)
    texts = huggingface_files.AWKWARD
    theirs = separate_process.call(huggingface_files.__name__, "encode", folder, texts)
    differing = [t for t, ids in zip(texts, theirs) if ours.tokenize(t).ids.tolist() != ids]
    log(
        "tokenizer (do_lower_case {}{}): {} of {} strings are tokenised alike".format(
            lower, ", normalize_quotes" if quotes else "", len(texts) - len(differing), len(texts)
        )
    )
    if differing:
        warn("AutoTokenizer gives other tokens for {!r}".format(differing[0]))


def write_vocabulary(vocabulary, folder):
    """Writes a vocabulary under the name that it has in releases: its file as it is, where no rows
    were added to it. Logs that none exists where `vocabulary` is None."""
    if vocabulary is None:
        log("no vocabulary was found ({}), so none is written".format(" or ".join(FILE_NAMES)))
        return
    target = os.path.join(folder, vocabulary.file_name)
    if vocabulary.is_as_file:
        copy(vocabulary.path, target)
        return
    with folders.writing(target), files.open_file(target, "w") as writer:
        writer.write("".join(token + "\n" for token in vocabulary.tokens))


def tasks_beside(prefix):
    """Dict task name -> one of families.HEADS or None, by the task.json beside `prefix`.

    Raises:
      UserError: it is damaged.
    """
    path = task_file.path_beside(prefix)
    if path is None:
        return {}
    values = read_json_object(path, "task file")
    entries = values.get("tasks", [values])
    heads = {name: kind.head for name, kind in TASK_KINDS.items()}
    entries = filter(is_object, entries) if isinstance(entries, list) else []
    return {str(e.get("task", "")): heads.get(str(e.get("kind"))) for e in entries}


def read_task(source, selection, name):
    """The task.json to write beside the converted model: dict, empty for a model without a task.

    Args:
      source: Source.
      selection: Selection.
      name: of the task in the task.json beside the checkpoint, None where it is not known.

    Raises:
      UserError: it is damaged, or belongs to another checkpoint.
    """
    path = task_file.path_beside(source.prefix)
    component = next((component for component in _HEADS if component in selection.components), None)
    if component is None or path is None:
        return {}
    has_answers = component == "answers"
    labels = source.num_labels if component in ("classifier", "tagger") else None
    kinds = tuple(name for name, kind in TASK_KINDS.items() if kind.head == _HEADS[component])
    task = task_file.read(path, kinds, labels, name or None)
    # The converted model has one task, however many the checkpoint has.
    task = dict(task, is_one_of_several=False)
    if has_answers:  # without kinds of answers and their classifiers
        task["labels"] = ["span"]
        if source.family.network:
            task["head_options"] = dict(
                task["head_options"], joint_prediction=False, answerable_classifier=False
            )
    return task


def problem_type(task):
    """What config.json must say of the outputs; None: transformers' default is right.

    Args:
      task: result of read_task.
    """
    kind = TASK_KINDS.get(task.get("kind"))
    said = kind and kind.problem_type
    return None if said == config_keys.ONE_CLASS else said


def warn_of_lost_meaning(directory):
    """Warns that a checkpoint has no place for the problem_type of a Hugging Face directory without
    task.json.

    Args:
      directory: huggingface.Directory.
    """
    said = huggingface.problem_type(directory.path)
    if said and not task_file.path_beside(os.path.join(directory.path, "")):
        warn(
            "problem_type {} in {} is not part of a checkpoint; evaluate and predict with the "
            "directory itself".format(said, huggingface.config_file(directory.path))
        )


def write_task(task, folder):
    """Writes the result of read_task unless it is empty; run_prediction.py reads labels there."""
    if task:
        export.write_json(os.path.join(folder, task_file.FILE_NAME), task)


def check_task_name(directory, given):
    """Refuses a --task_name that does not fit the directory, or is missing.

    Args:
      directory: huggingface.Directory.
      given: --task_name or None.

    Raises:
      UserError: see above.
    """
    family, named = directory.family, tasks_beside(os.path.join(directory.path, ""))
    has_task = family.network is not None and family.task is not None
    has_head = head_choice.head_of_electra(directory.unknown) is not None
    if family.network == families.DISCRIMINATOR and has_head:
        raise UserError(
            "the head in {} has variables that ELECTRA names by the task; give its name (letters, "
            "digits, _ . -) as --task_name".format(directory.path)
        )
    if given and not has_task:
        raise UserError(
            "--task_name is for heads that ELECTRA names by the task, and {} has none; remove "
            "it".format(directory.path)
        )
    if given and named and given not in named:
        raise UserError(
            "--task_name={}, but the task.json in {} is of {}; remove it".format(
                given, directory.path, ", ".join(named)
            )
        )


def copy_task(path, folder):
    """Copies a task.json unless `path` is None; run_prediction.py reads labels there."""
    if path:
        copy(path, os.path.join(folder, task_file.FILE_NAME))


def copy_texts(folders_beside, folder):
    """Writes the settings of texts that one of the folders states, if any, to a folder."""
    stated = text_settings.stated_in(folders_beside)
    if stated:
        target = os.path.join(folder, text_settings.FILE_NAME)
        with folders.writing(target), files.open_file(target, "w") as writer:
            writer.write(stated.settings.to_json())


def copy(path, target):
    """Copies a small file without its byte order mark, which other programs do not expect.

    Raises:
      UserError: it cannot be read or written.
    """
    with folders.writing(target):
        with files.open_file(path, "rb") as reader:
            content = reader.read()
        if content.startswith(codecs.BOM_UTF8):
            content = content[len(codecs.BOM_UTF8) :]
        with files.open_file(target, "wb") as writer:
            writer.write(content)


def publish(scratch, destination):
    """Puts the files written in their place and logs their names."""
    names = [name for name in sorted(files.names_in(scratch)) if name != folders.RECORD]
    with folders.writing(destination.folder):
        folders.publish(scratch, destination)
    log("written to {}: {}".format(destination.folder, ", ".join(names)))
