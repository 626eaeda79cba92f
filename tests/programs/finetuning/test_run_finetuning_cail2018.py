"""run_finetuning.py on CAIL2018's cases with all of their charges."""

import json
import os

import numpy as np
import pytest
from finetuning_runs import flags_of
from record_files import TINY_CONFIG, write_json
from script_driver import out_of, run_many

from data.tokenizers.wordpiece import SPECIAL_TOKENS

TRAINED, THRESHOLD = 600, 0.3


@pytest.fixture(scope="module")
def made(shared, tmp_path_factory):
    """(folder, charges of the cases, result): the last training cases are those of development."""
    folder = tmp_path_factory.mktemp("cail")
    source = os.path.join(shared, "datasets", "cail2018")
    with open(os.path.join(source, "data_train.json"), encoding="utf-8") as reader:
        lines = reader.readlines()
    (folder / "data").mkdir()
    for name, part in (("train", lines[:TRAINED]), ("valid", lines[TRAINED:])):
        path = folder / "data" / "data_{}.json".format(name)
        path.write_text("".join(part), encoding="utf-8")
    for name in ("data_test.json", "accu.txt"):
        os.symlink(os.path.join(source, name), str(folder / "data" / name))
    cases = [json.loads(line) for line in lines]
    characters = sorted({c for case in cases[:TRAINED] for c in case["fact"] if c.strip()})
    tokens = [*SPECIAL_TOKENS, *characters]
    (folder / "vocab.txt").write_text("\n".join(tokens) + "\n", encoding="utf-8")
    sizes = {"vocab_size": len(tokens), "max_position_embeddings": 64}
    write_json(folder / "config.json", dict(TINY_CONFIG, **sizes))
    flags = flags_of(
        folder,
        task_name="cail2018_multi",
        max_seq_length=64,
        train_batch_size=20,
        eval_batch_size=50,
        learning_rate=0.01,
        num_train_epochs=2,
        decision_threshold=THRESHOLD,
    )
    (result,) = run_many("run_finetuning", [flags], timeout=1500)
    charges = [case["meta"]["accusation"] for case in cases]
    return folder, charges, result


def test_charges(made):
    """What is learnt is little, but the figures are those of scikit-learn on the files' charges."""
    folder, charges, result = made
    out = out_of({"run": result}, "run")
    shown = "labels 妨害公务, 寻衅滋事".encode("ascii", "backslashreplace").decode("ascii")
    assert shown in out and "accu.txt)" in out
    several = sum(len(names) > 1 for names in charges[:TRAINED])
    assert several > 60
    assert "train: {} labels, ".format(sum(map(len, charges[:TRAINED]))) in out
    labels = (folder / "data" / "accu.txt").read_text(encoding="utf-8").split()
    probabilities = np.loadtxt(str(folder / "out" / "dev_results.tsv"), delimiter="\t")
    assert probabilities.shape == (len(charges) - TRAINED, 202)
    assert 0.2 < probabilities.sum(axis=1).mean() < 3  # of no softmax
    assert not np.allclose(probabilities.sum(axis=1), 1.0, atol=1e-3)
    predicted = probabilities >= THRESHOLD
    plain = [{name.replace("[", "").replace("]", "") for name in names} for names in charges]
    right = np.array([[label in names for label in labels] for names in plain[TRAINED:]])
    figures = dict(
        line.split(" = ") for line in (folder / "out/eval_results.txt").read_text().splitlines()
    )
    metrics = pytest.importorskip("sklearn.metrics")
    for average in ("micro", "macro"):
        expected = metrics.f1_score(right, predicted, average=average, zero_division=0)
        assert float(figures["eval_{}_f1".format(average)]) == pytest.approx(expected)
        if average == "micro":
            assert expected > 0.3
    # The organisers' macro F1 counts charges that neither occur nor are predicted as 1.
    occurs = (right | predicted).any(axis=0)
    of_labels = metrics.f1_score(right, predicted, average=None, zero_division=0)
    micro = metrics.f1_score(right, predicted, average="micro")
    score = (micro + np.where(occurs, of_labels, 1.0).mean()) / 2
    assert float(figures["eval_cail_score"]) == pytest.approx(score)
    lines = (folder / "out" / "dev_labels.txt").read_text(encoding="utf-8").split("\n")[:-1]
    assert lines == [",".join(n for n, p in zip(labels, row) if p) for row in predicted]
    scores = (folder / "out" / "test_scores.txt").read_text()
    assert "test_micro_f1 = " in scores and "test_cail_score = " in scores
