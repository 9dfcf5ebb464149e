"""The .rnn container: what goes in comes out, any reader opens it, and its bytes depend on nothing but its content."""

from __future__ import annotations

import hashlib
import json
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors
import safetensors.numpy

from recurra.errors import ArgumentTypeError, FileError, ModelFileError
from recurra.files import check_tensors, read_model, write_model
from recurra.files.layout import DTYPES

METADATA = {
    "task": "tagging",
    "config": {"hidden_size": 3, "dropout": 0.5, "bias": True, "path": None},
    "vocabularies": {"words": ["Taipei", "臺北", "😀", '"\\[{', "\n"]},
    "state": 2**127,
}


ARRAY = "write_model: tensor 'w' must be a numpy array of float64 float32 float16 int64 int32 int16 int8 uint8 bool"
NAME = "write_model: a tensor's name must be text other than '' and '__metadata__'"


def every_dtype() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(2)
    tensors = {dtype: np.asarray(rng.integers(0, 2, size=(3, 5))).astype(dtype) for dtype in DTYPES}
    tensors["float32"] = rng.normal(size=(3, 5)).astype(np.float32)
    tensors["scalar"] = np.array(3.5)
    tensors["empty"] = np.zeros((0, 4), np.float32)
    tensors["name with space, 名"] = np.array([1, -1], np.int8)
    return tensors


def test_what_is_written_is_read(tmp_path: Path) -> None:
    tensors = every_dtype()
    write_model(tmp_path / "a.rnn", tensors, METADATA)
    model = read_model(tmp_path / "a.rnn")
    assert model.metadata == METADATA
    assert list(model.metadata) == list(METADATA)
    assert model.tensors.keys() == tensors.keys()
    for name, tensor in tensors.items():
        read = model.tensors[name]
        assert (read.dtype, read.shape) == (tensor.dtype, tensor.shape)
        assert np.array_equal(read, tensor)
        assert read.flags.carray


def test_safetensors_opens_the_weights(tmp_path: Path) -> None:
    tensors = every_dtype()
    write_model(tmp_path / "a.rnn", tensors, METADATA)
    read = safetensors.numpy.load_file(tmp_path / "a.rnn")
    assert read.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert read[name].dtype == tensor.dtype
        assert np.array_equal(read[name], tensor)
    with safetensors.safe_open(tmp_path / "a.rnn", "numpy") as file:
        metadata = file.metadata()
    assert set(metadata) == {"recurra", "sha256"}
    assert json.loads(metadata["recurra"]) == {"format": 1, **METADATA}


def test_a_model_without_tensors_or_metadata(tmp_path: Path) -> None:
    write_model(tmp_path / "a.rnn", {}, {})
    assert read_model(tmp_path / "a.rnn").tensors == {}
    assert read_model(tmp_path / "a.rnn").metadata == {}


def test_the_bytes_depend_on_the_content_alone(tmp_path: Path) -> None:
    tensors = every_dtype()
    strided = {name: np.repeat(tensor, 2, axis=0)[::2] if tensor.ndim else tensor for name, tensor in reversed(tensors.items())}
    swapped = {name: tensor.astype(tensor.dtype.newbyteorder(">")) for name, tensor in tensors.items()}
    digests = []
    for name, variant in (("a", tensors), ("b", strided), ("c", swapped)):
        write_model(tmp_path / name, variant, METADATA)
        digests.append((tmp_path / name).read_bytes())
    assert digests[0] == digests[1] == digests[2]
    write_model(tmp_path / "d", tensors, {**METADATA, "seed": 2})
    assert (tmp_path / "d").read_bytes() != digests[0]


def test_the_digest_is_the_whole_files_with_its_own_place_read_as_zeros(model_bytes: bytes, tmp_path: Path) -> None:
    (tmp_path / "m.rnn").write_bytes(model_bytes)
    digest = read_model(tmp_path / "m.rnn").sha256
    assert model_bytes.count(digest.encode()) == 1
    assert hashlib.sha256(model_bytes.replace(digest.encode(), b"0" * 64)).hexdigest() == digest


def test_the_data_begins_on_8_bytes_and_each_tensor_on_its_own_size(model_bytes: bytes) -> None:
    (length,) = struct.unpack("<Q", model_bytes[:8])
    assert length % 8 == 0
    entries = json.loads(model_bytes[8 : 8 + length])
    names = [name for name in entries if name != "__metadata__"]
    assert names == ["step", "weight", "mask"]
    assert [entries[name]["data_offsets"] for name in names] == [[0, 8], [8, 56], [56, 58]]


def test_every_truncation_is_refused(model_bytes: bytes, refusal: Callable[[bytes], str]) -> None:
    for length in range(len(model_bytes)):
        refusal(model_bytes[:length])


