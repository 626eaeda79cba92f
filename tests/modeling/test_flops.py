"""Operations of an update, against multiplications counted by hand."""

import pytest

from modeling.config import BertConfig
from modeling.config_families import AlbertConfig, AlbertZhConfig
from modeling.flops import step_flops

pytestmark = pytest.mark.tf1

HIDDEN, INNER, NARROW, WORDS = 32, 64, 8, 50
ROWS, LENGTH, PREDICTIONS = 4, 16, 3
SIZES = {
    "vocab_size": WORDS,
    "hidden_size": HIDDEN,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": INNER,
}
ALBERT = dict(SIZES, embedding_size=NARROW)
BLOCK = 4 * HIDDEN * HIDDEN + 2 * HIDDEN * INNER + 2 * HIDDEN * LENGTH


@pytest.mark.parametrize(
    "model, blocks, projection, head",
    [
        (BertConfig(SIZES), 2, 0, HIDDEN * (HIDDEN + WORDS)),
        (AlbertConfig(ALBERT), 2, NARROW * HIDDEN, NARROW * (HIDDEN + WORDS)),
        # Layers that share their weights are computed as often as they run.
        (
            AlbertConfig(dict(ALBERT, inner_group_num=3)),
            6,
            NARROW * HIDDEN,
            NARROW * (HIDDEN + WORDS),
        ),
        (
            AlbertZhConfig(dict(ALBERT, ln_type="preln")),
            2,
            NARROW * HIDDEN,
            HIDDEN * HIDDEN + HIDDEN * NARROW + NARROW * WORDS,
        ),
    ],
)
def test_a_network(model, blocks, projection, head):
    forward = ROWS * LENGTH * (projection + blocks * BLOCK) + ROWS * PREDICTIONS * head
    assert step_flops([model], ROWS, LENGTH, PREDICTIONS) == 6 * forward


def test_the_head_is_on_the_last_of_two():
    narrow, wide = BertConfig(dict(SIZES, num_hidden_layers=1)), BertConfig(SIZES)
    both = step_flops([narrow, wide], ROWS, LENGTH, PREDICTIONS)
    encoder = step_flops([narrow], ROWS, LENGTH, 0)
    assert both == encoder + step_flops([wide], ROWS, LENGTH, PREDICTIONS)
