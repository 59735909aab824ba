"""The registry of models: a folder, `<measure>/<version>/`, and a pointer to the champion, moved as one.

A version's files never change; the pointer carries their sha256. Nothing in it is code, and none is pickled.
"""

import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec

from contracts.errors import BadInputError
from forecasting.bundle import CARD_FILE, ModelBundle
from forecasting.card import ModelCard, decoded_card

CHAMPION_FILE, CHALLENGER_FILE, HISTORY_FILE = "champion.json", "challenger.json", "champions.jsonl"


class Pointer(msgspec.Struct, frozen=True, kw_only=True):
    """Which version is champion, or challenger; `sha256` by file name; `method` is the kind of its card."""

    version: str
    method: str
    sha256: dict[str, str]
    promoted_at_s: int
    by: str
    reason: str


class ModelRegistry:
    """The models of a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def measures(self) -> list[str]:
        """Measures that have a model."""
        return (
            sorted(each.name for each in self.root.iterdir() if each.is_dir()) if self.root.is_dir() else []
        )

    def versions(self, measure: str) -> list[str]:
        """Versions of a measure, oldest first."""
        folder = self.root / measure
        return sorted(each.parent.name for each in folder.glob(f"*/{CARD_FILE}"))

    def folder(self, measure: str, version: str) -> Path:
        """Where a version lies; raises BadInputError where there is none."""
        folder = self.root / measure / version
        if not (folder / CARD_FILE).is_file():
            known = ", ".join(self.versions(measure)) or "none"
            raise BadInputError(
                "unknown_model", f"no version {version} of {measure} in {self.root}; there are: {known}"
            )
        return folder

    def card(self, measure: str, version: str) -> ModelCard:
        """A version's card."""
        return decoded_card((self.folder(measure, version) / CARD_FILE).read_bytes())

    def champion(self, measure: str) -> Pointer | None:
        """The pointer to the champion; None before any promotion."""
        return self._pointer(measure, CHAMPION_FILE)

    def challenger(self, measure: str) -> Pointer | None:
        """The pointer to what is tried in the champion's shadow; None mostly."""
        return self._pointer(measure, CHALLENGER_FILE)

    def load(self, measure: str, pointer: Pointer, *, threads: int = 1) -> ModelBundle:
        """What a pointer points to; raises BadInputError where a file is missing or not what was promoted."""
        folder = self.folder(measure, pointer.version)
        for name, expected in pointer.sha256.items():
            found = sha256_of(folder / name)
            if found != expected:
                raise BadInputError(
                    "changed_model", f"{folder / name} is not what was promoted: {found[:12]}"
                )
        bundle = ModelBundle.load(folder, threads=threads)
        if bundle.card.measure != measure:
            raise BadInputError("wrong_measure", f"{folder} is a model of {bundle.card.measure}")
        return bundle

    def load_champion(self, measure: str, *, threads: int = 1) -> ModelBundle | None:
        """The champion, checked; None before any promotion."""
        pointer = self.champion(measure)
        return None if pointer is None else self.load(measure, pointer, threads=threads)

    def add(self, card: ModelCard, files: dict[str, bytes]) -> Path:
        """Put a whole version down in one move; raises BadInputError if it is there.

        `files` by name, the card among them.
        """
        folder = self.root / card.measure / card.version
        if folder.exists():
            raise BadInputError("known_model", f"{folder} is there already, and versions never change")
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".adding-") as made:
            staged = Path(made) / card.version
            staged.mkdir()
            for name, body in files.items():
                (staged / name).write_bytes(body)
            staged.rename(folder)
        return folder

    def point(self, measure: str, pointer: Pointer) -> None:
        """Make a version the champion, at once for every reader, and note it in the history."""
        write_whole(self.root / measure / CHAMPION_FILE, msgspec.json.format(msgspec.json.encode(pointer)))
        with (self.root / measure / HISTORY_FILE).open("ab") as history:
            history.write(msgspec.json.encode(pointer) + b"\n")

    def history(self, measure: str) -> Iterator[Pointer]:
        """Every promotion and rollback, oldest first."""
        path = self.root / measure / HISTORY_FILE
        if path.is_file():
            for line in path.read_bytes().splitlines():
                yield msgspec.json.decode(line, type=Pointer)

    def pointer_to(self, measure: str, version: str, *, at_s: int, by: str, reason: str) -> Pointer:
        """A pointer to a version as its files are now."""
        folder = self.folder(measure, version)
        hashes = {each.name: sha256_of(each) for each in sorted(folder.iterdir()) if each.is_file()}
        kind = self.card(measure, version).kind
        return Pointer(version=version, method=kind, sha256=hashes, promoted_at_s=at_s, by=by, reason=reason)

    def _pointer(self, measure: str, name: str) -> Pointer | None:
        path = self.root / measure / name
        try:
            return msgspec.json.decode(path.read_bytes(), type=Pointer)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.MsgspecError) as error:
            raise BadInputError("bad_pointer", f"{path}: {error}") from error


def sha256_of(path: Path) -> str:
    """The hash of a file; raises BadInputError where it is missing."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise BadInputError("incomplete_model", f"{path}: {error.strerror}") from error


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
