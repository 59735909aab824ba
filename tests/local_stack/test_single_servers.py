"""Each real server alone: it starts, keeps its data over kill -9, and leaves nothing behind."""

import psutil
import pytest
import redis
import requests
from kafka import KafkaAdminClient
from kafka.admin import NewTopic

from contracts.errors import UnavailableError
from local_stack.influxd import require_influxd
from local_stack.kafka import prepare_kafka, require_kafka
from local_stack.single import running_influxd, running_kafka, running_valkey
from local_stack.valkey import require_valkey

pytestmark = pytest.mark.integration


def is_gone(pid):
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_kafka_keeps_its_topics_over_a_kill_and_stops(tmp_path):
    with running_kafka(tmp_path) as kafka:
        admin = KafkaAdminClient(bootstrap_servers=kafka.bootstrap_servers)
        admin.create_topics([NewTopic("kept", num_partitions=1, replication_factor=1)])
        admin.close()
        kafka.server.kill()
        with pytest.raises(UnavailableError, match="no Kafka at"):
            require_kafka(kafka.bootstrap_servers)
        kafka.server.start()
        admin = KafkaAdminClient(bootstrap_servers=kafka.bootstrap_servers)
        assert "kept" in admin.list_topics()
        admin.close()
        pid = kafka.server.pid

    assert is_gone(pid)


def test_influxd_keeps_its_points_over_a_kill_and_stops(tmp_path):
    with running_influxd(tmp_path) as influx:
        write(influx, influx.write_token, "air,sensor_id=1 pm10_ug_m3=4.2").raise_for_status()
        influx.server.kill()
        with pytest.raises(UnavailableError, match="no InfluxDB at"):
            require_influxd(influx.url)
        influx.server.start()
        assert "4.2" in read(influx, influx.read_token).text
        pid = influx.server.pid

    assert is_gone(pid)


def test_valkey_keeps_its_keys_over_a_restart_and_stops(tmp_path):
    with running_valkey(tmp_path) as valkey:
        with redis.Redis.from_url(valkey.url) as client:
            client.set("kept", "1")
        valkey.server.restart()
        with redis.Redis.from_url(valkey.url) as client:
            assert client.get("kept") == b"1"
        valkey.server.kill()
        with pytest.raises(UnavailableError, match="no Redis or Valkey at"):
            require_valkey(valkey.url)
        valkey.server.start()
        pid = valkey.server.pid

    assert is_gone(pid)


def test_the_collectors_token_writes_and_does_not_read(influx):
    assert write(influx, influx.write_token, "air,sensor_id=1 lat=57.1").status_code == 204
    assert "lat" not in read(influx, influx.write_token, field="lat").text


def test_the_readers_token_reads_and_does_not_write(influx):
    assert read(influx, influx.read_token).ok
    assert write(influx, influx.read_token, "air,sensor_id=1 lat=57.1").status_code in (401, 403)


def test_no_server_listens_beyond_the_loopback_interface(kafka, influx, valkey):
    for server in (kafka.server, influx.server, valkey.server):
        connections = psutil.Process(server.pid).net_connections()
        addresses = {each.laddr.ip for each in connections if each.status == psutil.CONN_LISTEN}
        assert addresses
        assert addresses <= {"127.0.0.1", "::ffff:127.0.0.1"}


def test_kafkas_storage_is_formatted_once(kafka, tmp_path):
    # `prepare_kafka` needs neither Java nor jars where the storage is there.
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "meta.properties").write_text("")
    prepare_kafka(tmp_path / "no-java", tmp_path / "no-jars", tmp_path, port=1, controller_port=2)

    assert "listeners=PLAINTEXT://127.0.0.1:1,CONTROLLER://127.0.0.1:2" in (
        tmp_path / "server.properties"
    ).read_text().replace("advertised.", "")


def write(influx, token, line):
    return requests.post(
        f"{influx.url}/api/v2/write",
        params={"org": influx.org, "bucket": "live"},
        headers={"Authorization": f"Token {token}"},
        data=line,
        timeout=10,
    )


def read(influx, token, field="pm10_ug_m3"):
    return requests.get(
        f"{influx.url}/query",
        params={"db": "live", "q": f'SELECT last("{field}") FROM air'},
        headers={"Authorization": f"Token {token}"},
        timeout=10,
    )


def test_valkey_has_in_its_file_what_it_acknowledged(valkey):
    # With `everysec` it may hold that back while a busy disk syncs, and a kill loses it.
    with redis.Redis.from_url(valkey.url) as client:
        assert client.config_get("append*")["appendfsync"] == "always"
