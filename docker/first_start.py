"""Makes, at the first start, every secret that compose needs; what is there is left as it is.

`python first_start.py FOLDER [--tls]`: a folder for each service, readable by its user alone, with its
passwords, and with `--tls` its certificate and our CA's; `ca/` keeps the CA's key, for root alone.
Needs the standard library and the command `openssl`.
"""

import argparse
import os
import secrets
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

PASSWORD_BYTES = 24
DAYS = 397
# Everything that has a user at Kafka, and what its folder calls the password.
KAFKA_PASSWORD = "kafka.password"  # noqa: S105 - a file's name


@dataclass(frozen=True)
class Service:
    """Whose folder it is: the user that its container runs as, and the secrets that lie there."""

    name: str
    uid: int
    passwords: tuple[str, ...] = ()
    # Passwords of others that it must know, as `service/file`.
    shared: tuple[str, ...] = ()
    has_certificate: bool = False


CLIENTS = ("scraper", "flink", "collector", "predictor", "command")
KAFKA_PASSWORDS = tuple(f"{name}/{KAFKA_PASSWORD}" for name in (*CLIENTS, "setup"))
SERVICES = (
    Service("kafka", 1000, ("admin.password",), KAFKA_PASSWORDS, has_certificate=True),
    Service("valkey", 999, ("valkey.password",), has_certificate=True),
    Service("influxdb", 1000, ("operator.token",), has_certificate=True),
    Service("setup", 10000, (KAFKA_PASSWORD,), ("influxdb/operator.token",)),
    Service("scraper", 10001, (KAFKA_PASSWORD,), ("valkey/valkey.password",)),
    Service("collector", 10002, (KAFKA_PASSWORD,)),
    Service("predictor", 10003, (KAFKA_PASSWORD,)),
    Service("live-page", 10004),
    Service("command", 10005, (KAFKA_PASSWORD,), ("valkey/valkey.password",)),
    Service("flink", 9999, (KAFKA_PASSWORD,)),
    Service("prometheus", 65534, ("prometheus.password",), has_certificate=True),
    Service("grafana", 472, ("grafana.password",), ("prometheus/prometheus.password",), has_certificate=True),
)
# InfluxDB's scoped tokens by where each is read.
TOKEN_BY_FILE = {
    "collector/influx.token": "collector",
    "predictor/influx.token": "predictor",
    "grafana/influx.token": "grafana",
    "live-page/influx.token": "reader",
    "command/secrets/reader.token": "reader",
}


