"""InfluxDB's data as files, and back: by its own backup interface, without its vendor's command.

A backup has the data of our buckets, shard by shard, and not the users and tokens: those are made anew by
the bootstrap, with the operator token of the InfluxDB that it is restored into.
"""

import gzip
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from email.parser import BytesParser
from pathlib import Path
from typing import Any

import msgspec
import requests

from collector.bootstrap.buckets import organisation_id
from collector.influx_api import InfluxApi
from contracts.errors import BadInputError, UnavailableError
from contracts.stored import BUCKETS

SHARD_TIMEOUT_S = 600.0
COPY_BYTES = 1024 * 1024
GZIP_LEVEL = 1
SHARDS = "shards"
NAMES = frozenset(bucket.name for bucket in BUCKETS)

Progress = Callable[[int, int], None]  # shards done, of how many
Tell = Callable[[str], None]


def back_up_buckets(
    influx: InfluxApi, org: str, folder: Path, *, on_progress: Progress, tell: Tell
) -> list[dict[str, Any]]:
    """Write every shard of our buckets into `folder`; what InfluxDB says of the buckets, for the restore.

    Writing goes on meanwhile; a shard has all that was acknowledged when it was asked for.
    """
    buckets = _buckets(influx, org)
    (folder / SHARDS).mkdir()
    waiting = [(bucket, group, shard) for bucket, group, shard in _shards(buckets)]
    for done, (bucket, group, shard) in enumerate(waiting, start=1):
        if not _back_up_shard(influx, shard["id"], shard_file(folder, shard["id"])):
            group["shards"].remove(shard)
            tell(
                f"a shard of {bucket['bucketName']} grew older than its retention meanwhile, and is left out"
            )
        on_progress(done, len(waiting))
    return buckets


def require_room(influx: InfluxApi, org: str, buckets: Sequence[Mapping[str, Any]]) -> None:
    """Raise BadInputError where a bucket that would be restored holds data already."""
    held = {each["bucketName"] for each, _, _ in _shards(_buckets(influx, org))}
    taken = sorted(held & {bucket["bucketName"] for bucket in buckets})
    if taken:
        raise BadInputError(
            "data_exists",
            f"{', '.join(taken)} holds data already. --replace deletes it before the restore",
        )


def restore_buckets(
    influx: InfluxApi,
    org: str,
    operator_token: str,
    folder: Path,
    buckets: Sequence[Mapping[str, Any]],
    *,
    on_progress: Progress,
) -> None:
    """Put the buckets of a backup in place of those that are there; run the bootstrap after it.

    Where it is stopped half way, it is to be run again, over what it left.
    """
    org_id = organisation_id(influx, org, operator_token)
    present = influx.get("/api/v2/buckets", orgID=org_id, limit="100")["buckets"]
    id_by_name = {bucket["name"]: bucket["id"] for bucket in present}
    done, total = 0, sum(1 for _ in _shards(buckets))
    for bucket in buckets:
        if bucket["bucketName"] in id_by_name:
            influx.delete(f"/api/v2/buckets/{id_by_name[bucket['bucketName']]}")
        made = influx.post("/api/v2/restore/bucketMetadata", _of_organisation(bucket, org, org_id))
        for mapping in made["shardMappings"]:
            _restore_shard(influx, mapping["newId"], shard_file(folder, mapping["oldId"]))
            done += 1
            on_progress(done, total)


def shard_file(folder: Path, shard_id: int) -> Path:
    """Where a shard lies in a backup."""
    return folder / SHARDS / f"{shard_id}.tar.gz"


def _buckets(influx: InfluxApi, org: str) -> list[dict[str, Any]]:
    """What InfluxDB says of our buckets, with the shards that hold something."""
    with influx.answering("GET", "/api/v2/backup/metadata", timeout=SHARD_TIMEOUT_S) as answer:
        head = f"Content-Type: {answer.headers['Content-Type']}\r\n\r\n".encode()
        parts = BytesParser().parsebytes(head + answer.content).get_payload()
    for part in parts:
        if part.get_param("name", header="Content-Disposition") == "buckets":  # type: ignore[union-attr]
            found: list[dict[str, Any]] = msgspec.json.decode(part.get_payload(decode=True))  # type: ignore[union-attr, arg-type]
            return [_of_shards(each) for each in found if _is_ours(each, org)]
    raise UnavailableError("InfluxDB's backup does not tell its buckets; is it InfluxDB 2?")


def _is_ours(bucket: Mapping[str, Any], org: str) -> bool:
    return bucket["organizationName"] == org and bucket["bucketName"] in NAMES


def _of_shards(bucket: dict[str, Any]) -> dict[str, Any]:
    for policy in bucket["retentionPolicies"]:
        policy["shardGroups"] = [
            group for group in policy["shardGroups"] if group["shards"] and not group.get("deletedAt")
        ]
    return bucket


def _shards(
    buckets: Sequence[Mapping[str, Any]],
) -> Iterator[tuple[Mapping[str, Any], dict[str, Any], dict[str, Any]]]:
    for bucket in buckets:
        for policy in bucket["retentionPolicies"]:
            for group in policy["shardGroups"]:
                for shard in group["shards"]:
                    yield bucket, group, shard


def _back_up_shard(influx: InfluxApi, shard_id: int, path: Path) -> bool:
    """Whether the shard was there to be backed up."""
    asked = influx.answering(
        "GET", f"/api/v2/backup/shards/{shard_id}", missing_is_fine=True, stream=True, timeout=SHARD_TIMEOUT_S
    )
    with asked as answer:
        if answer.status_code == requests.codes.not_found:
            return False
        with gzip.open(path, "wb", compresslevel=GZIP_LEVEL) as out:
            for piece in answer.iter_content(COPY_BYTES):
                out.write(piece)
    _require_whole(path, shard_id)
    return True


def _require_whole(path: Path, shard_id: int) -> None:
    """InfluxDB ends its answer early where it fails in the middle: only the archive itself tells."""
    try:
        with tarfile.open(path, "r:gz") as archive:
            for _ in archive:
                pass
    except (tarfile.TarError, EOFError, OSError) as error:
        raise UnavailableError(f"InfluxDB broke off the backup of shard {shard_id}: {error}") from error


def _of_organisation(bucket: Mapping[str, Any], org: str, org_id: str) -> dict[str, Any]:
    return {**bucket, "organizationID": org_id, "organizationName": org}


def _restore_shard(influx: InfluxApi, shard_id: int, path: Path) -> None:
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/octet-stream"}
    with (
        path.open("rb") as data,
        influx.answering(
            "POST", f"/api/v2/restore/shards/{shard_id}", data=data, headers=headers, timeout=SHARD_TIMEOUT_S
        ),
    ):
        pass
