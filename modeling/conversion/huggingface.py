"""Import of Hugging Face directories: reading them, writing TensorFlow checkpoints."""

import collections
import os
import re
import typing

import numpy as np

from common import bounded_json, files
from common.errors import UserError, quoted, some
from common.lazy_tensorflow import tf
from common.validation import dict_of, is_object, is_text, is_whole
from modeling.config import read_json_object
from modeling.conversion import (
    config_keys,
    directory_contents,
    family_choice,
    folders,
    head_choice,
    tensor_files,
)
from modeling.conversion.directory_contents import CONFIGS, WEIGHTS

is_directory = directory_contents.is_model_directory
holds_weights = directory_contents.holds_weights
_CLASSIFIER = "ForSequenceClassification"
# Of the one data file of a checkpoint.
DATA_ENDING = ".data-00000-of-00001"
_TEMPORARY = ".quanci-save"


class Directory(typing.NamedTuple):
    """The content of a Hugging Face directory.

    Attributes:
      path: name of the directory.
      family: Family.
      variables: dict variable name -> float32 array.
      unknown: list of the Hugging Face tensors that are not part of the model.
      notes: list of (is_warning, line) on its files and settings.
    """

    path: str
    family: typing.Any
    variables: dict
    unknown: list
    notes: list


class ImportReport(typing.NamedTuple):
    """The result of an import.

    Attributes:
      path: name of the directory.
      prefix: of the checkpoint written.
      written: list of its variable names.
      unknown, notes: see Directory.
    """

    path: str
    prefix: str
    written: list
    unknown: list
    notes: list

    def lines(self):
        """The report for the log: a list of (is_warning, text)."""
        report = [
            (
                False,
                "Hugging Face directory {}: {} variables written to {}".format(
                    self.path, len(self.written), self.prefix
                ),
            )
        ]
        if self.unknown:
            report.append((False, "not part of the model: " + some(self.unknown)))
        return report + self.notes


def config_file(path):
    """Path of the config in the directory `path`.

    Raises:
      UserError: there is none.
    """
    return _one_of(path, CONFIGS, "config")


def read_tensors(path):
    """Reads the weights in a directory.

    Args:
      path: directory with any of WEIGHTS; the first of them is read.

    Returns:
      Ordered dict name -> numpy array: float32 whatever the file's precision; integers and
      booleans as they are.

    Raises:
      UserError: there are no weights, the package that reads them is missing, or a file is
        missing or damaged.
    """
    weights = _one_of(path, WEIGHTS, "weights")
    if not weights.endswith(".index.json"):
        return tensor_files.read_file(weights)
    tensors = collections.OrderedDict()
    weight_map = _weight_map(weights)
    for name in sorted(set(weight_map.values())):
        shard = os.path.join(path, name)
        if not files.exists(shard):
            raise UserError("{} is missing, but {} names it; copy it there".format(shard, weights))
        tensors.update(tensor_files.read_file(shard))
    for name in weight_map:
        if name not in tensors:
            raise UserError(
                "{} is not in {}, where {} says it is; take another copy of them".format(
                    name, os.path.join(path, weight_map[name]), weights
                )
            )
    return tensors


def read_directory(path, network=None, task_name=None):
    """Reads the weights of a directory under the released variable names.

    directory = read_directory("hfl/chinese-macbert-base")
    directory.variables["bert/embeddings/word_embeddings"]  # float32 [vocab, hidden]

    Args:
      path: directory, see is_directory.
      network: see family_choice.of_directory.
      task_name: see head_choice.of_directory.

    Returns:
      Directory.

    Raises:
      UserError: weights or config are missing, of a family that is not supported, or damaged, or a
        package is missing.
    """
    config = config_file(path)
    values = read_json_object(config, "model config")
    model_type = family_choice.check_model_type(values, config)
    directory_contents.refuse_unreadable(path)
    notes = config_keys.check_keys(values, config) + directory_contents.check_files(path)
    tensors = read_tensors(path)
    family = family_choice.of_directory(path, model_type, tensors, network)
    family = head_choice.of_directory(family, values, tensors, task_name)
    converted = family.names.to_tensorflow(tensors)
    _check_tensors(path, family.names, tensors, converted)
    if values.get("tie_word_embeddings") is False:
        _check_tied(path, family.names, tensors, converted.tensors)
    components = [component.name for component in family.components_in(converted.tensors)]
    for side_file in family.side_files:
        is_due = side_file.is_head or set(side_file.needs) & set(components)
        if is_due and side_file.component not in components:
            converted.tensors.update(_read_side_file(path, side_file))
    return Directory(path, family, converted.tensors, sorted(converted.unknown), notes)


