"""The raw contract: the upstream record as it came, with what we know of it beside it."""

import msgspec

from contracts.errors import BadInputError

RAW_SCHEMA = 1


class Place(msgspec.Struct, frozen=True):
    """Where a position is: ISO 3166 two-letter country, nearest city, geohash of 7 characters."""

    country: str
    city: str
    geohash: str


class RawReading(msgspec.Struct, frozen=True):
    """One upstream record, verbatim (`record`, the bytes of a JSON object), with its place.

    `place` is None where the record has no usable position, and the message then says `no_position`.
    `fetched_at` is when its whole answer was here, UTC, ISO 8601 with `Z`.
    `origin` is None for the feed or an archive, else what the scraper fell back to: `v2` has averages.
    """

    record: bytes
    place: Place | None
    fetched_at: str
    origin: str | None = None


class _Added(msgspec.Struct):
    place: Place | None
    fetched_at: str
    schema: int = RAW_SCHEMA
    no_position: bool | msgspec.UnsetType = msgspec.UNSET
    origin: str | msgspec.UnsetType = msgspec.UNSET


_encoder = msgspec.json.Encoder()
_decode_added = msgspec.json.Decoder(_Added).decode
_decode_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def encode_raw_reading(reading: RawReading) -> bytes:
    """The record's own bytes with `place`, `fetched_at`, `schema` and any `origin` appended as members.

    One without a place is marked by `"no_position": true`.
    """
    added = _Added(
        place=reading.place,
        fetched_at=reading.fetched_at,
        no_position=True if reading.place is None else msgspec.UNSET,
        origin=msgspec.UNSET if reading.origin is None else reading.origin,
    )
    record = reading.record.strip()
    separator = b"" if record[1:-1].strip() == b"" else b","
    return record[:-1] + separator + _encoder.encode(added)[1:]


def decode_raw_reading(body: bytes) -> RawReading:
    """The opposite of `encode_raw_reading`; white space between the record's members may differ.

    Raises BadInputError where the body is not a raw reading.
    """
    try:
        added = _decode_added(body)
        members = _decode_members(body)
    except msgspec.MsgspecError as error:
        raise BadInputError("not_a_reading", str(error)) from error
    own = {name: value for name, value in members.items() if name not in _Added.__struct_fields__}
    origin = None if added.origin is msgspec.UNSET else added.origin
    return RawReading(
        record=_encoder.encode(own), place=added.place, fetched_at=added.fetched_at, origin=origin
    )
