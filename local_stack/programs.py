"""The programs of the stack: what is run, in which order, and when each is ready."""

import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import requests

from collector.bootstrap import COLLECTOR_TOKEN, READER_TOKEN
from contracts.errors import UnavailableError
from contracts.stored import ORG
from flink_jobs.job import Job
from local_stack.grafana import (
    GRAFANA,
    grafana_command,
    grafana_environment,
    grafana_home,
    require_grafana,
)
from local_stack.influxd import INFLUXD_ENVIRONMENT, influxd_command, require_influxd
from local_stack.install import Installed
from local_stack.install.java import java_home
from local_stack.kafka import kafka_command, require_kafka
from local_stack.settings import LOOPBACK, Settings, environment_of_room
from local_stack.valkey import require_valkey, valkey_command

RECORDING = "recording"
RECORDING_LEAD_S = 300
MINUTE_S = 60
HTTP_TIMEOUT_S = 2.0
LIVE_REMEDY = "Check the network, or play a recording instead: luftstrom up --recording aberdeen-2019-05-12."


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """One child process.

    `port_by_setting` are the ports that it listens on; `remedy` is what to do where it does not get ready.
    `is_patient`: it waits by itself for what it needs, so it may start before that.
    """

    name: str
    command: list[str]
    require_ready: Callable[[], None]
    port_by_setting: Mapping[str, int]
    environment: Mapping[str, str] = field(default_factory=dict)
    start_limit_s: float = 30.0
    stop_limit_s: int = 10
    remedy: str = ""
    is_patient: bool = False

    @property
    def port(self) -> int:
        """The port that people ask for first."""
        return next(iter(self.port_by_setting.values()))


def servers(installed: Installed, settings: Settings) -> list[Program]:
    """What the services need; independent of each other, started first and stopped last."""
    data = settings.data_dir
    programs = [] if settings.influx_url else [_influxd(installed, settings)]
    if settings.kafka_bootstrap_servers is None:
        command = kafka_command(
            installed.java,
            installed.kafka_jars,
            data / "kafka",
            archive_option=installed.kafka_archive_option,
        )
        ports = {"kafka_port": settings.kafka_port, "kafka_controller_port": settings.kafka_controller_port}
        programs.append(
            Program(
                name="kafka",
                command=command,
                require_ready=lambda: require_kafka(settings.kafka_address),
                port_by_setting=ports,
            )
        )
    if settings.redis_url is None:
        programs.append(
            Program(
                name="valkey",
                command=valkey_command(installed.valkey_server, data / "valkey", port=settings.valkey_port),
                require_ready=lambda: require_valkey(settings.redis_address),
                port_by_setting={"valkey_port": settings.valkey_port},
            )
        )
    if settings.source == "recording":
        programs.append(_recording_server(settings))
    return programs


def services(installed: Installed, settings: Settings) -> list[Program]:
    """The rooms that do the work; started when the servers are ready and set up."""
    return [
        _flink(installed, settings),
        _collector(settings),
        _predictor(settings),
        _scraper(settings),
        _page(settings),
        *([_grafana(grafana, settings)] if (grafana := grafana_home(os.environ)) else []),
    ]


def source_url(settings: Settings) -> str | None:
    """The feed that the scraper reads; None for its own default, the live network."""
    if settings.source == "live":
        return None
    return f"http://{LOOPBACK}:{settings.recording_port}/static/v1/data.json"


def recording_starts_at_s(settings: Settings) -> int:
    """Unix second at which the recording begins: as set, else kept in the data folder from the first start.

    Five minutes before the first start, so that the first poll finds a whole window.
    """
    if settings.recording_starts_at_s is not None:
        return settings.recording_starts_at_s
    path = settings.data_dir / "recording-starts-at"
    if not path.exists():
        starts_at_s = int(time.time()) // MINUTE_S * MINUTE_S - RECORDING_LEAD_S
        path.write_text(str(starts_at_s))
    return int(path.read_text())


