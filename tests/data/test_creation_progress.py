"""The bar of data creation moves within a unit, as evenly as the passes over it."""

from creation_runs import CORPUS, VOCAB

from data.creation import RecordWork
from data.creation_settings import CreationSettings
from data.text import corpus

PASSES = 20


def test_shares_of_a_unit_rise_with_every_pass(tmp_path):
    settings = CreationSettings(VOCAB, input_format="raw", dupe_factor=PASSES)
    unit = corpus.plan_units(CORPUS, "raw")[0]
    shares = []
    RecordWork(settings).make_processor().run(unit, str(tmp_path / "part"), shares.append)
    assert shares == sorted(shares) and shares[-1] == 1.0
    # Words and pieces are a ninth of the work of twenty passes, not a half.
    assert len(set(shares)) > PASSES
    assert min(share for share in shares if share > 0) < 0.2
