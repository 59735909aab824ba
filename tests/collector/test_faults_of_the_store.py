"""A real InfluxDB behind a proxy that fails in every way: what is sent is stored, or set aside."""

import random
import threading
import time
import uuid
from contextlib import ExitStack, closing

import pytest

from collector.collecting import Collector, Surroundings
from collector.settings import Settings
from collector.writer_thread import WriterThread
from collector.writing import BatchWriter
from contracts.dead_letters import Reason
from contracts.measures import MEASURE_BY_NAME
from contracts.stored import LIVE_BUCKET, ORG, RETENTION_S_BY_BUCKET
from contracts.topics import MEASURE_TOPICS
from runtime import influx_store
from runtime.confluent_log import ConfluentRecordSource
from runtime.health import Health
from runtime.influx_store import InfluxPointStore
from runtime.kafka_publisher import KafkaPublisher
from tests.collector.builders import a_value, guards
from tests.collector.collector_process import wait_until
from tests.collector.faulty_proxy import FAULTS, faulty_proxy, passed

pytestmark = pytest.mark.integration

MEASURE = MEASURE_BY_NAME["pm4"]
TOPIC = MEASURE_TOPICS[MEASURE.name]
SENSORS, VALUES = 200, 5_000
FAULTY_SHARE, REQUESTS = 0.4, 150
SMALL_BATCH, WHOLE_BATCH = 50, 5_000
TIMEOUT_MS = 1_000
UNPARSABLE_FLAGS = 2**63
DAY_OF_ANOTHER_TYPE_S = int(time.time()) - 20 * 86_400


@pytest.fixture
def chance():
    return random.Random(6)  # noqa: S311 - the same each run


@pytest.fixture
def influx(own_influx):
    """One test stores a type that would stop every other collector."""
    return own_influx


@pytest.fixture
def proxy(influx):
    with faulty_proxy(influx.url) as proxy:
        yield proxy


@pytest.fixture
def collecting(kafka, influx, proxy, clock, metrics, stopping, monkeypatch):
    """A function that starts the collector's own parts on real servers, in a thread; it gives the group."""
    monkeypatch.setattr(influx_store, "WRITE_TIMEOUT_MS", TIMEOUT_MS)
    parts = {"clock": clock, "stopping": stopping, "metrics": metrics}
    group_id = f"test-{uuid.uuid4().hex}"
    threads = []

    def writer_of(bucket):
        store = InfluxPointStore(url=proxy.url, org=ORG, bucket=bucket, token=influx.write_token)
        opened.enter_context(closing(store))
        return BatchWriter(store, bucket=bucket, backoff_base_s=0.01, **parts)

    def start(batch_lines):
        settings = Settings(
            kafka_bootstrap_servers=kafka.bootstrap_servers, influx_url=proxy.url, influx_token_file="none",
            metrics_port=0, batch_lines=batch_lines, batch_age_s=0.1,
        )  # fmt: skip
        publisher = KafkaPublisher(kafka.bootstrap_servers, client_id="test")
        opened.enter_context(closing(publisher))
        source = ConfluentRecordSource(  # as the collector has it
            kafka.bootstrap_servers, topics=[TOPIC.name], group_id=group_id, client_id="test"
        )
        opened.enter_context(closing(source))
        writers = {bucket: writer_of(bucket) for bucket in RETENTION_S_BY_BUCKET}
        writer = WriterThread(writers, publisher, queue_batches=settings.queue_batches, **parts)
        surroundings = Surroundings(health=Health(), guards=guards(), **parts)
        threads.append(threading.Thread(target=Collector(source, writer, settings, surroundings).run))
        threads[-1].start()
        return group_id

    with ExitStack() as opened:
        yield start
        stopping.set()
        for thread in threads:
            thread.join()


