"""Rows as CSV, JSON or Parquet: written as they come, never all in memory."""

import csv
import json
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from contracts.errors import BadInputError

if TYPE_CHECKING:
    import polars as pl

PART_ROWS = 100_000

Row = Mapping[str, Any]


def iso(second: int) -> str:
    """A Unix second as ISO 8601, UTC."""
    return f"{datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%M:%SZ}"


def write_csv(rows: Iterable[Row], columns: Sequence[str], out: IO[str]) -> int:
    """Rows with a header; how many."""
    writer, count = csv.writer(out, lineterminator="\n"), 0
    writer.writerow(columns)
    for count, row in enumerate(rows, start=1):  # noqa: B007 - the count is the result
        writer.writerow([_cell(name, row.get(name)) for name in columns])
    return count


def write_json(rows: Iterable[Row], columns: Sequence[str], out: IO[str]) -> int:
    """An array of objects, one a line; how many."""
    count = 0
    out.write("[")
    for count, row in enumerate(rows, start=1):
        out.write(",\n" if count > 1 else "\n")
        out.write(json.dumps({name: _cell(name, row.get(name)) for name in columns}, ensure_ascii=False))
    out.write("\n]\n" if count else "]\n")
    return count


def write_parquet(
    frames: Iterable["pl.DataFrame"], schema: "pl.Schema", path: Path, metadata: Mapping[str, str]
) -> int:
    """One file of all frames, there at one moment or not at all; how many rows.

    The frames wait in small files beside it, from which the file is streamed together.
    """
    import polars as pl  # noqa: PLC0415 - takes its time, and only Parquet needs it

    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".export-") as folder:
        parts, count = [], 0
        for number, frame in enumerate(frames):
            parts.append(Path(folder) / f"{number:06}.parquet")
            frame.write_parquet(parts[-1])
            count += frame.height
        whole = pl.scan_parquet(parts) if parts else pl.LazyFrame(schema=schema)
        made = Path(folder) / "whole.parquet"
        whole.sink_parquet(made, metadata=dict(metadata), compression="zstd")
        made.replace(path)
    return count


def frames_of(rows: Iterable[Row], schema: "pl.Schema") -> Iterator["pl.DataFrame"]:
    """The rows as frames of `PART_ROWS`; `time` in Unix seconds becomes a moment of UTC."""
    import polars as pl  # noqa: PLC0415 - as above

    waiting: list[list[Any]] = []
    raw = pl.Schema({name: pl.Int64 if name == "time" else kind for name, kind in schema.items()})

    def frame() -> "pl.DataFrame":
        made = pl.DataFrame(waiting, schema=raw, orient="row", strict=False)
        return made.with_columns(pl.from_epoch("time", time_unit="s").cast(schema["time"]))

    for row in rows:
        waiting.append([row.get(name) for name in schema])
        if len(waiting) == PART_ROWS:
            yield frame()
            waiting = []
    if waiting:
        yield frame()


@contextmanager
def text_output(path: Path | None) -> Iterator[IO[str]]:
    """The file, there whole or not at all, or standard output."""
    if path is None:
        yield sys.stdout
        sys.stdout.flush()
        return
    made = path.with_name(f".{path.name}.part")
    try:
        with made.open("w", encoding="utf-8", newline="") as out:
            yield out
        os.replace(made, path)
    finally:
        made.unlink(missing_ok=True)


def require_free(path: Path, *, overwrite: bool) -> None:
    """Raise BadInputError where a file is there that nobody said to overwrite, or no folder for it."""
    if path.exists() and not overwrite:
        raise BadInputError("file_exists", f"{path}; name another, or say --overwrite")
    if not path.parent.is_dir():
        raise BadInputError("no_folder", f"{path.parent} is no folder")


def _cell(name: str, value: Any) -> Any:
    return iso(value) if name == "time" and isinstance(value, int) else value
