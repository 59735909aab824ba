"""InfluxDB's management interface, which the operator token opens."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import requests

from contracts.errors import UnavailableError
from runtime.influx_access import verified_by

TIMEOUT_S = 10.0
ERROR_CHARACTERS = 300


class InfluxApi:
    """Requests with the operator token; each raises UnavailableError where InfluxDB is away or refuses."""

    def __init__(self, url: str, operator_token: str, *, ca_file: Path | None = None) -> None:
        self._url, self._ca_file = url.rstrip("/"), ca_file
        self._session = requests.Session()
        self._session.headers["Authorization"] = f"Token {operator_token}"

    def get(self, path: str, **params: str) -> Any:
        """The decoded answer to a GET."""
        return self._decoded("GET", path, params=params)

    def post(self, path: str, body: object) -> Any:
        """The decoded answer to a POST of JSON."""
        return self._decoded("POST", path, json=body)

    def patch(self, path: str, body: object) -> Any:
        """The decoded answer to a PATCH of JSON."""
        return self._decoded("PATCH", path, json=body)

    def delete(self, path: str) -> None:
        """Delete what is there; what is gone already is no error."""
        with self.answering("DELETE", path, missing_is_fine=True):
            pass

    @contextmanager
    def answering(
        self, method: str, path: str, *, missing_is_fine: bool = False, **given: Any
    ) -> Iterator[requests.Response]:
        """The answer as it comes, its body unread with `stream=True`."""
        try:
            answer = self._session.request(
                method,
                f"{self._url}{path}",
                **{"timeout": TIMEOUT_S, "verify": verified_by(self._ca_file), **given},
            )
        except requests.RequestException as error:
            raise UnavailableError(f"no InfluxDB at {self._url}: {error}") from error
        with closing(answer):
            if not (missing_is_fine and answer.status_code == requests.codes.not_found):
                self._require_ok(answer, f"{method} {path}")
            try:
                yield answer
            except requests.RequestException as error:
                raise UnavailableError(f"InfluxDB at {self._url} broke off {path}: {error}") from error

    def _decoded(self, method: str, path: str, **given: Any) -> Any:
        with self.answering(method, path, **given) as answer:
            return answer.json()

    def _require_ok(self, answer: requests.Response, what: str) -> None:
        if answer.status_code == requests.codes.unauthorized:
            raise UnavailableError(
                f"InfluxDB at {self._url} does not know our operator token: it was set up by somebody else, "
                "or its data and the secrets folder are of different ages. Restore the secrets, or wipe both."
            )
        if not answer.ok:
            text = answer.text[:ERROR_CHARACTERS]
            raise UnavailableError(f"InfluxDB refused {what}: {answer.status_code} {text}")
