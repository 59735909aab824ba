"""InfluxDB 2, read by InfluxQL: plain HTTP, for who only reads need not hold the client that writes."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import requests

from contracts.errors import UnavailableError
from runtime.influx_access import verified_by

QUERY_TIMEOUT_S = 60.0
CHUNK_ROWS = 10_000
ERROR_CHARACTERS = 500


class Chunk(NamedTuple):
    """Rows of one series: its columns, their values row by row, and the tags that it is grouped by."""

    columns: list[str]
    values: list[list[Any]]
    tags: dict[str, str]

    def rows(self) -> Iterator[dict[str, Any]]:
        """Each row as a dictionary of columns and tags."""
        for values in self.values:
            yield {**dict(zip(self.columns, values, strict=True)), **self.tags}


class InfluxReader:
    """InfluxQL queries with a read token; a bucket is a database of its name.

    `token_now` is asked for the token again where InfluxDB does not know the one that we hold (401).
    """

    def __init__(
        self,
        *,
        url: str,
        token: str,
        token_now: Callable[[], str] | None = None,
        ca_file: Path | None = None,
    ) -> None:
        self._url, self._token_now, self._ca_file = url, token_now or (lambda: token), ca_file
        self._session = requests.Session()
        self._session.headers["Authorization"] = f"Token {token}"

    def query(self, bucket: str, influxql: str) -> list[dict[str, Any]]:
        """The rows of every series as dictionaries: columns, tags, and `time` in Unix seconds.

        Raises UnavailableError where InfluxDB does not answer or know us, ValueError where it refuses.
        """
        with self._answer(bucket, influxql) as answer:
            text = answer.text
            chunks = _chunks(_decoded(text), answer.status_code, text)
        return [row for chunk in chunks for row in chunk.rows()]

    def chunks(self, bucket: str, influxql: str, *, size: int = CHUNK_ROWS) -> Iterator[Chunk]:
        """The same a few rows at a time, as InfluxDB sends them: a large answer never lies in memory.

        Raises as `query` does, also in the middle.
        """
        with self._answer(bucket, influxql, chunked="true", chunk_size=str(size)) as answer:
            try:
                for line in answer.iter_lines(chunk_size=None):
                    if line:
                        yield from _chunks(_decoded(line), answer.status_code, line[:ERROR_CHARACTERS])
            except requests.RequestException as error:
                raise UnavailableError(f"InfluxDB at {self._url} broke off its answer: {error}") from error

    @contextmanager
    def _answer(self, bucket: str, influxql: str, **more: str) -> Iterator[requests.Response]:
        answer = self._asked(bucket, influxql, more)
        if answer.status_code == requests.codes.unauthorized and self._has_taken_new_token():
            answer.close()
            answer = self._asked(bucket, influxql, more)
        with closing(answer):
            if answer.status_code >= 500:
                raise UnavailableError(
                    f"InfluxDB answered {answer.status_code}: {answer.text[:ERROR_CHARACTERS]}"
                )
            if answer.status_code == requests.codes.unauthorized:
                raise UnavailableError(
                    f"InfluxDB at {self._url} does not know our token: it was rotated, or is of another "
                    "InfluxDB. The bootstrap makes one that works."
                )
            yield answer

    def _asked(self, bucket: str, influxql: str, more: Mapping[str, str]) -> requests.Response:
        try:
            return self._session.get(
                f"{self._url}/query",
                params={"db": bucket, "q": influxql, "epoch": "s", **more},
                timeout=QUERY_TIMEOUT_S,
                stream=bool(more),
                verify=verified_by(self._ca_file),
            )
        except requests.RequestException as error:
            raise UnavailableError(f"no answer from InfluxDB at {self._url}: {error}") from error

    def _has_taken_new_token(self) -> bool:
        """Whether our token was rotated, and we go on with its successor."""
        header = f"Token {self._token_now()}"
        if header == self._session.headers["Authorization"]:
            return False
        self._session.headers["Authorization"] = header
        return True


def _decoded(text: str | bytes) -> dict[str, Any]:
    try:
        return dict(msgspec.json.decode(text))
    except (msgspec.MsgspecError, ValueError, TypeError) as error:
        raise ValueError(f"InfluxDB's answer cannot be read: {text[:ERROR_CHARACTERS]!r}") from error


def _chunks(result: dict[str, Any], status: int, text: str | bytes) -> list[Chunk]:
    results = result.get("results", [])
    errors = [result.get("error") or result.get("message"), *(each.get("error") for each in results)]
    if status != requests.codes.ok or any(errors):
        shown = text if isinstance(text, str) else text.decode(errors="replace")
        raise ValueError(f"InfluxDB refuses the query: {shown[:ERROR_CHARACTERS]}")
    return [
        Chunk(series["columns"], series["values"], series.get("tags", {}))
        for each in results
        for series in each.get("series", [])
    ]
