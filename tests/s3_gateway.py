"""A real S3-compatible server for the tests: Versity's gateway before a folder, built from its Go module.

Kept in the cache folder under a name that changes with its pins.
`python -m tests.s3_gateway` installs it ahead: about two minutes on two cores, once.
"""

import hashlib
import os
import secrets
import shutil
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import obstore
import requests
from obstore.store import S3Store

from contracts.errors import UnavailableError
from local_stack.install.cache import GIB, install_lock, put_in_place, require_space, scratch_beside
from local_stack.ports import free_ports
from local_stack.settings import cache_dir
from local_stack.single import Server
from runtime.object_store import ObjectStoreAccess

SOURCES = Path(__file__).parent / "s3_gateway_build"
PROGRAM = "github.com/versity/versitygw/cmd/versitygw"
BUILD_BYTES, BUILD_LIMIT_S = 2 * GIB, 30 * 60
REGION, BUCKET = "us-east-1", "models"


def install_s3_gateway(tell=lambda _line: None):
    """The program: the one on PATH, else built; raises UnavailableError naming the remedy."""
    if found := shutil.which("versitygw"):
        return Path(found)
    pins = b"".join(each.read_bytes() for each in sorted(SOURCES.glob("go.*")))
    target = cache_dir() / "s3-gateway" / hashlib.sha256(pins).hexdigest()[:12] / "versitygw"
    if target.is_file():
        return target  # without waiting for whoever builds something else
    with install_lock(tell):
        if not target.is_file():
            with scratch_beside(target) as scratch:
                put_in_place(_built(scratch, tell), target)
    return target


def _built(scratch, tell):
    if shutil.which("go") is None:
        raise UnavailableError("versitygw is not on PATH, and Go, which builds it, is not installed.")
    require_space(scratch, needed_bytes=BUILD_BYTES, what="building the S3 gateway")
    tell("building Versity's S3 gateway from its module: about two minutes, once")
    made = scratch / "versitygw"
    # The build's own cache is thrown away with the scratch folder.
    environment = {
        **os.environ, "CGO_ENABLED": "0", "GOCACHE": str(scratch / "cache"), "GOFLAGS": "-mod=readonly",
    }  # fmt: skip
    ended = subprocess.run(
        ["nice", "-n", "10", "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", str(made), PROGRAM],
        cwd=SOURCES, env=environment, capture_output=True, text=True, check=False, timeout=BUILD_LIMIT_S,
    )  # fmt: skip
    if ended.returncode != 0:
        raise UnavailableError(f"the S3 gateway cannot be built: {ended.stderr.strip()[-800:]}")
    return made


@dataclass(frozen=True)
class S3Server:
    """A running server with one bucket."""

    server: Server
    endpoint: str
    access_key_id: str
    secret_key: str
    bucket: str = BUCKET

    def access(self):
        """How it is reached."""
        return ObjectStoreAccess(
            region=REGION, endpoint=self.endpoint, access_key_id=self.access_key_id,
            secret_key=self.secret_key,
        )  # fmt: skip


@contextmanager
def running_s3(folder):
    """Start it before a folder; a folder in it is a bucket."""
    program = install_s3_gateway()
    (folder / "buckets" / BUCKET).mkdir(parents=True)
    (port,) = free_ports(1)
    key_id, secret = "tests", secrets.token_hex(16)
    endpoint = f"http://127.0.0.1:{port}"
    command = [
        str(program), "--port", f"127.0.0.1:{port}", "--access", key_id, "--secret", secret, "--quiet",
        "posix", str(folder / "buckets"),
    ]  # fmt: skip
    server = Server(command, log=folder / "s3.log", require=lambda: _require(endpoint, key_id, secret))
    server.start()
    try:
        yield S3Server(server, endpoint, key_id, secret)
    finally:
        server.stop()


def _require(endpoint, key_id, secret):
    try:
        requests.get(endpoint, timeout=1)
        store = S3Store(
            BUCKET, endpoint=endpoint, region=REGION, access_key_id=key_id, secret_access_key=secret,
            client_options={"allow_http": True},
        )  # fmt: skip
        obstore.put(store, "ready", b"")
    except (requests.RequestException, obstore.exceptions.BaseError) as error:
        raise UnavailableError(f"no S3 at {endpoint}: {error}") from error


def main():
    """Install it, and say what is done; the exit code. What is missing is a failure in CI alone."""

    def tell(line):
        print(line, flush=True)  # noqa: T201

    try:
        install_s3_gateway(tell)
    except UnavailableError as error:
        tell(f"{error} Tests that need it fail.")
        return 1 if os.environ.get("CI") == "true" else 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
