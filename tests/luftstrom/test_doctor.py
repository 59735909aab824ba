"""`luftstrom doctor`: what is well, what is ill, and that each ill thing comes with a remedy."""

import json
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec
import pytest

from contracts.stored import FORECAST, LIVE_BUCKET, ORG
from contracts.topics import READINGS_RAW, TOPICS
from local_stack.ports import free_ports
from local_stack.settings import Settings
from luftstrom.doctor import certificates, freshness, machine
from luftstrom.doctor.findings import Verdict, doubtful, findings_as_json, ill, is_well, unasked, well
from runtime.influx_store import InfluxPointStore
from runtime.kafka_publisher import KafkaPublisher
from runtime.topic_setup import create_topics

ROOT = Path(__file__).parents[2]
DAY_S = 24 * 3600


def test_only_what_is_ill_makes_the_whole_ill():
    findings = [well("a", ""), doubtful("b", "", "look"), unasked("c", "")]

    assert is_well(findings)
    assert not is_well([*findings, ill("d", "", "do")])
    assert findings_as_json([ill("d", "x", "do")]) == {
        "is_well": False,
        "findings": [{"what": "d", "verdict": "ill", "detail": "x", "remedy": "do"}],
    }


@pytest.mark.parametrize(
    ("age_s", "verdict"), [(None, Verdict.ILL), (899.0, Verdict.WELL), (901.0, Verdict.ILL)]
)
def test_what_happened_too_long_ago_is_ill(age_s, verdict):
    found = freshness.judged("last fetch", age_s, limit_s=900, never="never", remedy="look")

    assert found.verdict is verdict
    assert (found.remedy == "") == (verdict is Verdict.WELL)


def test_too_little_memory_is_told_with_what_is_needed():
    found = machine.memory(is_running=False, available_bytes=1024**3)

    assert found.verdict is Verdict.ILL
    assert "2,048 MiB needed" in found.detail
    assert machine.memory(is_running=True, available_bytes=1024**3).verdict is Verdict.WELL


def test_a_port_of_somebody_else_is_told_with_its_setting(tmp_path):
    settings = settings_on_free_ports(tmp_path)
    with socket.create_server(("127.0.0.1", settings.collector_metrics_port)):
        (found,) = machine.ports(settings, is_running=False)

    assert found.verdict is Verdict.ILL
    assert "LOCAL_STACK_COLLECTOR_METRICS_PORT" in found.remedy
    assert [each.verdict for each in machine.ports(settings, is_running=False)] == [Verdict.WELL]


def test_a_checkpoint_is_as_old_as_its_last_file(tmp_path):
    assert freshness.checkpoint(tmp_path, now_s=0).verdict is Verdict.ILL

    metadata = tmp_path / "checkpoints" / "job" / "chk-1" / "_metadata"
    metadata.parent.mkdir(parents=True)
    metadata.touch()
    os.utime(metadata, (1000, 1000))

    assert freshness.checkpoint(tmp_path, now_s=1010).verdict is Verdict.WELL
    assert freshness.checkpoint(tmp_path, now_s=2000).verdict is Verdict.ILL


def test_a_certificate_is_ill_before_it_ends_and_doubtful_some_weeks_before(tmp_path):
    command = [sys.executable, ROOT / "docker" / "first_start.py", tmp_path, "--tls"]
    subprocess.run(command, check=True, capture_output=True)
    with serving_certificate(tmp_path / "influxdb" / "tls.pem") as port:
        settings = Settings(
            influx_url=f"https://localhost:{port}",
            influx_operator_token_file=tmp_path / "none",
            influx_ca_file=tmp_path / "command" / "ca.crt",
        )
        (server,) = certificates.servers_with_certificates(settings)
        verdicts = [
            certificates.certificate(server, now_s=time.time() + days * DAY_S).verdict
            for days in (0, 390, 396)
        ]
        unknown = certificates.certificate(server._replace(ca_file=None), now_s=time.time())
    gone = certificates.certificate(server, now_s=time.time())

    assert verdicts == [Verdict.WELL, Verdict.DOUBTFUL, Verdict.ILL]
    assert {unknown.verdict, gone.verdict} == {Verdict.ILL}
    assert unknown.remedy != gone.remedy


