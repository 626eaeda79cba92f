"""Outputs of a model that transformers computes. Does not import TensorFlow."""

import collections
import contextlib
import os
from typing import Any, NamedTuple, Optional

from common.errors import UserError
from modeling.config import read_json_object

HIDDEN_STATES = "hidden states"


class Request(NamedTuple):
    """What `compute` computes.

    Attributes:
      folder: Hugging Face directory.
      config_file: its config.
      weights: name of a weights file in it, None = the one that transformers finds.
      bare: class name of the model without heads.
      pooling: dict of arguments for its pooler.
      has_pooler: whether the pooler's output is asked for.
      scores: class name of the model with heads, or None.
      logits: dict: component -> attribute of its result, or a list of them.
      inputs: dict of arrays [batch, seq], int32: input_ids, attention_mask, token_type_ids.
    """

    folder: str
    config_file: str
    weights: Optional[str]
    bare: str
    pooling: Any
    has_pooler: bool
    scores: Optional[str]
    logits: Any
    inputs: Any


def compute(request):
    """Computes the outputs in float32.

    Args:
      request: Request, or the tuple of its fields.

    Returns:
      Ordered dict: name -> array, or a list of them: "hidden states" (each [batch, seq, hidden]),
      "pooler" ([batch, hidden]) and the components of `logits`.

    Raises:
      UserError: transformers cannot compute the model, or does not find all weights.
    """
    import torch

    request = Request(*request)
    fed = {name: torch.from_numpy(array).long() for name, array in request.inputs.items()}
    with _quiet(), torch.no_grad(), _library_errors(request.folder):
        bare = _load(request, request.bare, **request.pooling)
        encoded = bare(output_hidden_states=True, **fed)
        outputs = collections.OrderedDict(
            [(HIDDEN_STATES, states_of_layers(encoded.hidden_states, bare.config))]
        )
        if request.has_pooler:
            outputs["pooler"] = encoded.pooler_output.numpy()
        del bare
        if request.scores:
            if request.scores.endswith("ForMultipleChoice"):
                fed = {name: values[:, None] for name, values in fed.items()}  # one choice a row
            scores = _load(request, request.scores)(**fed)
            for component, attribute in request.logits.items():
                outputs[component] = _scores(scores, attribute)
    return outputs


def states_of_layers(states, config):
    """Hidden states of a model of transformers that network.outputs has, too.

    Args:
      states: tuple of tensors [batch, seq, hidden], embeddings first. Version 4 gives one for each
        layer, version 5 one for each block of ALBERT's layers (inner_group_num).
      config: of that model.

    Returns:
      List of arrays: the embeddings and each layer's last block.
    """
    blocks = (len(states) - 1) // config.num_hidden_layers
    return [state.numpy() for state in states[::blocks]]


def _scores(result, attribute):
    """An array, or a list of them where `attribute` is a list of names."""
    if isinstance(attribute, list):
        return [_scores(result, name) for name in attribute]
    return getattr(result, attribute).numpy()


def _load(request, class_name, **arguments):
    """A model of transformers in float32, from a directory or a weights file of any name in it."""
    import torch
    import transformers

    model_class = getattr(transformers, class_name)
    config = model_class.config_class.from_dict(
        read_json_object(request.config_file, "model config")
    )
    if request.weights is None:
        place = {"pretrained_model_name_or_path": request.folder}
    else:
        path = os.path.join(request.folder, request.weights)
        state = torch.load(path, map_location="cpu", weights_only=True)
        place = {"pretrained_model_name_or_path": None, "state_dict": state}
    model, info = model_class.from_pretrained(
        config=config, output_loading_info=True, local_files_only=True, **place, **arguments
    )
    if info["missing_keys"] or info["mismatched_keys"]:
        raise UserError(
            "transformers' {} does not find {} in {}".format(
                class_name,
                list(info["missing_keys"]) + list(info["mismatched_keys"]),
                request.folder,
            )
        )
    return model.float().eval()


@contextlib.contextmanager
def _library_errors(folder):
    """Reports any failure of transformers; a config can make it raise undocumented exceptions."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        raise UserError(
            "transformers cannot compute the model in {} ({}: {}); look in its config for settings "
            "that Quanci does not have".format(
                folder, type(error).__name__, " ".join(str(error).split())[:200]
            )
        ) from error


@contextlib.contextmanager
def _quiet():
    """Silences transformers' progress bars and its warnings about unused weights."""
    from transformers.utils import logging

    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()
