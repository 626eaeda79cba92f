"""What a run's masks are: from manifests, or from the objective alone."""

import collections
import json

import pytest
from record_files import VOCAB, learnable_records, write_records

from common.errors import UserError
from common.options import FamilyOptions
from data.recipes.electra import ELECTRA_REPLACEMENT
from data.records.manifest import find_manifests
from data.rows.corruptions.masking import BERT_REPLACEMENT, Masks
from data.tokenizers.wordpiece import SPECIAL_TOKENS, Vocabulary
from training.records import masking_choice

Objective = collections.namedtuple(
    "Objective", ["name", "feature_names", "options"], defaults=[FamilyOptions()]
)
Run = collections.namedtuple("Run", ["max_seq_length", "max_predictions_per_seq", "seed"])
Model = collections.namedtuple("Model", ["vocab_size", "source"])

UNMASKED = ["input_ids", "input_mask", "segment_ids"]
PREDICTIONS = ["masked_lm_positions", "masked_lm_ids", "masked_lm_weights"]
ELECTRA = Objective("electra", [*UNMASKED, "masked_input_ids", *PREDICTIONS])
ROBERTA = Objective("roberta", UNMASKED + PREDICTIONS)
RUN, MODEL = Run(128, 20, 3), Model(VOCAB, "config.json")


@pytest.fixture
def vocab_file(tmp_path):
    tokens = [*SPECIAL_TOKENS, *(chr(0x4E00 + i) for i in range(VOCAB - len(SPECIAL_TOKENS)))]
    (tmp_path / "vocab.txt").write_text("\n".join(tokens) + "\n", encoding="utf-8")
    return str(tmp_path / "vocab.txt")


@pytest.fixture
def records(tmp_path):
    """Makes a file of records; with masking also its manifest."""

    def make(name="rows", features=UNMASKED, vocab_file=None, **masking):
        rows = [{k: r[k] for k in features} for r in learnable_records(3)]
        path = write_records(tmp_path / name, rows)
        if masking:
            written = {"shards": {name: {"records": 3}}, "masking": masking}
            if vocab_file:
                written["vocab_sha256"] = Vocabulary(vocab_file).sha256
            (tmp_path / "_{}.manifest.json".format(name)).write_text(json.dumps(written))
        return path

    return make


def said(kind="dynamic", **changes):
    spec = {"probability": 0.2, "unit": "word", "ngram_probs": [1.0]}
    return {**spec, "replacement": list(BERT_REPLACEMENT), "kind": kind, **changes}


def choose(
    paths, vocab_file, objective=ELECTRA, probability=None, run=RUN, model=MODEL, beside=None
):
    stated = masking_choice.stated_by_manifests(find_manifests(paths), vocab_file, beside)
    return masking_choice.choose_drawing(
        stated, objective, paths, vocab_file, model, run, probability, beside
    )


def test_records_without_a_manifest_are_masked_as_google_does(records, vocab_file):
    drawing = choose([records()], vocab_file)
    spec = drawing.spec
    assert spec.with_replacement and spec.unit == "wordpiece" and spec.probability == 0.15
    assert spec.replacement == ELECTRA_REPLACEMENT
    assert spec.max_predictions == 19  # int((0.15 + 0.005) * 128), not the flag
    assert (
        drawing.keeps_original and drawing.special_ids == (2, 3, 4) and drawing.tokens.mask_id == 4
    )
    assert drawing.seed == 3
    assert choose([records()], vocab_file, run=Run(512, 20, 3)).spec.max_predictions == 79


def test_the_manifest_says_how_and_the_run_may_say_how_much(records, vocab_file, capsys):
    path = records(vocab_file=vocab_file, **said(replacement=[0.85, 0.0, 0.15]))
    drawing = choose([path], vocab_file)
    assert drawing.spec.unit == "word" and not drawing.spec.with_replacement
    assert drawing.spec.max_predictions == 26 and drawing.keeps_original
    assert "masks: drawn anew for every batch, 20% by word, at most 26 a row (as the" in (
        capsys.readouterr().out
    )
    drawing = choose([path], vocab_file, probability=0.3)
    assert drawing.spec.probability == 0.3 and drawing.spec.max_predictions == 39
    assert "30% by word, at most 39 a row (the share was asked for)" in capsys.readouterr().out
    with pytest.raises(UserError, match="must lie between 0 and 1"):
        choose([path], vocab_file, probability=1.5)


