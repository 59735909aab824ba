"""Makes InfluxDB ready: organisation, bucket, retention, scoped tokens. Safe to run again."""

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests

from contracts.errors import UnavailableError
from contracts.stored import LIVE_BUCKET, RETENTION_S_BY_BUCKET

TIMEOUT_S = 10
OPERATOR_USER = "operator"
PASSWORD_BYTES = 24

COLLECTOR_TOKEN = "collector.token"  # noqa: S105 - a file's name
READER_TOKEN = "reader.token"  # noqa: S105
OPERATOR_TOKEN = "operator.token"  # noqa: S105


def bootstrap(*, url: str, org: str, operator_token: str, secrets_dir: Path) -> None:
    """Set InfluxDB up with our own operator token and store the scoped tokens in `secrets_dir` (files, 0600).

    The collector's token may write its buckets and nothing else, the readers' may read them.
    Raises UnavailableError where InfluxDB does not answer or refuses.
    """
    influx = _Api(url, operator_token)
    if influx.get("/api/v2/setup")["allowed"]:
        influx.post("/api/v2/setup", _setup(org, operator_token))
    org_id = influx.get("/api/v2/orgs", org=org)["orgs"][0]["id"]
    bucket_ids = [
        _bucket_id(influx, org_id, name, retention_s) for name, retention_s in RETENTION_S_BY_BUCKET.items()
    ]
    for file_name, action in ((COLLECTOR_TOKEN, "write"), (READER_TOKEN, "read")):
        path = secrets_dir / file_name
        permissions = [_permission(action, bucket_id, org_id) for bucket_id in bucket_ids]
        if not _is_accepted(url, path, org):
            body = {"orgID": org_id, "description": path.stem, "permissions": permissions}
            store_secret(path, influx.post("/api/v2/authorizations", body)["token"])


def operator_token_in(secrets_dir: Path) -> str:
    """The operator token of this folder, made at the first call."""
    return _stored_or(secrets_dir / OPERATOR_TOKEN, lambda: secrets.token_urlsafe(32))


def store_secret(path: Path, secret: str) -> None:
    """Write a secret that only the owner can read, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    made = path.with_suffix(".new")
    made.unlink(missing_ok=True)
    made.touch(mode=0o600)
    made.write_text(secret)
    made.replace(path)


def _stored_or(path: Path, make: Callable[[], str]) -> str:
    if not path.exists():
        store_secret(path, make())
    return path.read_text().strip()


def _setup(org: str, operator_token: str) -> dict[str, object]:
    return {
        "username": OPERATOR_USER,
        # Nobody signs in by password: it is made, used once and forgotten.
        "password": secrets.token_urlsafe(PASSWORD_BYTES),
        "org": org,
        "bucket": LIVE_BUCKET,
        "retentionPeriodSeconds": RETENTION_S_BY_BUCKET[LIVE_BUCKET],
        "token": operator_token,
    }


def _bucket_id(influx: "_Api", org_id: str, name: str, retention_s: int) -> str:
    found = influx.get("/api/v2/buckets", orgID=org_id, name=name).get("buckets", [])
    if found:
        return str(found[0]["id"])
    rules = [{"type": "expire", "everySeconds": retention_s}]
    return str(influx.post("/api/v2/buckets", {"orgID": org_id, "name": name, "retentionRules": rules})["id"])


def _permission(action: str, bucket_id: str, org_id: str) -> dict[str, object]:
    return {"action": action, "resource": {"type": "buckets", "id": bucket_id, "orgID": org_id}}


def _is_accepted(url: str, path: Path, org: str) -> bool:
    """Whether InfluxDB knows the token of this file; a wiped database does not."""
    if not path.exists():
        return False
    headers = {"Authorization": f"Token {path.read_text().strip()}"}
    try:
        answer = requests.get(
            f"{url}/api/v2/buckets", params={"org": org}, headers=headers, timeout=TIMEOUT_S
        )
    except requests.RequestException as error:
        raise UnavailableError(f"no InfluxDB at {url}: {error}") from error
    return bool(answer.status_code != requests.codes.unauthorized)


class _Api:
    """InfluxDB's management interface with the operator token."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url
        self._headers = {"Authorization": f"Token {token}"}

    def get(self, path: str, **params: str) -> Any:
        """The decoded answer to a GET."""
        return self._decoded("GET", path, params=params)

    def post(self, path: str, body: object) -> Any:
        """The decoded answer to a POST of JSON."""
        return self._decoded("POST", path, json=body)

    def _decoded(self, method: str, path: str, **given: Any) -> Any:
        try:
            answer = requests.request(
                method, f"{self._url}{path}", headers=self._headers, timeout=TIMEOUT_S, **given
            )
        except requests.RequestException as error:
            raise UnavailableError(f"no InfluxDB at {self._url}: {error}") from error
        if answer.status_code == requests.codes.unauthorized:
            raise UnavailableError(
                f"InfluxDB at {self._url} does not know our operator token: it was set up by somebody else, "
                "or its data and the secrets folder are of different ages. Restore the secrets, or wipe both."
            )
        if not answer.ok:
            raise UnavailableError(
                f"InfluxDB refused {method} {path}: {answer.status_code} {answer.text[:300]}"
            )
        return answer.json()
