"""Sizes of the networks and batches that are compared."""

import typing

from modeling.config import BertConfig
from modeling.flops import step_flops

VOCAB = 21128
DROPOUT = 0.1


class Shape(typing.NamedTuple):
    """A network and a batch of rows without padding.

    Attributes:
      name: in tables and keys.
      layers, hidden, heads: of the encoder; the feed-forward layer is four times as wide.
      batch, seq: rows and pieces of a row.
      predictions: masked pieces of a row.
    """

    name: str
    layers: int
    hidden: int
    heads: int
    batch: int
    seq: int
    predictions: int

    def config(self, **changes):
        """dict of bert_config.json."""
        values = {
            "vocab_size": VOCAB,
            "hidden_size": self.hidden,
            "num_hidden_layers": self.layers,
            "num_attention_heads": self.heads,
            "intermediate_size": 4 * self.hidden,
            "hidden_act": "gelu",
            "hidden_dropout_prob": DROPOUT,
            "attention_probs_dropout_prob": DROPOUT,
            "max_position_embeddings": max(self.seq, 128),
            "type_vocab_size": 2,
            "initializer_range": 0.02,
        }
        return dict(values, **changes)

    def step_flops(self):
        """Floating-point operations of an update; the vocabulary at the masked pieces only."""
        return step_flops([BertConfig(self.config())], self.batch, self.seq, self.predictions)


SHAPES = {
    "base128": Shape("base128", 12, 768, 12, 8, 128, 20),
    "base512": Shape("base512", 12, 768, 12, 2, 512, 75),
    "small128": Shape("small128", 12, 256, 4, 16, 128, 20),
    # For a look at whether everything runs.
    "tiny": Shape("tiny", 2, 64, 2, 4, 32, 5),
}