def _influxd(installed: Installed, settings: Settings) -> Program:
    return Program(
        name="influxd",
        command=influxd_command(installed.influxd, settings.data_dir / "influxd", port=settings.influxd_port),
        require_ready=lambda: require_influxd(settings.influx_address),
        port_by_setting={"influxd_port": settings.influxd_port},
        environment=INFLUXD_ENVIRONMENT,
    )


def _recording_server(settings: Settings) -> Program:
    url = f"http://{LOOPBACK}:{settings.recording_port}/readyz"
    command = [
        sys.executable, "-m", "local_stack.recording_server",
        "--recording", settings.recording,
        "--port", str(settings.recording_port),
        "--starts-at", str(recording_starts_at_s(settings)),
    ]  # fmt: skip
    if settings.recording_advance_per_fetch_s:
        clock_file = settings.data_dir / "recording-clock.json"
        command += ["--advance-per-fetch", str(settings.recording_advance_per_fetch_s)]
        command += ["--clock-file", str(clock_file)]
    if settings.recording_network_records:
        command += ["--network", str(settings.recording_network_records)]
    if settings.recording_once:
        command.append("--once")
    return Program(
        name=RECORDING,
        command=command,
        require_ready=lambda: _require_ok(url),
        port_by_setting={"recording_port": settings.recording_port},
    )


def flink_environment(installed: Installed, settings: Settings) -> dict[str, str]:
    """What every Flink process here is told."""
    return {
        "FLINK_JOBS_KAFKA_BOOTSTRAP_SERVERS": settings.kafka_address,
        "FLINK_JOBS_STATE_DIR": str(settings.flink_dir),
        "FLINK_JOBS_CONNECTOR_JARS_DIR": str(installed.connector_jars),
        "FLINK_JOBS_CACHE_DIR": str(installed.flink_cache),
        "FLINK_JOBS_HEAP_MB": str(settings.flink_heap_mb),
        "FLINK_JOBS_CHECKPOINT_INTERVAL_S": str(settings.checkpoint_interval_s),
        "FLINK_JOBS_EXACTLY_ONCE": str(settings.exactly_once).lower(),
        **java_home(installed.java),
    }


def _flink(installed: Installed, settings: Settings) -> Program:
    return Program(
        name="flink",
        is_patient=True,  # Java takes long to start
        command=[sys.executable, "-m", "flink_jobs", Job.ALL],
        environment={
            **environment_of_room("FLINK_JOBS_"),
            **flink_environment(installed, settings),
            "FLINK_JOBS_REST_PORT": str(settings.flink_rest_port),
            "FLINK_JOBS_METRICS_PORT": str(settings.flink_metrics_port),
        },
        require_ready=lambda: _require_running_job(settings.flink_rest_port),
        port_by_setting={
            "flink_rest_port": settings.flink_rest_port,
            "flink_metrics_port": settings.flink_metrics_port,
        },
        start_limit_s=90.0,
        stop_limit_s=12,
    )


def _collector(settings: Settings) -> Program:
    return Program(
        name="collector",
        command=[sys.executable, "-m", "collector"],
        environment={
            "COLLECTOR_KAFKA_BOOTSTRAP_SERVERS": settings.kafka_address,
            "COLLECTOR_INFLUX_URL": settings.influx_address,
            "COLLECTOR_INFLUX_ORG": ORG,
            "COLLECTOR_INFLUX_TOKEN_FILE": str(settings.secrets_dir / COLLECTOR_TOKEN),
            "COLLECTOR_METRICS_PORT": str(settings.collector_metrics_port),
        },
        require_ready=lambda: _require_ok(f"http://{LOOPBACK}:{settings.collector_metrics_port}/readyz"),
        port_by_setting={"collector_metrics_port": settings.collector_metrics_port},
    )


