"""Comparison of the TensorFlow network with PyTorch's on the same random rows."""

import collections
import importlib.util

import numpy as np

from common import separate_process
from common.errors import UserError
from modeling.conversion import huggingface, network, pytorch_outputs

# Largest difference allowed between the two outputs, in float32.
TOLERANCE = 1e-4
ROWS, LONGEST_ROW = 4, 32
PACKAGES = ("torch", "transformers", "safetensors", "tokenizers")


def require_packages():
    """Raises UserError where a package that the conversion needs is not installed."""
    for package in PACKAGES:
        if importlib.util.find_spec(package) is None:
            raise UserError(
                "the conversion needs the Python package {}, which is not installed; install it "
                "(Python 3.9 and above), or convert on another machine".format(package)
            )


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
    """The outputs of network.outputs, computed by transformers in a process of its own."""
    names = {"input_mask": "attention_mask", "segment_ids": "token_type_ids"}
    has_pooler = "pooler" in selection.components
    request = pytorch_outputs.Request(
        folder=folder,
        config_file=huggingface.config_file(folder),
        weights=None if weights in huggingface.WEIGHTS else weights,
        bare=family.architectures[-1].name,
        pooling={"add_pooling_layer": has_pooler} if family.has_component("pooler") else {},
        has_pooler=has_pooler,
        scores=selection.architecture.name if selection.architecture.logits else None,
        logits=dict(selection.architecture.logits or {}),
        inputs={names.get(name, name): array for name, array in inputs.items()},
    )
    return separate_process.call(pytorch_outputs.__name__, "compute", tuple(request))


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
