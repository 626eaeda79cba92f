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
