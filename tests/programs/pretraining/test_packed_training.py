"""run_pretraining.py --pack: the same training as with a text a row; notes and refusals."""

import numpy as np
import pytest
from pretraining_runs import checkpoint_values, flags_of, results_of, run_many
from record_files import (
    PREDICTIONS,
    SEQ,
    TINY_CONFIG,
    learnable_records,
    shortened,
    tagged_records,
    write_json,
    write_records,
)
from script_driver import error_of, out_of

pytestmark = pytest.mark.tf1

LERT = {"objective": "lert", "lip_steps": "0"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("packed")
    write_records(path / "train.tfrecord", shortened(tagged_records(50)))
    write_records(path / "dev.tfrecord", shortened(tagged_records(13, seed=9)))
    write_records(path / "pairs.tfrecord", shortened(learnable_records(20)))
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *map(chr, range(0x4E00, 0x4E00 + 35))]
    (path / "vocab.txt").write_text("\n".join(words) + "\n", encoding="utf-8")
    write_json(path / "config.json", TINY_CONFIG)
    write_json(path / "electra.json", dict(TINY_CONFIG, model_type="electra", embedding_size=8))
    rows = shortened(learnable_records(40))
    kept = ("input_ids", "input_mask", "segment_ids")
    write_records(path / "rows.tfrecord", [{name: row[name] for name in kept} for row in rows])
    return path


@pytest.fixture(scope="module")
def done(folder):
    runs = {}

    def add(name, **changes):
        settings = {"output_dir": str(folder / name), "num_train_steps": 12, "num_warmup_steps": 1}
        runs[name] = flags_of(folder, **dict(settings, **changes))

    best = {"do_eval": True, "eval_file": str(folder / "dev.tfrecord"), "eval_batch_size": 5}
    add("plain", save_checkpoints_steps=6, **LERT, **best)
    add("packed", pack=True, save_checkpoints_steps=6, **LERT, **best)
    add("stopped", pack=True, stop_step=5, **LERT)
    add("stopped again", **dict(LERT, pack=True, output_dir=str(folder / "stopped")))
    add("unpacked again", **dict(LERT, output_dir=str(folder / "stopped"), num_train_steps=13))
    add("micro", pack=True, gradient_accumulation_steps=2, **LERT)
    electra = {
        "objective": "electra",
        "input_file": str(folder / "rows.tfrecord"),
        "vocab_file": str(folder / "vocab.txt"),
        "bert_config_file": str(folder / "electra.json"),
        "mask_prob": 0.3,
        "do_eval": True,
        "generator_hidden_size": 0.5,
    }
    add("electra", pack=True, **electra)
    add("plan", dry_run=True, **LERT)
    add("packed plan", dry_run=True, pack=True, gradient_accumulation_steps=2, **LERT)
    add("plan of full rows", dry_run=True, input_file=str(folder / "full"), objective="roberta")
    write_records(folder / "full", tagged_records(20))
    pairs = {"input_file": str(folder / "pairs.tfrecord"), "pack": True}
    add("pairs", objective="bert", **pairs)
    add("pairs plan", dry_run=True, **dict(pairs, pack=False))
    towers = dict(electra, two_tower_generator=True, electric_objective=True)
    towers.update(electra_objective=False, pack=True)
    add("towers", **towers)
    add("tpu", pack=True, use_tpu=True, tpu_name="local", **LERT)
    return dict(zip(runs, run_many(list(runs.values()))))


def newest(folder, step=12):
    return checkpoint_values(folder / "model.ckpt-{}".format(step))


def test_it_trains_and_evaluates_as_with_a_text_a_row(folder, done):
    plain, packed = out_of(done, "plain"), out_of(done, "packed")
    assert "step 12/12" in packed and "texts/s" in packed and "tokens/s" not in packed
    assert "tokens/s" in plain and "packing: " not in plain
    first, second = newest(folder / "plain"), newest(folder / "packed")
    assert set(first) == set(second)
    for name in first:
        np.testing.assert_allclose(second[name], first[name], atol=2e-5, err_msg=name)
    results = [dict(results_of(folder / name)) for name in ("plain", "packed")]
    assert results[0].keys() == results[1].keys()
    for name, value in results[0].items():
        np.testing.assert_allclose(results[1][name], value, rtol=1e-4, err_msg=name)
    # Texts are counted, not rows, and they are the same ones.
    read = [(folder / name / "eval_results.txt").read_text() for name in ("plain", "packed")]
    assert read[0].split("\nrows = ")[1] == read[1].split("\nrows = ")[1]


def test_it_says_what_packing_spares(folder, done):
    """Figures by hand: pieces of the records, and rows for eight texts at a time."""
    lengths = [int(r["input_mask"].sum()) for r in shortened(tagged_records(50))]
    said = "padding in place of {:.1%} (of the first 50 records)".format(
        1 - sum(lengths) / (50 * SEQ)
    )
    line = next(line for line in out_of(done, "packed").splitlines() if "packing: " in line)
    assert "packing: the 8 texts of a batch in about " in line and line.endswith(said)
    rows = float(line.split("about ")[1].split(" rows of 16, ")[0])
    padding = float(line.split("rows of 16, ")[1].split("%")[0]) / 100
    of_batches = sum(lengths[:48])
    assert abs(rows - of_batches / 6 / SEQ / (1 - padding)) < 0.06
    assert sum(lengths) / 50 * 8 / SEQ < rows < 5


def test_a_resumed_run_goes_on_where_it_stopped(folder, done):
    assert "trained to step 5" in out_of(done, "stopped")
    out_of(done, "stopped again")
    straight, resumed = newest(folder / "packed"), newest(folder / "stopped")
    for name in straight:
        np.testing.assert_allclose(resumed[name], straight[name], atol=1e-6, err_msg=name)
    code, out, err = done["unpacked again"]
    assert code == 0 and "the steps before had --pack=True, from here on it is False" in out + err


def test_micro_batches(folder, done):
    out_of(done, "micro")
    first, second = newest(folder / "plain"), newest(folder / "micro")
    for name in first:
        np.testing.assert_allclose(second[name], first[name], atol=2e-5, err_msg=name)


def test_masks_that_are_drawn_in_training(folder, done):
    assert "masks: drawn anew for every batch" in out_of(done, "electra")
    results = dict(results_of(folder / "electra"))
    assert results["disc_loss"] > 0 and results["masked_lm_loss"] > 0


def test_plans(folder, done):
    plain, packed = out_of(done, "plan"), out_of(done, "packed plan")
    assert "% of the rows is padding (of the first 50 records); --pack lays the 8 texts of" in plain
    assert "plan: packs the 8 texts of a batch in about 4.0 rows of 16, " in packed
    assert "plan: 4 rows or 64 tokens a step" in packed and "8 rows or 128 tokens" in plain
    assert "50 records" in plain
    full = out_of(done, "plan of full rows")
    assert "% of the rows is padding (of the first 20 records)" in full and "--pack" not in full
    assert "--pack" not in out_of(done, "pairs plan")


def test_refusals(folder, done):
    assert error_of(done, "pairs") == (
        "error: --pack does not fit --objective=bert: its rows are pairs of sentences; remove "
        "--pack\n"
    )
    assert error_of(done, "towers") == (
        "error: --pack does not fit --objective=electra: a token of the two-tower generator reads "
        "the states beside it in the row; remove --pack\n"
    )
    assert error_of(done, "tpu") == (
        "error: --pack makes batches of different numbers of rows, and a TPU takes one size only; "
        "remove --pack\n"
    )
    assert PREDICTIONS == 3 and not (folder / "pairs").exists()
