"""One process at a time in a folder."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from recurra.errors import FileError
from recurra.files.atomic import file_error, remove_leftovers

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

LOCK = ".lock"


@contextmanager
def lock_folder(folder: str | os.PathLike[str]) -> Iterator[None]:
    """Hold a folder; FileError, naming the holder's pid, while another process does.

    The system drops the lock with the process, however that ends, so that none is ever stale. Temporaries that a killed writer left in the
    folder are removed. Where the system has no such locks (Windows) a RuntimeWarning says so.
    """
    try:
        descriptor = os.open(os.path.join(folder, LOCK), os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise file_error(folder, "written", error) from error
    try:
        _take(folder, descriptor)
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        remove_leftovers(folder)
        yield
    finally:
        os.close(descriptor)


def _take(folder: str | os.PathLike[str], descriptor: int) -> None:
    if fcntl is None:
        sentence = f"{os.fspath(folder)}: this system cannot lock a folder; do not start a second run in it."
        warnings.warn(sentence, RuntimeWarning, stacklevel=4)
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.read(descriptor, 32).decode("ascii", "replace").strip()
        who = f"process {holder}" if holder else "another process"
        raise FileError(f"{os.fspath(folder)}: in use by {who}. Wait until it ends, or take another folder.") from None
    except OSError as error:
        raise file_error(folder, "locked", error) from error
