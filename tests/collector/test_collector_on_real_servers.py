"""The collector as a process, on a real broker and a real InfluxDB."""

import time
import uuid

import kafka as kafka_python
import pytest

from contracts.dead_letters import Reason
from contracts.measures import MEASURES
from contracts.points import STORED_BY_TOPIC
from contracts.topics import MEASURE_TOPICS
from tests.collector.builders import a_body
from tests.collector.collector_process import wait_until

pytestmark = pytest.mark.integration

SENSORS = 500
PARTITIONS = "collector_partitions"
ALL_PARTITIONS = sum(stored.topic.partitions for stored in STORED_BY_TOPIC.values())


@pytest.fixture(params=["confluent-kafka"])
def collector(a_collector, request):
    return a_collector(COLLECTOR_KAFKA_CLIENT=request.param).start()


@pytest.fixture
def values(servers):
    """Bodies of this test's values, each of another sensor and time."""

    def make(count, **members):
        now_s = int(time.time())
        return [
            (
                str(i % SENSORS),
                a_body(
                    **{
                        "sensor_id": i % SENSORS + 1,
                        "observed_at_s": now_s - i // SENSORS,
                        "sensor_type": servers.kind,
                        **members,
                    }
                ),
            )
            for i in range(count)
        ]

    return make


def test_20_000_values_are_all_stored_and_committed(servers, collector, values):
    servers.publish({"pm10": values(10_000), "temperature": values(10_000)})

    wait_until(lambda: servers.stored("pm10_ug_m3") == 10_000)
    wait_until(lambda: servers.stored("temperature_c") == 10_000)
    assert collector.unready_because() is None

    exit_code, seconds = collector.stop()
    assert exit_code == 0
    assert seconds < 10.0
    assert servers.uncommitted(collector.group_id, "pm10", "temperature") == 0


def test_nothing_is_lost_when_the_collector_and_the_store_are_killed(servers, collector, influx, values):
    count = 40_000
    servers.publish({"pm10": values(count)})

    wait_until(lambda: servers.stored("pm10_ug_m3") >= 1_000)
    collector.kill()
    stored_before = servers.stored("pm10_ug_m3")
    collector.start()
    wait_until(lambda: servers.stored("pm10_ug_m3") > stored_before)
    influx.server.kill()
    try:
        wait_until(lambda: "no answer from InfluxDB" in (collector.unready_because() or ""))
    finally:
        influx.server.restart()

    wait_until(lambda: servers.stored("pm10_ug_m3") == count)
    assert collector.is_running
    wait_until(lambda: servers.uncommitted(collector.group_id, "pm10") == 0)


def test_two_share_the_partitions_and_one_goes_on_where_the_other_was_killed(servers, a_collector, values):
    killed, left = a_collector().start(), a_collector().start()
    wait_until(lambda: killed.metric(PARTITIONS) > 0 < left.metric(PARTITIONS))
    wait_until(lambda: killed.metric(PARTITIONS) + left.metric(PARTITIONS) == ALL_PARTITIONS)
    sent = values(1_500)
    # Of so many partitions both have some.
    servers.publish(dict.fromkeys(MEASURE_TOPICS, sent[:1_000]))
    wait_until(lambda: min(killed.points_written(), left.points_written()) >= 1_000)

    killed.kill()
    servers.publish(dict.fromkeys(MEASURE_TOPICS, sent[1_000:]))

    wait_until(lambda: servers.uncommitted(left.group_id, *MEASURE_TOPICS) == 0)
    assert {measure.name: servers.stored(measure.field) for measure in MEASURES} == dict.fromkeys(
        MEASURE_TOPICS, len(sent)
    )
    assert left.metric(PARTITIONS) == ALL_PARTITIONS


def test_bad_messages_are_set_aside_and_the_good_ones_stored(servers, collector, values):
    refused = a_body(sensor_type=servers.kind, observed_at_s=int(time.time()), flags=2**63)
    undecodable = uuid.uuid4().hex.encode()
    too_old = a_body(sensor_type=servers.kind, observed_at_s=1_600_000_000)
    bad = {
        refused: Reason.REFUSED_BY_STORE,
        undecodable: Reason.UNDECODABLE,
        too_old: Reason.OUTSIDE_RETENTION,
    }
    servers.publish(
        {"humidity": [*values(500), *(("71", body) for body in bad), *values(500, sensor_id=501)]}
    )

    wait_until(lambda: servers.stored("humidity_pct") == 501)
    wait_until(lambda: servers.uncommitted(collector.group_id, "humidity") == 0)

    letters = servers.dead_letters(MEASURE_TOPICS["humidity"].name)
    ours = {letter.original: letter.reason for letter in letters if letter.original in bad}
    assert ours == bad


def test_what_is_not_committed_is_not_read(servers, collector, values, kafka):
    topic = MEASURE_TOPICS["pressure"].name
    producer = kafka_python.KafkaProducer(
        bootstrap_servers=kafka.bootstrap_servers, transactional_id=servers.kind, compression_type="lz4"
    )
    producer.init_transactions()
    for is_kept, start in ((False, 0), (True, 100)):
        producer.begin_transaction()
        for key, body in values(150)[start : start + 50]:
            producer.send(topic, key=key.encode(), value=body)
        producer.flush()
        if is_kept:
            producer.commit_transaction()
        else:
            producer.abort_transaction()
    producer.close()

    wait_until(lambda: servers.stored("pressure_hpa") >= 50)
    servers.publish({"pressure": values(1, sensor_id=9999)})
    wait_until(lambda: servers.stored("pressure_hpa") >= 51)
    assert servers.stored("pressure_hpa") == 51


def test_a_wrong_token_is_told_and_nothing_is_set_aside(servers, collector, values):
    collector.kill()
    collector.token_file.write_text("wrong")
    collector.start()
    servers.publish({"co2": values(10)})

    wait_until(lambda: "does not know our token" in (collector.unready_because() or ""))

    exit_code, seconds = collector.stop()
    assert (exit_code, seconds < 10.0) == (0, True)
    assert servers.dead_letters(MEASURE_TOPICS["co2"].name) == []


def test_it_stops_in_time_while_kafka_is_away(servers, collector, kafka):
    wait_until(lambda: collector.unready_because() is None)

    kafka.server.kill()
    try:
        wait_until(lambda: "Kafka" in (collector.unready_because() or ""))
        exit_code, seconds = collector.stop()
    finally:
        kafka.server.restart()  # the others' tests need it too

    assert (exit_code, seconds < 10.0) == (0, True)


@pytest.mark.parametrize("collector", ["confluent-kafka", "kafka-python"], indirect=True)
def test_an_outage_of_kafka_is_told_and_waited_for(servers, collector, values, kafka):
    wait_until(lambda: collector.unready_because() is None)

    kafka.server.kill()
    try:
        wait_until(lambda: "Kafka" in (collector.unready_because() or ""))
    finally:
        kafka.server.restart()  # the others' tests need it too

    servers.publish({"radiation": values(100)})
    wait_until(lambda: servers.stored("radiation_cpm") == 100)
    wait_until(lambda: collector.unready_because() is None)
    assert collector.is_running