def main() -> None:
    """Make what is missing, and say what was made, by name alone."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--tls", action="store_true", help="make certificates too")
    parser.add_argument("--volumes", type=Path, help="give each folder in here to its service's user")
    parser.add_argument("--hand-over", action="store_true", help="only give InfluxDB's tokens to their users")
    given = parser.parse_args()
    if given.hand_over:
        hand_over_tokens(given.folder)
        return
    for path in make_secrets(given.folder, with_tls=given.tls):
        sys.stdout.write(f"made {path.relative_to(given.folder)}\n")
    for service in SERVICES if given.volumes else ():
        if (given.volumes / service.name).is_dir():
            os.chown(given.volumes / service.name, service.uid, service.uid)


def hand_over_tokens(folder: Path) -> None:
    """Copy what the bootstrap stored in `setup/tokens` to whom it is for; newer ones replace older ones."""
    for target, token in TOKEN_BY_FILE.items():
        (folder / target).parent.mkdir(exist_ok=True)
        _write(folder / target, (folder / "setup" / "tokens" / f"{token}.token").read_text())
    for service in SERVICES:
        _give(folder / service.name, service.uid)


def make_secrets(folder: Path, *, with_tls: bool) -> list[Path]:
    """Make what is missing; the paths of what was made."""
    made: list[Path] = []
    for service in SERVICES:
        for name in service.passwords:
            made += _stored(folder / service.name / name, secrets.token_urlsafe(PASSWORD_BYTES))
    for service in SERVICES:
        for given in service.shared:
            target = folder / service.name / _shared_name(given)
            made += _stored(target, (folder / given).read_text())
    if with_tls:
        made += _certificates(folder)
    made += _prometheus_users(folder)
    for service in SERVICES:
        _give(folder / service.name, service.uid)
    return made


def _shared_name(path: str) -> str:
    """`scraper/kafka.password` as it is called with the broker: `scraper.password`."""
    owner, _, name = path.partition("/")
    return f"{owner}.password" if name == KAFKA_PASSWORD else name


def _stored(path: Path, text: str) -> list[Path]:
    if path.exists():
        return []
    path.parent.mkdir(parents=True, exist_ok=True)
    _write(path, text)
    return [path]


def _write(path: Path, text: str) -> None:
    """Whole or not at all, and never readable by others, not even for a moment."""
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False) as file:
        file.write(text)
    os.chmod(file.name, 0o400)
    Path(file.name).replace(path)


def _certificates(folder: Path) -> list[Path]:
    authority = folder / "ca"
    authority.mkdir(parents=True, exist_ok=True, mode=0o700)
    made = []
    if not (authority / "ca.crt").exists():
        _openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-days", "3650", "-subj", "/CN=Luftstrom CA", "-addext", "keyUsage=critical,keyCertSign,cRLSign",
            "-keyout", str(authority / "ca.key"), "-out", str(authority / "ca.crt"),
        )  # fmt: skip
        made.append(authority / "ca.crt")
    for service in SERVICES:
        made += _stored(folder / service.name / "ca.crt", (authority / "ca.crt").read_text())
        if service.has_certificate and not (folder / service.name / "tls.pem").exists():
            made.append(_certificate(folder / service.name, service.name, authority))
    return made


def _certificate(folder: Path, name: str, authority: Path) -> Path:
    """`tls.crt`, `tls.key` (PKCS 8) and, for Java, both in `tls.pem`, which is made last."""
    key, request, certificate = folder / "tls.key", folder / "tls.csr", folder / "tls.crt"
    names = f"subjectAltName=DNS:{name},DNS:localhost,IP:127.0.0.1"
    _openssl(
        "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", f"/CN={name}",
        "-addext", names, "-keyout", str(key), "-out", str(request),
    )  # fmt: skip
    _openssl(
        "x509", "-req", "-in", str(request), "-days", str(DAYS), "-copy_extensions", "copy",
        "-CA", str(authority / "ca.crt"), "-CAkey", str(authority / "ca.key"), "-out", str(certificate),
    )  # fmt: skip
    request.unlink()
    chain = certificate.read_text() + (authority / "ca.crt").read_text()
    _write(folder / "tls.pem", key.read_text() + chain)
    return folder / "tls.pem"


def _openssl(*arguments: str) -> None:
    ended = subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=False)
    if ended.returncode != 0:
        raise SystemExit(f"openssl {arguments[0]} failed: {ended.stderr.strip()}")


def _prometheus_users(folder: Path) -> list[Path]:
    """Prometheus' own file of users and, where it has one, its certificate; with the password's hash."""
    target, own = folder / "prometheus" / "web.yml", folder / "prometheus"
    if target.exists() or not (own / "tls.crt").exists():
        return []
    hashed = _bcrypt((own / "prometheus.password").read_text())
    text = (
        "tls_server_config:\n  cert_file: tls.crt\n  key_file: tls.key\n"
        f'basic_auth_users:\n  luftstrom: "{hashed}"\n'
    )
    return _stored(target, text)


def _bcrypt(password: str) -> str:
    import warnings  # noqa: PLC0415

    warnings.simplefilter("ignore", DeprecationWarning)
    # In the standard library of the one Python that we run on (3.11), and as strong as any other.
    import crypt  # noqa: PLC0415

    salt = crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=2**10)  # noqa: S324 - this one is bcrypt
    return crypt.crypt(password, salt)


def _give(folder: Path, uid: int) -> None:
    """To that user alone; whoever is not root owns it already."""
    folder.mkdir(exist_ok=True)
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o700 if path.is_dir() else 0o400)
        if os.geteuid() == 0:
            os.chown(path, uid, uid)


if __name__ == "__main__":
    main()
