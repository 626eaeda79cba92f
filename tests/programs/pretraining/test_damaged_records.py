"""run_pretraining.py on damaged records: what it checks, refuses, and leaves out."""

import os
import shutil

import google_crc32c
import numpy as np
import pretraining_runs
import pytest
import tensorflow.compat.v1 as tf
from pretraining_runs import checkpoint_values, run_many
from record_files import TINY_CONFIG, learnable_records, write_json, write_records
from shard_files import change

from common.errors import UserError
from data.records.checks import record_contents
from data.records.tfrecord import enframe, read_records
from training.failures import session_errors

ROWS, BYTES = 40, 255  # of a shard; of a record in it
NAMES = ["t-0", "t-1", "t-2"]
CRC = "record {} (byte {}) does not match its checksum"


def flags_of(folder, **changes):
    """The command line of a tiny run on the shards in `folder`."""
    values = {
        "input_file": str(folder / "t-*"),
        "learning_rate": None,
        "num_train_steps": 30,
        "num_warmup_steps": 0,
    }
    return pretraining_runs.flags_of(folder, **dict(values, **changes))


def write_shards(folder, rows=ROWS):
    """Three shards, their manifest and a model config in a new folder."""
    folder.mkdir()
    shards = {}
    for seed, name in enumerate(NAMES):
        write_records(folder / name, learnable_records(rows, seed=seed))
        content = (folder / name).read_bytes()
        assert len(content) == rows * BYTES
        checksum = "{:08x}".format(google_crc32c.value(content))
        shards[name] = {
            "bytes": len(content),
            "records": rows,
            "parts": [{"bytes": len(content), "crc32c": checksum}],
        }
    write_json(folder / "_t.manifest.json", {"objective": "bert", "shards": shards})
    write_json(folder / "config.json", TINY_CONFIG)
    return folder


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    return write_shards(tmp_path_factory.mktemp("records") / "sound")


@pytest.fixture
def copy_of(sound, tmp_path):
    """Makes copies of the sound shards, with or without their manifest."""

    def make(name="copy", manifest=True):
        shutil.copytree(str(sound), str(tmp_path / name))
        if not manifest:
            os.remove(str(tmp_path / name / "_t.manifest.json"))
        return tmp_path / name

    return make


def assert_same_weights(*folders):
    first, *others = [checkpoint_values(f / "model.ckpt-30") for f in folders]
    for other in others:
        for name in first:
            np.testing.assert_allclose(first[name], other[name], atol=1e-6, err_msg=name)


def test_missing_and_unfinished_shards(copy_of):
    """Refused before anything else, unless those that are there were chosen one by one."""
    missing, unfinished = copy_of("missing"), copy_of("unfinished")
    (missing / "t-1").unlink()
    (unfinished / "_t-0.partial").mkdir()
    chosen = {"input_file": missing / "t-0", "eval_file": missing / "t-0", "do_eval": True}
    done = run_many(
        [
            flags_of(missing),
            flags_of(missing, dry_run=True, skip_damaged_records=True),
            flags_of(missing, dry_run=True, **chosen),
            flags_of(unfinished, skip_damaged_records=True),
            flags_of(missing, do_eval=True, eval_file=unfinished / "t-*"),
        ]
    )
    assert [code for code, _, _ in done] == [1, 0, 0, 1, 1], done
    text = "manifest {0}/_t.manifest.json lists t-1, which is not there (1 of 3 are missing)"
    assert done[0][2] == (
        "error: {}: copy it there, or start the command that made it again, or train without it: "
        "--skip_damaged_records\n".format(text.format(missing))
    )
    assert "WARNING: {}\n".format(text.format(missing)) in done[1][1]
    assert "not there" not in done[2][1]
    for _, _, message in done[3:]:
        assert message.startswith("error: {}/t-0 is not finished: ".format(unfinished))
    assert not (missing / "out").exists() and not (unfinished / "out").exists()


