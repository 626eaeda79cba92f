"""Writers of the conversion: configs of both sides, and Hugging Face's weights."""

import collections
import json
import os

from common import files, pytorch
from common.errors import UserError, quoted
from common.validation import is_text
from modeling.config import read_json_object
from modeling.conversion import folders
from modeling.kernels import LAYER_NORM_EPSILON

CONFIG = "config.json"
WEIGHTS = "model.safetensors"

# Activation of a model config -> its name in transformers.
HIDDEN_ACTS = {
    "gelu_erf": "gelu",
    "gelu_tanh": "gelu_new",
    "relu": "relu",
    "tanh": "tanh",
    "linear": "linear",
}
# Name in transformers -> hidden_act in the configs of Quanci and of the original programs.
ORIGINAL_HIDDEN_ACTS = {
    "gelu": "gelu",
    "gelu_python": "gelu",
    "gelu_new": "gelu_new",
    "gelu_fast": "gelu_new",
    "gelu_accurate": "gelu_new",
    "gelu_pytorch_tanh": "gelu_new",
    "relu": "relu",
    "tanh": "tanh",
    "linear": "linear",
}


def hugging_face_config(source, selection, pad_token_id, labels, problem_type=None):
    """The content of config.json, like a file that transformers saves.

    Args:
      source: Source.
      selection: Selection.
      pad_token_id: int.
      labels: list of str, names of the classes by number; None = LABEL_0, LABEL_1, ...
      problem_type: what the outputs of a classifier mean; None: transformers' default.

    Returns:
      Ordered dict.
    """
    values = collections.OrderedDict(architectures=[selection.architecture.name])
    values["model_type"] = source.family.model_type
    values.update(source.config.to_dict())
    values["hidden_act"] = HIDDEN_ACTS[source.config.activation]
    values["layer_norm_eps"] = LAYER_NORM_EPSILON
    values["pad_token_id"] = pad_token_id
    values["position_embedding_type"] = "absolute"
    values["tie_word_embeddings"] = True
    values["torch_dtype"] = "float32"
    if source.family.network and source.family.task:
        # It names the variables of ELECTRA's heads.
        values["finetuning_task"] = source.family.task.name
    if "classifier" in selection.components or "tagger" in selection.components:
        labels = labels or ["LABEL_{}".format(i) for i in range(source.num_labels)]
        values["num_labels"] = len(labels)
        values["id2label"] = collections.OrderedDict((str(i), n) for i, n in enumerate(labels))
        values["label2id"] = collections.OrderedDict((n, i) for i, n in enumerate(labels))
        if problem_type:
            values["problem_type"] = problem_type
    return values


def original_config(path, family):
    """The model config equivalent to the config file of a Hugging Face directory.

    Args:
      path: config.json or bert_config.json; missing keys take transformers' defaults.
      family: Family.

    Returns:
      Model config; see original_values.

    Raises:
      UserError: the file is wrong, or its hidden_act is not supported.
    """
    pytorch.keep_triton_out()
    import transformers

    values = read_json_object(path, "model config")
    defaults = transformers.AutoConfig.for_model(family.model_type).to_dict()
    values = dict(defaults, **values)
    act = values["hidden_act"]
    if not is_text(act) or act not in ORIGINAL_HIDDEN_ACTS:
        raise UserError(
            "{}: hidden_act {} cannot be converted; known are {}".format(
                path, quoted(act), ", ".join(ORIGINAL_HIDDEN_ACTS)
            )
        )
    act = ORIGINAL_HIDDEN_ACTS[act]
    if family.config_class.DEFAULT_GELU == "tanh":  # the meaning of gelu in ALBERT's program
        act = {"gelu": "gelu_erf", "gelu_new": "gelu"}.get(act, act)
    values["hidden_act"] = act
    del values["model_type"]  # which would mark it as Hugging Face's
    return family.config_class(values, source=path)


def original_values(config, family):
    """The content of the config file of a TensorFlow checkpoint."""
    if not family.settings:
        return config.to_dict()
    values = dict(config.to_dict(), **family.settings)
    return collections.OrderedDict((key, values[key]) for key in sorted(values))


def write_json(path, values):
    """Writes a JSON file.

    Raises:
      UserError: it cannot be written.
    """
    with folders.writing(path), files.open_file(path, "w") as writer:
        writer.write(json.dumps(values, ensure_ascii=False, indent=2) + "\n")


def write_weights(path, names, tensors, bare):
    """Writes the weights file of a Hugging Face directory.

    Args:
      path: *.bin gives a state dict of torch.save, any other name safetensors.
      names: NameMap.
      tensors: dict variable name -> float32 array.
      bare: whether they are the bare encoder's, whose names lack the prefix NameMap.base.

    Raises:
      UserError: it cannot be written.
    """
    converted = names.to_huggingface(tensors).tensors
    if bare:
        converted = {name[len(names.base) :]: array for name, array in converted.items()}
    write = _write_state_dict if path.endswith(".bin") else _write_safetensors
    with folders.writing(path):
        write(path, names, converted)


def write_side_file(folder, side_file, tensors):
    """Writes the file of a name_tables.SideFile.

    Args:
      folder: the Hugging Face directory.
      side_file: name_tables.SideFile.
      tensors: dict variable name -> float32 array.

    Raises:
      UserError: it cannot be written.
    """
    path = os.path.join(folder, side_file.file)
    with folders.writing(path):
        _write_safetensors(path, side_file.rules, side_file.rules.to_huggingface(tensors).tensors)


def _write_safetensors(path, names, tensors):
    import safetensors
    from safetensors.numpy import save_file

    del names
    with open(path, "wb"):
        mode = os.stat(path).st_mode
    try:
        # transformers refuses a file whose metadata do not name PyTorch.
        save_file(tensors, path, metadata={"format": "pt"})
    except safetensors.SafetensorError as error:
        raise OSError(str(error)) from error
    os.chmod(path, mode)  # the library makes it readable by its owner alone


def _write_state_dict(path, names, tensors):
    pytorch.keep_triton_out()
    import torch

    state = {name: torch.from_numpy(array) for name, array in tensors.items()}
    # load_state_dict expects both names; torch.save stores tensors that share memory once.
    state.update(names.tied(state))
    try:
        torch.save(state, path)
    except RuntimeError as error:
        raise OSError(str(error)) from error
