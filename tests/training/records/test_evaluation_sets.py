"""The named sets of --eval_file, and what is refused of them."""

import os

import pytest

from common.errors import UserError
from training.records import evaluation_sets, record_identity
from training.records.record_files import RecordFiles
from training.run_config import RunConfig

pytestmark = pytest.mark.tf1


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The working directory, with empty files."""
    monkeypatch.chdir(str(tmp_path))
    for name in ("law/a", "law/b", "general/a", "x=1", "day=1/a", "a,b"):
        os.makedirs(os.path.dirname(name) or ".", exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    return tmp_path


@pytest.mark.parametrize(
    "value, sets",
    [
        ("law/*,general/a", {None: ["law/a", "law/b", "general/a"]}),
        ("law=law/*,general=general/*", {"law": ["law/a", "law/b"], "general": ["general/a"]}),
        (" 法律 = law/a , b-2_x=general/a", {"法律": ["law/a"], "b-2_x": ["general/a"]}),
        # A sign of equality in a file's name, or in its folder's.
        ("x=1", {None: ["x=1"]}),
        ("day=1/*", {None: ["day=1/a"]}),
        ("./x=1,law/a", {None: ["./x=1", "law/a"]}),
        ("*=1,day*=1/a", {None: ["x=1", "day=1/a"]}),
        ("one=x=1,two=day=1/*", {"one": ["x=1"], "two": ["day=1/a"]}),
        ("a,b", {None: ["a,b"]}),
    ],
)
def test_sets_and_file_names(folder, value, sets):
    assert evaluation_sets.find(value) == sets
    assert list(evaluation_sets.find(value)) == list(sets)


@pytest.mark.parametrize(
    "value, words",
    [
        (
            "law=law/a,general/a",
            "law=law/a has a name and general/a has none; name all sets, as in",
        ),
        ("law=law/a,LAW=general/a", "'LAW' stands twice; take another, or one glob for all its"),
        ("=law/a", "the name of a set is empty; give one, as in --eval_file=law=law/*.tfrecord,"),
        ("a law=law/a", "letters, digits, _ and - alone; change 'a law'"),
        ("a.b=law/a", "letters, digits, _ and - alone; change 'a.b'"),
        ("start=law/a", "the figures before the training have the name 'start'; take another"),
        ("law=", "set law has no files; name them behind the sign"),
        ("law=law/a,general=none*", "no file matches none* (--eval_file, set general) (for a file"),
        ("law=law", "law is a directory; name its files, for instance law/* (--eval_file, set"),
        ("y=1", "no file matches 1 (--eval_file, set y) (for a file whose name holds a '=' write"),
    ],
)
def test_what_is_refused(folder, value, words):
    with pytest.raises(UserError) as refused:
        evaluation_sets.find(value)
    message = str(refused.value)
    assert words in message and "--eval_file" in message and "\n" not in message, message
    assert "write ./{}".format(value.split(",")[-1]) in message or "./" in message


def test_remote_names_are_no_local_files():
    """The store is asked for what stands behind the name, never for name and sign."""
    with pytest.raises(UserError, match="cannot look for zzz://b/x: "):
        evaluation_sets.find("law=zzz://b/x,general=zzz://b/y")


def test_a_file_in_two_sets_is_told(folder, capsys):
    evaluation_sets.warn_of_shared({"law": ["a", "b"], "more": ["c"], "all": ["c", "b", "a"]})
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert "WARNING: --eval_file: a and 1 more are in the sets law and all, whose" in lines[0]
    assert "c is in the sets more and all" in lines[1]


def test_each_set_is_a_run_of_its_own(folder):
    sets = {"law": ["law/a", "law/b"], "general": ["general/a", "law/a"]}
    places = {"law/a": ("law/a", 3), "law/b": ("mended/b", 4), "general/a": ("general/a", None)}
    fields = evaluation_sets.settings(sets, RecordFiles(places), {})
    assert fields["eval_files"] == ["law/a", "mended/b", "general/a"]
    assert fields["eval_records"] is None
    records = record_identity.describe([], evaluation_sets.deciding_files(sets), {})
    config = RunConfig("out", "bert", [], records=records, seed=7, **fields)
    (law, of_law), (general, of_general) = evaluation_sets.each(config)
    assert (law, of_law.eval_files, of_law.eval_records) == ("law", ["law/a", "mended/b"], 7)
    assert (general, of_general.eval_files) == ("general", ["general/a", "law/a"])
    assert of_general.eval_records is None and of_general.seed == 7
    assert of_law.records == records and of_law.eval_sets is None
    assert of_general.records["eval"] == record_identity.of_files(["general/a", "law/a"], {})


def test_one_set_without_a_name_is_the_run_itself(folder):
    sets = {None: ["law/a"]}
    fields = evaluation_sets.settings(sets, RecordFiles({"law/a": ("law/a", 3)}), {})
    assert fields == {"eval_files": ["law/a"], "eval_records": 3, "eval_sets": None}
    records = record_identity.describe([], ["law/a"], {})
    config = RunConfig("out", "bert", [], records=records, **fields)
    assert evaluation_sets.each(config) == [(None, config)]
    assert evaluation_sets.digest(config) == records["eval"]["sha256"]


def test_the_digest_is_of_all_sets(folder):
    (folder / "law" / "b").write_bytes(b"other")

    def digest(sets):
        places = RecordFiles({path: (path, 1) for path in evaluation_sets.every_file(sets)})
        records = record_identity.describe([], evaluation_sets.deciding_files(sets), {})
        fields = evaluation_sets.settings(sets, places, {})
        return evaluation_sets.digest(RunConfig("out", "bert", [], records=records, **fields))

    one, two = {"law": ["law/a"]}, {"law": ["law/a"], "general": ["law/b"]}
    same = {"law": ["law/a"], "general": ["general/a"]}
    assert len({digest(sets) for sets in (one, two, same)}) == 3
    assert digest(two) == digest(dict(two))