def test_an_objective_without_masked_ids_of_its_own(records, vocab_file):
    assert choose([records()], vocab_file, ROBERTA) is None
    path = records(vocab_file=vocab_file, **said(unit="wordpiece"))
    drawing = choose([path], vocab_file, ROBERTA)
    assert drawing.spec.max_predictions == 20 and not drawing.keeps_original


def test_manifests_of_before_and_of_now_agree(records, vocab_file):
    paths = [
        records("a", vocab_file=vocab_file, **said()),
        records("b", vocab_file=vocab_file, **said(with_replacement=False, max_predictions=9)),
    ]
    assert choose(paths, vocab_file).spec.unit == "word"
    paths.append(records("c", vocab_file=vocab_file, **said(unit="wordpiece")))
    with pytest.raises(
        UserError, match="were made with different masking; use records of one kind"
    ):
        choose(paths, vocab_file)
    paths[-1] = records("c", vocab_file=vocab_file, **said(kind="static"))
    with pytest.raises(UserError, match="were made with different masking"):
        choose(paths, vocab_file)


@pytest.mark.parametrize("has_manifest", [False, True])
def test_masked_records_are_refused(records, vocab_file, has_manifest):
    masking = said(kind="static") if has_manifest else {}
    path = records(features=UNMASKED + PREDICTIONS, **masking)
    words = "rows holds masked rows, but --objective=electra draws masks in training; make records"
    with pytest.raises(UserError, match=words):
        choose([path], vocab_file)


def test_the_vocabulary_beside_the_weights(records, vocab_file, capsys):
    for path in (records(), records(vocab_file=vocab_file, **said())):
        drawing = choose([path], None, beside=vocab_file)
        assert drawing.spec == choose([path], vocab_file).spec and drawing.tokens.mask_id == 4
        said_once = "--vocab_file={}, beside the weights".format(vocab_file)
        assert capsys.readouterr().out.count(said_once) == 1


def test_what_is_wrong_with_the_vocabulary(records, vocab_file, tmp_path):
    path = records()
    with pytest.raises(UserError, match=r"--objective=electra draws masks in .* --vocab_file"):
        choose([path], None)
    with pytest.raises(UserError, match=r"vocab.txt holds 40 tokens, but vocab_size .* is 41"):
        choose([path], vocab_file, model=Model(VOCAB + 1, "config.json"))
    path = records(vocab_file=vocab_file, **said())
    with pytest.raises(UserError, match="says that masks are drawn in training: give --vocab_file"):
        choose([path], None)
    other = tmp_path / "other.txt"
    other.write_text("\n".join([*SPECIAL_TOKENS, "a"]) + "\n")
    with pytest.raises(UserError, match=r"other.txt is not the vocabulary of the records"):
        choose([path], str(other))


def test_an_objective_reads_targets_that_the_corruption_does_not_make(
    records, vocab_file, monkeypatch
):
    path = records(vocab_file=vocab_file, **said())
    monkeypatch.setattr(Masks, "targets", tuple(PREDICTIONS[:2]))
    message = "--objective=roberta reads masked_lm_weights, which the masking of these records"
    with pytest.raises(UserError, match=message):
        choose([path], vocab_file, ROBERTA)


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"with_replacement": 1}, "masking must be an object with kind, unit and shares"),
        ({"unit": None}, "masking must be an object with kind, unit and shares, found"),
        ({"ngram_probs": [1.0, "x"]}, "masking must be an object with kind, unit and shares"),
        ({"with_replacement": True}, "draws with replacement take single pieces"),
        ({"unit": "letter"}, "unknown masking unit 'letter'"),
        ({"replacement": [1.0]}, "replacement must be the three probabilities"),
        ({"probability": 1.5}, "manifest.json: probability must lie between 0 and 1, found 1.5"),
        ({"ngram_probs": [0.5]}, "manifest.json: ngram_probs must be probabilities that add up"),
        ({"kind": "static", "unit": 3}, "masking must be an object with kind, unit and shares"),
        ({"kind": "sometimes"}, "masking must be an object with the kind of masking"),
    ],
)
def test_manifests_that_cannot_be_followed(records, vocab_file, changes, message):
    path = records(vocab_file=vocab_file, **dict(said(), **changes))
    with pytest.raises(UserError, match=message) as error:
        choose([path], vocab_file)
    assert "_rows.manifest.json" in str(error.value)
