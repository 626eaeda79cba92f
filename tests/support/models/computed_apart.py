"""A tiny model that a process without TensorFlow computes; this module imports none either."""

import sys

import numpy as np
import transformers

from modeling.conversion import pytorch_outputs


def modules_after_computing(folder):
    """Of a tiny model: the libraries that the process which computes it has."""
    sizes = {"num_hidden_layers": 1, "hidden_size": 8, "num_attention_heads": 2}
    config = transformers.BertConfig(vocab_size=9, intermediate_size=8, **sizes)
    transformers.BertModel(config).save_pretrained(folder)
    inputs = {"input_ids": np.ones((2, 4), np.int32)}
    states = pytorch_outputs.compute(
        (folder, folder + "/config.json", None, "BertModel", {}, True, None, {}, inputs)
    )
    assert states["pooler"].shape == (2, 8) and len(states["hidden states"]) == 2
    return [name for name in ("torch", "tensorflow") if name in sys.modules]
