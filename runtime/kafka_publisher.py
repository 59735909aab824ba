"""The writer of the log on Kafka, by confluent-kafka (librdkafka)."""

import logging
import time

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from contracts.errors import UnavailableError
from runtime.kafka_reach import require_reachable
from runtime.kafka_security import OPEN, KafkaSecurity

log = logging.getLogger(__name__)

# With the client's five minutes an outage of the broker loses records that were accepted before it.
DELIVERY_TIMEOUT_MS = 15 * 60 * 1000
LINGER_MS = 20
BATCH_BYTES = 256 * 1024
RECONNECT_CAP_MS = 2_000
# What may wait for the broker; librdkafka would take 1 GiB.
UNFLUSHED_KIB_MAX = 8 * 1024
METADATA_TIMEOUT_S = 3.0
CLOSE_TIMEOUT_S = 1.0
# librdkafka waits without listening to signals: it is asked in steps.
STEP_S = 0.2

_WRITING: dict[str, str | int | bool] = {
    "enable.idempotence": True,
    "compression.type": "lz4",
    "linger.ms": LINGER_MS,
    "batch.size": BATCH_BYTES,
    "message.timeout.ms": DELIVERY_TIMEOUT_MS,
    "reconnect.backoff.max.ms": RECONNECT_CAP_MS,
    # The partition of a key as Java's and Python's clients choose it; librdkafka's own would be another.
    "partitioner": "murmur2_random",
    # What is acknowledged leaves the queue; only what is not is told one by one.
    "delivery.report.only.error": True,
    "allow.auto.create.topics": False,
    # Outages are told by `flush`; librdkafka would tell each attempt to connect, dozens a second.
    "log_level": 2,
}


class KafkaPublisher:
    """A Publisher with delivery reports; idempotent, lz4.

    After a failure it takes a new producer, which knows nothing of the records before.
    """

    def __init__(self, bootstrap_servers: str, *, client_id: str, security: KafkaSecurity = OPEN) -> None:
        self._bootstrap_servers, self._client_id, self._security = bootstrap_servers, client_id, security
        self._refusals: list[KafkaError] = []  # since the last flush
        self._trouble: KafkaError | None = None
        self._producer: Producer | None = self._connect()

    def publish(self, topic: str, value: bytes, *, key: str | None, timestamp_ms: int) -> None:
        """Hand one record over; raises UnavailableError where one before it was refused.

        Waits while as much as `UNFLUSHED_KIB_MAX` is on its way.
        """
        if self._producer is None:
            self._producer = self._connect()
        while True:
            try:
                self._producer.produce(topic, value, key, timestamp=timestamp_ms)
            except BufferError:
                self._producer.poll(STEP_S)
                self._require_no_refusal()
            except KafkaException as error:
                self._give_up()
                raise UnavailableError(f"Kafka did not take a record of {topic}: {error}") from error
            else:
                return

    def flush(self, timeout_s: float | None = None) -> None:
        """Wait for every delivery report; raises UnavailableError where one is missing or bad."""
        if self._producer is None:
            return
        ends_at_s = time.monotonic() + (DELIVERY_TIMEOUT_MS / 1000 if timeout_s is None else timeout_s)
        while waiting := self._producer.flush(STEP_S):
            if time.monotonic() > ends_at_s:
                self._give_up()
                raise UnavailableError(
                    f"Kafka did not acknowledge {waiting} records in time: {self._trouble or 'no answer'}"
                )
        self._require_no_refusal()

    def close(self) -> None:
        """Drop what is not flushed and let go of the connection."""
        if self._producer is not None:
            self._give_up()

    def _require_no_refusal(self) -> None:
        if not self._refusals:
            return
        count, first = len(self._refusals), self._refusals[0]
        self._give_up()
        raise UnavailableError(f"Kafka did not acknowledge {count} records: {first.str()}")

    def _give_up(self) -> None:
        if self._producer is not None:
            self._producer.purge()
            self._producer.flush(CLOSE_TIMEOUT_S)
        self._producer, self._refusals, self._trouble = None, [], None

    def _connect(self) -> Producer:
        """A producer that the broker has let in."""
        require_reachable(self._bootstrap_servers)
        producer = Producer(
            {
                "bootstrap.servers": self._bootstrap_servers,
                "client.id": self._client_id,
                "queue.buffering.max.kbytes": UNFLUSHED_KIB_MAX,
                "on_delivery": self._note_refusal,
                "error_cb": self._note_trouble,
                **_WRITING,
                **self._security.for_librdkafka(),
            },
            logger=log,
        )
        try:
            producer.list_topics(timeout=METADATA_TIMEOUT_S)
        except KafkaException as error:
            producer.poll(0)  # which tells the trouble behind it
            raise UnavailableError(
                f"no Kafka at {self._bootstrap_servers}: {self._trouble or error.args[0]}"
            ) from error
        return producer

    def _note_refusal(self, error: KafkaError | None, _message: Message) -> None:
        if error is not None:
            self._refusals.append(error)

    def _note_trouble(self, error: KafkaError) -> None:
        self._trouble = error
