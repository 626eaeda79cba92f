"""The length of a run and of its warm-up, and what is said of it."""

import pytest

from common.errors import UserError
from optimization.config import OptimizerConfig
from training.schedule import Schedule, warn_of_many_epochs

OPTIMIZER = OptimizerConfig(learning_rate=1.0, num_train_steps=1)


def steps_of(schedule, **more):
    optimizer = schedule.apply(OPTIMIZER, **more)
    return optimizer.num_train_steps, optimizer.num_warmup_steps


def test_steps_and_warm_up(capsys):
    assert steps_of(Schedule(steps=200, warmup_steps=20)) == (200, 20)
    assert steps_of(Schedule(steps=200, warmup_share=0.25)) == (200, 50)
    assert capsys.readouterr().out == ""
    # The default is google-research/bert's of 10,000 in 100,000.
    assert steps_of(Schedule(steps=100000, reason="10%")) == (100000, 10000)
    assert "--num_warmup_steps=10000 (10%)" in capsys.readouterr().out
    # 3 epochs of 70 rows in batches of 16: the last batch reaches beyond them.
    assert steps_of(Schedule(epochs=3.0), rows=70, batch=16) == (14, 1)
    assert "--num_train_steps=14 (3 epochs of 70 rows in batches of 16)" in capsys.readouterr().out
    assert steps_of(Schedule(epochs=0.001), rows=70, batch=16) == (1, 0)


def test_a_warm_up_beyond_the_end():
    for warmup in (200, 10000):
        with pytest.raises(UserError, match=r"is not below the run's 200 steps") as raised:
            Schedule(steps=200, warmup_steps=warmup).apply(OPTIMIZER)
    assert "to 0.02 of --learning_rate" in str(raised.value)
    assert str(raised.value).endswith("--warmup_proportion=50")
    assert steps_of(Schedule(steps=200, warmup_share=50.0)) == (200, 10000)


def test_many_epochs(capsys):
    warn_of_many_epochs(1000, 10, 4000, is_drawn=False)  # 40
    warn_of_many_epochs(None, 10, 10**6, is_drawn=False)
    assert capsys.readouterr().out == ""
    warn_of_many_epochs(1000, 10, 10000, is_drawn=False)
    warned = capsys.readouterr().out
    assert "WARNING: each of the 1,000 rows is read 100 times, with the same masks" in warned
    assert "learns them by heart" in warned and "--masking=dynamic" in warned
    warn_of_many_epochs(1000, 10, 10000, is_drawn=True)
    warned = capsys.readouterr().out
    assert "is read 100 times: the model" in warned and "dynamic" not in warned