def test_a_longer_file_is_refused(model_bytes: bytes, refusal: Callable[[bytes], str]) -> None:
    assert refusal(model_bytes + b"\0").startswith("the tensors take 58 bytes, but the file has 59 after its header.")


def test_every_flipped_bit_of_the_header_and_2000_elsewhere_are_refused(model_bytes: bytes, tmp_path: Path) -> None:
    path = tmp_path / "m.rnn"
    path.write_bytes(model_bytes)
    header_bits = 8 * (8 + int.from_bytes(model_bytes[:8], "little"))
    elsewhere = np.random.default_rng(3).integers(header_bits, 8 * len(model_bytes), 2000)
    with path.open("r+b", buffering=0) as file:
        for bit in [*range(header_bits), *map(int, elsewhere)]:
            byte = model_bytes[bit // 8]
            os.pwrite(file.fileno(), bytes([byte ^ 1 << bit % 8]), bit // 8)
            with pytest.raises(ModelFileError):
                read_model(path)
            os.pwrite(file.fileno(), bytes([byte]), bit // 8)
    read_model(path)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_weights_that_are_not_finite_are_not_written(tmp_path: Path, value: float, dtype: type) -> None:
    array: np.ndarray = np.zeros(300_000, dtype)
    array[-1] = value
    with pytest.raises(ModelFileError) as caught:
        write_model(tmp_path / "a.rnn", {"w": array}, {})
    assert str(caught.value).startswith(f"{tmp_path / 'a.rnn'}: not written: tensor 'w' has values that are not finite (NaN or infinity).")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("tensors", "metadata", "message"),
    [
        ({"w": [1.0]}, {}, f"{ARRAY}, got list."),
        ({"w": np.zeros(2, complex)}, {}, f"{ARRAY}, got complex128."),
        ({"": np.zeros(2)}, {}, f"{NAME}, got ''."),
        ({"__metadata__": np.zeros(2)}, {}, f"{NAME}, got '__metadata__'."),
        ({}, {"a": {"b": np.float32(1)}}, "metadata.a.b: must be text, a number, true, false, null, a list or a dict, got float32"),
        ({}, {"a": [float("nan")]}, "metadata.a: must be finite, got nan"),
        ({}, {"a": {1: 2}}, "metadata.a: keys must be text, got 1"),
        ({}, {"a": "\ud800"}, r"metadata.a: text that is not Unicode (half a surrogate pair): '\ud800'"),
        ({}, {"a": 10**40}, "metadata.a: an integer of more than 40 digits"),
        ({}, {"a": {"b": {}}, "format": 1}, "PATH: metadata must not have the key 'format': the writer adds it."),
    ],
)
def test_what_cannot_be_stored_is_named(tmp_path: Path, tensors: dict[str, Any], metadata: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentTypeError) as caught:
        write_model(tmp_path / "a.rnn", tensors, metadata)
    assert str(caught.value).replace(str(tmp_path / "a.rnn"), "PATH") == message
    assert list(tmp_path.iterdir()) == []


def test_what_would_be_refused_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="not written: the header would take about"):
        write_model(tmp_path / "a.rnn", {}, {"words": [str(number) for number in range(50_000)]})
    write_model(tmp_path / "a.rnn", {"w": np.zeros((50_000, 32), np.float32)}, {"words": [str(number) for number in range(50_000)]})
    assert len(read_model(tmp_path / "a.rnn").metadata["words"]) == 50_000


def test_check_tensors_names_what_does_not_fit() -> None:
    tensors = {"a": np.zeros((2, 3)), "b": np.zeros(4)}
    check_tensors("m.rnn", tensors, {"a": (2, 3), "b": (4,)})
    for shapes, message in (
        ({"a": (2, 3)}, "m.rnn: tensor 'b' belongs to no part of the model."),
        ({"a": (2, 3), "b": (4,), "c": ()}, "m.rnn: tensor 'c' is missing."),
        ({"a": (3, 2), "b": (4,)}, "m.rnn: tensor 'a' must have shape (3, 2), got (2, 3)."),
    ):
        with pytest.raises(ModelFileError) as caught:
            check_tensors("m.rnn", tensors, shapes)
        assert str(caught.value).startswith(message)


def test_a_missing_file_is_a_file_error(tmp_path: Path) -> None:
    with pytest.raises(FileError) as caught:
        read_model(tmp_path / "none.rnn")
    assert str(caught.value) == f"{tmp_path / 'none.rnn'}: cannot be read: No such file or directory."
    assert caught.value.errno == 2


def test_a_failed_write_keeps_the_old_model(tmp_path: Path, model_bytes: bytes) -> None:
    (tmp_path / "a.rnn").write_bytes(model_bytes)
    with pytest.raises(ModelFileError):
        write_model(tmp_path / "a.rnn", {"w": np.array(np.nan)}, {})
    assert (tmp_path / "a.rnn").read_bytes() == model_bytes
