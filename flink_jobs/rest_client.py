"""Flink's REST interface, as far as we ask it."""

import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from contracts.errors import UnavailableError

TIMEOUT_S = 2.0


class RestClient:
    """Asks the job of one local Flink; every call raises UnavailableError where it gets no answer."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"

    def job_state(self, job_id: str) -> str:
        """RUNNING, RESTARTING, FAILED, FINISHED, CANCELED ..."""
        # Asked for the whole job, Flink gathers the metrics of all its tasks.
        return str(self._ask(f"/jobs/{job_id}/status")["status"])

    def completed_checkpoints(self, job_id: str) -> int:
        """How many checkpoints the job has completed in this process."""
        return int(self._ask(f"/jobs/{job_id}/checkpoints")["counts"]["completed"])

    def stop_with_savepoint(self, job_id: str, folder: Path) -> None:
        """Ask the job to stop and leave a savepoint in `folder`; returns at once."""
        self._ask(f"/jobs/{job_id}/stop", {"drain": False, "targetDirectory": folder.absolute().as_uri()})

    def _ask(self, path: str, body: dict[str, Any] | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(  # noqa: S310 - always our own http address
            self.url + path, data=data, headers={"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310
                return json.loads(answer.read())
        except (OSError, ValueError) as error:
            raise UnavailableError(f"Flink does not answer {path}: {error}") from error