def test_verified_and_skipping_runs(copy_of):
    """120 rows in 30 steps of 8 are two epochs, so that their borders count, too."""
    folder = copy_of()
    by_hand = copy_of("by_hand", manifest=False)
    change(folder / "t-1", 5 * BYTES + 50, 20 * BYTES + 2)
    (folder / "t-2").write_bytes((folder / "t-2").read_bytes()[:-5])
    for name, lost in (("t-1", (5, 20)), ("t-2", (39,))):
        rows = list(read_records(str(by_hand / name)))
        kept = b"".join(enframe(row) for i, row in enumerate(rows) if i not in lost)
        (by_hand / name).write_bytes(kept)
    skip = {"skip_damaged_records": True}
    out = {n: folder / n for n in ("straight", "resumed", "dry")}
    again = flags_of(folder, output_dir=out["resumed"], **skip)
    done = run_many(
        [
            flags_of(by_hand, verify_records=True),
            flags_of(folder, output_dir=out["straight"], **skip),
            [*again, "--stop_step=17"],
            again,
            flags_of(folder, output_dir=out["dry"], dry_run=True, **skip),
            flags_of(folder),
            flags_of(folder, verify_records=True),
        ]
    )
    assert [code for code, _, _ in done] == [0, 0, 0, 0, 0, 1, 1], done
    assert "verified: 3 files, 117 records, 29.8kB in " in done[0][1]
    assert "none damaged; no manifest lists 3 of them: a missing end would" in done[0][1]
    manifest = folder / "_t.manifest.json"
    for line in (
        "WARNING: {}/t-1 is damaged: {}; 38 records are kept, 2 are lost of 40 that manifest {} "
        "lists (at byte 1275, 5100); read in its place: {}/mended/t-1\n".format(
            folder, CRC.format(5, 1275), manifest, out["straight"]
        ),
        "WARNING: {}/t-2 is damaged: record 39 (byte 9945) is cut off (it has 10195 bytes, "
        "manifest {} says 10200); 39 records are kept, 1 are lost of 40".format(folder, manifest),
        "skipped: 760 bytes of 2 files; 77 records of them are kept",
        "training: steps 0 to 30, ",
    ):
        assert line in done[1][1], line
    assert "RESUME: continuing from" in done[3][1]
    assert_same_weights(by_hand / "out", out["straight"], out["resumed"])
    for name in ("t-1", "t-2"):
        content = (by_hand / name).read_bytes()
        assert (out["straight"] / "mended" / name).read_bytes() == content
        assert (out["resumed"] / "mended" / name).read_bytes() == content
    assert len(os.listdir(str(out["straight"] / "mended"))) == 2
    assert "117 records" in done[4][1] and not out["dry"].exists()
    assert done[5][2].startswith(
        "error: {}/t-2 is cut short: it has 10195 bytes, manifest {} says 10200; write the records "
        "anew; --verify_records finds the place, --skip".format(folder, manifest)
    )
    assert "WARNING: {}/t-1 is damaged: {}\n".format(folder, CRC.format(5, 1275)) in done[6][1]
    assert "WARNING: {}/t-2 is damaged: record 39".format(folder) in done[6][1]
    assert done[6][2] == (
        "error: {}/t-1 is damaged: {} (2 of 3 files are not sound, each is named above); write the "
        "records anew, or skip the damaged records with --skip_damaged_records\n".format(
            folder, CRC.format(5, 1275)
        )
    )


def test_evaluation_files_and_names_that_meet(copy_of):
    """Two damaged files of one name; each is read once, and mended under a name of its own."""
    train, dev = copy_of("train"), copy_of("dev")
    change(train / "t-0", 50)
    change(dev / "t-0", BYTES + 50, 2 * BYTES)
    flags = flags_of(
        train,
        eval_file=dev / "t-*",
        do_eval=True,
        eval_batch_size=1,
        max_eval_steps=1000,
        num_train_steps=2,
        skip_damaged_records=True,
    )
    wrong = flags_of(train, input_file=train / "t-[12]", eval_file=dev / "t-0", do_eval=True)
    # Without a flag, first the size is compared: nothing is wrong with it here.
    done = run_many([flags, [*wrong, "--verify_records"], [*wrong, "--num_train_steps=2"]])
    assert [code for code, _, _ in done] == [0, 1, 1], done
    assert "verified: 6 files" in done[0][1] and "skipped: 765 bytes of 2 files" in done[0][1]
    mended = train / "out" / "mended"
    assert sorted(os.listdir(str(mended))) == ["t-0", "t-0.2"]
    assert len(list(read_records(str(mended / "t-0")))) == ROWS - 1
    assert len(list(read_records(str(mended / "t-0.2")))) == ROWS - 2
    for _, _, err in done[1:]:
        assert "{}/t-0 is damaged: {}".format(dev, CRC.format(1, BYTES)) in err, err
        assert err.count("\n") == 1


