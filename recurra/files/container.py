"""The `.rnn` file: a safetensors file that knows what it is, checks itself and never runs code.

    write_model("ner.rnn", {"weight_ih_l0": w}, {"task": "tagging", ...})
    model = read_model("ner.rnn")
    model.tensors["weight_ih_l0"], model.metadata["task"]

The layout is described in `layout.py`, and for other readers in docs/files.md.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from io import BufferedReader
from typing import Any

import numpy as np

from recurra.errors import ArgumentTypeError, ModelFileError
from recurra.files import layout, strict_json
from recurra.files.atomic import atomic_write, file_error
from recurra.files.digests import sha256
from recurra.files.disguise import HEAD, looks_like
from recurra.files.layout import FOREIGN, Refused

FINITE_CHUNK = 1 << 18


@dataclass(frozen=True)
class ModelFile:
    """What a `.rnn` file holds. The arrays are writable, aligned to their elements and share one block of memory."""

    tensors: dict[str, np.ndarray]
    metadata: dict[str, Any]
    sha256: str


def write_model(path: str | os.PathLike[str], tensors: Mapping[str, np.ndarray], metadata: Mapping[str, Any]) -> None:
    """Write a `.rnn` file by `atomic_write`; the same content gives the same bytes.

    The metadata is JSON; the order of its keys is content, and "format" is added here. The order of the tensors is not content.
    ArgumentTypeError for a value that cannot be stored, ModelFileError for one that would be refused when read (NaN), FileError from
    the disk.
    """
    if "format" in metadata:
        raise ArgumentTypeError(f"{os.fspath(path)}: metadata must not have the key 'format': the writer adds it.")
    strict_json.check_json(dict(metadata), "metadata")
    arrays = {name: _stored(name, array) for name, array in tensors.items()}
    arrays = dict(sorted(arrays.items(), key=lambda item: (-item[1].itemsize, item[0])))
    header = layout.encode_header(arrays, strict_json.dumps({"format": layout.FORMAT, **metadata}))
    data = [array.reshape(-1).view(np.uint8).data for array in arrays.values()]
    try:
        _check_readable(header, arrays)
    except Refused as refused:
        raise ModelFileError(f"{os.fspath(path)}: not written: {refused}") from None
    start = len(header).to_bytes(8, "little")
    digest = sha256(start, header, *data)
    sealed = header.replace(layout.NO_DIGEST.encode(), digest.encode(), 1)
    atomic_write(path, [start, sealed, *data])


def read_model(path: str | os.PathLike[str]) -> ModelFile:
    """Read a `.rnn` file, whoever made it: no code is run, and no more memory taken than three times the file (and 1 MiB).

    ModelFileError when one bit is not as it was written, or when the content could not have been written by `write_model`; FileError when
    the file cannot be opened. Whether the tensors fit the cell is for the caller to check: `check_tensors`.
    """
    try:
        with _open_regular(path) as file:
            return _read(file, os.fstat(file.fileno()).st_size)
    except Refused as refused:
        raise ModelFileError(f"{os.fspath(path)}: {refused}") from None
    except OSError as error:
        raise file_error(path, "read", error) from error


def check_tensors(path: str | os.PathLike[str], tensors: Mapping[str, np.ndarray], shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Raise ModelFileError unless the tensors have exactly these names and shapes: what the file's own cell and configuration ask for."""
    for name in sorted(shapes.keys() ^ tensors.keys()):
        fault = "is missing" if name in shapes else "belongs to no part of the model"
        raise ModelFileError(f"{os.fspath(path)}: tensor {name[:80]!a} {fault}. {layout.DAMAGED}")
    for name, shape in shapes.items():
        if tensors[name].shape != tuple(shape):
            what = f"must have shape {tuple(shape)}, got {tensors[name].shape}"
            raise ModelFileError(f"{os.fspath(path)}: tensor {name[:80]!a} {what}. {layout.DAMAGED}")


