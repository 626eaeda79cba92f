"""Shards that are not all there, or not finished: refused, unless they were chosen on purpose."""

import json
import os

import pytest

from common.errors import UserError
from data.records import partial
from data.records.checks.completeness import check_complete
from data.records.manifest import find_manifests

pytestmark = pytest.mark.tf1
NAMES = ["t-{:05d}-of-00004".format(i) for i in range(4)]


def write(folder, names, listed=(), manifest="_t.manifest.json"):
    """Shards, and a manifest where any are listed; their paths."""
    for name in names:
        (folder / name).write_bytes(b"")
    if listed:
        (folder / manifest).write_text(json.dumps({"shards": {name: {} for name in listed}}))
    return [str(folder / name) for name in names]


def checked(paths, **options):
    """Warnings."""
    said = []
    check_complete(paths, find_manifests(paths), said.append, **options)
    return said


def refusal(paths, **options):
    with pytest.raises(UserError) as caught:
        checked(paths, **options)
    return str(caught.value)


@pytest.mark.parametrize(
    "folder, made",
    [
        ("_t.partial", "t"),
        ("_t.partial", "t-00002-of-00004"),
        ("_t.partial", "t.00003"),
        ("_t-00000-of-00004.partial", "t-00000-of-00004"),
        ("_[t] 1*.partial", "[t] 1*-00000-of-00002"),
    ],
)
def test_the_folder_of_an_unfinished_creation(tmp_path, folder, made):
    (path,) = write(tmp_path, [made])
    (tmp_path / folder).mkdir()
    for left in ("", "lock", "shard-00000.json", "unit-00001.tmp"):
        if left:
            (tmp_path / folder / left).write_text("")
        message = refusal([path])
        assert message.startswith(path + " is not finished: ")
        assert "left {}; wait for it, or start the same".format(tmp_path / folder) in message


def test_a_folder_of_other_shards_or_of_others(tmp_path):
    paths = write(tmp_path, ["t", "t2"], ["t", "t2"])
    for name in ("_u.partial", "_t-00000-of-00004.partial", "_t.partial"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "notes.txt").write_text("the user's own")
    (tmp_path / "_u.partial" / "lock").write_text("")
    assert checked(paths) == []


def test_a_folder_names_shards_that_are_listed_one_by_one(tmp_path):
    paths = write(tmp_path, ["a", "b", "c"])
    (tmp_path / "_a.partial").mkdir()
    partial.write_shards(str(tmp_path / "_a.partial"), paths[:2])
    assert refusal(paths[1:]).startswith(paths[1] + " is not finished")
    assert checked(paths[2:]) == []
    (tmp_path / "_a.partial" / "shards").write_text('["b"')
    assert checked(paths[1:]) == []


def test_shards_of_a_manifest_that_are_missing(tmp_path):
    paths = write(tmp_path, [NAMES[0], NAMES[2], NAMES[3]], NAMES)
    message = refusal(paths, way_out=", or do otherwise")
    assert message == (
        "manifest {}/_t.manifest.json lists {}, which is not there (1 of 4 are missing): copy it "
        "there, or start the command that made it again, or do otherwise".format(tmp_path, NAMES[1])
    )
    (warning,) = checked(paths, skip_missing=True)
    assert message.startswith(warning)
    assert checked(paths[1:]) == []  # chosen among those that are there


def test_a_choice_of_a_whole_set(tmp_path):
    paths = write(tmp_path, NAMES, NAMES)
    for chosen in (paths, paths[:3], paths[2:3]):
        assert checked(chosen) == []


def test_numbers_without_a_manifest(tmp_path):
    paths = write(tmp_path, [NAMES[3], NAMES[1], "other"])
    (warning,) = checked(paths)
    assert warning == (
        "{} belongs by its name together with {}, which is not there (2 of 4 are missing)".format(
            tmp_path / NAMES[1], NAMES[0]
        )
    )
    assert checked(paths[:1]) == []
    paths += write(tmp_path, [NAMES[0], NAMES[2]])
    assert checked(paths) == []


def test_sets_in_the_current_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(str(tmp_path))
    write(tmp_path, NAMES[:2], NAMES)
    assert "lists " + NAMES[2] in refusal(NAMES[:2])
    os.unlink("_t.manifest.json")
    assert len(checked(NAMES[:2])) == 1
