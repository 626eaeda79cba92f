"""run_prediction.py on ELECTRA checkpoints, against the numbers of the original program."""

import glob
import json
import os
import shutil

import golden_cases
import numpy as np
import pytest
import script_driver
import tensorflow.compat.v1 as tf
from golden_cases import needs_golden
from record_files import copy_without

from data.tokenizers.vocabularies import read_vocabulary
from modeling import checkpoint
from modeling.config_families import read_config
from prediction.fill_mask import FillMask
from prediction.prediction_task import TaskSetup
from prediction.predictor import Predictor
from prediction.replaced import Replaced

tf.disable_v2_behavior()
pytestmark = needs_golden

ATOL = 1e-5
PREFIX = golden_cases.path("electra", "electra_model.ckpt")
TEXT = "清晨的小镇下了一场小雨，石板路上还留着水。"


def run_task(task_class, role, rows, **options):
    """Outputs of a task's network for rows of ids."""
    config = read_config(golden_cases.path("electra", role + "_config.json"))
    config = task_class.network(config, checkpoint.read_shapes(PREFIX), PREFIX)
    vocabulary = read_vocabulary(golden_cases.path("electra", "vocab.txt"))
    task = task_class(TaskSetup(config, vocabulary.make_tokenizer(True), 24, {}), **options)
    with Predictor(config, task, PREFIX, 4) as predictor:
        return predictor.run(rows), task


def golden_rows(ids, positions=None):
    """Rows without padding, and their lengths."""
    inputs = golden_cases.arrays("electra", "inputs.npz")
    rows = []
    for number, length in enumerate(inputs["input_mask"].sum(axis=1)):
        row = {
            "input_ids": ids[number][:length].tolist(),
            "segment_ids": inputs["segment_ids"][number][:length].tolist(),
        }
        if positions is not None:
            row["positions"] = positions[number].tolist()
        rows.append(row)
    return rows


def test_probabilities_are_the_originals():
    expected = golden_cases.arrays("electra", "outputs.npz")
    rows = golden_rows(expected["fake/input_ids"])
    outputs, _ = run_task(Replaced, "discriminator", rows)
    for number, row in enumerate(rows):
        length = len(row["input_ids"])
        np.testing.assert_allclose(
            outputs[number]["probabilities"][:length],
            expected["discriminator/probs"][number][:length],
            atol=ATOL,
        )


def test_the_generator_fills_masks_as_the_original():
    expected = golden_cases.arrays("electra", "outputs.npz")
    rows = golden_rows(expected["masked/input_ids"], expected["masked/masked_lm_positions"])
    outputs, task = run_task(FillMask, "generator", rows, top_k=5)
    allowed = task.vocabulary.random_replacements(True)
    for number, output in enumerate(outputs):
        log_probs = expected["generator/mlm_log_probs"][number]
        best = -np.sort(-log_probs[:, allowed], axis=1)[:, : output["log_probs"].shape[1]]
        np.testing.assert_allclose(output["log_probs"], best, atol=ATOL)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """What came of command lines: {name: [code, stdout, stderr]}."""
    folder = tmp_path_factory.mktemp("release")
    for path in glob.glob(PREFIX + ".*"):
        shutil.copy(path, str(folder / os.path.basename(path).replace("model.ckpt", "small")))
    for name, dropped in (("discriminator", "generator"), ("headless", "discriminator_pred")):
        (folder / name).mkdir()
        copy_without(PREFIX, str(folder / name / "electra_small"), dropped)

    def line(task, role, weights="", *more):
        return [
            "--task=" + task,
            "--init_checkpoint={}/{}".format(folder, weights),
            "--bert_config_file={}".format(golden_cases.path("electra", role + "_config.json")),
            "--vocab_file=" + golden_cases.path("electra", "vocab.txt"),
            "--max_seq_length=24",
            *more,
        ]

    (folder / "alone").mkdir()
    for path in folder.glob("electra_small.*"):
        shutil.copy(str(path), str(folder / "alone"))
    shutil.copy(golden_cases.path("electra", "vocab.txt"), str(folder / "alone"))
    for role in ("discriminator", "generator"):
        config = golden_cases.path("electra", role + "_config.json")
        shutil.copy(config, str(folder / "alone" / (role + ".json")))
    alone = ["--task=fill_mask", "--init_checkpoint={}/alone".format(folder)]

    cases = {
        "replaced": line("replaced", "discriminator"),
        "of a generator": line("replaced", "generator"),
        "headless": line("replaced", "discriminator", "headless"),
        "features": line("features", "discriminator"),
        "fill": line("fill_mask", "generator"),
        "fill alone": [*alone, "--max_seq_length=24"],
        "fill with the generator's": line("fill_mask", "generator", "alone"),
        "fill by discriminator": line("fill_mask", "discriminator"),
        "no generator": line("fill_mask", "generator", "discriminator"),
    }
    texts = [TEXT + "\n\n" + 10 * TEXT, TEXT, TEXT, TEXT] + 5 * ["今天[MASK]气"]
    done = script_driver.run_many("run_prediction", list(cases.values()), texts)
    return dict(zip(cases, done))


def lines_of(run):
    code, output, error = run
    assert code == 0, error
    return [json.loads(line) for line in output.splitlines()]


def test_replaced_tokens_and_their_positions(runs):
    first, empty, long = lines_of(runs["replaced"])
    assert first["text"] == TEXT and len(first["tokens"]) == len(TEXT)
    assert "".join(first["tokens"]).replace("[UNK]", "?").startswith("清晨的小")
    assert len(first["probabilities"]) == len(first["tokens"])
    above = [n for n, p in enumerate(first["probabilities"]) if p > 0.5]
    assert [r["position"] for r in first["replaced"]] == above
    for token in first["replaced"]:
        assert token["length"] == 1 and token["token"] == first["tokens"][token["position"]]
        assert token["probability"] == first["probabilities"][token["position"]]
    assert (empty["tokens"], empty["probabilities"], empty["replaced"]) == ([], [], [])
    assert len(long["tokens"]) == 22  # a row's
    assert all(token["position"] < 22 for token in long["replaced"])
    assert "1 of 3 lines were cut" in runs["replaced"][2]


def test_pooled_is_the_first_token(runs):
    (result,) = lines_of(runs["features"])
    # By a product of fewer rows, so to rounding.
    assert result["pooled"] == pytest.approx(result["layers"][0]["values"][0], rel=0, abs=3e-6)


def test_masks_are_filled(runs):
    (result,) = lines_of(runs["fill"])
    assert len(result["masks"][0]["top"]) == 5
    # Of the two configs beside the weights the generator's is taken, or known where it is given.
    assert lines_of(runs["fill alone"]) == lines_of(runs["fill with the generator's"]) == [result]
    assert "WARNING" not in runs["fill with the generator's"][2]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("of a generator", ["generator_config.json has the sizes of the generator", "give the"]),
        ("headless", ["has no discriminator's head", "as its pre-training left it"]),
        ("fill by discriminator", ["has the sizes of the discriminator", "generator.json"]),
        ("no generator", ["holds ELECTRA's discriminator alone", "filled by the generator"]),
    ],
)
def test_errors(runs, name, words):
    code, _, error = runs[name]
    (line,) = [line for line in error.splitlines() if line.startswith("error: ")]
    assert code == 1 and "Traceback" not in error
    for word in words:
        assert word in line, line