def _stored(name: object, array: object) -> np.ndarray:
    """The array as it lies in the file: contiguous, little-endian."""
    if not isinstance(name, str) or name in ("", "__metadata__"):
        raise ArgumentTypeError(f"write_model: a tensor's name must be text other than '' and '__metadata__', got {name!r}.")
    strict_json.check_json(name, "write_model: a tensor's name")
    if not isinstance(array, np.ndarray) or array.dtype.name not in layout.DTYPES:
        came = array.dtype.name if isinstance(array, np.ndarray) else type(array).__name__
        raise ArgumentTypeError(f"write_model: tensor {name!r} must be a numpy array of {' '.join(layout.DTYPES)}, got {came}.")
    return np.asarray(array, dtype=layout.DTYPES[array.dtype.name][1], order="C")


def _check_readable(header: bytes, arrays: Mapping[str, np.ndarray]) -> None:
    """What is written can be read: the reader's own checks, before a byte is written."""
    size = 8 + len(header) + sum(array.nbytes for array in arrays.values())
    layout.decode_metadata(layout.decode_header(header, size).text, size)
    for name, array in arrays.items():
        _check_values(name, array)


def _open_regular(path: str | os.PathLike[str]) -> BufferedReader:
    """Open a regular file; a folder is refused, and a pipe or device without waiting for it."""
    mode = os.stat(path).st_mode
    if stat.S_ISDIR(mode):
        raise Refused("a folder, not a model file", "In a run folder the model is best.rnn.")
    if not stat.S_ISREG(mode):
        raise Refused("a pipe or device, not a model file", FOREIGN)
    return open(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)), "rb")


def _read(file: BufferedReader, size: int) -> ModelFile:
    start, raw = _read_header(file, size)
    header = layout.decode_header(raw, size)
    data = np.empty(size - 8 - len(raw), np.uint8)
    if file.readinto(data.data) != len(data):
        raise Refused("the file became shorter while it was read")
    before, after = memoryview(raw)[: header.digest_at], memoryview(raw)[header.digest_at + 64 :]
    if sha256(start, before, layout.NO_DIGEST.encode(), after, data.data) != header.sha256:
        raise Refused("its content does not match its SHA-256")
    metadata = layout.decode_metadata(header.text, size)
    tensors = {spec.name: data[spec.begin : spec.end].view(spec.dtype).reshape(spec.shape) for spec in header.specs}
    for name, tensor in tensors.items():
        _check_values(name, tensor)
    return ModelFile(tensors, metadata, header.sha256)


def _read_header(file: BufferedReader, size: int) -> tuple[bytes, bytes]:
    """The first 8 bytes and the header, once they can be one."""
    head = file.read(HEAD)
    length = int.from_bytes(head[:8], "little")
    if size == 0:
        raise Refused("the file is empty")
    if head[8:9] != b"{" or length > size - 8:
        if kind := looks_like(head):
            raise Refused(f"looks like {kind}", FOREIGN)
        if len(head) > 8 and head[8:9] != b"{":
            raise Refused("not a safetensors file", FOREIGN)
        raise Refused(f"cut off: the header should have {length:,} bytes, the file has {max(size - 8, 0):,} after its first 8")
    if length % 8:
        raise Refused(f"the header has {length:,} bytes, not a multiple of 8")
    raw = head[8 : 8 + length] + file.read(max(8 + length - len(head), 0))
    file.seek(8 + length)
    return head[:8], raw


def _check_values(name: str, array: np.ndarray) -> None:
    """Refuse NaN, infinity, and truth values other than 0 and 1; by pieces, so that little memory is taken."""
    flat = array.reshape(-1)
    if array.dtype.kind == "f":
        if not all(np.isfinite(flat[at : at + FINITE_CHUNK]).all() for at in range(0, flat.size, FINITE_CHUNK)):
            raise Refused(f"tensor {name[:80]!a} has values that are not finite (NaN or infinity)")
    elif array.dtype.kind == "b" and flat.size and flat.view(np.uint8).max() > 1:
        raise Refused(f"tensor {name[:80]!a} has truth values other than 0 and 1")
