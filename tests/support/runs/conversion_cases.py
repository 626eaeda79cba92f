"""Checkpoints of ALBERT and ELECTRA to convert, and what must come of them, for tests."""

import json
import os

import huggingface_models as models
import numpy as np

from modeling.conversion import huggingface, network

SIZES = {
    "vocab_size": 30,
    "embedding_size": 12,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "max_position_embeddings": 20,
    "type_vocab_size": 2,
}


def parity(printed):
    """What was compared -> the largest difference."""
    lines = [
        line.split("largest difference, ")[1] for line in printed.splitlines() if "est d" in line
    ]
    return {name: float(figure) for name, figure in (line.split(": ") for line in lines)}


def assert_compared(printed, *names):
    figures = parity(printed)
    assert set(figures) == {"hidden states"} | set(names)
    assert all(figure < 1e-5 for figure in figures.values()), figures


def random_variables(config, family, seed=0):
    """Random values of all variables of a network with all its components but fine-tuned ones."""
    components = [
        component.name
        for component in family.components
        if component.name not in ("classifier", "answers")
    ]
    shapes = network.shapes(family.network_config(config), components, 1)
    rng = np.random.RandomState(seed)
    return {n: (rng.standard_normal(s) * 0.3).astype(np.float32) for n, s in shapes.items()}


def write(folder, variables, sizes, name="config.json"):
    """A checkpoint and its config; flags to convert it."""
    os.makedirs(str(folder), exist_ok=True)
    huggingface.write_checkpoint(os.path.join(str(folder), "model.ckpt"), variables)
    config = os.path.join(str(folder), name)
    with open(config, "w", encoding="utf-8") as writer:
        json.dump(sizes, writer)
    return {"tf_checkpoint_path": str(folder), "config_file": config}


def inputs_of(features):
    return {name: features[name] for name in ("input_ids", "input_mask", "segment_ids")}


def at_positions(logits, positions):
    """log softmax [batch * P, vocab] at positions [batch, P]."""
    picked = logits[np.arange(len(logits))[:, None], positions]
    return models.log_softmax(picked.reshape(-1, picked.shape[-1]))


def assert_close(got, expected):
    for name, value in got.items():
        np.testing.assert_allclose(value, expected[name], rtol=0, atol=1e-5, err_msg=name)
