"""What a file looks like that is not a `.rnn` file, by its first bytes."""

from __future__ import annotations

import re

HEAD = 64

SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (rb"PK\x03\x04|PK\x05\x06", "a zip archive, as torch.save writes"),
    (rb"\x80[\x02-\x05].{7}", "a pickle, as torch.save wrote before 1.6"),
    (rb"\x1f\x8b", "a gzip archive"),
    (rb"\x28\xb5\x2f\xfd|BZh|\xfd7zXZ|7z\xbc\xaf", "a compressed archive"),
    (rb"\x89PNG", "a PNG image"),
    (rb"\xff\xd8\xff", "a JPEG image"),
    (rb"RIFF....WAVE", "a WAV recording"),
    (rb"fLaC", "a FLAC recording"),
    (rb"\x89HDF", "an HDF5 file, as Keras writes"),
    (rb"\x93NUMPY", "a numpy array"),
    (rb"GGUF", "a GGUF model"),
    (rb"%PDF", "a PDF document"),
    (rb"\x7fELF|MZ", "a program"),
    (rb"\x08[\x01-\x1f][\x12\x1a\x22\x2a\x32\x3a]", "an ONNX model"),
    (rb"version https://git-lfs", "a Git LFS pointer: run git lfs pull to fetch the file it stands for"),
    (rb"\s*<(?i:!doctype|html|\?xml)", "a web page: the download did not give the file"),
    (rb"(?:\xef\xbb\xbf)?\s*[{\[]", "JSON text"),
    (rb"[\t\n\r\x20-\x7e\x80-\xff]+\Z", "text"),
)


def looks_like(head: bytes) -> str | None:
    """What a file with these first bytes (at most 64) seems to be, or None."""
    return next((name for signature, name in SIGNATURES if re.match(signature, head, re.DOTALL)), None)
