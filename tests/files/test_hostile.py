"""Files made to harm: each has a right digest, so that only the check it aims at stands in its way."""

from __future__ import annotations

import gzip
import io
import os
import pickle
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from recurra.errors import ModelFileError
from recurra.files import layout, read_model, strict_json, write_model

DAMAGED = "It is damaged, or was never a Recurra model: copy it again from where it came from."
FOREIGN = "Give a .rnn file that Recurra wrote."
SHAPE = "tensor 'a' must have a shape of at most 32 whole numbers from 0"
OFFSETS = "tensor 'a' must have two whole numbers as data_offsets"
DTYPES = "; expected one of F64 F32 F16 I64 I32 I16 I8 U8 BOOL"
BOMB = "the header would take about"
MEBIBYTE = 1 << 20
ZEROS = "0" * 64
NAN = np.array([np.nan], "<f4").tobytes()


def f32(*shape: Any, at: list[Any] | None = None, dtype: Any = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": list(shape), "data_offsets": at if at is not None else [0, 4]}


def header_text(tensors: str = "", text: str = r"{\"format\":1}") -> str:
    return f'{{"__metadata__":{{"recurra":"{text}","sha256":"{ZEROS}"}}{tensors}}}'


W = '"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}'

HEADERS: dict[str, tuple[dict[str, Any], str]] = {
    "overlap": ({"tensors": {"a": f32(1), "b": f32(1)}, "data": bytes(4)}, "tensor 'b' overlaps the tensor before it"),
    "partial overlap": (
        {"tensors": {"a": f32(2, at=[0, 8]), "b": f32(2, at=[4, 12])}, "data": bytes(12)},
        "tensor 'b' overlaps the tensor before it",
    ),
    "hole": ({"tensors": {"a": f32(1), "b": f32(1, at=[8, 12])}, "data": bytes(12)}, "tensor 'b' leaves a hole of 4 bytes before it"),
    "hole at the start": ({"tensors": {"a": f32(1, at=[4, 8])}, "data": bytes(8)}, "tensor 'a' leaves a hole of 4 bytes before it"),
    "unsorted": ({"tensors": {"a": f32(1, at=[4, 8]), "b": f32(1)}, "data": bytes(8)}, "tensor 'a' leaves a hole of 4 bytes before it"),
    "left over": ({"tensors": {"a": f32(1)}, "data": bytes(5)}, "the tensors take 4 bytes, but the file has 5 after its header"),
    "beyond the end": (
        {"tensors": {"a": f32(2, at=[0, 8])}, "data": bytes(4)},
        "the tensors take 8 bytes, but the file has 4 after its header",
    ),
    "backwards": ({"tensors": {"a": f32(1, at=[4, 0])}, "data": bytes(4)}, "tensor 'a' of F32 [1] takes 4 bytes, its data_offsets span -4"),
    "offsets of another shape": (
        {"tensors": {"a": f32(3)}, "data": bytes(4)},
        "tensor 'a' of F32 [3] takes 12 bytes, its data_offsets span 4",
    ),
    "three offsets": ({"tensors": {"a": f32(1, at=[0, 4, 4])}, "data": bytes(4)}, f"{OFFSETS}, got [0, 4, 4]"),
    "negative offset": ({"tensors": {"a": f32(1, at=[-4, 0])}, "data": bytes(4)}, f"{OFFSETS}, got [-4, 0]"),
    "not aligned": (
        {"tensors": {"a": f32(1, at=[0, 1], dtype="U8"), "b": f32(1, at=[1, 5])}, "data": bytes(5)},
        "tensor 'b' is not aligned: byte 1 of the data",
    ),
    "unknown dtype": ({"tensors": {"a": f32(2, dtype="BF16")}, "data": bytes(4)}, f"tensor 'a' has the unknown dtype 'BF16'{DTYPES}"),
    "dtype no text": ({"tensors": {"a": f32(2, dtype=["F32"])}, "data": bytes(4)}, f"tensor 'a' has the unknown dtype ['F32']{DTYPES}"),
    "negative shape": ({"tensors": {"a": f32(-1, -1)}, "data": bytes(4)}, f"{SHAPE}, got [-1, -1]"),
    "float shape": ({"tensors": {"a": f32(1.0)}, "data": bytes(4)}, f"{SHAPE}, got [1.0]"),
    "truth as shape": ({"tensors": {"a": f32(True)}, "data": bytes(4)}, f"{SHAPE}, got [True]"),
    "shape no list": ({"tensors": {"a": {"dtype": "F32", "shape": 1, "data_offsets": [0, 4]}}, "data": bytes(4)}, f"{SHAPE}, got 1"),
    "33 axes": ({"tensors": {"a": f32(*[1] * 33)}, "data": bytes(4)}, f"{SHAPE}, got {str([1] * 33)[:77]}..."),
    "product overflows to 4 bytes": (
        {"tensors": {"a": f32(2**32, 2**32)}, "data": bytes(4)},
        "tensor 'a' has a shape too large for any memory: [4294967296, 4294967296]",
    ),
    "huge beside zero": (
        {"tensors": {"a": f32(0, 2**62, at=[0, 0])}},
        "tensor 'a' has a shape too large for any memory: [0, 4611686018427387904]",
    ),
    "tensor no object": ({"tensors": {"a": 3}}, "tensor 'a' must have exactly dtype, shape and data_offsets"),
    "tensor with more": (
        {"tensors": {"a": {**f32(1), "code": "rm"}}, "data": bytes(4)},
        "tensor 'a' must have exactly dtype, shape and data_offsets",
    ),
    "tensor with less": (
        {"tensors": {"a": {"dtype": "F32", "shape": [1]}}, "data": bytes(4)},
        "tensor 'a' must have exactly dtype, shape and data_offsets",
    ),
    "NaN weights": ({"tensors": {"a": f32(1)}, "data": NAN}, "tensor 'a' has values that are not finite (NaN or infinity)"),
    "truth value 7": (
        {"tensors": {"a": f32(4, dtype="BOOL")}, "data": bytes([0, 1, 7, 0])},
        "tensor 'a' has truth values other than 0 and 1",
    ),
    "tensor twice": ({"header": header_text(f",{W},{W}"), "data": bytes(4)}, "the header has the key 'w' twice"),
    "metadata twice": (
        {"header": header_text(f',"__metadata__":{{"recurra":"{{}}","sha256":"{ZEROS}"}}')},
        "the header has the key '__metadata__' twice",
    ),
    "NaN in the header": ({"header": header_text(',"w":NaN')}, "the header has NaN, which is not a number of JSON"),
    "header no object": ({"header": "{" + '"a":1}]'}, "the header is not JSON (Extra data at character 7)"),
    "header no JSON": (
        {"header": "{" + "'a'"},
        "the header is not JSON (Expecting property name enclosed in double quotes at character 1)",
    ),
    "header beyond ASCII": ({"header": header_text(',"é":1')}, "the header has characters beyond ASCII"),
    "number of 5000 digits": ({"header": header_text(f',"w":{"9" * 5000}')}, "the header has an integer of 5000 digits"),
    "half a surrogate pair": (
        {"header": header_text(r',"\ud800":1')},
        r"the header cannot be used (the value: text that is not Unicode (half a surrogate pair): '\ud800')",
    ),
    "66 deep": ({"text": '{"format":1,"a":' + "[" * 64 + "]" * 64 + "}"}, "the metadata is nested deeper than 64 levels"),
    "1000 deep header": ({"header": '{"a":' * 1000}, "the header is nested deeper than 64 levels"),
    "1000 deep metadata": ({"text": "[" * 1000}, "the metadata is nested deeper than 64 levels"),
    "100k deep header": (
        {"header": '{"a":' * 100_000},
        f"{BOMB} 67,825,000 bytes in memory, more than the 1,548,592 that a file of this size may",
    ),
    "100k deep metadata": (
        {"text": "[" * 100_000},
        f"{BOMB} 14,526,988 bytes in memory, more than the 1,148,704 that a file of this size may",
    ),
    "no metadata text": ({"metadata": {"recurra": 3, "sha256": ZEROS}}, "__metadata__ must have exactly the texts recurra and sha256"),
    "no digest": ({"metadata": {"recurra": "{}"}}, "__metadata__ must have exactly the texts recurra and sha256"),
    "more metadata": (
        {"metadata": {"recurra": "{}", "sha256": ZEROS, "pickle": ""}},
        "__metadata__ must have exactly the texts recurra and sha256",
    ),
    "digest too short": ({"metadata": {"recurra": "{}", "sha256": "00"}}, '__metadata__ must have "sha256" with 64 hexadecimal characters'),
    "wrong digest": ({"metadata": {"recurra": "{}", "sha256": "1" * 64}}, "its content does not match its SHA-256"),
    "digest elsewhere": (
        {"header": f'{{"__metadata__":{{"recurra":"{{}}","sha25\\u0036":"{"1" * 64}"}},"sha256":"{ZEROS}"}}'},
        '__metadata__ must have "sha256" with 64 hexadecimal characters',
    ),
    "metadata no JSON": ({"text": "import os"}, "the metadata is not JSON (Expecting value at character 0)"),
    "metadata a list": ({"text": "[]"}, "the metadata must be a JSON object with the format version, an integer from 1"),
    "no format": ({"text": "{}"}, "the metadata must be a JSON object with the format version, an integer from 1"),
    "format 0": ({"text": '{"format":0}'}, "the metadata must be a JSON object with the format version, an integer from 1"),
    "format true": ({"text": '{"format":true}'}, "the metadata must be a JSON object with the format version, an integer from 1"),
    "format 1.0": ({"text": '{"format":1.0}'}, "the metadata must be a JSON object with the format version, an integer from 1"),
    "infinity in the metadata": ({"text": '{"format":1,"loss":-Infinity}'}, "the metadata has -Infinity, which is not a number of JSON"),
    "1e999": ({"text": '{"format":1,"loss":1e999}'}, "the metadata cannot be used (loss: must be finite, got inf)"),
    "key twice in the metadata": ({"text": '{"format":1,"a":1,"a":2}'}, "the metadata has the key 'a' twice"),
}


@pytest.mark.parametrize("case", HEADERS)
def test_hostile_headers(case: str, build: Callable[..., bytes], refusal: Callable[[bytes], str]) -> None:
    arguments, message = HEADERS[case]
    assert refusal(build(**arguments)) == f"{message}. {DAMAGED}"


def test_the_same_builder_makes_a_good_file(build: Callable[..., bytes], tmp_path: Path) -> None:
    """Without this the refusals above could have a common, wrong reason."""
    (tmp_path / "m.rnn").write_bytes(build({"a": f32(1)}, bytes(4), '{"format":1,"task":"tagging"}'))
    assert read_model(tmp_path / "m.rnn").metadata == {"task": "tagging"}
    (tmp_path / "m.rnn").write_bytes(build(header=header_text(f",{W}"), data=bytes(4)))
    assert read_model(tmp_path / "m.rnn").tensors["w"] == 0
    (tmp_path / "m.rnn").write_bytes(build(text='{"format":1,"deep":' + "[" * 63 + "]" * 63 + "}"))
    read_model(tmp_path / "m.rnn")


@pytest.mark.parametrize("length", [2**63, 2**64 - 1, 2**40, 1 << 31])
def test_header_lengths_beyond_the_file(length: int, refusal: Callable[[bytes], str]) -> None:
    message = refusal(length.to_bytes(8, "little") + b"{" + bytes(100))
    assert message == f"cut off: the header should have {length:,} bytes, the file has 101 after its first 8. {DAMAGED}"


def test_a_header_length_that_is_not_a_multiple_of_8(refusal: Callable[[bytes], str]) -> None:
    assert refusal((2).to_bytes(8, "little") + b"{}") == f"the header has 2 bytes, not a multiple of 8. {DAMAGED}"


def test_a_newer_format_says_to_upgrade(build: Callable[..., bytes], refusal: Callable[[bytes], str]) -> None:
    assert refusal(build(text='{"format":3}')) == "written by a newer Recurra: format 3, this one reads up to 1. Upgrade Recurra."


def torch_checkpoint() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("archive/data.pkl", b"")
    return stream.getvalue()


def numpy_file() -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.zeros(3))
    return stream.getvalue()


