"""Atomic writes: whatever happens, the old content or the new is there, whole, and no temporary."""

from __future__ import annotations

import errno
import os
import resource
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from recurra.errors import FileError
from recurra.files import atomic_write, copy_file, lock_folder

SIZE = 1 << 18


def child(code: str, *arguments: object, **settings: object) -> subprocess.Popen[str]:
    """A Python process that runs `code`."""
    command = [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **settings)  # type: ignore[call-overload, no-any-return]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"ab\r\n", b"ab\r\n"),
        ("湖\r\n", "湖\r\n".encode()),
        ([b"a", memoryview(b"bc"), bytearray(b"d")], b"abcd"),
        ([], b""),
        (iter([b"x"] * 1000), b"x" * 1000),
    ],
)
def test_content(tmp_path: Path, content: object, expected: bytes) -> None:
    atomic_write(tmp_path / "a", content)  # type: ignore[arg-type]
    assert (tmp_path / "a").read_bytes() == expected
    atomic_write(tmp_path / "a", content if not isinstance(content, Iterator) else [expected])  # type: ignore[arg-type]
    assert (tmp_path / "a").read_bytes() == expected
    assert os.listdir(tmp_path) == ["a"]


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_the_mode_is_the_umasks(tmp_path: Path, umask: int) -> None:
    (tmp_path / "old").write_bytes(b"")
    (tmp_path / "old").chmod(0o600)
    before = os.umask(umask)
    try:
        atomic_write(tmp_path / "new", b"")
        atomic_write(tmp_path / "old", b"")
    finally:
        os.umask(before)
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o666 & ~umask
    assert (tmp_path / "old").stat().st_mode & 0o777 == 0o666 & ~umask


def test_a_link_keeps_pointing_at_the_file(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a").write_bytes(b"old")
    (tmp_path / "link").symlink_to(tmp_path / "folder" / "a")
    atomic_write(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "folder" / "a").read_bytes() == b"new"


def test_a_relative_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    atomic_write("a", b"x")
    assert (tmp_path / "a").read_bytes() == b"x"


def test_the_content_is_on_the_disk_before_it_has_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[str, str]] = []
    sizes: list[int] = []
    fsync, replace = os.fsync, os.replace

    def noted_fsync(descriptor: int) -> None:
        calls.append(("fsync", os.readlink(f"/proc/self/fd/{descriptor}")))
        sizes.append(os.fstat(descriptor).st_size)
        fsync(descriptor)

    def noted_replace(source: str, target: str) -> None:
        calls.append(("replace", target))
        replace(source, target)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(os, "replace", noted_replace)
    atomic_write(tmp_path / "a", b"x")
    temporary = calls[0][1]
    assert sizes[0] == 1
    assert os.path.dirname(temporary) == str(tmp_path)
    assert calls == [("fsync", temporary), ("replace", str(tmp_path / "a")), ("fsync", str(tmp_path))]


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit, MemoryError, ValueError])
def test_an_exception_in_the_middle_leaves_the_old_file_alone(tmp_path: Path, stop: type[BaseException]) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"new" * 100_000
        raise stop

    (tmp_path / "a").write_bytes(b"old")
    with pytest.raises(stop):
        atomic_write(tmp_path / "a", pieces())
    assert (tmp_path / "a").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a"]


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_failing_system_call_leaves_the_old_file_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.EIO, "")

    (tmp_path / "a").write_bytes(b"old")
    monkeypatch.setattr(os, call, fail)
    with pytest.raises(FileError, match="cannot be written: Input/output error"):
        atomic_write(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a"]


def refused(path: Path, number: int | None, message: str) -> None:
    with pytest.raises(FileError) as caught:
        atomic_write(path, b"new")
    assert str(caught.value) == f"{path}: {message}"
    assert (caught.value.errno, caught.value.exit_code) == (number, 5)


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    os.mkfifo(tmp_path / "pipe")
    refused(tmp_path / "none" / "a", errno.ENOENT, "cannot be written: No such file or directory; make the folder first.")
    refused(tmp_path / "file" / "a", errno.ENOTDIR, "cannot be written: Not a directory.")
    refused(tmp_path, errno.EISDIR, "cannot be written: Is a directory.")
    refused(tmp_path / "pipe", None, "cannot be written: not a regular file.")
    refused(Path("/dev/null"), None, "cannot be written: not a regular file.")
    assert sorted(os.listdir(tmp_path)) == ["file", "pipe"]


READ_ONLY = """
    import os, sys
    sys.path[:0] = {path!r}
    from recurra.errors import FileError
    from recurra.files import atomic_write
    folder = sys.argv[1]
    if os.getuid() == 0:
        os.setuid(65534)
    for name in ("folder/new", "folder/old", "protected"):
        try:
            atomic_write(os.path.join(folder, name), b"new")
        except FileError as error:
            print(error.errno, str(error).replace(folder, ""))
"""


def test_read_only_places_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "old").write_bytes(b"old")
    (tmp_path / "protected").write_bytes(b"old")
    (tmp_path / "protected").chmod(0o444)
    (tmp_path / "folder").chmod(0o555)
    for folder in (tmp_path.parent, *tmp_path.parent.parents):
        if folder.name.startswith("pytest-"):
            folder.chmod(0o755)
    tmp_path.chmod(0o777)
    try:
        process = child(READ_ONLY.format(path=sys.path), tmp_path)
        output, errors = process.communicate(timeout=60)
    finally:
        (tmp_path / "folder").chmod(0o755)
    if "ModuleNotFoundError" in errors or "init_" in errors:
        pytest.skip("the interpreter cannot be read by another user")
    sentence = "cannot be written: Permission denied; choose another place or change its permissions."
    assert output.splitlines() == [f"13 {name}: {sentence}" for name in ("/folder/new", "/folder/old", "/protected")]
    assert (tmp_path / "folder" / "old").read_bytes() == (tmp_path / "protected").read_bytes() == b"old"
    assert os.listdir(tmp_path / "folder") == ["old"]


