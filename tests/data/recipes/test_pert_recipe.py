"""PERT's records: from text to rows whose labels restore it, by the flags and for any workers."""

import json

import pytest
from creation_runs import CORPUS, VOCAB, contents, make
from record_checks import read_shard

from common.errors import UserError
from data.creation_settings import CreationSettings
from data.inspection import read_rows, summarize
from data.recipes import get_recipe, stated_corruption
from data.recipes.pert import Options
from data.tokenizers.wordpiece import Vocabulary

RECIPE = get_recipe("pert")
SETTINGS = {"objective": "pert", "short_seq_prob": 0.0, "max_seq_length": 64}
NGRAMS = (0.4, 0.3, 0.2, 0.1)


def test_records_from_text_restore_it_for_any_number_of_workers(tmp_path):
    made = []
    for workers in (1, 2, 3):
        names = ("a-0", "a-1")
        folder = tmp_path / str(workers)
        folder.mkdir()
        made.append(make(folder, workers=workers, names=names, **SETTINGS))
    bytes_of = [contents(paths) for paths, _ in made]
    assert bytes_of[0] == bytes_of[1] == bytes_of[2]
    paths, result = made[0]
    assert result["objective"] == "pert" and abs(result["masked_share"] - 0.15) < 0.005
    described = {"unit": "ngram", "ngram_probs": NGRAMS, "permuted_share": 0.9, "kind": "static"}
    assert described.items() <= result["masking"].items()
    assert result["features"] == [*RECIPE.features, "word_starts"]
    assert not [name for name in result["features"] if name.startswith("masked")]
    vocabulary = Vocabulary(VOCAB)
    rows = read_shard(paths[0], 64, result["max_predictions_per_seq"], result["features"])
    assert not (rows["input_ids"] == vocabulary.mask).any()
    dynamic = tmp_path / "dynamic"
    dynamic.mkdir()
    plain, unmasked = make(dynamic, names=("a-0", "a-1"), masking="dynamic", **SETTINGS)
    texts = read_shard(plain[0], 64, None, unmasked["features"])["input_ids"]
    shown = list(read_rows(paths[0], len(vocabulary)))
    assert sorted(row.original.tolist() for row in shown) == sorted(texts.tolist())
    lines = summarize(iter(shown), vocabulary)
    assert any(line.startswith("permuted: 15") for line in lines)
    (kinds,) = [line for line in lines if line.startswith("permuted pieces: 0.0% [MASK], ")]
    assert 70 < float(kinds.split("[MASK], ")[1].split("%")[0]) < 88


def test_flags_change_the_unit_and_the_share(tmp_path):
    _, result = make(
        tmp_path, CORPUS[:1], options=Options(permuted_share=0.5), masking_unit="word", **SETTINGS
    )
    assert result["masking"]["unit"] == "word" and result["masking"]["permuted_share"] == 0.5
    masking = json.loads(json.dumps(result["masking"]))
    corruption = stated_corruption("x", {"objective": "pert", "masking": masking})
    assert corruption.for_run(7).describe() == "15% by word, 50% of them permuted"
    assert result["flags"]["permuted_share"] == 0.5


@pytest.mark.parametrize(
    ("share", "fault"), [(0.0, "must be positive"), (1.5, "must be 1 or less")]
)
def test_shares_out_of_range(share, fault):
    with pytest.raises(UserError, match="--permuted_share={} {}".format(share, fault)):
        Options.of({"permuted_share": share}, "--objective=pert")
    masking = dict(RECIPE.corruption.to_manifest(), kind="static", permuted_share=share)
    masking = json.loads(json.dumps(masking))
    with pytest.raises(UserError, match="manifest x: permuted_share must be above 0"):
        stated_corruption("x", {"objective": "pert", "masking": masking})


def test_the_share_is_perts_alone():
    with pytest.raises(
        UserError, match="--permuted_share cannot be combined with --objective=bert"
    ):
        get_recipe("bert").options.of({"permuted_share": 0.8}, "--objective=bert")
    with pytest.raises(UserError, match="the options of --objective=bert must be of the class"):
        CreationSettings(VOCAB, objective="bert", options=Options()).check()
