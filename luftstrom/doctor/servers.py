"""Kafka, InfluxDB and Redis: whether they answer us, and are set up as the contracts want it."""

from collections.abc import Iterator
from pathlib import Path

import redis
import requests

from collector.bootstrap.tokens import READ, SCOPES
from contracts.errors import UnavailableError
from contracts.stored import BUCKETS
from contracts.topics import TOPICS
from local_stack.install.influxd import UNFIT_VERSION, VERSION
from local_stack.settings import Settings
from luftstrom.doctor.findings import Finding, doubtful, ill, unasked, well
from luftstrom.ledger import COLLECTOR_GROUP
from runtime.group_offsets import groups_lag
from runtime.influx_access import verified_by
from runtime.influx_reader import InfluxReader
from runtime.topic_setup import topic_problems

# Two windows of the whole network (design: 125,000 values in five minutes).
LAG_RECORDS_MAX = 250_000
OLDEST_REDIS = 6
TIMEOUT_S = 5.0
BOOTSTRAP = "Run the bootstrap again (`luftstrom up` here, `python -m collector.bootstrap` elsewhere)."


def topics(settings: Settings) -> Iterator[Finding]:
    """Whether Kafka answers, and each topic is there with its settings."""
    try:
        problems = topic_problems(settings.kafka_address, TOPICS, security=settings.kafka_security)
    except UnavailableError as error:
        yield ill("Kafka", str(error), "See the broker's log; check its address, our user and its CA.")
        return
    yield well("Kafka", f"answers at {settings.kafka_address}")
    for problem in problems:
        remedy = (
            f"{BOOTSTRAP} It makes what is missing and leaves what differs: see docs/runbooks/reprocess.md."
        )
        yield ill("topics", problem, remedy)
    if not problems:
        yield well("topics", f"{len(TOPICS)} are as the contracts want them")


def lag(settings: Settings) -> Finding:
    """How far the collector is behind."""
    behind = groups_lag(settings.kafka_address, [COLLECTOR_GROUP], security=settings.kafka_security)
    if behind is None:
        return unasked("lag", "Kafka does not tell it")
    if behind > LAG_RECORDS_MAX:
        remedy = "See the collector's log; if it is well and stays behind, start another one."
        return ill("lag", f"the collector is {behind:,} records behind", remedy)
    return well("lag", f"the collector is {behind:,} records behind")


def buckets(influx: InfluxReader) -> Iterator[Finding]:
    """Whether InfluxDB answers our token, and each bucket can be asked."""
    missing = []
    for bucket in BUCKETS:
        try:
            influx.query(bucket.name, "SHOW MEASUREMENTS LIMIT 1")
        except UnavailableError as error:
            yield ill("InfluxDB", str(error), f"Start it, or: {BOOTSTRAP}")
            return
        except ValueError as error:
            missing.append((bucket.name, str(error)))
    for name, because in missing:
        yield ill("buckets", f"{name} cannot be asked: {because}", BOOTSTRAP)
    if not missing:
        yield well("buckets", f"{', '.join(bucket.name for bucket in BUCKETS)} answer")


def tokens(settings: Settings) -> Iterator[Finding]:
    """Whether each scoped token is in a file, hidden from others, and works where it may read."""
    bad = 0
    for scope in SCOPES:
        problem = _token_problem(
            settings, settings.secrets_dir / f"{scope.name}.token", READ in scope.actions
        )
        if problem is not None:
            bad += 1
            remedy = f"`luftstrom tokens rotate {scope.name}` gives {scope.about} a new one."
            yield ill("tokens", f"{scope.name}: {problem}", remedy)
    if not bad:
        yield well("tokens", f"{len(SCOPES)} are in {settings.secrets_dir}")


def _token_problem(settings: Settings, path: Path, is_reading: bool) -> str | None:
    try:
        token, mode = path.read_text().strip(), path.stat().st_mode & 0o077
    except OSError as error:
        return f"{path}: {error.strerror}"
    if mode:
        return f"{path} can be read by others"
    if not is_reading:
        return None
    influx = InfluxReader(url=settings.influx_address, token=token, ca_file=settings.influx_ca_file)
    try:
        influx.query(BUCKETS[0].name, "SHOW MEASUREMENTS LIMIT 1")
    except (UnavailableError, ValueError) as error:
        return str(error)
    return None


def versions(settings: Settings, client: redis.Redis) -> Iterator[Finding]:
    """Whether the servers are of versions that we are made for."""
    yield _influx_version(settings)
    try:
        info = client.info("server")
    except redis.RedisError as error:
        remedy = "Start it; check its address, the password and the CA."
        yield ill("Redis", f"no answer at {settings.redis_address}: {error}", remedy)
        return
    version = str(info.get("valkey_version") or info.get("redis_version"))
    name = "version of Redis"
    if int(version.split(".", maxsplit=1)[0]) < OLDEST_REDIS:
        yield ill(name, version, f"Take Valkey, or Redis {OLDEST_REDIS} or newer.")
    else:
        yield well(name, version)


def _influx_version(settings: Settings) -> Finding:
    what = "version of InfluxDB"
    try:
        url, verify = f"{settings.influx_address}/health", verified_by(settings.influx_ca_file)
        version = str(requests.get(url, timeout=TIMEOUT_S, verify=verify).json()["version"]).removeprefix("v")
    except (requests.RequestException, ValueError, KeyError) as error:
        return unasked(what, f"it does not tell: {error}")
    if not version.startswith("2."):
        return ill(what, version, f"Take InfluxDB {VERSION}: version 3 has no Flux, no tasks and no DBRP.")
    if version == UNFIT_VERSION:
        return ill(what, f"{version}, whose compactions can stall", f"Take InfluxDB {VERSION}.")
    if version.split(".")[:2] != VERSION.split(".")[:2]:
        return doubtful(what, version, f"It is tested with {VERSION}.")
    return well(what, version)
