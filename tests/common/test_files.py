"""Folders that are none or cannot be read, and prefixes."""

import os

import pytest

from common import files
from common.errors import UserError


def test_names_in_a_folder(tmp_path):
    (tmp_path / "b").write_text("")
    (tmp_path / "a[1]").mkdir()
    assert files.names_in(str(tmp_path)) == ["a[1]", "b"]
    assert files.names_in(str(tmp_path / "b")) == files.names_in(str(tmp_path / "none")) == []


def test_a_folder_that_cannot_be_read(tmp_path, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(os, "listdir", refuse)
    with pytest.raises(UserError, match=r"cannot look into .*: Permission denied"):
        files.names_in(str(tmp_path))


def test_a_prefix_is_no_pattern(tmp_path):
    for folder in ("run[1]", "run1", "a*b", "axb"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "model.ckpt-3.index").write_text("")
    for folder in ("run[1]", "a*b"):
        prefix = str(tmp_path / folder / "model.ckpt-3.")
        assert files.beginning_with(prefix) == [prefix + "index"]
    assert files.beginning_with(str(tmp_path / "run1" / "other")) == []


def test_a_file_of_that_name_comes_before_a_pattern(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = ["a,b", " c ", "d[1]", "d1", "e", "e*", "-f"]
    for name in names:
        (tmp_path / name).write_text("")
    for value, found in (
        ("a,b", ["a,b"]),
        (" c ,e", [" c ", "e"]),
        (" e , d1", ["e", "d1"]),
        ("d[1]", ["d[1]"]),
        ("e*", ["e*"]),
        ("-f", ["-f"]),
        ("d*", ["d1", "d[1]"]),
    ):
        assert files.matching(value, "--x") == found
    with pytest.raises(UserError, match=r"no file matches a \(--x\)"):
        files.matching("a,e", "--x")


def test_a_folder_of_that_name_comes_before_a_pattern(tmp_path):
    for folder in ("run[1]", "run1", "deep*"):
        (tmp_path / folder).mkdir()
        for name in ("t-0", "t-1"):
            (tmp_path / folder / name).write_text("")

    def found(pattern):
        return [os.path.relpath(p, str(tmp_path)) for p in files.matching(pattern, "--x")]

    assert found(str(tmp_path / "run[1]" / "t-*")) == ["run[1]/t-0", "run[1]/t-1"]
    assert found(str(tmp_path / "deep*" / "t-*")) == ["deep*/t-0", "deep*/t-1"]
    assert found(str(tmp_path / "run[12]" / "t-0")) == ["run1/t-0"]
    (tmp_path / "run1" / "[x]").mkdir()
    (tmp_path / "run1" / "[x]" / "y").write_text("")
    assert found(str(tmp_path / "run1" / "[x]" / "*")) == ["run1/[x]/y"]
