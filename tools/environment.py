"""Makes `.venv`, where everything else runs: `python3 tools/environment.py`.

`.venv/complete` is written last, so that an interrupted run is seen and repaired by the next one. torch comes from PyTorch's
CPU index where that answers, for the other index brings CUDA along. Old Pythons read this file too, far enough to be told
that they are too old: its syntax is that of Python 3.6.
"""

import http.client
import importlib.util
import shutil
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path

OLDEST = (3, 11)
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
PROBE_SECONDS = 3
ROOT = Path(__file__).resolve().parent.parent


def obstacle() -> str:
    """Why this Python cannot make the environment, or nothing."""
    if sys.version_info < OLDEST:
        return "Recurra needs Python {}.{} or newer, and {} is {}.{}: say make PYTHON=/path/to/a/newer/python3.".format(
            *OLDEST, sys.executable, *sys.version_info[:2]
        )
    if not all(importlib.util.find_spec(name) for name in ("venv", "ensurepip")):
        return f"Recurra needs Python's venv, and {sys.executable} has none: install it (Debian, Ubuntu: apt install python3-venv)."
    return ""


def answers(address: str, seconds: float) -> bool:
    """Whether an address answers in time; a thread, because looking up a name heeds no timeout."""
    found: list[bool] = []

    def ask() -> None:
        try:
            with urllib.request.urlopen(address, timeout=seconds) as reply:
                found.append(reply.status == 200)
        except (OSError, http.client.HTTPException):
            found.append(False)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(seconds)
    return found == [True]


def pip(folder: Path, *arguments: str) -> None:
    """Run the environment's pip; CalledProcessError when it fails."""
    python = folder / "bin" / "python"
    subprocess.run([str(python), "-m", "pip", "--disable-pip-version-check", "install", *arguments], cwd=str(ROOT), check=True)


def pinned_torch() -> str:
    """torch with its version, as constraints.txt has it."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return next(line for line in lines if line.startswith("torch=="))


def install(folder: Path) -> None:
    """Put torch and then everything else into the environment, Recurra itself as the sources beside this file."""
    if answers(CPU_INDEX + "/torch/", PROBE_SECONDS):
        print("Installing torch for the CPU, about 200 MB ...", flush=True)
        pip(folder, "--no-deps", "--index-url", CPU_INDEX, pinned_torch())
    else:
        print("PyTorch's CPU index does not answer, so pip's own index is used: torch may load up to 3 GB (CUDA, on Linux) ...", flush=True)
        pip(folder, "--constraint", "constraints.txt", pinned_torch())
    pip(folder, "--quiet", "--constraint", "constraints.txt", "--editable", ".[dev]")


def make(folder: Path) -> None:
    """Make the environment, or bring it up to date; one that is not complete is made anew."""
    stamp = folder / "complete"
    if stamp.exists():
        stamp.unlink()
    else:
        print(f"Making {folder.name} with {sys.executable}, once; this takes a minute or more.", flush=True)
        if folder.exists():
            shutil.rmtree(str(folder))
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    install(folder)
    stamp.write_text("Made by tools/environment.py; without this file it is made again.\n", encoding="utf-8")


def main() -> int:
    """The exit code: 0 made, 1 an installation that failed, 2 a Python that cannot, 130 interrupted."""
    complaint = obstacle()
    if complaint:
        print(complaint, file=sys.stderr)
        return 2
    try:
        make(ROOT / ".venv")
    except KeyboardInterrupt:
        print("Stopped; the next make goes on.", file=sys.stderr)
        return 130
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"The environment could not be made: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