FULL = """
    import sys
    import numpy as np
    from recurra.errors import FileError
    from recurra.files import atomic_write, write_model
    path, kind = sys.argv[1:]
    try:
        atomic_write(path, [b"x" * 3000] * 100) if kind == "bytes" else write_model(path, {"w": np.ones(100_000)}, {})
    except FileError as error:
        print(error.errno, error)
"""


@pytest.mark.parametrize("kind", ["bytes", "model"])
def test_no_room_for_the_file(tmp_path: Path, kind: str) -> None:
    (tmp_path / "a").write_bytes(b"old")
    process = child(FULL, tmp_path / "a", kind, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000)))
    output, errors = process.communicate(timeout=60)
    assert output == f"{errno.EFBIG} {tmp_path / 'a'}: cannot be written: File too large.\n", errors
    assert (tmp_path / "a").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a"]


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The temporary's descriptor is /dev/full's: every write to it says that the disk is full."""
    (tmp_path / "a").write_bytes(b"old")
    real = os.open
    monkeypatch.setattr(os, "open", lambda path, flags, *mode: real("/dev/full" if flags & os.O_CREAT else path, flags & ~os.O_EXCL, *mode))
    refused(tmp_path / "a", errno.ENOSPC, "cannot be written: No space left on device; free some space and try again.")
    assert (tmp_path / "a").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a"]


WRITER = f"""
    import sys
    from recurra.files import atomic_write
    print("ready", flush=True)
    while True:
        for letter in (b"a", b"b"):
            atomic_write(sys.argv[1], [letter * 4096] * ({SIZE} // 4096))
"""


def wait_until_ready(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_writer_leaves_a_whole_file(tmp_path: Path, number: int) -> None:
    """Twelve children, stopped at random moments of a write; the file is always of one letter."""
    rng = np.random.default_rng(number)
    path = tmp_path / "a"
    path.write_bytes(b"o" * SIZE)
    for _ in range(3):
        children = [child(WRITER, path) for _ in range(2)]
        for process in children:
            wait_until_ready(process)
        for process in children:
            time.sleep(rng.uniform(0, 0.03))
            process.send_signal(number)
            process.communicate(timeout=60)
            content = path.read_bytes()
            assert content == content[:1] * SIZE
        if number == signal.SIGINT:
            assert os.listdir(tmp_path) == ["a"]
    with lock_folder(tmp_path):
        assert sorted(os.listdir(tmp_path)) == [".lock", "a"]


def test_two_writers_at_once(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"o" * SIZE)
    writers = [child(WRITER, path) for _ in range(2)]
    for process in writers:
        wait_until_ready(process)
    try:
        for _ in range(100):
            content = path.read_bytes()
            assert content == content[:1] * SIZE
    finally:
        for process in writers:
            process.kill()
            process.communicate(timeout=60)


def test_copy_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * 3_000_000)
    copy_file(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "b").read_bytes() == (tmp_path / "a").read_bytes()
    with pytest.raises(FileError) as caught:
        copy_file(tmp_path / "none", tmp_path / "b")
    assert str(caught.value) == f"{tmp_path / 'none'}: cannot be read: No such file or directory."
    assert (tmp_path / "b").stat().st_size == 3_000_000