def _predictor(settings: Settings) -> Program:
    return Program(
        name="predictor",
        command=[sys.executable, "-m", "app_predict"],
        environment={
            **environment_of_room("APP_PREDICT_"),
            "APP_PREDICT_KAFKA_BOOTSTRAP_SERVERS": settings.kafka_address,
            "APP_PREDICT_INFLUX_URL": settings.influx_address,
            "APP_PREDICT_INFLUX_TOKEN_FILE": str(settings.secrets_dir / "predictor.token"),
            "APP_PREDICT_REGISTRY": str(settings.registry_dir.absolute()),
            "APP_PREDICT_STATE_DIR": str(settings.predictor_dir),
            "APP_PREDICT_METRICS_PORT": str(settings.predictor_metrics_port),
        },
        require_ready=lambda: _require_ok(f"http://{LOOPBACK}:{settings.predictor_metrics_port}/readyz"),
        port_by_setting={"predictor_metrics_port": settings.predictor_metrics_port},
    )


def _scraper(settings: Settings) -> Program:
    url = source_url(settings)
    return Program(
        name="scraper",
        command=[sys.executable, "-m", "scraper", "--every"],
        environment={
            **environment_of_room("SCRAPER_"),
            **({} if url is None else {"SCRAPER_SOURCE_URL": url}),
            "SCRAPER_KAFKA_BOOTSTRAP_SERVERS": settings.kafka_address,
            "SCRAPER_REDIS_URL": settings.redis_address,
            "SCRAPER_POLL_INTERVAL_S": str(settings.poll_interval_s),
            "SCRAPER_METRICS_PORT": str(settings.scraper_metrics_port),
        },
        require_ready=lambda: _require_ok(f"http://{LOOPBACK}:{settings.scraper_metrics_port}/readyz"),
        port_by_setting={"scraper_metrics_port": settings.scraper_metrics_port},
        remedy=LIVE_REMEDY if url is None else "",
    )


def _page(settings: Settings) -> Program:
    watched = {
        "scraper": settings.scraper_metrics_port,
        "collector": settings.collector_metrics_port,
        "predictor": settings.predictor_metrics_port,
    }
    return Program(
        name="page",
        command=[sys.executable, "-m", "live_page"],
        environment={
            **environment_of_room("LIVE_PAGE_"),
            "LIVE_PAGE_INFLUX_URL": settings.influx_address,
            "LIVE_PAGE_INFLUX_TOKEN_FILE": str(settings.secrets_dir / READER_TOKEN),
            "LIVE_PAGE_PORT": str(settings.page_port),
            "LIVE_PAGE_METRICS_PORT": str(settings.page_metrics_port),
            "LIVE_PAGE_WATCHED": ",".join(
                f"{name}=http://{LOOPBACK}:{port}/readyz" for name, port in watched.items()
            ),
        },
        require_ready=lambda: _require_ok(f"http://{LOOPBACK}:{settings.page_metrics_port}/readyz"),
        port_by_setting={"page_port": settings.page_port, "page_metrics_port": settings.page_metrics_port},
    )


def _grafana(home: Path, settings: Settings) -> Program:
    url = f"http://{LOOPBACK}:{settings.grafana_port}"
    return Program(
        name=GRAFANA,
        command=grafana_command(home),
        environment=grafana_environment(settings),
        require_ready=lambda: require_grafana(url),
        port_by_setting={"grafana_port": settings.grafana_port},
        start_limit_s=90.0,  # its first start makes its database
        remedy="Unset GRAFANA_HOME, or take it from PATH, to start without it.",
    )


def _require_ok(url: str) -> None:
    try:
        answer = requests.get(url, timeout=HTTP_TIMEOUT_S)
    except requests.RequestException as error:
        raise UnavailableError(f"no answer at {url}") from error
    if not answer.ok:
        raise UnavailableError(_because(answer))


def _because(answer: requests.Response) -> str:
    try:
        return str(answer.json()["because"])
    except (ValueError, KeyError, TypeError):
        return f"{answer.url} answered {answer.status_code}"


def _require_running_job(rest_port: int) -> None:
    try:
        answer = requests.get(f"http://{LOOPBACK}:{rest_port}/jobs", timeout=HTTP_TIMEOUT_S)
        states = [job["status"] for job in answer.json()["jobs"]]
    except (requests.RequestException, ValueError, KeyError) as error:
        raise UnavailableError("the Flink process does not answer yet") from error
    if "RUNNING" not in states:
        raise UnavailableError(f"the job does not run yet: {states}")
