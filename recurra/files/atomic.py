"""The one way in which Recurra writes a file: the old content or the new, never a part of either.

A temporary file in the same folder is written and synced, takes the name of the old one in a single step, and the folder is synced.
Whatever stops that (a full disk, Ctrl-C) leaves the old file as it was and removes the temporary; a killed process may leave the
temporary, which `lock_folder` removes.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Iterable, Iterator

from recurra.errors import FileError

PREFIX, SUFFIX = ".recurra-", ".tmp"
CHUNK = 1 << 20

ADVICE = {
    ("written", errno.ENOENT): "; make the folder first",
    ("written", errno.ENOSPC): "; free some space and try again",
    ("written", errno.EDQUOT): "; free some space and try again",
    ("written", errno.EACCES): "; choose another place or change its permissions",
    ("written", errno.EROFS): "; choose another place",
}


def file_error(path: str | os.PathLike[str], done: str, error: OSError) -> FileError:
    """The FileError of a failed system call, in one sentence; `done` is "read" or "written". The errno is kept."""
    reason = os.strerror(error.errno) if error.errno else str(error)
    sentence = FileError(f"{os.fspath(path)}: cannot be {done}: {reason}{ADVICE.get((done, error.errno or 0), '')}.")
    sentence.errno = error.errno
    return sentence


def atomic_write(path: str | os.PathLike[str], content: str | bytes | Iterable[bytes | bytearray | memoryview]) -> None:
    """Write a whole file: bytes, text (as UTF-8, line ends as they are) or pieces of bytes in order.

    The mode is the umask's. A symbolic link keeps pointing at the file, whose content changes. FileError with its errno when the folder is
    missing or read-only, the disk full, the target write-protected or anything but a regular file; the old file is then untouched.
    """
    pieces = [content.encode()] if isinstance(content, str) else [content] if isinstance(content, bytes) else content
    try:
        target = os.path.realpath(path)
        _check_target(target)
        _replace(target, pieces)
    except FileError:
        raise
    except OSError as error:
        raise file_error(path, "written", error) from error


def copy_file(source: str | os.PathLike[str], path: str | os.PathLike[str]) -> None:
    """Copy a file by `atomic_write`, in constant memory."""
    atomic_write(path, _pieces(source))


def remove_leftovers(folder: str | os.PathLike[str]) -> None:
    """Remove the temporaries of killed writers; only for who holds the folder's lock."""
    for entry in os.scandir(folder):
        if entry.name.startswith(PREFIX) and entry.name.endswith(SUFFIX):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(entry.path)


def _check_target(target: str) -> None:
    """Refuse what a rename would destroy: a device, a pipe, a folder, a file that was write-protected."""
    try:
        mode = os.stat(target).st_mode
    except FileNotFoundError:
        return
    if stat.S_ISDIR(mode):
        raise OSError(errno.EISDIR, "")
    if not stat.S_ISREG(mode):
        raise FileError(f"{target}: cannot be written: not a regular file.")
    if not os.access(target, os.W_OK):
        raise OSError(errno.EACCES, "")


def _replace(target: str, pieces: Iterable[bytes | bytearray | memoryview]) -> None:
    folder = os.path.dirname(target)
    temporary = os.path.join(folder, f"{PREFIX}{secrets.token_hex(8)}{SUFFIX}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
        with os.fdopen(descriptor, "wb") as file:
            for piece in pieces:
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    # Ctrl-C too: BaseException.
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    _sync_folder(folder)


def _sync_folder(folder: str) -> None:
    """Make the new name itself survive a power cut; Windows cannot open a folder and needs no sync."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _pieces(source: str | os.PathLike[str]) -> Iterator[bytes]:
    try:
        with open(source, "rb") as file:
            while piece := file.read(CHUNK):
                yield piece
    except OSError as error:
        raise file_error(source, "read", error) from error