DISGUISES: dict[str, tuple[bytes, str]] = {
    "empty": (b"", f"the file is empty. {DAMAGED}"),
    "torch": (torch_checkpoint(), f"looks like a zip archive, as torch.save writes. {FOREIGN}"),
    "pickle": (pickle.dumps({"weight": [1.0] * 100}), f"looks like a pickle, as torch.save wrote before 1.6. {FOREIGN}"),
    "gzip": (gzip.compress(bytes(100)), f"looks like a gzip archive. {FOREIGN}"),
    "onnx": (b"\x08\x08\x12\x07pytorch\x1a\x052.4.0:" + bytes(50), f"looks like an ONNX model. {FOREIGN}"),
    "png": (b"\x89PNG\r\n\x1a\n" + bytes(50), f"looks like a PNG image. {FOREIGN}"),
    "wav": (b"RIFF\x24\x08\0\0WAVEfmt " + bytes(50), f"looks like a WAV recording. {FOREIGN}"),
    "hdf5": (b"\x89HDF\r\n\x1a\n" + bytes(50), f"looks like an HDF5 file, as Keras writes. {FOREIGN}"),
    "numpy": (numpy_file(), f"looks like a numpy array. {FOREIGN}"),
    "json": (b'{"format":{"a":{"b":[]}}}', f"looks like JSON text. {FOREIGN}"),
    "json with a BOM": (b'\xef\xbb\xbf {"format": 1}', f"looks like JSON text. {FOREIGN}"),
    "text": (b"O O B-city\nTaipei\n", f"looks like text. {FOREIGN}"),
    "web page": (b"\n<!DOCTYPE html><html>404", f"looks like a web page: the download did not give the file. {FOREIGN}"),
    "git lfs": (
        b"version https://git-lfs.github.com/spec/v1\n",
        f"looks like a Git LFS pointer: run git lfs pull to fetch the file it stands for. {FOREIGN}",
    ),
    "zeros": (bytes(100), f"not a safetensors file. {FOREIGN}"),
    "safetensors": (safetensors.numpy.save({"w": np.zeros(3)}), f"a safetensors file, but not a Recurra model. {FOREIGN}"),
    "safetensors with metadata": (
        safetensors.numpy.save({"w": np.zeros(3)}, {"format": "pt"}),
        f"a safetensors file, but not a Recurra model. {FOREIGN}",
    ),
}


