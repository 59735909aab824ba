"""What is lost on the way to a real InfluxDB on a bad day: ours beside Telegraf, in one run.

`python -m benchmarks.storing.losses [VALUES]`: 200,000 good values, and among them one in 500 that nobody can
store: cut short, a text for a number, or older than the store keeps. InfluxDB is killed with -9 and started
again at a third of the way, the client at two thirds. Set aside is what lies in Kafka with its bytes.
"""

import itertools
import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from msgspec import structs

from benchmarks.processes import ROOT, end
from benchmarks.storing.contenders import OURS, TELEGRAF, contenders
from benchmarks.storing.load import values
from benchmarks.storing.measuring import Contender, stored
from benchmarks.stream.load import broker_with_topics
from contracts.errors import UnavailableError
from contracts.measure_values import MeasureValue
from contracts.points import STORED_BY_TOPIC
from contracts.stored import LIVE_RETENTION_S
from contracts.topics import DEAD_LETTERS
from local_stack.single import InfluxServer, running_influxd
from runtime.kafka_publisher import KafkaPublisher
from runtime.kafka_reader import KafkaLogReader

VALUES = 200_000
GOOD_FOR_EACH_BAD = 500
EVERY_S = 0.5
# So long without a new value it has what it will ever have; a client that was killed may be waited for.
STILL_S = 45.0


def main(count: int) -> None:
    """Fill a broker once, let each store it through the same faults, print a table."""
    with broker_with_topics() as (folder, brokers):
        bad = _fill(brokers, count)
        print(f"{count:,} good values, {bad:,} bad ones; InfluxDB and the client are killed once each")
        print(f"{'':<30}{'stored':>10}{'lost':>8}{'set aside':>11}")
        for contender in contenders(brokers, count, folder):
            if contender.name not in (OURS, TELEGRAF):
                continue
            before = _letters(brokers)
            try:
                there = _stored_through_faults(contender, count, folder / f"influxd-{contender.name}")
            except UnavailableError as error:
                print(f"{contender.name:<30}{error}", flush=True)
                continue
            aside = _letters(brokers) - before
            print(f"{contender.name:<30}{there:>10,}{count - there:>8,}{aside:>11,}", flush=True)


def _fill(brokers: str, count: int) -> int:
    """Write the good values and, among them, the bad ones; how many those are."""
    spoilt, bad = itertools.cycle((_cut, _text, _old)), 0
    with closing(KafkaPublisher(brokers, client_id="benchmark")) as publisher:
        for number, (topic, value) in enumerate(values(count)):
            key, at_ms = str(value.sensor_id), value.observed_at_s * 1000
            if number % GOOD_FOR_EACH_BAD == 0:
                publisher.publish(topic, next(spoilt)(topic, value), key=key, timestamp_ms=at_ms)
                bad += 1
            publisher.publish(topic, _encoded(topic, value), key=key, timestamp_ms=at_ms)
        publisher.flush()
    return bad


def _encoded(topic: str, value: MeasureValue) -> bytes:
    return STORED_BY_TOPIC[topic].topic.encode(value)


def _cut(topic: str, value: MeasureValue) -> bytes:
    return _encoded(topic, value)[:-20]


def _text(topic: str, value: MeasureValue) -> bytes:
    return _encoded(topic, value).replace(b'"value":', b'"value":"none","was":')


def _old(topic: str, value: MeasureValue) -> bytes:
    old_s = value.observed_at_s - LIVE_RETENTION_S
    return _encoded(topic, structs.replace(value, observed_at_s=old_s))


def _stored_through_faults(contender: Contender, count: int, folder: Path) -> int:
    """How many values InfluxDB has once nothing more comes."""
    folder.mkdir()
    with running_influxd(folder) as influx:
        client = _Client(contender, influx, folder / "contender.log")
        faults = [(count // 3, lambda: _kill(influx)), (2 * count // 3, client.kill_and_start)]
        try:
            return _followed(influx, count, faults)
        finally:
            client.kill()


def _followed(influx: InfluxServer, count: int, faults: list[tuple[int, Callable[[], None]]]) -> int:
    there, grew_at_s = 0, time.monotonic()
    while there < count and time.monotonic() < grew_at_s + STILL_S:
        time.sleep(EVERY_S)
        now_there = stored(influx)
        if now_there > there:
            there, grew_at_s = now_there, time.monotonic()
        if faults and there >= faults[0][0]:
            faults.pop(0)[1]()
    return there


def _kill(influx: InfluxServer) -> None:
    influx.server.kill()
    influx.server.start()


class _Client:
    """The process of one contender."""

    def __init__(self, contender: Contender, influx: InfluxServer, log: Path) -> None:
        self._command, self._log = contender.command(influx), log
        self._environment = {**os.environ, **contender.environment(influx)}
        self._process = self._started()

    def kill_and_start(self) -> None:
        self.kill()
        self._process = self._started()

    def kill(self) -> None:
        end(self._process)

    def _started(self) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as output:
            return subprocess.Popen(
                self._command, cwd=ROOT, env=self._environment, stdout=output, stderr=output
            )


def _letters(brokers: str) -> int:
    return sum(1 for _ in KafkaLogReader(brokers).records(DEAD_LETTERS.name))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else VALUES)
