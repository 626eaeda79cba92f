"""The steps at which a fine-tuning is evaluated."""

from hypothesis import given
from hypothesis import strategies as st

from cli.finetuning_trials import epoch_steps


@given(st.integers(1, 100000), st.integers(1, 64), st.integers(1, 10))
def test_an_epoch_is_evaluated_once(count, batch_size, epochs):
    steps = max(1, int(count / batch_size * epochs))  # google-research/bert, run_classifier.py
    interval = epoch_steps(count, batch_size)
    evaluated = {*range(interval, steps + 1, interval), steps}
    assert len(evaluated) <= epochs
    assert interval - 1 < count / batch_size <= interval


def test_a_broken_epoch_by_hand():
    # 800 rows by 24: 33.3 steps an epoch, 100 in three; 33 would be followed by 66, 99 and 100.
    assert epoch_steps(800, 24) == 34
