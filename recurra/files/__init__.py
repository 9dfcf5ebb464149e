"""Files: the `.rnn` container, atomic writes, locks, run directories, digests. numpy only; nothing here knows torch, a cell or a task."""

from recurra.files.atomic import atomic_write, copy_file, file_error
from recurra.files.container import ModelFile, check_tensors, read_model, write_model
from recurra.files.digests import sha256, sha256_file, sha256_stream
from recurra.files.locks import lock_folder
from recurra.files.runs import Log, new_run, read_log, write_config
from recurra.files.toml import to_toml

__all__ = [
    "Log",
    "ModelFile",
    "atomic_write",
    "check_tensors",
    "copy_file",
    "file_error",
    "lock_folder",
    "new_run",
    "read_log",
    "read_model",
    "sha256",
    "sha256_file",
    "sha256_stream",
    "to_toml",
    "write_config",
    "write_model",
]