def test_every_server_over_tls_is_asked_for_its_certificate():
    settings = Settings(
        kafka_bootstrap_servers="a:1,b:2",
        kafka_security_protocol="SSL",
        redis_url="rediss://c:3/0",
        influx_url="https://d:4",
        influx_operator_token_file="none",
    )
    shown = [(each.host, each.port) for each in certificates.servers_with_certificates(settings)]

    assert shown == [("a", 1), ("b", 2), ("c", 3), ("d", 4)]
    assert list(certificates.servers_with_certificates(Settings())) == []


@pytest.mark.integration
def test_a_system_elsewhere_is_asked_and_told_what_it_lacks(kafka, valkey, influx, tmp_path):
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "reader.token").write_text(influx.read_token)
    environment = {
        "LOCAL_STACK_DATA_DIR": str(tmp_path),
        "LOCAL_STACK_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "LOCAL_STACK_REDIS_URL": valkey.url,
        "LOCAL_STACK_INFLUX_URL": influx.url,
        "LOCAL_STACK_INFLUX_OPERATOR_TOKEN_FILE": str(tmp_path / "none"),
    }
    create_topics(kafka.bootstrap_servers, TOPICS, lambda _line: None)
    fetch_and_forecast(kafka, influx)

    code, found = examined(environment)

    assert {name: found[name] for name in ("last fetch", "last value", "last forecast")} == dict.fromkeys(
        ("last fetch", "last value", "last forecast"), "well"
    )
    assert {found[name] for name in ("Kafka", "buckets", "version of InfluxDB", "version of Redis")} == {
        "well"
    }
    assert code == (1 if "ill" in found.values() else 0)

    code, found = examined({**environment, "LOCAL_STACK_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"})

    assert (code, found["Kafka"], found["last fetch"], found["buckets"]) == (1, "ill", "unasked", "well")


@contextmanager
def serving_certificate(pem):
    """A port of a server that shows this certificate to whoever comes."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_show, args=(server, context), daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


def _show(server, context):
    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        with suppress(OSError), context.wrap_socket(connection, server_side=True) as secured:
            secured.recv(1)


def settings_on_free_ports(folder):
    names = [name for name in Settings.model_fields if name.endswith("_port")]
    return Settings(data_dir=folder, **dict(zip(names, free_ports(len(names)), strict=True)))


def fetch_and_forecast(kafka, influx):
    """One reading fetched now, one value stored now, one forecast issued now."""
    now_s = int(time.time())
    example = ROOT / "contracts" / "examples" / READINGS_RAW.name / "sds011.json"
    reading = msgspec.json.decode(example.read_bytes())
    reading["fetched_at"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now_s))
    publisher = KafkaPublisher(kafka.bootstrap_servers, client_id="test")
    publisher.publish(READINGS_RAW.name, msgspec.json.encode(reading), key="9", timestamp_ms=now_s * 1000)
    publisher.flush()
    publisher.close()
    for bucket, line in (
        (LIVE_BUCKET, f"air,sensor_id=990071,sensor_type=SDS011,country=DE,city=Ulm pm10_ug_m3=1.5 {now_s}"),
        (FORECAST.name, f"forecast,sensor_id=990071,measure=pm10,method=blend issued_at={now_s}i {now_s}"),
    ):
        store = InfluxPointStore(url=influx.url, org=ORG, bucket=bucket, token=influx.operator_token)
        store.write([line])
        store.close()


def examined(environment):
    """The exit code, and the verdict of each thing."""
    ended = subprocess.run(
        [sys.executable, "-m", "luftstrom", "doctor", "--json"],
        cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert ended.returncode in {0, 1}, ended.stderr
    findings = json.loads(ended.stdout)["findings"]
    for finding in findings:
        assert (finding["remedy"] != "") == (finding["verdict"] in {"ill", "doubtful"}), finding
    return ended.returncode, {finding["what"]: finding["verdict"] for finding in findings}
