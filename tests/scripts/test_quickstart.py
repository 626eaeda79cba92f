"""scripts/quickstart.py: the main job on the sample, and what the README promises of it."""

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
    assert summary["records"] > 800
    assert summary["user_dict"]["found"] == summary["user_dict"]["words"] == 20
    assert len(summary["right"]) == 2
    for right in summary["right"].values():
        assert right["trained"] >= 24 and right["random"] <= 1
    assert all("[MASK][MASK]" in w["text"] and len(w["trained"]) == 2 for w in summary["words"])
    assert summary["classifier"]["eval_accuracy"] > 0.85
    assert (workplace / "quickstart" / "huggingface" / "model.safetensors").exists()
    assert "knows the sentences of its corpus, not the language" in result.stdout
