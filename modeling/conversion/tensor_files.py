"""Readers of tensor files, safetensors' and PyTorch's, that return numpy arrays."""

import collections
import typing

import numpy as np

from common import bounded_json, file_kinds, files, pytorch
from common.errors import UserError
from common.processes import memory_bytes
from common.progress import size as shown_size
from common.validation import dict_of, is_count, is_object, is_text, list_of

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
    read = _read_safetensors if path.endswith(".safetensors") else _read_torch
    try:
        _check_size(path)
        with files.open_file(path, "rb") as reader:
            start = reader.read(file_kinds.START_BYTES)
            # PyTorch's own files are archives, which it may say more of where they are damaged.
            accepted = (*file_kinds.WEIGHTS, file_kinds.ZIP)
            file_kinds.refuse(path, "a model's weights", start, accepted)
            reader.seek(0)
            return read(path, reader)
    except files.failures() as error:
        raise UserError("{} cannot be read: {}".format(path, files.reason(error))) from error


def _check_size(path):
    """Refuses a file that no memory holds; a sparse one takes no room on the disk."""
    size, memory = files.size(path), memory_bytes()
    if size > memory:
        raise UserError(
            "{} has {}, more than the {} of memory of this machine; take another copy of it, or a "
            "larger machine".format(path, shown_size(size), shown_size(memory))
        )


class _Entry(typing.NamedTuple):
    """The entry of a tensor in the header of a safetensors file; offsets within the data."""

    name: str
    format: str
    shape: typing.List[int]
    begin: int
    end: int


def _read_safetensors(path, reader):
    """The tensors of a safetensors file, one after the other.

    Not by the library, which allocates what a header asks for, outside of Python, where a lack of
    memory ends the process; and which knows no numpy array of bfloat16.
    """
    tensors = collections.OrderedDict()
    for entry, start in _entries(path, reader):
        if entry.format not in _FORMATS:
            raise UserError(
                "{} in {} is of number format {}, which is not supported; save it as "
                "float32".format(entry.name, path, entry.format)
            )
        kind, count = np.dtype(_FORMATS[entry.format]), _product(entry.shape)
        if entry.end - entry.begin != count * kind.itemsize:
            raise _damaged(path)
        reader.seek(start)
        content = reader.read(entry.end - entry.begin)
        if len(content) < entry.end - entry.begin:  # cut since its size was looked at
            raise _damaged(path)
        array = np.frombuffer(content, kind).reshape(entry.shape)
        if entry.format == "BF16":  # the upper half of a float32
            array = (array.astype(np.uint32) << 16).view(np.float32)
        tensors[entry.name] = _as_float32(array)
    return tensors


def _entries(path, reader):
    """[(_Entry, its place in the file)], in the order of the data, which they fill without gaps."""
    size = files.size(path)
    start = reader.read(8)
    length = int.from_bytes(start, "little")
    if len(start) < 8 or length > min(size - 8, bounded_json.LIST_BYTES):
        raise _damaged(path)
    header = bounded_json.parse(reader.read(length), "header of " + path)
    if not dict_of(is_object)(header):
        raise _damaged(path)
    header.pop("__metadata__", None)
    entries = [_entry(path, name, value) for name, value in header.items()]
    entries.sort(key=lambda entry: (entry.begin, entry.end))
    end = 0
    for entry in entries:
        if entry.begin != end or entry.end < end:
            raise _damaged(path)
        end = entry.end
    if 8 + length + end != size:
        raise _damaged(path)
    return [(entry, 8 + length + entry.begin) for entry in entries]


def _entry(path, name, value):
    """_Entry of a value of the header."""
    kind, shape, place = (value.get(key) for key in ("dtype", "shape", "data_offsets"))
    if not (is_text(kind) and list_of(is_count)(shape) and list_of(is_count)(place)):
        raise _damaged(path)
    if len(place) != 2:
        raise _damaged(path)
    return _Entry(name, kind, shape, *place)


def _product(shape):
    """Number of values of a tensor, as a Python integer: it cannot overflow."""
    product = 1
    for length in shape:
        product *= length
    return product


def _read_torch(path, reader):
    pytorch.keep_triton_out()
    try:
        import torch
    except ImportError as error:
        raise UserError(
            "reading {} needs the Python package torch, which is not installed; install it (Python "
            "3.9 and above), or convert the directory to a TensorFlow checkpoint on another "
            "machine".format(path)
        ) from error
    try:
        # weights_only: an unrestricted pickle may run any program.
        state = torch.load(reader, map_location="cpu", weights_only=True)
    except MemoryError:
        raise
    except Exception as error:  # a damaged pickle can raise nearly anything
        if "allocate memory" in str(error):  # torch has no exception of its own for it
            raise MemoryError from error
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


def _damaged(path):
    return UserError("{} is damaged or cut short; take another copy of it".format(path))
