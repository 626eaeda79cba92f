"""The three directions of convert_checkpoint.py: to Hugging Face, to TensorFlow, to a release."""

import os
import typing

from cli import model_folder, release_files
from common.errors import some
from common.log import log, log_lines, warn
from data.tokenizers.vocabularies import read_vocabulary
from finetuning import task_file
from finetuning.registry import name_among
from modeling import checkpoint, meta_graph
from modeling.config_families import read_config
from modeling.conversion import (
    electra_pair,
    export,
    families,
    family_choice,
    folders,
    head_choice,
    huggingface,
    parity,
    sources,
)


class ModelFiles(typing.NamedTuple):
    """A TensorFlow model, as it is to be read.

    Attributes:
      checkpoint: a prefix, an .index file or a directory.
      config: the model config's file; None: the one beside the checkpoint.
      vocabulary: the vocabulary's file; None: the one beside the checkpoint or the config.
      gelu: meaning of "gelu" in hidden_act, see BertConfig.
      network: one of families.NETWORKS, for ELECTRA; None: the discriminator.
    """

    checkpoint: str
    config: typing.Optional[str] = None
    vocabulary: typing.Optional[str] = None
    gelu: str = "auto"
    network: typing.Optional[str] = None


def to_hugging_face(files, target, head=sources.AUTO, task_name=None, do_lower_case=None):
    """TensorFlow checkpoint -> Hugging Face directory.

    to_hugging_face(ModelFiles("bert_model.ckpt", "bert_config.json", "vocab.txt"), "hf")

    Args:
      files: ModelFiles.
      target: directory to write, or a *.bin weights file in it.
      head: one of families.HEADS, or sources.AUTO.
      task_name: one of the tasks of a checkpoint with the heads of several, or None.
      do_lower_case: of the tokenizer; None: as in task.json, else True.

    Raises:
      UserError: a file is missing, does not fit the others, or the converted model has other
        outputs.
    """
    destination, weights = release_files.hugging_face_destination(target)
    folders.check(destination, _given(files))
    parity.require_packages()
    files, prefix, shapes, family = _find_family(files)
    family_choice.check_convertible(family, prefix)
    tasks = release_files.tasks_beside(prefix)
    if task_name:
        task_name = name_among(task_name, [*head_choice.task_names(shapes), *tasks])
    choice = head_choice.choose(family, shapes, prefix, tasks, head, task_name)
    source = _open_source(files, prefix, shapes, choice.family)
    selection = sources.select(source, choice.head)
    task = release_files.read_task(source, selection, choice.task)
    vocabulary = _find_vocabulary(files, source)
    log("{}: {}".format(selection.architecture.name, source.config.describe_activation()))
    for line in sources.skipped_lines(source, selection, choice.reasons) + choice.notes:
        log(line)
    beside = model_folder.folders_of(source.prefix)
    texts = vocabulary and model_folder.choose_texts(vocabulary, beside, task, do_lower_case)
    read = _read_files(files, source, vocabulary)
    with folders.staged(destination, read) as scratch:
        _write_model(scratch, weights, source, selection, vocabulary, task)
        _check_parity(source, selection, scratch, weights, "report it with the config")
        if vocabulary:
            release_files.write_tokenizer(scratch, vocabulary, source.config, texts)
        else:
            log("no vocabulary was found, so no tokenizer files are written; name it: --vocab_file")
        release_files.write_task(task, scratch)
        release_files.publish(scratch, destination)
    _log_network(source.family)


def to_tensorflow(paths, prefix, network=None, task_name=None, write_meta_graph=False):
    """Hugging Face directory, or ELECTRA's two, -> TensorFlow checkpoint.

    to_tensorflow(["hf"], "tf/bert_model.ckpt")

    Args:
      paths: list of one directory, or of ELECTRA's two in either order.
      prefix: of the checkpoint to write.
      network: one of families.NETWORKS, for one directory of ELECTRA; None: by its head.
      task_name: which names the variables of ELECTRA's fine-tuned head, or None.
      write_meta_graph: whether to write a .meta file; see modeling.meta_graph.

    Raises:
      UserError: a file is missing, does not fit the others, or the checkpoint has other outputs.
    """
    destination, base = release_files.checkpoint_destination(prefix)
    read = [os.path.join(path, "") for path in paths]
    folders.check(destination, read)
    parity.require_packages()
    directories = _read_directories(paths, network, task_name)
    with folders.staged(destination, read) as scratch:
        written = os.path.join(scratch, base)
        huggingface.write_checkpoint(written, electra_pair.merged(directories))
        if write_meta_graph:
            _write_meta_graph(written)
        for directory in directories:
            log_lines(huggingface.report_of(directory, prefix).lines())
            release_files.warn_of_lost_meaning(directory)
            _add_original_config(directory, written, scratch)
        release_files.write_vocabulary(_vocabulary_of(directories), scratch)
        release_files.copy_task(task_file.path_beside(os.path.join(paths[0], "")), scratch)
        release_files.copy_texts(paths, scratch)
        release_files.publish(scratch, destination)
    for directory in directories:
        _log_network(directory.family)


