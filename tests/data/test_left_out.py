"""The share of a text that is in no row: counted, reported, kept in the manifest."""

import json
import os
import re

import numpy as np
import pytest
from creation_runs import CORPUS, VOCAB, contents, make
from record_checks import read_shard

from data.recipes import BERT_FEATURES
from data.tokenizers.wordpiece import Vocabulary, WordPieceTokenizer

OBJECTIVES = {"bert": {}, "albert": {}, "roberta": {"short_seq_prob": 0.0}}


@pytest.fixture(scope="module")
def paragraphs(tmp_path_factory):
    """The sample's text in lines of 1,200 characters, three a document."""
    text = "".join(
        line for content in contents(CORPUS) for line in content.decode("utf-8").split("\n")
    )
    lines = [text[at : at + 1200] for at in range(0, len(text), 1200)]
    path = tmp_path_factory.mktemp("paragraphs") / "text.txt"
    documents = ("\n".join(lines[at : at + 3]) for at in range(0, len(lines), 3))
    path.write_text("\n\n".join(documents), encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("objective", ["bert", "albert", "electra", "roberta"])
def test_lines_longer_than_a_row_are_divided_as_raw_text_is(objective, paragraphs, tmp_path):
    changes = dict(OBJECTIVES.get(objective, {"masking": "dynamic"}), objective=objective)
    shares = {}
    for input_format in ("text", "raw"):
        changes["input_format"] = input_format
        _, manifest = make(tmp_path / input_format, [paragraphs], **changes)
        shares[input_format] = manifest["left_out_share"]
        lines = manifest["sentences"]
        is_divided = input_format == "text" and objective != "roberta"
        assert manifest["divided_sentences"] == (lines if is_divided else 0)
    assert shares["text"] == pytest.approx(shares["raw"], abs=0.02)
    assert shares["text"] < (0.001 if objective == "roberta" else 0.15)


@pytest.mark.parametrize("masking", ["static", "dynamic"])
def test_the_share_is_that_of_the_written_rows(masking, tmp_path):
    """Every piece of this text is another one, so that rows tell which are in none."""
    vocabulary = Vocabulary(VOCAB)
    tokens = [t for t in vocabulary.tokens if len(t) == 1 and "\u4e00" <= t <= "\u9fff"][:3000]
    rng = np.random.default_rng(1)
    lines, at = [], 0
    while at < len(tokens):
        size = int(rng.integers(10, 200))
        lines.append("".join(tokens[at : at + size]))
        at += size
    path = tmp_path / "text.txt"
    path.write_text("\n\n".join("\n".join(lines[i : i + 5]) for i in range(0, len(lines), 5)))
    changes = {"input_format": "text", "dupe_factor": 1, "masking": masking, "max_seq_length": 64}
    for workers in (1, 2):
        folder = tmp_path / str(workers)
        paths, manifest = make(folder, [str(path)], workers, segmenter="none", **changes)
        names = BERT_FEATURES if masking == "static" else ("input_ids",)
        rows = read_shard(paths[0], 64, 20, names)
        ids = rows["input_ids"].copy()
        if masking == "static":
            for row, places, originals in zip(
                ids, rows["masked_lm_positions"], rows["masked_lm_ids"]
            ):
                row[places[places > 0]] = originals[places > 0]
        text = set(WordPieceTokenizer(vocabulary).tokenize("".join(tokens)).ids.tolist())
        missing = text - set(ids.ravel().tolist())
        assert manifest["left_out_share"] == round(len(missing) / len(text), 6) > 0


def test_the_report_warns_of_much_text_in_no_row(paragraphs, tmp_path, run_in_one):
    base = {"input_file": paragraphs, "vocab_file": VOCAB, "num_workers": 1, "dupe_factor": 1}
    runs = [
        dict(base, output_file=str(tmp_path / "bert")),
        dict(base, output_file=str(tmp_path / "full"), objective="roberta"),
        dict(base, output_file=str(tmp_path / "raw"), input_format="raw", max_seq_length=64),
    ]
    text, full, raw = (result.stdout for result in run_in_one("create_pretraining_data.py", runs))
    assert re.search(r"% of the pieces are in no row; 2\d sentences longer than a row were", text)
    warning = next(line for line in text.split("\n") if "WARNING" in line)
    assert "of the text is in no row: sentences that do not fit are cut at" in warning
    assert "--max_seq_length=128; a longer row loses less" in warning
    assert "--input_format=raw where lines hold several sentences" in warning
    assert "0.00% of the pieces are in no row" in full and "WARNING" not in full
    assert "WARNING" in raw and "--input_format=raw" not in raw
    with open(os.path.join(str(tmp_path), "_bert.manifest.json"), encoding="utf-8") as f:
        assert json.load(f)["left_out_share"] > 0.05


def test_a_run_without_a_choice_of_masks_says_what_is_masked(tmp_path, run_in_one):
    base = {"input_file": CORPUS[0], "input_format": "raw", "vocab_file": VOCAB, "num_workers": 1}
    base["dupe_factor"] = 1
    cases = [
        ({}, "masking: whole words by default with --objective=bert; for single pieces"),
        ({"objective": "albert"}, "masking: runs of whole words by default with"),
        ({"objective": "electra"}, None),
        ({"masking_unit": "word"}, None),
        ({"masking_unit": "wordpiece"}, None),
        ({"do_whole_word_mask": "true"}, None),
        ({"do_whole_word_mask": "false"}, None),
        ({"objective": "albert", "ngram_probs": "0.5,0.5"}, None),
    ]
    runs = [
        dict(base, output_file=str(tmp_path / str(i)), **flags)
        for i, (flags, _) in enumerate(cases)
    ]
    for (_, expected), result in zip(cases, run_in_one("create_pretraining_data.py", runs)):
        assert result.returncode == 0, result.stderr
        if expected:
            assert expected in result.stdout
            assert "--masking_unit=wordpiece" in result.stdout
        else:
            assert "by default" not in result.stdout
