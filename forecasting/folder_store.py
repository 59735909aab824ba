"""A registry's files in a folder: whole versions by one rename, pointers by one replace."""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from contracts.errors import UnavailableError


class FolderStore:
    """A ModelStore on a file system, shared ones too; a reader never sees half of anything."""

    def __init__(self, root: Path) -> None:
        self._root = root

    @property
    def place(self) -> str:
        """Where it is, as people name it."""
        return str(self._root)

    def paths(self, folder: str = "") -> list[str]:
        """Every file below a folder, as a path from the root; none where there is no such folder."""
        below = (self._root / folder).rglob("*")
        found = [each.relative_to(self._root) for each in below if each.is_file()]
        return sorted(each.as_posix() for each in found if not any(part[0] == "." for part in each.parts))

    def read(self, path: str) -> bytes | None:
        """A file's content; None where there is none. Raises UnavailableError where it cannot be read."""
        try:
            return (self._root / path).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise UnavailableError(f"{self._root / path} cannot be read: {error.strerror}") from error

    def add(self, folder: str, files: Mapping[str, bytes], *, seal: str) -> bool:
        """Put a folder down in one move; False if it is there. `seal`, one of the files, marks it whole."""
        target = self._root / folder
        if (target / seal).exists():
            return False
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".adding-") as made:
            staged = Path(made) / target.name
            staged.mkdir()
            for name, body in files.items():
                (staged / name).write_bytes(body)
            staged.rename(target)
        return True

    def replace(self, path: str, body: bytes) -> None:
        """Write a file, at once for every reader."""
        write_whole(self._root / path, body)

    def append(self, path: str, line: bytes) -> None:
        """Add a line to a file."""
        with (self._root / path).open("ab") as file:
            file.write(line + b"\n")


def write_whole(path: Path, body: bytes) -> None:
    """Replace a file in one move: a reader sees the old one or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    with os.fdopen(descriptor, "wb") as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())
    Path(name).chmod(0o644)
    Path(name).replace(path)