def class_names(path):
    """The names of a fine-tuned model's classes by number (id2label of its config).

    Args:
      path: directory, see is_directory.

    Returns:
      List of str; None where the config has none, or the default names of transformers.

    Raises:
      UserError: there is no config, or its id2label does not name the classes 0, 1, 2 and so on.
    """
    config = config_file(path)
    labels = read_json_object(config, "model config").get("id2label")
    if labels is None:
        return None
    names = [labels.get(str(i)) for i in range(len(labels))] if is_object(labels) else [None]
    if not all(map(is_text, names)) or len(set(names)) < len(names):
        raise UserError("{}: id2label must name the classes 0, 1, 2 and so on".format(config))
    return None if all(re.fullmatch("LABEL_[0-9]+", name) for name in names) else names


def problem_type(path):
    """What the outputs of a directory's classifier mean.

    Args:
      path: directory, see is_directory.

    Returns:
      One of config_keys.PROBLEM_TYPES; None where the config does not say. A single output is then
      a regression, as in transformers.

    Raises:
      UserError: there is no config, or its problem_type is none.
    """
    config = config_file(path)
    values = read_json_object(config, "model config")
    said = values.get("problem_type")
    fault = config_keys.problem_fault(said)
    if fault:
        raise UserError("{}: problem_type {} {}".format(config, quoted(said, 40), fault))
    if said is None and _num_labels(values) == 1:
        return config_keys.REGRESSION
    return said


def has_classifier(path):
    """Whether a directory's config names a class of transformers that classifies texts."""
    values = read_json_object(config_file(path), "model config")
    classes = values.get("architectures")
    return isinstance(classes, list) and bool(classes) and str(classes[0]).endswith(_CLASSIFIER)


def all_class_names(path):
    """The names of the classes as transformers shows them: `class_names`, or LABEL_0, LABEL_1 and
    so on; list of str."""
    values = read_json_object(config_file(path), "model config")
    return class_names(path) or ["LABEL_{}".format(i) for i in range(_num_labels(values))]


def _num_labels(values):
    """How many classes a config has, by transformers' rules."""
    labels = values.get("id2label")
    number = values.get("num_labels", 2)
    return len(labels) if is_object(labels) else number if is_whole(number) else 2


def import_checkpoint(path, prefix, network=None, task_name=None):
    """Writes the weights of a directory as a TensorFlow checkpoint under the released names.

    Args:
      path: directory, see is_directory.
      prefix: the checkpoint's prefix; its `.index` is written last, so that a checkpoint with one
        is complete. Optimizer state, step and state file `checkpoint` are not written.
      network: see family_choice.of_directory.
      task_name: see head_choice.of_directory.

    Returns:
      ImportReport.

    Raises:
      UserError: see read_directory; or the checkpoint cannot be written.
    """
    read = read_directory(path, network, task_name)
    write_checkpoint(prefix, read.variables)
    return report_of(read, prefix)


def report_of(read, prefix):
    """ImportReport of a Directory that was written as the checkpoint `prefix`."""
    return ImportReport(read.path, prefix, sorted(read.variables), read.unknown, read.notes)


def _read_side_file(path, side_file):
    """The variables in a side file of a directory: dict name -> array, {} without the file."""
    name = os.path.join(path, side_file.file)
    if not files.exists(name):
        return {}
    converted = side_file.rules.to_tensorflow(tensor_files.read_file(name))
    if converted.unknown or not converted.tensors:
        raise UserError(
            "{} does not hold {}, but {}; remove it or take another copy".format(
                name, side_file.what, some(converted.unknown, 3) or "nothing"
            )
        )
    return converted.tensors


