"""The certificates that servers show, asked of the servers themselves."""

import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from local_stack.settings import Settings
from luftstrom.doctor.findings import Finding, doubtful, ill, well

DAY_S = 24 * 3600
SOON_DAYS = 21
NOW_DAYS = 3
TIMEOUT_S = 5.0
REMEDY = "Renew it (cert-manager does so by itself; of compose: docker/README.md), then restart that server."


class Shown(NamedTuple):
    """A server that shows a certificate, and the CA that we know it by."""

    name: str
    host: str
    port: int
    ca_file: Path | None


def certificates(settings: Settings, *, now_s: float) -> Iterator[Finding]:
    """How long the certificate of each server that has one is still good."""
    shown = list(servers_with_certificates(settings))
    if not shown:
        yield well("certificates", "no server of these settings shows one")
    for server in shown:
        yield certificate(server, now_s=now_s)


def certificate(server: Shown, *, now_s: float) -> Finding:
    """How long the certificate of one server is still good."""
    what = f"certificate of {server.name}"
    try:
        ends_at_s = _ends_at_s(server)
    except ssl.SSLCertVerificationError as error:
        return ill(what, f"{error.verify_message} ({server.host}:{server.port})", REMEDY)
    except OSError as error:
        remedy = "Start it; check that it speaks TLS at that port."
        return ill(what, f"no answer at {server.host}:{server.port}: {error}", remedy)
    return judged_by_end(what, ends_at_s, now_s=now_s)


def judged_by_end(what: str, ends_at_s: float, *, now_s: float) -> Finding:
    """Ill some days before a certificate ends, doubtful some weeks before."""
    days = (ends_at_s - now_s) / DAY_S
    detail = f"good for {days:.0f} days, until {time.strftime('%Y-%m-%d', time.gmtime(ends_at_s))}"
    if days < NOW_DAYS:
        return ill(what, detail, REMEDY)
    return doubtful(what, detail, REMEDY) if days < SOON_DAYS else well(what, detail)


def servers_with_certificates(settings: Settings) -> Iterator[Shown]:
    """Every server that our settings reach over TLS."""
    if settings.kafka_security_protocol.endswith("SSL"):
        for number, address in enumerate(settings.kafka_address.split(",")):
            host, _, port = address.strip().rpartition(":")
            name = "Kafka" if number == 0 else f"Kafka's broker {address.strip()}"
            yield Shown(name, host, int(port), settings.kafka_ca_file)
    redis, influx = urlsplit(settings.redis_address), urlsplit(settings.influx_address)
    if redis.scheme == "rediss":
        yield Shown("Redis", redis.hostname or "", redis.port or 6379, settings.redis_ca_file)
    if influx.scheme == "https":
        yield Shown("InfluxDB", influx.hostname or "", influx.port or 443, settings.influx_ca_file)


def _ends_at_s(server: Shown) -> float:
    context = ssl.create_default_context(cafile=server.ca_file and str(server.ca_file))
    with (
        socket.create_connection((server.host, server.port), timeout=TIMEOUT_S) as plain,
        context.wrap_socket(plain, server_hostname=server.host) as secured,
    ):
        shown = secured.getpeercert() or {}
    return ssl.cert_time_to_seconds(str(shown["notAfter"]))
