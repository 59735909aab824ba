"""The cache folder: one install at a time, whole or not at all."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from contracts.errors import UnavailableError
from local_stack.settings import cache_dir

GIB = 1024**3
SCRATCH = ".making-"

Tell = Callable[[str], None]


@contextmanager
def install_lock(tell: Tell) -> Iterator[Path]:
    """Hold the only right to install; gives the cache folder, waits while another install runs."""
    folder = cache_dir()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "install.lock").open("w")
    except OSError as error:
        raise UnavailableError(
            f"the cache folder {folder} cannot be written ({error.strerror}). "
            "Free it, or name another one in LUFTSTROM_CACHE."
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            tell("another install is running; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        _remove_scratch(folder)
        yield folder


@contextmanager
def scratch_beside(target: Path) -> Iterator[Path]:
    """A folder for the making of `target`, on the same disk, removed at the end."""
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f"{SCRATCH}{target.name}-", dir=target.parent))
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, onerror=_make_writable_and_retry)


def put_in_place(made: Path, target: Path) -> None:
    """Move what was made to its place in one step; an older one gives way."""
    if target.is_dir():
        shutil.rmtree(target)
    made.replace(target)


def require_space(folder: Path, *, needed_bytes: int, what: str) -> None:
    """Raise UnavailableError where the disk of `folder` has not `needed_bytes` free."""
    free = shutil.disk_usage(folder).free
    if free < needed_bytes:
        raise UnavailableError(
            f"{what} needs {needed_bytes / GIB:.1f} GiB in {folder}, and {free / GIB:.1f} GiB are free. "
            "Free some, or name another folder in LUFTSTROM_CACHE."
        )


def _remove_scratch(folder: Path) -> None:
    """Remove what an install left that was killed; only the holder of the lock may."""
    for left in [*folder.glob(f"{SCRATCH}*"), *folder.glob(f"*/{SCRATCH}*"), *folder.glob(f"*/*/{SCRATCH}*")]:
        shutil.rmtree(left, onerror=_make_writable_and_retry)


def _make_writable_and_retry(function: Callable[[str], object], path: str, _error: object) -> None:
    # Go's module cache is read-only by design.
    os.chmod(Path(path).parent, 0o700)
    os.chmod(path, 0o700)
    function(path)
