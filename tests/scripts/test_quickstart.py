"""scripts/quickstart.py: the whole chain on the sample."""

import json

import workplaces


def test_quickstart(tmp_path):
    with workplaces.workplace(tmp_path) as workplace:
        (workplace / "quickstart").mkdir()
        (workplace / "quickstart" / "of an earlier run").write_text("")
        result = workplaces.run("python scripts/quickstart.py", workplace)
    assert result.returncode == 0, result.stderr
    assert not (workplace / "quickstart" / "of an earlier run").exists()
    with open(str(workplace / "quickstart" / "summary.json"), encoding="utf-8") as f:
        summary = json.load(f)
    assert summary["records"] > 1000
    assert abs(summary["masked_share"] - 0.15) < 0.01
    assert summary["evaluation"]["global_step"] == 300
    # ln(3417) = 8.1: an untrained model
    assert summary["evaluation"]["masked_lm_loss"] < 7.3
    assert len(summary["filled"]) == 5 and not any("[MASK]" in s for s in summary["filled"])
    assert summary["classifier"]["eval_accuracy"] > 0.6
    assert (workplace / "quickstart" / "huggingface" / "model.safetensors").exists()
    assert "Quanci on its sample" in result.stdout
