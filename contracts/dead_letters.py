"""What could not be used, why, and its bytes as they came."""

from enum import StrEnum

import msgspec

ORIGINAL_BYTES_MAX = 256 * 1024  # well under Kafka's 1 MiB message after base64


class Reason(StrEnum):
    """Why something was set aside; the value stands in the message and in metrics."""

    NOT_JSON = "not_json"  # bytes that are no JSON where a record should be
    NOT_A_READING = "not_a_reading"  # JSON of the wrong shape
    TRUNCATED_PAYLOAD = "truncated_payload"  # the tail of a feed that ends too early
    FROM_THE_FUTURE = "from_the_future"  # dated further ahead than clocks differ
    NOT_A_NUMBER = "not_a_number"  # text, NaN, an infinity or nothing for a value
    UNKNOWN_MEASURE = "unknown_measure"  # a value_type that the table of measures does not know
    UNDECODABLE = "undecodable"  # a message that is not what its topic promises
    OUTSIDE_RETENTION = "outside_retention"  # older than the store keeps
    TOO_MANY_SERIES = "too_many_series"  # a new series beyond the limit of the collector's guard
    REFUSED_BY_STORE = "refused_by_store"  # a point that InfluxDB will not take


class DeadLetter(msgspec.Struct, frozen=True):
    """One thing set aside.

    `source_topic`, `source_partition` and `source_offset` say where it was read;
    they are None where it never reached a topic (the scraper's own input); `door` is then the one that
    refused it, None for the live one.
    `original` is base64 in JSON; longer originals are cut, and `original_size` (bytes) tells the whole.
    """

    reason: str
    original: bytes
    source_topic: str | None = None
    source_partition: int | None = None
    source_offset: int | None = None
    sensor_id: int | None = None
    original_size: int | None = None
    door: str | None = None


def dead_letter(
    reason: Reason,
    original: bytes,
    *,
    source: tuple[str, int, int] | None = None,
    sensor_id: int | None = None,
    door: str | None = None,
) -> DeadLetter:
    """A dead letter of `original`, cut to `ORIGINAL_BYTES_MAX`; `source` is topic, partition, offset."""
    topic, partition, offset = source or (None, None, None)
    return DeadLetter(
        reason=reason.value,
        original=original[:ORIGINAL_BYTES_MAX],
        source_topic=topic,
        source_partition=partition,
        source_offset=offset,
        sensor_id=sensor_id,
        original_size=len(original),
        door=door,
    )
