"""Records whose tags are to be predicted."""

from unittest import mock

import numpy as np
import pytest
from record_files import TINY_CONFIG, tagged_records, write_records

from common.errors import UserError
from modeling.config import BertConfig
from prediction import record_tags

pytestmark = pytest.mark.tf1


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("masked_lm_positions", [1, 500, 2], "holds 500, but --max_seq_length is 16"),
        ("masked_lm_ids", [1, -1, 2], "holds -1, which is not from 0 to 39"),
        ("masked_lm_ids", [1, 2], "has 2 values, but --max_predictions_per_seq is 3"),
        ("pos_labels", [-1, 99, 0], "holds 99, which is not from -1 to"),
    ],
)
def test_a_record_that_does_not_fit_is_named(tmp_path, name, value, message):
    records = tagged_records(4)
    records[2][name] = np.array(value)
    path = write_records(tmp_path / "r", records)
    with mock.patch.object(record_tags, "Predictor"):
        tags = record_tags.predict([path], "x", BertConfig(TINY_CONFIG), 2)
        with pytest.raises(UserError) as caught:
            list(tags)
    assert str(caught.value).startswith("{}, record 2: {} {}".format(path, name, message))
