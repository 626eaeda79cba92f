"""The files beside checkpoints with which they can be used by themselves: model config, vocabulary,
settings of texts, task.json of a fine-tuned model."""

import json
import os
import re

from common import files, outputs
from data.tokenizers import huggingface_directory, text_settings
from data.tokenizers.vocabularies import FILE_NAMES
from modeling.conversion import export, huggingface
from modeling.conversion.families import FAMILIES

# Of the networks; ELECTRA's are discriminator.json and generator.json.
CONFIGS = tuple(dict.fromkeys(family.files.config for family in FAMILIES))
TASK = "task.json"
# Configs under other names in releases: bert_config_rbt3.json, base_discriminator_config.json.
_OTHER_CONFIG = re.compile(r"(?!sentence_).*(bert|lert|pert|electra|discriminator).*config.*\.json")
NAMES = (*CONFIGS, *FILE_NAMES, text_settings.FILE_NAME, TASK)


def write(folder, networks, vocabulary=None, settings=None):
    """Writes the files of a model that is trained, but for task.json.

    Args:
      folder: of its checkpoints.
      networks: dict name -> model config, the first that of the model; see Objective.networks.
      vocabulary: of data.tokenizers.vocabularies, None where it is not known.
      settings: text_settings.TextSettings, None where they are not known.
    """
    (_, config), *others = networks.items()
    contents = {config_name(config): _config_text(config)}
    # Of two networks with one config, such as towers, there is one file.
    for name, other in others:
        file_name = name.split("_")[0] + ".json"
        contents.setdefault(file_name, _config_text(other))
    if vocabulary:
        contents[vocabulary.file_name] = _vocabulary_content(vocabulary)
    if settings:
        contents[text_settings.FILE_NAME] = settings.to_json()
    for name, content in contents.items():
        _write(os.path.join(folder, name), content)


def config_name(config):
    """The name of a model config's file."""
    return next(f.files.config for f in FAMILIES if f.config_class is type(config))


def copy(folder, target):
    """Copies those of the files that are in `folder` to the folder `target`."""
    for name in NAMES:
        source = os.path.join(folder, name)
        if files.exists(source):
            outputs.copy_atomically(source, os.path.join(target, name))


def find_configs(folders):
    """Paths of the model configs in the first of the folders that has any, those of usual names;
    of several under other names none is chosen.

    Returns:
      List of str: of most models one; of ELECTRA's two networks the discriminator's first.
    """
    for folder in folders:
        if huggingface.is_directory(folder):
            return [huggingface.config_file(folder)]
        names = files.names_in(folder)
        others = [name for name in sorted(names) if _OTHER_CONFIG.fullmatch(name)]
        usual = [name for name in (*CONFIGS, export.CONFIG) if name in names]
        if usual or len(others) == 1:
            return [os.path.join(folder, name) for name in usual or others]
    return []


def find_vocabularies(folders):
    """Path of the vocabulary in the first of the local folders that has one: a list of one or no
    str."""
    for folder in folders:
        names = [] if files.is_remote(folder) else files.names_in(folder)
        for name in (*FILE_NAMES, huggingface_directory.WHOLE):
            if name in names:
                return [os.path.join(folder, name)]
    return []


def _config_text(config):
    """A config as JSON that means the same whatever --gelu it was read with."""
    values = config.to_dict()
    for act in (config.hidden_act, config.activation):
        values["hidden_act"] = act
        if type(config)(values).activation == config.activation:
            break
    return json.dumps(values, ensure_ascii=False, indent=2) + "\n"


def _vocabulary_content(vocabulary):
    """A vocabulary's file as it is, where no rows were added to it."""
    if not vocabulary.is_as_file:
        return "".join(token + "\n" for token in vocabulary.tokens)
    with files.open_file(vocabulary.path, "rb") as reader:
        return reader.read()


def _write(path, content):
    content = content if isinstance(content, bytes) else content.encode("utf-8")
    if files.exists(path):
        with files.open_file(path, "rb") as reader:
            if reader.read() == content:
                return
    with outputs.replacing(path) as writer:
        writer.write(content)
