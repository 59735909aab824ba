"""The organisation, its buckets with their retention, and the names that InfluxQL finds them by."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from collector.influx_api import InfluxApi
from contracts.stored import LIVE, Bucket

OPERATOR_USER = "operator"
PASSWORD_BYTES = 24
RETENTION_POLICY = "autogen"
DAY_S = 86_400


def organisation_id(influx: InfluxApi, org: str, operator_token: str) -> str:
    """The id of our organisation; an InfluxDB that nobody has set up yet is set up with it."""
    if influx.get("/api/v2/setup")["allowed"]:
        influx.post("/api/v2/setup", _setup(org, operator_token))
    found = [each for each in influx.get("/api/v2/orgs")["orgs"] if each["name"] == org]
    return str((found[0] if found else influx.post("/api/v2/orgs", {"name": org}))["id"])


def ensure_buckets(
    influx: InfluxApi, org_id: str, buckets: Sequence[Bucket], tell: Callable[[str], None]
) -> dict[str, str]:
    """Every bucket's id by its name; a missing one is made, and another retention is set right and told."""
    found = influx.get("/api/v2/buckets", orgID=org_id, limit="100")["buckets"]
    bucket_by_name = {bucket["name"]: bucket for bucket in found}
    return {
        bucket.name: _bucket_id(influx, org_id, bucket, bucket_by_name.get(bucket.name), tell)
        for bucket in buckets
    }


def ensure_mappings(influx: InfluxApi, org_id: str, bucket_ids: Mapping[str, str]) -> None:
    """Let InfluxQL find each bucket as the database of its name; one to an earlier bucket is replaced."""
    mappings = influx.get("/api/v2/dbrps", orgID=org_id)["content"]
    for name, bucket_id in bucket_ids.items():
        ours = [each for each in mappings if each["database"] == name and not each.get("virtual", False)]
        for each in ours:
            if each["bucketID"] != bucket_id:
                influx.delete(f"/api/v2/dbrps/{each['id']}?orgID={org_id}")
        if all(each["bucketID"] != bucket_id for each in ours):
            influx.post("/api/v2/dbrps", _mapping(org_id, name, bucket_id))


def _setup(org: str, operator_token: str) -> dict[str, object]:
    return {
        "username": OPERATOR_USER,
        # Nobody signs in by password: it is made, used once and forgotten.
        "password": secrets.token_urlsafe(PASSWORD_BYTES),
        "org": org,
        "bucket": LIVE.name,
        "retentionPeriodSeconds": LIVE.retention_s,
        "token": operator_token,
    }


def _bucket_id(
    influx: InfluxApi,
    org_id: str,
    bucket: Bucket,
    found: Mapping[str, Any] | None,
    tell: Callable[[str], None],
) -> str:
    rule = {
        "type": "expire",
        "everySeconds": bucket.retention_s,
        "shardGroupDurationSeconds": bucket.shard_s,
    }
    if found is None:
        body = {"orgID": org_id, "name": bucket.name, "retentionRules": [rule]}
        return str(influx.post("/api/v2/buckets", body)["id"])
    kept: Mapping[str, Any] = next(iter(found["retentionRules"]), {})
    if any(kept.get(name) != value for name, value in rule.items()):
        influx.patch(f"/api/v2/buckets/{found['id']}", {"retentionRules": [rule]})
        was_s = kept.get("everySeconds", 0)
        if was_s != bucket.retention_s:
            tell(
                f"bucket {bucket.name} keeps {_days(bucket.retention_s)} from now on, it kept {_days(was_s)}"
            )
    return str(found["id"])


def _mapping(org_id: str, name: str, bucket_id: str) -> dict[str, object]:
    return {
        "orgID": org_id,
        "bucketID": bucket_id,
        "database": name,
        "retention_policy": RETENTION_POLICY,
        "default": True,
    }


def _days(seconds: int) -> str:
    return f"{seconds / DAY_S:g} days" if seconds else "everything"
