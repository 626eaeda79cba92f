"""Files of tensors, read by themselves: what their headers say, and what no memory holds."""

import json

import numpy as np
import pytest

from common.errors import UserError
from modeling.conversion import tensor_files


def safetensors_file(path, header, size=0):
    """A file with a header and so many bytes of zeros, which take no room on the disk."""
    content = json.dumps(header).encode("ascii")
    with open(str(path), "wb") as f:
        f.write(len(content).to_bytes(8, "little") + content)
        f.truncate(8 + len(content) + size)


def entry(begin, end, shape, dtype="F32"):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


@pytest.mark.tf1
def test_safetensors_as_described(tmp_path):
    path = tmp_path / "model.safetensors"
    header = {"b": entry(8, 12, [2], "BF16"), "a": entry(0, 8, [2, 1]), "c": entry(12, 12, [0])}
    safetensors_file(path, dict(header, __metadata__={"format": "pt"}), 12)
    with open(str(path), "r+b") as f:
        f.seek(-12, 2)
        f.write(np.array([1.5, -2.0], "<f4").tobytes() + b"\xc0\x3f\x00\x80")
    tensors = tensor_files.read_file(str(path))
    assert {name: array.tolist() for name, array in tensors.items()} == {
        "a": [[1.5], [-2.0]],
        "b": [1.5, 0.0],
        "c": [],
    }
    assert all(array.dtype == np.float32 for array in tensors.values())


@pytest.mark.tf1
@pytest.mark.parametrize(
    ("header", "size"),
    [
        ({"a": entry(0, 1 << 42, [1 << 40])}, 8),
        ({"a": entry(0, 8, [1 << 40])}, 8),
        ({"a": entry(0, 8, [1 << 61, 4])}, 8),
        ({"a": entry(0, 8, [2]), "b": entry(4, 8, [1])}, 8),
        ({"a": entry(4, 8, [1])}, 8),
        ({"a": entry(0, 8, [2])}, 12),
        ({"a": entry(0, 8, [-2])}, 8),
        ({"a": entry(0, 8, ["2"])}, 8),
        ({"a": {"dtype": "F32", "shape": [2]}}, 8),
        ({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0]}}, 8),
        ({"a": 3}, 8),
        ([], 8),
    ],
)
def test_headers_that_lie(tmp_path, header, size):
    path = tmp_path / "model.safetensors"
    safetensors_file(path, header, size)
    with pytest.raises(UserError, match=r"model.safetensors is damaged or cut short"):
        tensor_files.read_file(str(path))


@pytest.mark.tf1
@pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin"])
def test_a_file_that_no_memory_holds(tmp_path, name):
    path = tmp_path / name
    try:
        safetensors_file(path, {"a": entry(0, 1 << 42, [1 << 40])}, 1 << 42)
    except OSError:
        pytest.skip("no sparse files of 4 TB here")
    with pytest.raises(UserError, match=name + " has 4.40TB, more than the .*B of memory"):
        tensor_files.read_file(str(path))
