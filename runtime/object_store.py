"""Files in an S3-compatible store: Amazon's, MinIO, SeaweedFS, Ceph, Versity's gateway."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    PreconditionError,
)
from obstore.store import S3Store
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random

from contracts.errors import UnavailableError

if TYPE_CHECKING:
    from obstore.store import ClientConfig, S3Config

CONNECT_TIMEOUT, TIMEOUT = timedelta(seconds=5), timedelta(seconds=30)
RETRIES, RETRY_TIMEOUT = 3, timedelta(seconds=20)
APPEND_TRIES, APPEND_WAIT_S = 20, 0.2
OVERTAKEN = (AlreadyExistsError, PreconditionError)
NO_BUCKET, REFUSALS = "NoSuchBucket", ("401 Unauthorized", "403 Forbidden")


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectStoreAccess:
    """How the store is reached; without an endpoint it is Amazon's, without keys the machine's own role."""

    region: str
    endpoint: str | None = None
    access_key_id: str | None = None
    secret_key: str | None = field(default=None, repr=False)
    ca_file: Path | None = None


class ObjectStore:
    """The objects of a bucket under a prefix, as files by path.

    Each call raises UnavailableError where the store does not answer, or not to us. It wants a store that
    knows conditional writes (If-Match, If-None-Match), as all of the above do.
    """

    def __init__(self, bucket: str, prefix: str, access: ObjectStoreAccess) -> None:
        self._bucket, self._prefix, self._access = bucket, prefix, access

    @property
    def place(self) -> str:
        """Where it is, as people name it."""
        return "/".join(filter(None, ("s3:/", self._bucket, self._prefix)))

    def paths(self, folder: str = "") -> list[str]:
        """Every object below a folder, as a path from the prefix, in order."""
        with self._told():
            chunks = obstore.list(self._store, prefix=folder or None)
            return sorted(each["path"] for chunk in chunks for each in chunk)

    def read(self, path: str) -> bytes | None:
        """An object's content; None where there is none."""
        found = self._found(path)
        return None if found is None else found[0]

    def add(self, folder: str, files: Mapping[str, bytes], *, seal: str) -> bool:
        """Put a folder down, `seal` last, which marks it whole; False, and nothing done, if it is there."""
        if self.read(f"{folder}/{seal}") is not None:
            return False
        with self._told():
            for name in sorted(files.keys() - {seal}):
                obstore.put(self._store, f"{folder}/{name}", files[name])
            try:
                obstore.put(self._store, f"{folder}/{seal}", files[seal], mode="create")
            except OVERTAKEN:
                return False
        return True

    def replace(self, path: str, body: bytes) -> None:
        """Write an object, at once for every reader."""
        with self._told():
            obstore.put(self._store, path, body)

    def append(self, path: str, line: bytes) -> None:
        """Add a line to an object; who does so at the same time loses nothing."""
        tries = Retrying(
            retry=retry_if_exception_type(OVERTAKEN), wait=wait_random(max=APPEND_WAIT_S),
            stop=stop_after_attempt(APPEND_TRIES), reraise=True,
        )  # fmt: skip
        try:
            tries(self._append, path, line)
        except OVERTAKEN as error:
            raise UnavailableError(f"{self.place}/{path} is changed by others all the time") from error

    def _append(self, path: str, line: bytes) -> None:
        body, tag = self._found(path) or (b"", None)
        with self._told():
            if tag is None:
                obstore.put(self._store, path, body + line + b"\n", mode="create")
            else:
                obstore.put(self._store, path, body + line + b"\n", mode={"e_tag": tag})

    def _found(self, path: str) -> tuple[bytes, str | None] | None:
        with self._told():
            try:
                answer = obstore.get(self._store, path)
                return bytes(answer.bytes()), answer.meta["e_tag"]
            except FileNotFoundError as error:
                if NO_BUCKET in str(error):
                    raise
                return None

    @cached_property
    def _store(self) -> S3Store:
        access = self._access
        config: S3Config = {"region": access.region}
        if access.endpoint is not None:
            config["endpoint"] = access.endpoint
        if access.access_key_id is not None and access.secret_key is not None:
            config["access_key_id"], config["secret_access_key"] = access.access_key_id, access.secret_key
        client: ClientConfig = {"allow_http": True, "connect_timeout": CONNECT_TIMEOUT, "timeout": TIMEOUT}
        if access.ca_file is not None:
            client["root_certificate"] = access.ca_file.read_bytes()
        return S3Store(
            self._bucket, prefix=self._prefix or None, config=config, client_options=client,
            retry_config={"max_retries": RETRIES, "retry_timeout": RETRY_TIMEOUT},
        )  # fmt: skip

    @contextmanager
    def _told(self) -> Iterator[None]:
        """What the store says, as our errors; that a thing is there already, or changed, is the caller's."""
        try:
            yield
        except OVERTAKEN:
            raise
        except (BaseError, FileNotFoundError, PermissionError) as error:
            raise UnavailableError(self._explained(str(error))) from error

    def _explained(self, problem: str) -> str:
        if NO_BUCKET in problem:
            return f"there is no bucket {self._bucket}: make it, or name another"
        said = problem.strip().split("\n")[0]
        if any(each in problem for each in REFUSALS):
            return f"{self.place} refuses us: check the access key and its secret: {said}"
        return f"no answer from {self.place}: {said}"
