"""InfluxDB 2: writing line protocol through influxdb-client."""

import gzip
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import requests
import urllib3
from influxdb_client import InfluxDBClient, WriteService
from influxdb_client.rest import ApiException

from contracts.errors import UnavailableError
from runtime.proxies import LOOPBACK_HOSTS
from runtime.store_interface import WriteRefusedError

WRITE_TIMEOUT_MS = 30_000
# Level 1 costs a third more bytes than level 9 for 29 times its speed. Within one machine bytes cost nothing:
# there nothing is compressed, and only the checksum is kept, which tells a request that was cut off.
GZIP_LEVEL, LOOPBACK_GZIP_LEVEL = 1, 0


class InfluxPointStore:
    """A PointStore in one bucket of InfluxDB.

    `token_now` is asked for the token again where InfluxDB does not know the one that we hold (401).
    """

    def __init__(
        self,
        *,
        url: str,
        org: str,
        bucket: str,
        token: str,
        token_now: Callable[[], str] | None = None,
        ca_file: Path | None = None,
    ) -> None:
        self._token, self._token_now = token, token_now or (lambda: token)
        self._client = InfluxDBClient(
            url=url,
            token=token,
            org=org,
            timeout=WRITE_TIMEOUT_MS,
            retries=False,
            ssl_ca_cert=None if ca_file is None else str(ca_file),
        )
        self._service = WriteService(self._client.api_client)
        self._url, self._org, self._bucket = url, org, bucket
        self._gzip_level = gzip_level(url)

    def write(self, lines: Sequence[str]) -> None:
        """Send the lines as one gzipped request."""
        body = gzip.compress("\n".join(lines).encode(), compresslevel=self._gzip_level)
        try:
            self._post(body)
        except WriteRefusedError as refusal:
            if refusal.status != requests.codes.unauthorized or not self._has_taken_new_token():
                raise
            self._post(body)

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()

    def _has_taken_new_token(self) -> bool:
        """Whether our token was rotated, and we go on with its successor."""
        token = self._token_now()
        if token == self._token:
            return False
        self._token = token
        self._client.api_client.set_default_header("Authorization", f"Token {token}")
        return True

    def _post(self, body: bytes) -> None:
        try:
            self._service.post_write(
                org=self._org,
                bucket=self._bucket,
                body=body,
                precision="s",
                content_encoding="gzip",
                content_type="text/plain; charset=utf-8",
            )
        except ApiException as error:
            if not error.status:
                raise UnavailableError(f"no answer from InfluxDB at {self._url}: {error}") from error
            raise WriteRefusedError(error.status, _body(error), _retry_after_s(error)) from error
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise UnavailableError(f"no answer from InfluxDB at {self._url}: {error}") from error


def gzip_level(url: str) -> int:
    """How hard to compress what is sent there."""
    return LOOPBACK_GZIP_LEVEL if urlsplit(url).hostname in LOOPBACK_HOSTS else GZIP_LEVEL


def _body(error: ApiException) -> bytes:
    body = error.body or b""
    return body if isinstance(body, bytes) else str(body).encode()


def _retry_after_s(error: ApiException) -> float | None:
    value = (error.headers or {}).get("Retry-After")
    return float(value) if value and value.isdigit() else None
