"""InfluxDB's server: the one on PATH, else the vendor's release, else built from its Go module."""

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import requests

from contracts.errors import UnavailableError
from local_stack.install.cache import GIB, Tell, put_in_place, require_space, scratch_beside

VERSION, UNFIT_VERSION = "2.9.1", "2.9.0"
RELEASE_URL = f"https://download.influxdata.com/influxdb/releases/influxdb2-{VERSION}_linux_amd64.tar.gz"
RELEASE_SHA256 = "762e4fc825c4386e0c5138e7c3f91fc778081db2bada1ec47066e786bf55d9ff"
CONNECT_TIMEOUT_S, READ_TIMEOUT_S = 5, 60
BUILD_BYTES = 6 * GIB
BUILD_LIMIT_S = 45 * 60
LINES_SHOWN = 8
SOURCES = Path(__file__).parents[1] / "influxd_build"
TOOLCHAIN = ("go", "cargo", "cc", "pkg-config")


def install_influxd(cache: Path, tell: Tell) -> Path:
    """The path of an influxd 2; raises UnavailableError naming every way to get one."""
    on_path = _on_path(tell)
    if on_path:
        return on_path
    target = cache / "influxd" / VERSION / "influxd"
    if target.is_file():
        return target
    with scratch_beside(target) as scratch:
        try:
            made = _released(scratch, tell)
        except UnavailableError as error:
            tell(f"{error}; building it instead")
            made = _built(scratch, tell)
        put_in_place(made, target)
    return target


def _on_path(tell: Tell) -> Path | None:
    found = shutil.which("influxd")
    if found is None:
        return None
    version = subprocess.run(
        [found, "version"], capture_output=True, text=True, check=False, timeout=30
    ).stdout
    if f"{UNFIT_VERSION} " in version:
        tell(f"{found} is {UNFIT_VERSION}, whose compactions can stall; taking {VERSION} instead")
        return None
    return Path(found) if " 2." in version or " v2." in version else None


def _released(scratch: Path, tell: Tell) -> Path:
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        raise UnavailableError(f"no pinned InfluxDB release for {sys.platform} {platform.machine()}")
    tell(f"fetching InfluxDB {VERSION} from its vendor")
    try:
        answer = requests.get(RELEASE_URL, timeout=(CONNECT_TIMEOUT_S, READ_TIMEOUT_S))
        answer.raise_for_status()
    except requests.RequestException as error:
        raise UnavailableError(f"the vendor's release cannot be fetched ({type(error).__name__})") from error
    if hashlib.sha256(answer.content).hexdigest() != RELEASE_SHA256:
        raise UnavailableError(
            "the vendor's release is not the pinned one (sha256 differs); it was not installed"
        )
    archive = scratch / "influxd.tar.gz"
    archive.write_bytes(answer.content)
    with tarfile.open(archive) as tar:
        member = next(each for each in tar if each.isfile() and Path(each.name).name == "influxd")
        member.name = "influxd"
        tar.extract(member, scratch, filter="data")
    return scratch / "influxd"


def _built(scratch: Path, tell: Tell) -> Path:
    missing = [tool for tool in TOOLCHAIN if shutil.which(tool) is None]
    if missing:
        raise UnavailableError(
            f"InfluxDB {VERSION} is neither on PATH nor can it be built: {', '.join(missing)} missing. "
            "Install the vendor's influxdb2 package so that influxd is on PATH, or Go 1.25 or newer, Rust "
            "with cargo, a C compiler and pkg-config (Debian: apt install build-essential pkg-config), "
            "and run it again."
        )
    require_space(scratch, needed_bytes=BUILD_BYTES, what="building InfluxDB")
    tell(f"building InfluxDB {VERSION} from its Go module: about five minutes, once")
    for source in SOURCES.iterdir():
        shutil.copy(source, scratch)
    environment = _build_environment(scratch)
    log = scratch / "build.log"
    _run(["go", "build", "-o", "pkg-config", "github.com/influxdata/pkg-config"], scratch, environment, log)
    environment["PKG_CONFIG"] = str(scratch / "pkg-config")
    _run(
        [
            "go", "build", "-tags", "sqlite_foreign_keys,sqlite_json",
            "-ldflags", f"-s -w -X main.version={VERSION}",
            "-o", "influxd", "github.com/influxdata/influxdb/v2/cmd/influxd",
        ],
        scratch, environment, log,
    )  # fmt: skip
    return scratch / "influxd"


def _build_environment(scratch: Path) -> dict[str, str]:
    """Go's and cargo's caches go into the scratch folder and are thrown away with it."""
    environment = {
        **os.environ,
        "CGO_ENABLED": "1",
        "GOCACHE": str(scratch / "go-build"),
        "GOMODCACHE": str(scratch / "go-modules"),
        "GOFLAGS": "-mod=mod -modcacherw",
        # flux denies warnings, and newer compilers have new ones.
        "RUSTFLAGS": "--cap-lints warn",
    }
    toolchain = _rust_toolchain()
    if toolchain:
        # flux names an older toolchain, which rustup would try to fetch.
        environment["RUSTUP_TOOLCHAIN"] = toolchain
    return environment


def _rust_toolchain() -> str | None:
    if shutil.which("rustup") is None:
        return None
    shown = subprocess.run(
        ["rustup", "show", "active-toolchain"], capture_output=True, text=True, check=False, timeout=30
    )
    return shown.stdout.split()[0] if shown.stdout.split() else None


def _run(command: list[str], folder: Path, environment: dict[str, str], log: Path) -> None:
    with log.open("ab") as output:
        try:
            ended = subprocess.run(
                command,
                cwd=folder,
                env=environment,
                stdout=output,
                stderr=output,
                check=False,
                timeout=BUILD_LIMIT_S,
            )
        except subprocess.TimeoutExpired as error:
            raise UnavailableError(f"{' '.join(command[:2])} took more than {BUILD_LIMIT_S} s") from error
    if ended.returncode != 0:
        said = log.read_text(errors="replace").strip().splitlines()
        errors = [line for line in said if line.lower().startswith("error")]
        raise UnavailableError(
            "InfluxDB could not be built. Check the network, or install the vendor's influxdb2 package "
            "so that influxd is on PATH. The build said:\n" + "\n".join((errors or said)[-LINES_SHOWN:])
        )