def strip_optimizer(files, folder, write_meta_graph=False):
    """Checkpoint of a training run -> release folder, without optimizer state and step.

    Args:
      files: ModelFiles.
      folder: directory to write.
      write_meta_graph: whether to write a .meta file; see modeling.meta_graph.

    Raises:
      UserError: a file is missing or wrong, or the folder holds something else than a release.
    """
    write_release(files, release_files.release_destination(folder), Edition(), write_meta_graph)


class Edition:
    """What a release has of its source: here everything, as it is."""

    def check(self, source, vocabulary):
        """Looks at a Source and its vocabulary (or None) before anything is written; may raise
        UserError."""

    def variables(self, values):
        """The variables to write: dict name -> array, made of such a dict."""
        return values

    def copy_config(self, path, target):
        """Writes the config of a file to `target`."""
        # Copied, not rewritten: other programs read keys that Quanci does not know.
        release_files.copy(path, target)

    def write_vocabulary(self, vocabulary, folder):
        """Writes the vocabulary, or None, to a folder."""
        release_files.write_vocabulary(vocabulary, folder)


def write_release(files, destination, edition, write_meta_graph=False):
    """Checkpoint -> release folder, without optimizer state and step.

    Args:
      files: ModelFiles.
      destination: folders.Destination.
      edition: Edition.
      write_meta_graph: see strip_optimizer.

    Raises:
      UserError: see strip_optimizer and Edition.check.
    """
    folders.check(destination, _given(files))
    files, *found = _find_family(files)
    source = _open_source(files, *found)
    names = source.family.files
    vocabulary = _find_vocabulary(files, source)
    edition.check(source, vocabulary)
    with folders.staged(destination, _read_files(files, source, vocabulary)) as scratch:
        prefix = os.path.join(scratch, names.checkpoint)
        huggingface.write_checkpoint(prefix, edition.variables(sources.read_release(source)))
        checkpoint.verify(prefix)
        if write_meta_graph:
            _write_meta_graph(prefix)
        log("skipped: {} optimizer slots and counters".format(len(source.plan.training_state)))
        left_out = sources.projections(source)
        if left_out:
            log("skipped: {}, of a distillation".format(some(left_out)))
        edition.copy_config(files.config, os.path.join(scratch, names.config))
        _copy_other_config(files, source, scratch, edition)
        edition.write_vocabulary(vocabulary, scratch)
        release_files.copy_task(task_file.path_beside(source.prefix), scratch)
        release_files.copy_texts(model_folder.folders_of(source.prefix), scratch)
        release_files.publish(scratch, destination)


def _write_meta_graph(prefix):
    with folders.writing(prefix + meta_graph.ENDING):
        meta_graph.write(prefix)


def _given(model):
    """The paths of ModelFiles: a checkpoint's directory, or prefix, and files."""
    directory = os.path.join(model.checkpoint, "") if os.path.isdir(model.checkpoint) else None
    return [p for p in (directory or model.checkpoint, model.config, model.vocabulary) if p]


def _read_files(files, source, vocabulary):
    """Paths of what a conversion from TensorFlow reads."""
    task = task_file.path_beside(source.prefix)
    return [source.prefix, files.config, vocabulary and vocabulary.path, task]


def _find_family(files):
    """(ModelFiles with a config, prefix, dict variable name -> shape, Family) of a checkpoint."""
    prefix = checkpoint.hold(files.checkpoint)
    shapes = checkpoint.read_shapes(prefix)
    family = family_choice.of_checkpoint(prefix, shapes, files.network)
    config = files.config or model_folder.config_beside(prefix, family.files.config)
    return files._replace(config=config), prefix, shapes, family


def _open_source(files, prefix, shapes, family):
    """Source of the result of _find_family and the config."""
    config = read_config(files.config, files.gelu, shapes)
    source = sources.open_checkpoint(prefix, config, family)
    log("checkpoint {}: {} variables".format(prefix, len(source.plan.loaded)))
    for line in source.plan.spellings:
        log(line)
    return source


def _find_vocabulary(files, source):
    """See release_files.find_vocabulary."""
    beside = _folders_beside(files, source)
    vocabulary = release_files.find_vocabulary(files.vocabulary, beside, source.config)
    if vocabulary:
        log_lines(vocabulary.beside.notes)
    release_files.check_task_vocabulary(vocabulary, source.prefix)
    return vocabulary


