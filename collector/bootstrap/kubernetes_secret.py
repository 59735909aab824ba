"""Scoped tokens in a Secret of Kubernetes, through its API and with the pod's own account.

The account's Role needs `get`, `patch` and `create` of Secrets in its own namespace, and nothing else.
"""

import base64
import binascii
from pathlib import Path
from typing import Any

import requests

from contracts.errors import UnavailableError

TIMEOUT_S = 10.0
MERGE_PATCH = "application/merge-patch+json"


class KubernetesSecret:
    """A TokenStore of one Secret, a key for each token; a mounted Secret shows a new one within a minute."""

    def __init__(self, name: str, *, url: str, account_dir: Path) -> None:
        self._name = name
        self._session = requests.Session()
        try:
            namespace = (account_dir / "namespace").read_text().strip()
            self._session.headers["Authorization"] = f"Bearer {(account_dir / 'token').read_text().strip()}"
        except OSError as error:
            raise UnavailableError(
                f"no account of a pod in {account_dir} ({error.strerror}). Outside a cluster the tokens go "
                "to files: set BOOTSTRAP_SECRETS_DIR instead of BOOTSTRAP_KUBERNETES_SECRET."
            ) from error
        self._session.verify = str(account_dir / "ca.crt")
        self._url = f"{url.rstrip('/')}/api/v1/namespaces/{namespace}/secrets"

    def read(self, name: str) -> str | None:
        """The token of that name; None where there is none."""
        secret = self._ask("GET", f"/{self._name}")
        coded = ((secret or {}).get("data") or {}).get(name)
        try:
            return None if coded is None else base64.b64decode(coded).decode().strip() or None
        except (binascii.Error, UnicodeDecodeError):
            return None  # no token of ours; a new one takes its place

    def store(self, name: str, token: str) -> None:
        """Put the token in place of any other; the Secret is made where there is none."""
        given = {"stringData": {name: token}}
        if self._ask("PATCH", f"/{self._name}", given) is None:
            self._ask("POST", "", {**_EMPTY, "metadata": {"name": self._name}, **given})

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any] | None:
        headers = {"Content-Type": MERGE_PATCH} if method == "PATCH" else {}
        try:
            answer = self._session.request(
                method, f"{self._url}{path}", json=body, headers=headers, timeout=TIMEOUT_S
            )
        except (requests.RequestException, OSError) as error:
            raise UnavailableError(f"no answer from Kubernetes at {self._url}: {error}") from error
        if answer.status_code == requests.codes.not_found and path:
            return None
        if not answer.ok:
            raise UnavailableError(
                f"Kubernetes refused {method} of Secret {self._name}: {answer.status_code} "
                f"{answer.text[:300]}. The account needs get, patch and create of Secrets."
            )
        return dict(answer.json())


_EMPTY = {"apiVersion": "v1", "kind": "Secret", "type": "Opaque"}