def test_what_cannot_be_mended(copy_of):
    replaced, rotten, longer = copy_of("replaced"), copy_of("rotten"), copy_of("longer")
    write_records(replaced / "t-1", learnable_records(ROWS, seed=7))
    (rotten / "t-2").write_bytes(b"\xff" * ROWS * BYTES)
    (longer / "t-0").write_bytes((longer / "t-1").read_bytes() + (longer / "t-0").read_bytes())
    folders = (replaced, rotten, longer)
    done = run_many(
        [flags_of(f, skip_damaged_records=True) for f in folders]
        + [flags_of(replaced, verify_records=True)]
    )
    messages = (
        "t-1 is not the file that manifest {}/_t.manifest.json lists: its records are sound, but "
        "bytes 0 to 10200 have another checksum; --skip_damaged_records cannot repair this",
        "t-2 holds no sound record; write it anew, or remove it from --input_file",
        "t-0 is not the file that manifest {}/_t.manifest.json lists: its records are sound",
        "bytes 0 to 10200 have another checksum; write the records anew, or",
    )
    for folder, message, (code, _, err) in zip((*folders, replaced), messages, done):
        assert code == 1 and err.count("\n") == 1, err
        assert message.format(folder) in err, err
        assert not (folder / "out" / "mended").exists() or not os.listdir(
            str(folder / "out" / "mended")
        )


@pytest.mark.tf1
def test_damage_met_in_training(copy_of):
    """Without the flags; behind the records that are checked at the start."""
    names = ("bit", "length", "word", "kind", "position")
    folders = [copy_of(name, manifest=False) for name in names]
    for folder, place in zip(folders, (50, 2)):
        change(folder / "t-1", 30 * BYTES + place)
    rows = [learnable_records(ROWS) for _ in range(3)]
    rows[0][7]["input_ids"][3] = 77
    rows[1][7]["masked_lm_ids"] = np.arange(4)
    rows[2][37]["masked_lm_positions"][1] = 50
    for folder, changed in zip(folders[2:], rows):
        write_records(folder / "t-2", changed)
    done = run_many([flags_of(folder) for folder in folders])
    hint = (
        "; write the records anew, or skip the damaged records with --skip_damaged_records of "
        "run_pretraining.py (--verify_records finds it before training)"
    )
    messages = (
        "t-1 is damaged: record 30 (byte 7650) does not match its checksum" + hint,
        "t-1 is damaged: record 30 (byte 7650) has no valid header" + hint,
        "t-2, record 7: input_ids holds 77, but vocab_size of the model config is 40; write the",
        "t-2, record 7: masked_lm_ids has 4 values (int64_list), where others have 3 values "
        "(int64_list), which does not fit this run: Key: masked_lm_ids, Index: 0.  Number of int64",
        "t-2, record 37: masked_lm_positions holds 50, but --max_seq_length is 16; write the",
    )
    for folder, message, (code, out, err) in zip(folders, messages, done):
        assert code == 1 and err.count("\n") == 1, err
        assert err.startswith("error: {}/{}".format(folder, message)), err
        assert "looking for it in 3 files" in out


@pytest.mark.skipif(tf.__version__.startswith("1."), reason="TensorFlow 1.15 crashes there")
def test_a_record_that_is_no_example(copy_of):
    folder = copy_of(manifest=False)
    rows = list(read_records(str(folder / "t-2")))
    rows[9] = b"\xff\xfe garbage"
    (folder / "t-2").write_bytes(b"".join(map(enframe, rows)))
    [(code, _, err)] = run_many([flags_of(folder)])
    assert code == 1
    assert (
        err
        == "error: {}/t-2, record 9: not a tf.train.Example; write the records anew\n".format(
            folder
        )
    )


@pytest.mark.tf1
def test_a_read_that_failed_once(sound, capsys):
    with pytest.raises(UserError) as caught, session_errors([str(sound / "t-0")]):
        raise tf.errors.DataLossError(None, None, "Graph execution error:\n\nread failed\n\t [[")
    assert "all are sound now; start again to resume from the last checkpoint (read failed)" in str(
        caught.value
    )
    assert "looking for it in 1 files" in capsys.readouterr().out
    with pytest.raises(tf.errors.InvalidArgumentError), session_errors([str(sound / "t-0")]):
        raise tf.errors.InvalidArgumentError(None, None, "not about records")
    unfit = pytest.raises(UserError, match=r"a record of .*t-0 and the rest, which does not fit")
    with unfit, session_errors([str(sound / "t-0")]):
        raise tf.errors.InvalidArgumentError(None, None, "Key: input_ids, Index: 0.")
    unfit = pytest.raises(
        UserError, match=r"t-0 and the rest, which .* Received a label value of 9"
    )
    with unfit, session_errors([str(sound / "t-0")]):
        raise tf.errors.InvalidArgumentError(None, None, "Received a label value of 9 which is\n")
    assert record_contents.find_misfit([str(sound / "t-1")], "input_ids", seconds=-1) is None