def _vocabulary_of(directories):
    """The vocabulary in the first Hugging Face directory that has one, or None; warns where it has
    not as many rows as the word table."""
    path = release_files.vocabulary_in([directory.path for directory in directories])
    if path is None:
        return None
    vocabulary = read_vocabulary(path)
    log_lines(vocabulary.beside.notes)
    for directory in directories:
        rows = len(directory.variables[directory.family.names.word_table])
        if rows != len(vocabulary):
            warn(
                "{} has {:,} rows, but the word table in {} has {:,}".format(
                    path, len(vocabulary), directory.path, rows
                )
            )
    return vocabulary


def _folders_beside(files, source):
    """The folders of the checkpoint and of its config."""
    return [os.path.dirname(path) for path in (source.prefix, files.config)]


def _write_model(folder, weights, source, selection, vocabulary, task):
    """Writes config, weights and side files of a Hugging Face directory.

    Args:
      folder: where.
      weights: name of the weights file.
      source: Source.
      selection: Selection.
      vocabulary: of the model, or None.
      task: result of release_files.read_task.
    """
    pad_token_id = vocabulary.pad if vocabulary else 0
    values = export.hugging_face_config(
        source, selection, pad_token_id, task.get("labels"), release_files.problem_type(task)
    )
    export.write_json(os.path.join(folder, export.CONFIG), values)
    export.write_weights(
        os.path.join(folder, weights),
        source.family.names,
        sources.read_variables(source, selection),
        bare=selection.architecture == source.family.architectures[-1],
    )
    for side_file, tensors in sources.read_side_files(source, selection):
        export.write_side_file(folder, side_file, tensors)
        log("beside the model, in {}: {}".format(side_file.file, side_file.what))


def _read_directories(paths, network, task_name):
    """List of the huggingface.Directory of each path; see to_tensorflow."""
    if len(paths) == 2:
        return electra_pair.read_pair(paths)
    tasks = release_files.tasks_beside(os.path.join(paths[0], ""))
    if task_name:
        task_name = name_among(task_name, tasks)
    name = task_name or next(iter(tasks), None)
    directory = huggingface.read_directory(paths[0], network, name)
    release_files.check_task_name(directory, task_name)
    return [directory]


def _add_original_config(directory, prefix, folder):
    """Compares a directory with the checkpoint made of it, and writes the config of the latter."""
    config = export.original_config(huggingface.config_file(directory.path), directory.family)
    source = sources.open_checkpoint(prefix, config, directory.family, shown=directory.path)
    selection = sources.everything(source)
    hint = "look in {} for settings that Quanci does not have".format(config.source)
    _check_parity(source, selection, directory.path, None, hint)
    values = export.original_values(source.config, source.family)
    export.write_json(os.path.join(folder, source.family.files.config), values)


def _copy_other_config(files, source, folder, edition):
    """Copies the config of ELECTRA's other network to a release, where the checkpoint holds both
    and the file lies beside the checkpoint or the config."""
    other = family_choice.other_network(source.family, source.shapes)
    if other is None:
        return
    own = os.path.basename(files.config)
    names = [own.replace(source.family.network, other.network), other.files.config]
    names = [name for name in names if name != own]
    path = release_files.first_existing(names, _folders_beside(files, source))
    if path is None:
        warn("the {}'s config is not written: no {} was found".format(other.network, names[0]))
    elif not sources.fits(read_config(path, files.gelu, source.shapes), other, source.shapes):
        warn(
            "{} is not written: it does not fit the {} in {}".format(
                path, other.network, source.prefix
            )
        )
    else:
        edition.copy_config(path, os.path.join(folder, other.files.config))


def _log_network(family):
    """Logs which of ELECTRA's networks was converted: they are easily confused."""
    if family.network == families.DISCRIMINATOR:
        log("converted: ELECTRA's DISCRIMINATOR, to fine-tune; fill-mask needs the generator")
    elif family.network == families.GENERATOR:
        log("converted: ELECTRA's GENERATOR, for fill-mask; to fine-tune take the discriminator")


def _check_parity(source, selection, folder, weights, hint):
    """Computes the outputs of both sides and logs the largest differences; see parity."""
    differences = parity.compare(source, selection, folder, weights)
    for name, difference in differences.items():
        log("largest difference, {}: {:.2g}".format(name, difference))
    for component in source.family.components:
        if component.name in selection.components and component.output not in differences:
            log("copied, but not compared: {}".format(component.output))
    parity.check(differences, hint)