def write_checkpoint(prefix, tensors):
    """Writes arrays as a TensorFlow checkpoint; one that exists at `prefix` is replaced.

    Args:
      prefix: the checkpoint's prefix; missing folders are made.
      tensors: dict variable name -> numpy array.

    Raises:
      UserError: the place cannot be written to.
    """
    folder = os.path.dirname(prefix)
    # A short name, whatever that of the prefix: TensorFlow appends to it while it writes.
    temporary = os.path.join(folder or ".", _TEMPORARY)
    with folders.writing("checkpoint " + prefix):
        if folder:
            files.make_directories(folder)
        try:
            _save(temporary, tensors)
            # The index last: a checkpoint with one is complete.
            files.remove_if_there(prefix + ".index")
            for ending in (DATA_ENDING, ".index"):
                files.rename(temporary + ending, prefix + ending)
        finally:
            for path in files.beginning_with(temporary + "."):
                files.remove(path)


def _one_of(path, names, what):
    if not files.is_directory(path):
        files.refuse_other_kind(path, "a directory of Hugging Face")
        raise UserError("Hugging Face directory {} does not exist or is a file".format(path))
    present = set(files.names_in(path))
    for name in names:
        if name in present:
            return os.path.join(path, name)
    raise UserError(
        "directory {} holds no {}; one of these files must be there: {}".format(
            path, what, ", ".join(names)
        )
    )


def _weight_map(path):
    """Dict tensor name -> file name of an index file."""
    weight_map = read_json_object(path, "weight index", bounded_json.LIST_BYTES).get("weight_map")
    if not weight_map or not dict_of(_is_plain_name)(weight_map):
        raise UserError(
            "weight index {} has no usable weight_map (tensor name to file name); take another "
            "copy of it".format(path)
        )
    return weight_map


def _is_plain_name(value):
    """A file name; a path could lead out of the directory."""
    return is_text(value) and os.path.basename(value) == value not in ("", ".", "..")


def _check_tensors(path, names, tensors, converted):
    if names.word_table not in converted.tensors:
        raise UserError(
            "the tensors in {} are not named as in a supported model: {} is missing, there are "
            "{}; supported is {}".format(
                path,
                names.huggingface_name(names.word_table).name,
                some(sorted(tensors), 3) or "none",
                family_choice.SUPPORTED_TYPES,
            )
        )
    for name, array in converted.tensors.items():
        if array.dtype != np.float32:
            raise UserError(
                "{} in {} holds {} numbers, not floating-point weights; take a copy that is not "
                "quantized".format(names.huggingface_name(name).name, path, array.dtype)
            )
    surplus = names.surplus(converted.tensors)
    if surplus:
        raise UserError(
            "{} in {} is a layer of its own, but TensorFlow's network has none where "
            "embedding_size and hidden_size are the same; only the identity can be "
            "imported".format(names.huggingface_name(surplus + "/kernel").name, path)
        )


def _check_tied(path, names, tensors, converted):
    output = tensors.get(names.output_table)
    if output is not None and not np.array_equal(output, converted[names.word_table]):
        raise UserError(
            "{} in {} is not the word table (tie_word_embeddings is false); only models that "
            "share the two can be imported".format(names.output_table, path)
        )


def _save(prefix, tensors):
    names = sorted(tensors)
    with tf.Graph().as_default():
        # Fed, not constants: a graph must stay below 2 GB.
        inputs = [tf.placeholder(tensors[n].dtype, tensors[n].shape) for n in names]
        save = tf.raw_ops.SaveV2(
            prefix=prefix, tensor_names=names, shape_and_slices=[""] * len(names), tensors=inputs
        )
        # No accelerator: TensorFlow would keep all of its memory, which training needs.
        devices = tf.ConfigProto(device_count={"GPU": 0})
        with tf.Session(config=devices) as session:
            session.run(save, {i: tensors[n] for i, n in zip(inputs, names)})
