"""Makes InfluxDB ready: organisation, buckets, retention, DBRP mappings, scoped tokens. Safe to run again."""

from collections.abc import Callable, Sequence
from pathlib import Path

from collector.bootstrap.buckets import ensure_buckets, ensure_mappings, organisation_id
from collector.bootstrap.secret_files import (
    COLLECTOR_TOKEN,
    OPERATOR_TOKEN,
    READER_TOKEN,
    TokenFolder,
    kept_secret,
    operator_token_in,
    store_secret,
)
from collector.bootstrap.tokens import TokenStore, ensure_tokens, rotate, scopes_named
from collector.influx_api import InfluxApi
from contracts.stored import BUCKETS, Bucket

__all__ = [
    "COLLECTOR_TOKEN",
    "OPERATOR_TOKEN",
    "READER_TOKEN",
    "TokenFolder",
    "bootstrap",
    "kept_secret",
    "operator_token_in",
    "rotate_tokens",
    "store_secret",
]

Tell = Callable[[str], None]


def bootstrap(
    *,
    url: str,
    org: str,
    operator_token: str,
    tokens: TokenStore,
    tell: Tell = lambda _line: None,
    buckets: Sequence[Bucket] = BUCKETS,
    ca_file: Path | None = None,
) -> None:
    """Set InfluxDB up with our own operator token, and store the scoped tokens the moment they are made.

    What is changed of something that was there is told.
    Raises UnavailableError where InfluxDB does not answer or refuses.
    """
    influx = InfluxApi(url, operator_token, ca_file=ca_file)
    org_id, bucket_ids = _places(influx, org, operator_token, buckets, tell)
    ensure_tokens(influx, org_id, bucket_ids, tokens)


def rotate_tokens(
    names: Sequence[str],
    *,
    url: str,
    org: str,
    operator_token: str,
    tokens: TokenStore,
    ca_file: Path | None = None,
) -> list[str]:
    """Give each named scope a new token and end its older ones, all scopes where none is named; their names.

    Raises BadInputError on an unknown name, before anything is done.
    """
    scopes = scopes_named(names)
    influx = InfluxApi(url, operator_token, ca_file=ca_file)
    org_id, bucket_ids = _places(influx, org, operator_token, BUCKETS, lambda _line: None)
    rotate(influx, org_id, bucket_ids, scopes, tokens)
    return [scope.name for scope in scopes]


def _places(
    influx: InfluxApi, org: str, operator_token: str, buckets: Sequence[Bucket], tell: Tell
) -> tuple[str, dict[str, str]]:
    """The organisation's id and each bucket's by name, all of it there now."""
    org_id = organisation_id(influx, org, operator_token)
    bucket_ids = ensure_buckets(influx, org_id, buckets, tell)
    ensure_mappings(influx, org_id, bucket_ids)
    return org_id, bucket_ids
