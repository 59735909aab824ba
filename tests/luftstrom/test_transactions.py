"""Open transactions on a real broker: found, and ended so that readers go on."""

import json
import shutil
import time
import uuid

import kafka as kafka_python
import pytest
from typer.testing import CliRunner

from contracts.errors import BadInputError
from contracts.topics import MEASURE_TOPICS
from local_stack.provisioning import create_topics
from local_stack.single import running_kafka
from luftstrom import commands, screen
from luftstrom.__main__ import app
from luftstrom.transactions import Held, Transaction, open_transactions

LIMIT_S = 30.0
TOPIC = MEASURE_TOPICS["pm10"]


@pytest.fixture
def bootstrap_servers(kafka, monkeypatch):
    """The shared broker, named to the command as one that runs elsewhere."""
    create_topics(kafka.bootstrap_servers, [TOPIC], lambda _line: None)
    monkeypatch.setenv("LOCAL_STACK_KAFKA_BOOTSTRAP_SERVERS", kafka.bootstrap_servers)
    return kafka.bootstrap_servers


@pytest.fixture
def name(bootstrap_servers):
    """The transactional id of a producer that wrote into a transaction and was then abandoned."""
    return abandoned_transaction(bootstrap_servers)


def abandoned_transaction(bootstrap_servers):
    """Leave a transaction open as a killed process does: neither committed nor aborted."""
    name = f"abandoned-{uuid.uuid4().hex}"
    producer = kafka_python.KafkaProducer(
        bootstrap_servers=bootstrap_servers, transactional_id=name, transaction_timeout_ms=600_000
    )
    producer.init_transactions()
    producer.begin_transaction()
    producer.send(TOPIC.name, b"lost", partition=1).get(LIMIT_S)
    producer.close()
    return name


def write(bootstrap_servers, value):
    producer = kafka_python.KafkaProducer(bootstrap_servers=bootstrap_servers)
    producer.send(TOPIC.name, value, partition=1).get(LIMIT_S)
    producer.close()


def committed_values(bootstrap_servers):
    """What a reader of committed records sees of the partition that the transaction is in."""
    consumer = kafka_python.KafkaConsumer(
        bootstrap_servers=bootstrap_servers, isolation_level="read_committed", group_id=None
    )
    partition = kafka_python.TopicPartition(TOPIC.name, 1)
    consumer.assign([partition])
    consumer.seek_to_beginning(partition)
    (end,) = consumer.end_offsets([partition]).values()
    values, ends_at_s = [], time.monotonic() + LIMIT_S
    while consumer.position(partition) < end:
        assert time.monotonic() < ends_at_s
        values += [record.value for records in consumer.poll(timeout_ms=500).values() for record in records]
    consumer.close()
    return values


def invoked(*arguments, **given):
    return CliRunner().invoke(app, ["transactions", *arguments], **given)


def listed(*arguments):
    return {
        each["transactional_id"]: each for each in json.loads(invoked("list", "--json", *arguments).output)
    }


@pytest.mark.integration
def test_an_abandoned_transaction_is_listed_with_what_it_holds_back(bootstrap_servers, name):
    started_s = time.time()
    write(bootstrap_servers, b"behind it")
    found = listed()[name]

    assert found["state"] == "Ongoing"
    assert found["producer_id"] >= 0
    assert abs(found["open_since_s"] - started_s) < LIMIT_S
    (held,) = found["held"]
    assert (held["topic"], held["partition"], held["records"]) == (TOPIC.name, 1, 2)


@pytest.mark.integration
def test_it_hangs_once_it_is_open_for_too_long(bootstrap_servers, name):
    assert not listed()[name]["is_hanging"]
    assert listed("--hanging-after", "0")[name]["is_hanging"]
    assert invoked("list", "--hanging-after", "0").exit_code == 1


@pytest.mark.integration
def test_a_reader_that_waits_behind_it_goes_on_when_it_is_aborted(bootstrap_servers, name):
    behind = uuid.uuid4().bytes
    write(bootstrap_servers, behind)
    assert behind not in committed_values(bootstrap_servers)

    result = invoked("abort", "--hanging-after", "0", "--yes")

    assert result.exit_code == 0
    assert f"aborted {name}" in result.output
    assert behind in committed_values(bootstrap_servers)
    assert b"lost" not in committed_values(bootstrap_servers)
    assert name not in listed()


@pytest.mark.integration
def test_nothing_is_aborted_without_consent_or_that_does_not_hang(bootstrap_servers, name):
    assert "Abort?" in invoked("abort", name, input="n\n").output
    assert "0 open" in invoked("abort", "--yes").output
    assert name in listed()

    assert f"aborted {name}" in invoked("abort", name, input="y\n").output


@pytest.mark.integration
def test_an_unknown_name_is_refused_with_the_known_ones(bootstrap_servers, name):
    with pytest.raises(BadInputError, match=f"(?s)nobody-knows-me.*{name}"):
        commands.transactions_to_abort("nobody-knows-me", None)


@pytest.mark.integration
def test_one_that_no_coordinator_knows_hangs_and_is_aborted_by_its_producers_id(tmp_path, monkeypatch):
    with running_kafka(tmp_path) as kafka:
        monkeypatch.setenv("LOCAL_STACK_KAFKA_BOOTSTRAP_SERVERS", kafka.bootstrap_servers)
        create_topics(kafka.bootstrap_servers, [TOPIC], lambda _line: None)
        abandoned_transaction(kafka.bootstrap_servers)
        write(kafka.bootstrap_servers, b"behind it")
        kafka.server.kill()
        for folder in (tmp_path / "log").glob("__transaction_state-*"):
            shutil.rmtree(folder)
        kafka.server.start()

        (found,) = open_transactions(kafka.bootstrap_servers, hanging_after_s=3600.0)
        assert found.is_hanging
        assert found.state is None
        assert committed_values(kafka.bootstrap_servers) == []

        assert f"aborted {found.producer_id}" in invoked("abort", str(found.producer_id), "--yes").output
        assert committed_values(kafka.bootstrap_servers) == [b"behind it"]


def test_a_transaction_is_shown_with_a_row_for_each_partition(capsys, monkeypatch):
    held = tuple(Held("measure-pm10-v1", partition, 7, 1_234, 3) for partition in (0, 1))
    known = Transaction(5, "split-v1-values-0-1", "Ongoing", 1_767_225_600.0, is_hanging=False, held=held)
    nobodys = Transaction(6, None, None, None, is_hanging=True, held=held[:1])
    monkeypatch.setattr(screen, "out", screen.Console(highlight=False, width=200))
    screen.show_transactions([known, nobodys])
    shown = capsys.readouterr().out

    assert shown.count("measure-pm10-v1") == 3
    for text in ("split-v1-values-0-1", "2026-01-01 00:00:00Z", "1,234", "no coordinator knows it"):
        assert text in shown
    assert "2 open, 1 of them hanging" in shown


@pytest.mark.parametrize(("checkpoint_interval_s", "after_s"), [(5.0, 60.0), (60.0, 240.0)])
def test_what_is_too_long_follows_from_the_checkpoints(monkeypatch, checkpoint_interval_s, after_s):
    asked = {}
    monkeypatch.setenv("LOCAL_STACK_KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:9")
    monkeypatch.setenv("LOCAL_STACK_CHECKPOINT_INTERVAL_S", str(checkpoint_interval_s))
    monkeypatch.setattr(commands, "open_transactions", lambda _servers, **given: asked.update(given) or [])

    assert invoked("list").exit_code == 0
    assert asked["hanging_after_s"] == after_s
