"""Readers of tensor files, safetensors' and PyTorch's, that return numpy arrays."""

import collections
import io

import numpy as np

from common import bounded_json, files
from common.errors import UserError
from common.validation import dict_of, is_text

_GIT_LFS = b"version https://git-lfs"
# safetensors' number formats, little-endian; bfloat16 is read as its 16 bits.
_FORMATS = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "BF16": "<u2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "i1",
    "U8": "u1",
    "BOOL": "?",
}


def read_file(path):
    """Reads one file of tensors.

    arrays = read_file("hf/model.safetensors")

    Args:
      path: a *.safetensors file, or one that torch.save wrote.

    Returns:
      Ordered dict name -> numpy array: float32 whatever the file's precision; integers and
      booleans as they are.

    Raises:
      UserError: the file cannot be read or is damaged, or the package that reads it is missing.
    """
    decode = _decode_safetensors if path.endswith(".safetensors") else _decode_torch
    try:
        with files.open_file(path, "rb") as reader:
            content = reader.read()
    except files.failures() as error:
        raise UserError("{} cannot be read: {}".format(path, files.reason(error))) from error
    if content.startswith(_GIT_LFS):
        raise UserError(
            "{} is only git-lfs' pointer to the weights; run git lfs pull there".format(path)
        )
    return decode(path, content)


def _decode_safetensors(path, content):
    try:
        import safetensors
    except ImportError as error:
        raise _missing_package(path, "safetensors") from error
    _check_header(path, content)
    try:
        # Not the numpy reader: numpy has no bfloat16.
        entries = safetensors.deserialize(content)
    except Exception as error:  # the library documents no exception of its own for damage
        raise _damaged(path) from error
    tensors = collections.OrderedDict()
    for name, entry in entries:
        if entry["dtype"] not in _FORMATS:
            raise UserError(
                "{} in {} is of number format {}, which is not supported; save it as "
                "float32".format(name, path, entry["dtype"])
            )
        array = np.frombuffer(entry["data"], _FORMATS[entry["dtype"]]).reshape(entry["shape"])
        if entry["dtype"] == "BF16":  # the upper half of a float32
            array = (array.astype(np.uint32) << 16).view(np.float32)
        tensors[name] = _as_float32(array)
    return tensors


def _check_header(path, content):
    """Refuses a malformed JSON header before the library parses it."""
    length = int.from_bytes(content[:8], "little")
    if len(content) < 8 or length > min(len(content) - 8, bounded_json.LIST_BYTES):
        raise _damaged(path)
    bounded_json.parse(content[8 : 8 + length], "header of " + path)


def _decode_torch(path, content):
    try:
        import torch
    except ImportError as error:
        raise _missing_package(path, "torch") from error
    try:
        # weights_only: an unrestricted pickle may run any program.
        state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged pickle can raise nearly anything
        raise UserError(
            "{} is damaged, or holds more than tensors and is not opened for safety; take another "
            "copy of it".format(path)
        ) from error
    if not dict_of(torch.is_tensor)(state) or not all(map(is_text, state)):
        raise UserError(
            "{} is no table of tensors (a model's state_dict); save the model with "
            "save_pretrained".format(path)
        )
    try:
        return collections.OrderedDict(
            (name, (v.float() if v.is_floating_point() else v).detach().numpy())
            for name, v in state.items()
        )
    except (RuntimeError, TypeError, NotImplementedError) as error:  # sparse, quantized
        raise UserError(
            "{} holds tensors that are not plain arrays; save the model with "
            "save_pretrained".format(path)
        ) from error


def _as_float32(array):
    return array.astype(np.float32, copy=False) if array.dtype.kind == "f" else array


def _missing_package(path, package):
    return UserError(
        "reading {} needs the Python package {}, which is not installed; install it (Python 3.9 "
        "and above), or convert the directory to a TensorFlow checkpoint on another "
        "machine".format(path, package)
    )


def _damaged(path):
    return UserError("{} is damaged or cut short; take another copy of it".format(path))
