"""benchmarks/preset_costs.py: operations of a preset, against a formula by hand."""

import json
import os

import pytest
from places import ROOT

from benchmarks import preset_costs


def flags_of(preset):
    path = os.path.join(ROOT, "configs", "pretraining", preset + ".json")
    with open(path, encoding="utf-8") as reader:
        return json.load(reader)["flags"]


def test_cost_of_bert_wwm():
    """Six operations for each weight of a layer and token, and the same for the attention's two
    products and the head at 20 of 128 pieces (Kaplan et al. 2020, section 2.1)."""
    tokens, operations = preset_costs.cost(flags_of("bert_wwm_phase1"))
    assert tokens == 100000 * 2560 * 128
    layer = 12 * 768 * 768 + 2 * 768 * 128
    head = 768 * 768 + 768 * 21128
    assert operations == pytest.approx(6 * tokens * (12 * layer + head * 20 / 128), rel=1e-6)


def test_a_generator_counts_too():
    with_generator = preset_costs.cost(flags_of("electra_small"))[1]
    generator = json.load(
        open(os.path.join(ROOT, flags_of("electra_small")["generator_config_file"]))  # noqa: SIM115
    )
    width, tokens = generator["hidden_size"], 1000000 * 1024 * 512
    least = 6 * tokens * generator["num_hidden_layers"] * 12 * width * width
    alone = 6 * tokens * 12 * 12 * 256 * 256
    assert with_generator > least + alone


def test_the_documented_table():
    with open(os.path.join(ROOT, "docs", "performance.md"), encoding="utf-8") as reader:
        assert "\n".join(preset_costs.table()) in reader.read()


def test_every_preset_with_sizes_has_a_row():
    lines = preset_costs.table()[2:]
    names = [line.split("|")[1].strip() for line in lines]
    assert "lert" in names and "roberta_wwm_ext_large" in names
    # As large and as long a training, without a softmax over the vocabulary.
    costs = [preset_costs.cost(flags_of(n))[1] for n in ("pert_base", "roberta_wwm_ext")]
    assert 0.9 * costs[1] < costs[0] < costs[1]
    # Of models of any size, and of teachers of any size.
    assert not {"continue_domain", "minirbt_stage1"} & set(names)
