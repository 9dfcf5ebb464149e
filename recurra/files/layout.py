"""The bytes of a `.rnn` file: which types there are, in which order tensors lie, what the header says of them.

8 bytes   length of the header, little-endian, a multiple of 8
header    JSON in ASCII, padded with spaces: __metadata__ {recurra, sha256}, then one entry a tensor in the order of the data
data      the tensors end to end, little-endian; larger elements first, then by name, so that each is aligned
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from recurra.files import strict_json

FORMAT = 1
MAX_AXES = 32
ALLOWANCE = 1 << 20
NO_DIGEST = "0" * 64

# name in numpy: name in the header, bytes as stored
DTYPES = {
    "float64": ("F64", "<f8"),
    "float32": ("F32", "<f4"),
    "float16": ("F16", "<f2"),
    "int64": ("I64", "<i8"),
    "int32": ("I32", "<i4"),
    "int16": ("I16", "<i2"),
    "int8": ("I8", "|i1"),
    "uint8": ("U8", "|u1"),
    "bool": ("BOOL", "|b1"),
}
STORED = {code: np.dtype(stored) for code, stored in DTYPES.values()}

DIGEST = re.compile(rb'"sha256":"([0-9a-f]{64})"')
DAMAGED = "It is damaged, or was never a Recurra model: copy it again from where it came from."
FOREIGN = "Give a .rnn file that Recurra wrote."


class Refused(Exception):
    """Why bytes are not a model, and what to do; the path is put in front where it is known."""

    def __init__(self, what: str, advice: str = DAMAGED) -> None:
        super().__init__(f"{what}. {advice}")


@dataclass(frozen=True)
class Spec:
    """Where a tensor lies in the data: [begin, end) in bytes."""

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    begin: int
    end: int


@dataclass(frozen=True)
class Header:
    """What a header says: the tensors in the order of the data, the text of the metadata, the digest and where its 64 characters stand."""

    specs: tuple[Spec, ...]
    text: str
    sha256: str
    digest_at: int


def encode_header(tensors: Mapping[str, np.ndarray], text: str) -> bytes:
    """The header of tensors (in their final order) and the text of the metadata, with zeros for the digest."""
    fields: dict[str, object] = {"__metadata__": {"recurra": text, "sha256": NO_DIGEST}}
    begin = 0
    for name, tensor in tensors.items():
        end = begin + tensor.nbytes
        fields[name] = {"dtype": DTYPES[tensor.dtype.name][0], "shape": list(tensor.shape), "data_offsets": [begin, end]}
        begin = end
    header = strict_json.dumps(fields).encode()
    return header + b" " * (-len(header) % 8)


def decode_header(header: bytes, size: int) -> Header:
    """Everything that a header says, checked; `size` is the file's, in bytes. Refused, else."""
    fields = decode_json(header.decode("latin-1"), "the header", size)
    if not isinstance(fields, dict):
        raise Refused("the header is not a JSON object")
    metadata = fields.pop("__metadata__", None)
    if not isinstance(metadata, dict) or "recurra" not in metadata:
        raise Refused("a safetensors file, but not a Recurra model", FOREIGN)
    if set(metadata) != {"recurra", "sha256"} or not all(isinstance(value, str) for value in metadata.values()):
        raise Refused("__metadata__ must have exactly the texts recurra and sha256")
    found = DIGEST.search(header)
    if found is None or found[1].decode() != metadata["sha256"]:
        raise Refused('__metadata__ must have "sha256" with 64 hexadecimal characters')
    return Header(_specs(fields, size - 8 - len(header)), metadata["recurra"], metadata["sha256"], found.start(1))


def decode_metadata(text: str, size: int) -> dict[str, Any]:
    """The metadata without its format version, from the text in a header. Refused when it is not an object or of a newer format."""
    metadata = decode_json(text, "the metadata", size)
    if not isinstance(metadata, dict) or type(metadata.get("format")) is not int or metadata["format"] < 1:
        raise Refused("the metadata must be a JSON object with the format version, an integer from 1")
    version = metadata.pop("format")
    if version > FORMAT:
        raise Refused(f"written by a newer Recurra: format {version}, this one reads up to {FORMAT}", "Upgrade Recurra.")
    return metadata


def decode_json(text: str, what: str, size: int) -> Any:
    """The value of a JSON text; it, two copies of the text and the tensors stay within three times the file (and ALLOWANCE)."""
    if not text.isascii():
        raise Refused(f"{what} has characters beyond ASCII")
    try:
        return strict_json.loads(text, 2 * size - len(text) + ALLOWANCE)
    except ValueError as error:
        raise Refused(f"{what} {error}") from None


def _specs(fields: Mapping[str, Any], data: int) -> tuple[Spec, ...]:
    """The tensors end to end over all `data` bytes: no overlap, no hole, nothing left over."""
    specs: list[Spec] = []
    position = 0
    for name, entry in fields.items():
        spec = _spec(name, entry)
        if spec.begin != position:
            hole = spec.begin - position
            fault = "overlaps the tensor before it" if hole < 0 else f"leaves a hole of {hole} bytes before it"
            raise Refused(f"tensor {name[:80]!a} {fault}")
        if spec.begin % spec.dtype.itemsize:
            raise Refused(f"tensor {name[:80]!a} is not aligned: byte {spec.begin} of the data")
        specs.append(spec)
        position = spec.end
    if position != data:
        raise Refused(f"the tensors take {position} bytes, but the file has {data} after its header")
    return tuple(specs)


def _spec(name: str, entry: Any) -> Spec:
    who = f"tensor {name[:80]!a}"
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise Refused(f"{who} must have exactly dtype, shape and data_offsets")
    code, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(code, str) or code not in STORED:
        raise Refused(f"{who} has the unknown dtype {ascii(code)[:40]}; expected one of {' '.join(STORED)}")
    if not _naturals(shape) or len(shape) > MAX_AXES:
        raise Refused(f"{who} must have a shape of at most {MAX_AXES} whole numbers from 0, got {_short(shape)}")
    if not _naturals(offsets) or len(offsets) != 2:
        raise Refused(f"{who} must have two whole numbers as data_offsets, got {_short(offsets)}")
    dtype, (begin, end) = STORED[code], offsets
    # An axis of length 0 must not hide another of length 2^62, which numpy would refuse with an error of its own.
    if math.prod(max(axis, 1) for axis in shape) * dtype.itemsize >= 2**63:
        raise Refused(f"{who} has a shape too large for any memory: {_short(shape)}")
    size = math.prod(shape) * dtype.itemsize
    if end - begin != size:
        raise Refused(f"{who} of {code} {_short(shape)} takes {size} bytes, its data_offsets span {end - begin}")
    return Spec(name, dtype, tuple(shape), begin, end)


def _naturals(values: object) -> bool:
    return isinstance(values, list) and all(type(value) is int and value >= 0 for value in values)


def _short(values: Sequence[object] | object) -> str:
    text = ascii(values)
    return text if len(text) <= 80 else f"{text[:77]}..."