@pytest.mark.parametrize("case", DISGUISES)
def test_other_formats_are_named(case: str, refusal: Callable[[bytes], str]) -> None:
    content, message = DISGUISES[case]
    assert refusal(content) == message


def test_a_folder_a_pipe_and_a_device_are_named_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, message in (
        (tmp_path, "a folder, not a model file. In a run folder the model is best.rnn."),
        (tmp_path / "pipe", f"a pipe or device, not a model file. {FOREIGN}"),
        (Path("/dev/zero"), f"a pipe or device, not a model file. {FOREIGN}"),
    ):
        with pytest.raises(ModelFileError) as caught:
            read_model(path)
        assert str(caught.value) == f"{path}: {message}"


def test_a_pickle_that_acts_is_never_loaded(tmp_path: Path, refusal: Callable[[bytes], str]) -> None:
    mark = tmp_path / "mark"

    class Harm:
        def __reduce__(self) -> tuple[Any, ...]:
            return (os.mkdir, (str(mark),))

    refusal(pickle.dumps(Harm()))
    assert not mark.exists()


BOMBS: dict[str, Callable[[int], dict[str, Any]]] = {
    "empty lists": lambda n: {"text": "[" + "[]," * n},
    "objects": lambda n: {"text": '{"format":1,"a":[' + '{"a":1},' * n + "0]}"},
    "numbers": lambda n: {"text": '{"format":1,"a":[' + "-9," * n + "0]}"},
    "words": lambda n: {"text": '{"format":1,"a":[' + '"ab",' * n + "0]}"},
    "wide words": lambda n: {"text": '{"format":1,"a":[' + r'"\u6e56a",' * n + "0]}"},
    "wide text": lambda n: {"text": '{"format":1,"a":"' + "a" * 5 * n + r'\ud83d\ude00"}'},
    "half wide text": lambda n: {"text": '{"format":1,"a":"' + "a" * 5 * n + r'\u6e56"}'},
    "escapes": lambda n: {"text": '{"format":1,"a":"' + r"\\\"\n" * n},
    "keys": lambda n: {"text": '{"format":1' + "".join(f',"{number}":2.5' for number in range(n)) + "}"},
    "empty tensors": lambda n: {"tensors": {str(number): f32(0, at=[0, 0]) for number in range(n // 10)}},
    "wide header": lambda n: {"header": header_text(',"' + "a" * 5 * n + r'\ud83d\ude00":0')},
    "one long name": lambda n: {"tensors": {"a" * 15 * n: f32(1)}, "data": bytes(4)},
    "white space": lambda n: {"header": header_text(" " * 5 * n)},
    "open string": lambda n: {"header": '{"' + '\\"' * 3 * n},
    "closing brackets": lambda n: {"header": "{" + "]" * 3 * n},
}


@pytest.mark.parametrize("case", BOMBS)
@pytest.mark.parametrize("size", [3_000, 200_000])
def test_no_file_takes_more_than_three_times_its_size(case: str, size: int, build: Callable[..., bytes], tmp_path: Path) -> None:
    path = tmp_path / "m.rnn"
    path.write_bytes(build(**BOMBS[case](size)))
    tracemalloc.start()
    try:
        read_model(path)
    except ModelFileError:
        pass
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak <= 3 * path.stat().st_size + MEBIBYTE


def test_a_million_closing_brackets_are_refused_as_fast_as_one(build: Callable[..., bytes], refusal: Callable[[bytes], str]) -> None:
    assert "is not JSON" in refusal(build(header="{" + "]" * 1_000_000))


@pytest.mark.parametrize("case", BOMBS)
def test_what_json_takes_is_reckoned_high_enough(case: str, build: Callable[..., bytes]) -> None:
    """The guard of the test above, without its limit."""
    text = build(**BOMBS[case](20_000)).decode("latin-1")[8:]
    tracemalloc.start()
    try:
        strict_json.loads(text, 1 << 60)
    except ValueError:
        pass
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak <= strict_json.weigh(text) + 4096


def test_a_file_that_shrinks_while_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def cut(header: bytes, size: int) -> layout.Header:
        os.truncate(path, size - 1)
        return decode(header, size)

    path, decode = tmp_path / "m.rnn", layout.decode_header
    write_model(path, {"w": np.zeros(1_000_000)}, {})
    monkeypatch.setattr(layout, "decode_header", cut)
    with pytest.raises(ModelFileError, match="the file became shorter while it was read"):
        read_model(path)


def test_a_large_model_takes_its_own_size(tmp_path: Path) -> None:
    write_model(tmp_path / "m.rnn", {"w": np.zeros(4_000_000, np.float16)}, {})
    tracemalloc.start()
    model = read_model(tmp_path / "m.rnn")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert model.tensors["w"].nbytes <= peak <= 1.2 * (tmp_path / "m.rnn").stat().st_size
