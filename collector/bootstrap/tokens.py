"""Scoped tokens: what each may do, made once, stored the moment they are made, rotated by command.

InfluxDB 2.9 keeps only a hash of a token, so nothing can be read back from it. The description of an
authorization therefore ends in a fingerprint of its token, by which the one that we hold is found again.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from collector.influx_api import InfluxApi
from contracts.errors import BadInputError
from contracts.stored import RETENTION_S_BY_BUCKET

FINGERPRINT_CHARACTERS = 16
READ, WRITE = "read", "write"
ALL_BUCKETS = tuple(RETENTION_S_BY_BUCKET)


@dataclass(frozen=True, slots=True)
class Scope:
    """What the token of that name may do in which buckets, and whose it is."""

    name: str
    actions: tuple[str, ...]
    buckets: tuple[str, ...]
    about: str


SCOPES: tuple[Scope, ...] = (
    Scope("collector", (READ, WRITE), ALL_BUCKETS, "the only writer; reads what is stored in which type"),
    Scope("predictor", (READ,), ALL_BUCKETS, "the forecaster"),
    Scope("grafana", (READ,), ALL_BUCKETS, "dashboards and alerts"),
    Scope("reader", (READ,), ALL_BUCKETS, "the command luftstrom, and people"),
)
SCOPE_BY_NAME = {scope.name: scope for scope in SCOPES}


class TokenStore(Protocol):
    """Where tokens are kept for the processes that use them."""

    def read(self, name: str) -> str | None:
        """The token of that name; None where there is none."""
        ...

    def store(self, name: str, token: str) -> None:
        """Put the token in place of any other, at one moment."""
        ...


def ensure_tokens(influx: InfluxApi, org_id: str, bucket_ids: Mapping[str, str], store: TokenStore) -> None:
    """Every scope has a token that works and may do neither less nor more; else it gets a new one."""
    authorizations = _authorizations(influx, org_id)
    for scope in SCOPES:
        wanted = _permissions(scope, org_id, bucket_ids)
        held = _of_token(authorizations, scope, store.read(scope.name))
        if held is None or _comparable(held["permissions"]) != _comparable(wanted):
            _make(influx, org_id, scope, wanted, store)
            if held is not None:
                _end(influx, held)


def rotate(
    influx: InfluxApi, org_id: str, bucket_ids: Mapping[str, str], scopes: Sequence[Scope], store: TokenStore
) -> None:
    """A new token for each scope, stored; then every older one is ended, also one that no store holds.

    Whoever holds an old one reads the store again when InfluxDB answers 401.
    """
    for scope in scopes:
        older = [each for each in _authorizations(influx, org_id) if _is_of(each, scope)]
        _make(influx, org_id, scope, _permissions(scope, org_id, bucket_ids), store)
        for each in older:
            _end(influx, each)


def scopes_named(names: Sequence[str]) -> list[Scope]:
    """The scopes of these names, all where none is named; raises BadInputError on an unknown one."""
    unknown = [name for name in names if name not in SCOPE_BY_NAME]
    if unknown:
        raise BadInputError("unknown_token", f"{', '.join(unknown)}; there are {', '.join(SCOPE_BY_NAME)}")
    return [SCOPE_BY_NAME[name] for name in names] or list(SCOPES)


def fingerprint(token: str) -> str:
    """What tells a token from others and says nothing of it."""
    return hashlib.sha256(token.encode()).hexdigest()[:FINGERPRINT_CHARACTERS]


def _make(
    influx: InfluxApi, org_id: str, scope: Scope, permissions: list[dict[str, Any]], store: TokenStore
) -> None:
    body = {"orgID": org_id, "description": _description(scope), "permissions": permissions}
    made = influx.post("/api/v2/authorizations", body)
    store.store(scope.name, made["token"])
    described = _description(scope, made["token"])
    influx.patch(f"/api/v2/authorizations/{made['id']}", {"description": described})


def _end(influx: InfluxApi, authorization: Mapping[str, Any]) -> None:
    influx.delete(f"/api/v2/authorizations/{authorization['id']}")


def _authorizations(influx: InfluxApi, org_id: str) -> list[dict[str, Any]]:
    return list(influx.get("/api/v2/authorizations", orgID=org_id)["authorizations"])


def _of_token(
    authorizations: Sequence[dict[str, Any]], scope: Scope, token: str | None
) -> dict[str, Any] | None:
    wanted = None if token is None else _description(scope, token)
    return next((each for each in authorizations if each["description"] == wanted), None)


def _is_of(authorization: Mapping[str, Any], scope: Scope) -> bool:
    name, given = _description(scope), str(authorization["description"])
    return given == name or given.startswith(f"{name} ")


def _description(scope: Scope, token: str | None = None) -> str:
    name = f"luftstrom {scope.name}"
    return name if token is None else f"{name} {fingerprint(token)}"


def _permissions(scope: Scope, org_id: str, bucket_ids: Mapping[str, str]) -> list[dict[str, Any]]:
    return [
        {"action": action, "resource": {"type": "buckets", "id": bucket_ids[bucket], "orgID": org_id}}
        for bucket in scope.buckets
        for action in scope.actions
    ]


def _comparable(permissions: Sequence[Mapping[str, Any]]) -> set[tuple[str, str]]:
    return {(each["action"], each["resource"]["id"]) for each in permissions}
