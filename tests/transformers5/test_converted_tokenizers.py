"""AutoTokenizer of transformers 5 on what convert_checkpoint.py writes: the ids of Quanci."""

import numpy as np
import pytest
import transformers
import transformers_readings as readings

TWENTY = 20


def test_awkward_strings(case, cases):
    """All twenty, by Quanci's own tokenizer."""
    texts, expected = cases.texts["awkward"], cases.of(case)["awkward"]
    got = readings.ids_of(cases.tokenizer(case), texts)
    alike = sum(ours == theirs for ours, theirs in zip(expected, got))
    assert (alike, len(texts), len(got)) == (TWENTY, TWENTY, TWENTY)


@pytest.mark.parametrize("name", readings.READERS_OF_LINES)
def test_lines_of_task_files(name, cases):
    lines = cases.texts["lines"]
    if not lines:
        pytest.skip("the reference data (../shared) was not there when the cases were made")
    assert len(lines) > 10000
    expected = cases.arrays(name + ".ids.npz")
    got = readings.ids_of(cases.tokenizer(name), lines)
    np.testing.assert_array_equal([len(row) for row in got], expected["lengths"])
    np.testing.assert_array_equal([i for row in got for i in row], expected["ids"])


def test_pairs_special_tokens_and_limits(case, cases):
    """Token types come out, [MASK] in a text is one piece, a pair is cut where it is to be."""
    facts = readings.facts_of(cases.tokenizer(case))
    assert facts == cases.of(case)["tokenizer"]
    assert facts["special"]["mask"] in facts["pair"]["input_ids"]
    assert set(facts["pair"]["token_type_ids"]) == {0, 1}
    assert len(facts["cut"]["input_ids"]) == 18
    assert facts["model_max_length"] == 64
    assert facts["do_lower_case"] is not case.endswith("_cased")


@pytest.mark.parametrize("options", [{}, {"use_fast": False}])
def test_tokenizers_that_transformers_5_saves(case, options, cases, tmp_path):
    tokenizer = transformers.AutoTokenizer.from_pretrained(cases.directory(case), **options)
    tokenizer.save_pretrained(str(tmp_path))
    config = transformers.AutoConfig.from_pretrained(cases.directory(case))
    config.save_pretrained(str(tmp_path))
    again = readings.read_tokenizer(str(tmp_path))
    assert readings.facts_of(again) == cases.of(case)["tokenizer"]
    assert readings.ids_of(again, cases.texts["awkward"]) == cases.of(case)["awkward"]


@pytest.mark.parametrize("name", ["bert", "albert"])
def test_fill_mask(name, cases):
    """The pipeline finds the mask by itself, and gives the tokenizer's inputs to the model."""
    pipeline = transformers.pipeline("fill-mask", cases.directory(name))
    found = pipeline("今天[MASK]气很好", top_k=3)
    assert len(found) == 3 and all("token_str" in one for one in found)
