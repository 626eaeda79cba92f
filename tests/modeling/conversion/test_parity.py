"""What parity compares, and what it does not let through."""

import collections

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from common import separate_process
from common.errors import UserError
from modeling.conversion import parity, pytorch_outputs

Config = collections.namedtuple("Config", "num_hidden_layers")


@pytest.mark.parametrize("blocks", [1, 2, 3])
def test_one_state_for_each_layer(blocks):
    """Embeddings and last blocks, whether transformers gives all blocks or not."""
    states = tuple(torch.full([1, 2, 3], float(i)) for i in range(1 + 4 * blocks))
    got = pytorch_outputs.states_of_layers(states, Config(num_hidden_layers=4))
    assert [state[0, 0, 0] for state in got] == [i * blocks for i in range(5)]


def test_pytorch_computes_without_tensorflow(tmp_path, monkeypatch):
    monkeypatch.setattr(separate_process._Process, "_current", None)
    loaded = separate_process.call("computed_apart", "modules_after_computing", str(tmp_path))
    assert loaded == ["torch"]


def test_lists_of_different_lengths_are_different():
    states = [np.zeros([1, 2, 3])] * 3
    assert parity.largest_difference(states, states) == 0.0
    difference = parity.largest_difference(states, states[:2])
    with pytest.raises(UserError, match="differ by nan in hidden states"):
        parity.check({"hidden states": difference}, "hint")
