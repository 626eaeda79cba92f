"""Comparison of the TensorFlow network with PyTorch's on the same random rows."""

import collections
import contextlib
import importlib
import os

import numpy as np

from common.errors import UserError
from modeling.config import read_json_object
from modeling.conversion import huggingface, network

# Largest difference allowed between the two outputs, in float32.
TOLERANCE = 1e-4
ROWS, LONGEST_ROW = 4, 32
PACKAGES = ("torch", "transformers", "safetensors", "tokenizers")


def require_packages():
    """Raises UserError where a package that the conversion needs is not installed."""
    for package in PACKAGES:
        try:
            importlib.import_module(package)
        except ImportError as error:
            raise UserError(
                "the conversion needs the Python package {}, which is not installed; install it "
                "(Python 3.9 and above), or convert on another machine".format(package)
            ) from error


def compare(source, selection, folder, weights):
    """Computes both networks on random rows: padded ones, of several token types.

    Args:
      source: Source, the TensorFlow side.
      selection: Selection, the components to compare.
      folder: Hugging Face directory, the other side; read by transformers.
      weights: name of the weights file in it, None = the one that transformers finds.

    Returns:
      Ordered dict: name of an output -> the largest difference, see largest_difference.

    Raises:
      UserError: transformers does not find all weights.
    """
    inputs = random_inputs(source.config)
    theirs = _their_outputs(folder, weights, source.family, selection, inputs)
    ours = network.outputs(source, [p for p in selection.components if p in theirs], inputs)
    titles = {component.name: component.output for component in source.family.components}
    return collections.OrderedDict(
        (titles.get(name, name), largest_difference(ours[name], theirs[name])) for name in theirs
    )


def check(differences, hint):
    """Refuses a conversion whose outputs differ.

    Args:
      differences: result of `compare`.
      hint: end of the message, what to do.

    Raises:
      UserError: a difference is above TOLERANCE.
    """
    for name, difference in differences.items():
        if not difference <= TOLERANCE:  # true for nan, too
            raise UserError(
                "TensorFlow and PyTorch differ by {:.2g} in {}, where {:g} is allowed; nothing was "
                "written; {}".format(difference, name, TOLERANCE, hint)
            )


def random_inputs(config):
    """Dict of int32 arrays [batch, seq]: input_ids, input_mask (row 0 is full), segment_ids."""
    rng = np.random.RandomState(0)
    seq = min(LONGEST_ROW, config.max_position_embeddings)
    lengths = rng.randint(1, seq + 1, size=ROWS)
    lengths[0] = seq
    mask = (np.arange(seq) < lengths[:, np.newaxis]).astype(np.int32)
    ids = rng.randint(0, config.vocab_size, (ROWS, seq)).astype(np.int32)
    types = rng.randint(0, config.type_vocab_size, (ROWS, seq)).astype(np.int32)
    return {"input_ids": ids * mask, "input_mask": mask, "segment_ids": types}


def _their_outputs(folder, weights, family, selection, inputs):
    """The outputs of network.outputs, computed by transformers."""
    import torch

    names = {"input_mask": "attention_mask", "segment_ids": "token_type_ids"}
    fed = {names.get(k, k): torch.from_numpy(v).long() for k, v in inputs.items()}
    has_pooler = "pooler" in selection.components
    pooling = {"add_pooling_layer": has_pooler} if family.has_component("pooler") else {}
    with _quiet(), torch.no_grad(), _library_errors(folder):
        bare = _load(family.architectures[-1].name, folder, weights, **pooling)
        encoded = bare(output_hidden_states=True, **fed)
        outputs = collections.OrderedDict(
            [(network.HIDDEN_STATES, states_of_layers(encoded.hidden_states, bare.config))]
        )
        if has_pooler:
            outputs["pooler"] = encoded.pooler_output.numpy()
        del bare
        if selection.architecture.logits:
            scores = _load(selection.architecture.name, folder, weights)(**fed)
            for component, attribute in selection.architecture.logits.items():
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


def _load(class_name, folder, weights, **arguments):
    """A model of transformers in float32, from a directory or a weights file of any name in it."""
    import torch
    import transformers

    model_class = getattr(transformers, class_name)
    config = model_class.config_class.from_dict(
        read_json_object(huggingface.config_file(folder), "model config")
    )
    if weights is None or weights in huggingface.WEIGHTS:
        place = {"pretrained_model_name_or_path": folder}
    else:
        state = torch.load(os.path.join(folder, weights), map_location="cpu", weights_only=True)
        place = {"pretrained_model_name_or_path": None, "state_dict": state}
    model, info = model_class.from_pretrained(
        config=config, output_loading_info=True, local_files_only=True, **place, **arguments
    )
    if info["missing_keys"] or info["mismatched_keys"]:
        raise UserError(
            "transformers' {} does not find {} in {}".format(
                class_name, list(info["missing_keys"]) + list(info["mismatched_keys"]), folder
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


def largest_difference(ours, theirs):
    """Largest difference of two arrays, or of the pairs of two lists of arrays; nan where either is
    no number, or the lists differ in length."""
    if isinstance(theirs, list):
        if len(ours) != len(theirs):
            return np.nan
        return max(
            (largest_difference(a, b) for a, b in zip(ours, theirs)),
            key=lambda d: np.inf if np.isnan(d) else d,
        )
    return float(np.abs(np.float64(ours) - np.float64(theirs)).max())
