"""Classification tasks from their files to predictions, two updates each."""

import json
import types

import pytest
import script_driver
from record_files import TINY_CONFIG, write_json

from finetuning.registry import get_task

NLI = get_task("ocnli").labels


def write(path, *rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A pair task from JSON with rows to skip, and one whose labels are found in its files:
    two updates each, without flags that the settings hold."""
    folder = tmp_path_factory.mktemp("runs")
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"天地人你我他好坏"]
    (folder / "vocab.txt").write_text("\n".join(tokens) + "\n", encoding="utf-8")
    write_json(
        folder / "config.json",
        dict(TINY_CONFIG, vocab_size=len(tokens), max_position_embeddings=512),
    )
    rows = [
        {"sentence1": "天地", "sentence2": "你我他", "label": (NLI + ["-"])[i % 4]}
        for i in range(44)
    ]
    write(folder / "ocnli" / "train.50k.json", *rows)
    write(folder / "ocnli" / "dev.json", *rows[:8])
    write(folder / "ocnli" / "test.json", *[{"sentence1": "天", "sentence2": "好"}] * 5)
    charges = [{"fact": "好坏", "meta": {"accusation": [name]}} for name in ("盗窃", "诈骗")]
    write(folder / "cail2018" / "data_train.json", *charges * 32)
    write(
        folder / "cail2018" / "data_valid.json", *charges, {"fact": "a", "meta": {"accusation": []}}
    )
    commands = []
    for task, changes in (
        ("ocnli", ["--num_train_epochs=1"]),
        ("cail2018", ["--num_train_epochs=1", "--max_seq_length=16"]),
    ):
        commands.append(
            [
                "--task_name=" + task,
                "--data_dir={}".format(folder / task),
                "--bert_config_file={}".format(folder / "config.json"),
                "--vocab_file={}".format(folder / "vocab.txt"),
                "--output_dir={}".format(folder / ("out_" + task)),
                "--do_train",
                "--do_eval",
                "--do_predict",
                *changes,
            ]
        )
    results = script_driver.run_many("run_finetuning", commands)
    return types.SimpleNamespace(folder=folder, results=dict(zip(("ocnli", "cail2018"), results)))


def test_short_runs(runs):
    for name, (code, out, err) in runs.results.items():
        assert (code, err) == (0, ""), err
        assert "the best checkpoint" in out, name
    out = runs.results["ocnli"][1]
    assert "defaults of ocnli for tiny models: --do_lower_case=True --learning_rate=0.0001" in out
    assert "--max_seq_length=128 --train_batch_size=32" in out
    assert "train.50k.json  33        0       11 (11 labels -)" in out
    assert "WARNING: dev: 2 (2 labels -) skipped; they count in no score" in out
    examples = (runs.folder / "out_ocnli" / "test_labels.txt").read_text(encoding="utf-8").split()
    assert len(examples) == 5 and set(examples) <= set(NLI)
    out = runs.results["cail2018"][1]
    assert "(found in train)" in out
    saved = json.loads((runs.folder / "out_cail2018" / "task.json").read_text(encoding="utf-8"))
    assert saved["labels"] == ["盗窃", "诈骗"]
    assert "data_valid.json  2         0       1 (1 cases with no charge)" in out
    assert "no data_test.json or test.json in " in out
