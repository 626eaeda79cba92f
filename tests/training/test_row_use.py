"""Padding of a run's rows, and the rows that its batches take if they are packed."""

import numpy as np
import pytest
from record_files import SEQ, learnable_records, write_records

from common.errors import UserError
from modeling.objectives import get_objective
from training import row_use
from training.run_config import RunConfig

pytestmark = pytest.mark.tf1


def records_of(*lengths):
    records = learnable_records(len(lengths))
    for record, length in zip(records, lengths):
        record["input_mask"] = (np.arange(SEQ) < length).astype(np.int64)
    return records


def config_of(files, batch_size=4, **changes):
    return RunConfig(
        "", "roberta", files, [], max_seq_length=SEQ, train_batch_size=batch_size, **changes
    )


@pytest.fixture
def files(tmp_path):
    """Ten texts in three files, of which the second is empty."""
    return [
        write_records(tmp_path / "a", records_of(16, 8, 8, 4)),
        write_records(tmp_path / "b", []),
        write_records(tmp_path / "c", records_of(9, 9, 7, 7, 16, 16)),
    ]


def test_figures_by_hand(files):
    """16 8+8 4 | 9+7 9+7 | the last two make no batch."""
    use = row_use.measure(config_of(files))
    assert (use.records, use.rows) == (10, 2.5)
    assert use.padding == pytest.approx(1 - 100 / 160)
    assert use.packed_padding == pytest.approx(1 - 68 / 80)
    assert row_use.measure(config_of(files), num_micro_batches=2).rows == 3.0
    # 16 8 | 8+4 | 9 9 | 7+7 | 16 16
    assert row_use.measure(config_of(files), replicas=2).rows == pytest.approx(4 * 8 / 10)
    # Fewer texts than a batch has: 16 16 16 9+7 9+7 8+8 4, and as many more.
    assert row_use.measure(config_of(files, 20)).rows == 14.0


def test_the_first_records_are_enough(files, monkeypatch):
    monkeypatch.setattr(row_use, "SAMPLE_RECORDS", 5)
    use = row_use.measure(config_of(files))
    assert use.records == 5 and use.padding == pytest.approx(1 - 45 / 80)


def test_packing_is_proposed_where_it_pays(files, tmp_path):
    config, hint = config_of(files), "; --pack lays the 4 texts of a batch in about 2.5 rows"
    use, objective = row_use.measure(config), get_objective("roberta")
    said = "37.5% of the rows is padding (of the first 10 records)"
    assert use.shown(config, objective) == said + hint
    assert use.shown(config, get_objective("bert")) == said
    assert use.shown(config_of(files, use_tpu=True), objective) == said
    full = config_of([write_records(tmp_path / "full", records_of(*[15] * 8))])
    assert "--pack" not in row_use.measure(full).shown(full, objective)


@pytest.mark.parametrize(
    ("mask", "fault"),
    [
        (None, "feature input_mask is missing"),
        ([1] * 5, "input_mask has 5 values, but --max_seq_length is 16"),
        ([3] * SEQ, "input_mask holds 3, which is not from 0 to 1"),
    ],
)
def test_other_records_behind_the_first_ones(tmp_path, files, mask, fault):
    (record,) = records_of(3)
    record.pop("input_mask")
    if mask:
        record["input_mask"] = np.array(mask)
    odd = write_records(tmp_path / "odd", [record])
    with pytest.raises(UserError, match="^{}, record 0: {}".format(odd, fault)):
        row_use.measure(config_of([*files, odd]))
