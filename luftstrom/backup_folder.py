"""A backup as a folder: its files, and a manifest with the size and checksum of each."""

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from contracts.errors import BadInputError

FORMAT = 1
MANIFEST = "manifest.json"
REDIS = "redis.msgpack"
READ_BYTES = 1024 * 1024

Progress = Callable[[int, int], None]  # bytes done, of how many


class File(msgspec.Struct, frozen=True):
    """A file of the backup: its size in bytes and its SHA-256."""

    size: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup holds.

    `collector_offsets` (by `topic partition`) are where the collector was before the store was read: all
    before them is in it. `set_aside_by_reason` are values in the dead letters of that Kafka.
    `came_in_meanwhile`: readings that were published while it was made.
    """

    format: int
    made_at: str
    org: str
    buckets: list[dict[str, Any]]
    kafka_cluster_id: str
    collector_offsets: dict[str, int]
    set_aside_by_reason: dict[str, int]
    on_the_way: int
    came_in_meanwhile: int
    files: dict[str, File]


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """A folder to write into, which becomes `folder` at the end, whole or not at all.

    Raises BadInputError where there is anything at `folder` already.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BadInputError("folder_exists", f"{folder} is there already; name a folder that is not")
    made = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir(parents=True, mode=0o700)
    try:
        yield made
        os.replace(made, folder)
    finally:
        shutil.rmtree(made, ignore_errors=True)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the manifest, last of all, with the checksums of all that lies in the folder."""
    files = {
        path.relative_to(folder).as_posix(): File(path.stat().st_size, _sha256(path))
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    whole = msgspec.structs.replace(manifest, files=files)
    (folder / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(whole)))


def checked_manifest(folder: Path, on_progress: Progress) -> Manifest:
    """The manifest of a backup, every file of which is as it was written; else BadInputError names it."""
    try:
        manifest = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Manifest)
    except FileNotFoundError as error:
        raise BadInputError("no_backup", f"{folder} has no {MANIFEST}: it is no whole backup") from error
    except (msgspec.MsgspecError, OSError) as error:
        raise BadInputError("no_backup", f"{folder / MANIFEST} cannot be read: {error}") from error
    if manifest.format != FORMAT:
        raise BadInputError("other_format", f"the backup is of format {manifest.format}, we read {FORMAT}")
    done, total = 0, sum(file.size for file in manifest.files.values())
    for name, file in manifest.files.items():
        _require_as_written(folder / name, file)
        done += file.size
        on_progress(done, total)
    return manifest


def _require_as_written(path: Path, file: File) -> None:
    if not path.is_file():
        raise BadInputError("damaged_backup", f"{path} is missing; nothing was restored")
    if path.stat().st_size != file.size:
        raise BadInputError(
            "damaged_backup",
            f"{path} has {path.stat().st_size:,} bytes and should have {file.size:,}; nothing was restored",
        )
    if _sha256(path) != file.sha256:
        raise BadInputError("damaged_backup", f"{path} is not what was written; nothing was restored")


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(READ_BYTES):
            digest.update(piece)
    return digest.hexdigest()
