"""What run_config.json knows of the records, and what becomes of a resumed run with others."""

import json

import pytest
from record_files import TINY_CONFIG

from common.errors import UserError
from data.records.manifest import find_manifests
from modeling.config import BertConfig
from optimization.config import OptimizerConfig
from training import run_config
from training.records import record_identity

pytestmark = pytest.mark.tf1

OPTIMIZER = OptimizerConfig(learning_rate=1e-3, num_train_steps=10)


def identity(folder, train=("a", "b"), evaluated=("c",)):
    files = [[str(folder / name) for name in names] for names in (train, evaluated)]
    return record_identity.describe(*files, find_manifests(files[0] + files[1]))


def write_manifest(folder, vocabulary, crc="00000001", size=4):
    shard = {"bytes": size, "records": 1, "parts": [{"bytes": size, "crc32c": crc}]}
    values = {"shards": {"a": shard}, "vocab_sha256": vocabulary}
    (folder / "_a.manifest.json").write_text(json.dumps(values))


@pytest.fixture
def folder(tmp_path):
    for name in "abc":
        (tmp_path / name).write_bytes(name.encode("utf-8") * 4)
    return tmp_path


def test_names_sizes_and_content_count_and_folders_do_not(folder):
    first = identity(folder)
    assert first["train"]["files"] == 2 and first["train"]["bytes"] == 8
    assert first["vocab_sha256"] is None
    moved = folder / "moved"
    moved.mkdir()
    for name in "abc":
        (moved / name).write_bytes((folder / name).read_bytes())
    assert identity(moved) == first
    assert identity(folder, train=("b", "a"))["train"] != first["train"]  # another order
    (folder / "a").write_bytes(b"xxxx")  # no manifest: both ends are looked at
    assert identity(folder)["train"] != first["train"]
    assert identity(folder)["eval"] == first["eval"]
    assert identity(folder, evaluated=())["eval"] is None
    with pytest.raises(UserError, match=r"cannot read .*nowhere"):
        identity(folder, train=("nowhere",))


def test_a_manifest_tells_the_content(folder):
    write_manifest(folder, "5" * 64)
    first = identity(folder)
    assert first["vocab_sha256"] == "5" * 64
    write_manifest(folder, "5" * 64, crc="00000002")
    assert identity(folder)["train"] != first["train"]


def test_who_evaluates(folder):
    out = str(folder / "out")
    assert not run_config.is_evaluated_by_training(out)
    for do_eval in (True, False):
        run = run_config.RunConfig(out, "bert", ["a"], ["c"], do_train=True, do_eval=do_eval)
        run_config.save(run, BertConfig(TINY_CONFIG), OPTIMIZER)
        assert run_config.is_evaluated_by_training(out) == do_eval
    (folder / "out" / "run_config.json").write_text("[]")
    with pytest.raises(UserError, match=r"run config .* must hold one JSON object"):
        run_config.is_evaluated_by_training(out)