def some_values(kind, chance, count=VALUES):
    """Values by the bodies of their messages, of many sensors and times."""
    now_s = int(time.time())
    values = [
        a_value(
            sensor_id=n % SENSORS + 1, observed_at_s=now_s - n // SENSORS, value=chance.uniform(-50, 900),
            flags=chance.choice([0, 0, 0, 5]), sensor_type=kind,
        )
        for n in range(count)
    ]  # fmt: skip
    return {TOPIC.encode(value): value for value in values}


def stored_values(servers):
    """Value and flags by sensor and time."""
    query = (
        f"SELECT {MEASURE.field}, {MEASURE.flags_field} FROM air WHERE sensor_type = '{servers.kind}'"
        " GROUP BY sensor_id"
    )
    return {
        (int(row["sensor_id"]), row["time"]): (row[MEASURE.field], row[MEASURE.flags_field])
        for row in servers.reader.query(LIVE_BUCKET, query)
    }


def set_aside_of(servers, group_id, sent):
    """Send it; once all is committed: the reason by what was set aside. Whatever else there is, is stored."""
    servers.publish({MEASURE.name: [(str(n), body) for n, body in enumerate(sent)]})
    wait_until(lambda: servers.uncommitted(group_id, MEASURE.name) == 0, limit_s=300.0)
    letters = [each for each in servers.dead_letters(TOPIC.name) if each.original in sent]
    set_aside = {each.original: each.reason for each in letters}
    assert stored_values(servers) == {
        (value.sensor_id, value.observed_at_s): (value.value, value.flags)
        for body, value in sent.items()
        if body not in set_aside
    }
    return set_aside


def test_each_fault_alone_costs_nothing(servers, proxy, collecting, chance):
    proxy.faults.extend(each for fault in FAULTS for each in (fault, passed, passed))
    sent = some_values(servers.kind, chance)

    assert set_aside_of(servers, collecting(SMALL_BATCH), sent) == {}
    assert all(proxy.ended_by[fault] == 1 for fault in FAULTS)


def test_faults_in_any_order_cost_nothing_but_what_is_set_aside(servers, proxy, collecting, chance):
    proxy.faults.extend(
        chance.choice(FAULTS) if chance.random() < FAULTY_SHARE else passed for _ in range(REQUESTS)
    )
    sent = some_values(servers.kind, chance)
    unparsable = [a_value(sensor_type=servers.kind, flags=UNPARSABLE_FLAGS + n) for n in range(5)]
    sent |= {TOPIC.encode(value): value for value in unparsable}

    set_aside = set_aside_of(servers, collecting(SMALL_BATCH), sent)

    assert not proxy.faults
    assert set(set_aside) >= {TOPIC.encode(value) for value in unparsable}
    assert set(set_aside.values()) == {Reason.REFUSED_BY_STORE}


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        (None, Reason.UNDECODABLE),
        ({"flags": UNPARSABLE_FLAGS}, Reason.REFUSED_BY_STORE),
        ({"observed_at_s": DAY_OF_ANOTHER_TYPE_S}, Reason.REFUSED_BY_STORE),
    ],
    ids=["no message", "a line that is named", "a line that is not named"],
)
def test_one_poisoned_among_5000_costs_none_of_the_others(
    servers, influx, collecting, chance, members, reason
):
    store = InfluxPointStore(url=influx.url, org=ORG, bucket=LIVE_BUCKET, token=influx.write_token)
    store.write([f"air,sensor_id=1 {MEASURE.field}=1i {DAY_OF_ANOTHER_TYPE_S}"])
    store.close()
    poison = (
        uuid.uuid4().hex.encode() if members is None else
        TOPIC.encode(a_value(**{"observed_at_s": int(time.time()), "sensor_type": servers.kind, **members}))
    )  # fmt: skip
    others = list(some_values(servers.kind, chance, VALUES - 1).items())
    sent = dict([*others[: VALUES // 2], (poison, None), *others[VALUES // 2 :]])

    assert set_aside_of(servers, collecting(WHOLE_BATCH), sent) == {poison: reason}
