"""The registry of models: `<measure>/<version>/`, and a pointer to the champion, moved as one.

It lies in a folder or in an S3-compatible store, in the same form. A version's files never change; the
pointer carries their sha256. Nothing in it is code, and none is pickled.
"""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Protocol

import msgspec

from contracts.errors import BadInputError
from forecasting.bundle import CARD_FILE, ModelBundle
from forecasting.card import ModelCard, decoded_card

CHAMPION_FILE, CHALLENGER_FILE, HISTORY_FILE = "champion.json", "challenger.json", "champions.jsonl"


class ModelStore(Protocol):
    """Files by path; each call raises UnavailableError where the store does not answer."""

    @property
    def place(self) -> str:
        """Where it is, as people name it."""

    def paths(self, folder: str = "") -> list[str]:
        """Every file below a folder, as a path from the root, in order."""

    def read(self, path: str) -> bytes | None:
        """A file's content; None where there is none."""

    def add(self, folder: str, files: Mapping[str, bytes], *, seal: str) -> bool:
        """Put a folder down: who sees its `seal` sees all of it. False, and nothing done, if it is there."""

    def replace(self, path: str, body: bytes) -> None:
        """Write a file, at once for every reader."""

    def append(self, path: str, line: bytes) -> None:
        """Add a line to a file."""


class Pointer(msgspec.Struct, frozen=True, kw_only=True):
    """Which version is champion, or challenger; `sha256` by file name; `method` is the kind of its card."""

    version: str
    method: str
    sha256: dict[str, str]
    promoted_at_s: int
    by: str
    reason: str


class ModelRegistry:
    """The models of a store."""

    def __init__(self, store: ModelStore) -> None:
        self._store = store

    @property
    def place(self) -> str:
        """Where it is, as people name it: a folder, or s3://bucket/prefix."""
        return self._store.place

    def measures(self) -> list[str]:
        """Measures that have a model."""
        return sorted({path.split("/")[0] for path in self._store.paths() if path.endswith(f"/{CARD_FILE}")})

    def versions(self, measure: str) -> list[str]:
        """Versions of a measure, oldest first."""
        return [path.split("/")[1] for path in self._store.paths(measure) if path.endswith(f"/{CARD_FILE}")]

    def files(self, measure: str, version: str) -> dict[str, bytes]:
        """A version's files by name; raises BadInputError where there is no such version."""
        self._require_known(measure, version)
        paths = self._store.paths(f"{measure}/{version}")
        return {path.split("/")[-1]: self.file(measure, version, path.split("/")[-1]) for path in paths}

    def file(self, measure: str, version: str, name: str) -> bytes:
        """One of a version's files; raises BadInputError where it is missing."""
        body = self._store.read(f"{measure}/{version}/{name}")
        if body is None:
            self._require_known(measure, version)
            raise BadInputError("incomplete_model", f"{self.place}/{measure}/{version} lacks {name}")
        return body

    def card(self, measure: str, version: str) -> ModelCard:
        """A version's card."""
        return decoded_card(self.file(measure, version, CARD_FILE))

    def model(self, measure: str, version: str, *, threads: int = 1) -> ModelBundle:
        """A version's model, as its files are now; of a champion, `load` knows what it was."""
        return ModelBundle.of(self.files(measure, version), threads=threads)

    def champion(self, measure: str) -> Pointer | None:
        """The pointer to the champion; None before any promotion."""
        return self._pointer(measure, CHAMPION_FILE)

    def challenger(self, measure: str) -> Pointer | None:
        """The pointer to what is tried in the champion's shadow; None mostly."""
        return self._pointer(measure, CHALLENGER_FILE)

    def load(self, measure: str, pointer: Pointer, *, threads: int = 1) -> ModelBundle:
        """What a pointer points to; raises BadInputError where a file is missing or not what was promoted.

        What is checked is what is used: each file is read once.
        """
        where = f"{self.place}/{measure}/{pointer.version}"
        files = {name: self.file(measure, pointer.version, name) for name in pointer.sha256}
        for name, body in files.items():
            if (found := sha256_of(body)) != pointer.sha256[name]:
                raise BadInputError("changed_model", f"{where}/{name} is not what was promoted: {found[:12]}")
        bundle = ModelBundle.of(files, threads=threads)
        if bundle.card.measure != measure:
            raise BadInputError("wrong_measure", f"{where} is a model of {bundle.card.measure}")
        return bundle

    def load_champion(self, measure: str, *, threads: int = 1) -> ModelBundle | None:
        """The champion, checked; None before any promotion."""
        pointer = self.champion(measure)
        return None if pointer is None else self.load(measure, pointer, threads=threads)

    def add(self, card: ModelCard, files: Mapping[str, bytes]) -> None:
        """Put a whole version down: `files` by name, its card among them.

        Raises BadInputError if it is there.
        """
        if not self._store.add(f"{card.measure}/{card.version}", files, seal=CARD_FILE):
            raise BadInputError(
                "known_model",
                f"{self.place}/{card.measure}/{card.version} is there already, and versions never change",
            )

    def point(self, measure: str, pointer: Pointer) -> None:
        """Make a version the champion, at once for every reader, and note it in the history."""
        body = msgspec.json.encode(pointer)
        self._store.replace(f"{measure}/{CHAMPION_FILE}", msgspec.json.format(body))
        self._store.append(f"{measure}/{HISTORY_FILE}", body)

    def history(self, measure: str) -> Iterator[Pointer]:
        """Every promotion and rollback, oldest first."""
        for line in (self._store.read(f"{measure}/{HISTORY_FILE}") or b"").splitlines():
            yield msgspec.json.decode(line, type=Pointer)

    def pointer_to(self, measure: str, version: str, *, at_s: int, by: str, reason: str) -> Pointer:
        """A pointer to a version as its files are now."""
        files = self.files(measure, version)
        hashes = {name: sha256_of(body) for name, body in files.items()}
        kind = decoded_card(files[CARD_FILE]).kind
        return Pointer(version=version, method=kind, sha256=hashes, promoted_at_s=at_s, by=by, reason=reason)

    def _pointer(self, measure: str, name: str) -> Pointer | None:
        body = self._store.read(f"{measure}/{name}")
        if body is None:
            return None
        try:
            return msgspec.json.decode(body, type=Pointer)
        except msgspec.MsgspecError as error:
            raise BadInputError("bad_pointer", f"{self.place}/{measure}/{name}: {error}") from error

    def _require_known(self, measure: str, version: str) -> None:
        versions = self.versions(measure)
        if version not in versions:
            known = ", ".join(versions) or "none"
            raise BadInputError(
                "unknown_model", f"no version {version} of {measure} in {self.place}; there are: {known}"
            )


def sha256_of(body: bytes) -> str:
    """The hash of a file's content."""
    return hashlib.sha256(body).hexdigest()
