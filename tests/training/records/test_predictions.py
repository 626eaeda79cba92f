"""Where a run's number of predictions comes from."""

import pytest
from record_files import PREDICTIONS, SEQ, learnable_records, write_records

from common.errors import UserError
from data.rows.corruptions.masking import MaskingSpec, Masks, predictions_of_row
from training.records import predictions
from training.records.manifest_agreement import check_manifests, refuse_held_out


def test_predictions_of_a_full_row():
    """google-research/bert's README has 20 of 128; 512 with the same 20 would be 4 %."""
    assert [predictions_of_row(0.15, n) for n in (8, 20, 100, 128, 256, 512)] == [
        *(2, 3, 15, 20, 39, 77)
    ]
    assert predictions_of_row(0.01, 8) == 1


def test_records_decide_then_what_is_given_then_the_share(tmp_path, capsys):
    masked = write_records(tmp_path / "masked", learnable_records(2))
    rows = [{"input_ids": r["input_ids"]} for r in learnable_records(2)]
    unmasked = write_records(tmp_path / "unmasked", rows)
    listed = {"m.json": {}, "n.json": {"max_predictions_per_seq": 7}}
    drawn = Masks(MaskingSpec(probability=0.3))
    assert predictions.settle(20, listed, None, [masked], SEQ) == 7
    assert "--max_predictions_per_seq=7 (as manifest n.json says)" in capsys.readouterr().out
    assert predictions.settle(4, {}, None, [masked], SEQ) == 4
    assert capsys.readouterr().out == ""
    assert predictions.settle(None, {}, None, [masked], SEQ) == PREDICTIONS
    assert "masked has it)" in capsys.readouterr().out
    assert predictions.settle(None, {}, drawn, [unmasked], 20) == 6
    assert predictions.settle(None, {}, None, [unmasked], 128) == 20


def test_a_number_of_the_users_own_must_agree():
    model = type("Model", (), {"vocab_size": 40, "source": "config"})
    manifests = {"m.json": {"max_predictions_per_seq": 77, "max_seq_length": 512}}
    check_manifests(manifests, model, 512, None)
    check_manifests(manifests, model, 512, 77)
    with pytest.raises(UserError, match=r"--max_predictions_per_seq=20, but manifest m\.json says"):
        check_manifests(manifests, model, 512, 20)


def test_documents_held_out_are_not_trained_on():
    manifests = {
        side: {"held_out": {"side": side}, "shards": {"train.eval.tfrecord": {}}}
        for side in ("rest", "held out")
    }
    refuse_held_out({"rest": manifests["rest"], "other": {"shards": {}}})
    with pytest.raises(UserError, match=r"--input_file reads train\.eval\.tfrecord, whose docum"):
        refuse_held_out(manifests)
