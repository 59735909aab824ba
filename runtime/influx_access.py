"""How we know that it is our InfluxDB that answers."""

from pathlib import Path

from pydantic import Field

from runtime.settings import RoomSettings


class InfluxAccessSettings(RoomSettings):
    """The setting of a room that talks to InfluxDB, beside its address and token."""

    influx_ca_file: Path | None = Field(
        default=None, description="PEM file of the CA of InfluxDB's certificate; the system's CAs if not set"
    )


def verified_by(ca_file: Path | None) -> str | None:
    """The argument `verify` of a request; None leaves it to the system, and to REQUESTS_CA_BUNDLE.

    It goes with each request: that of a session would give way to REQUESTS_CA_BUNDLE.
    """
    return None if ca_file is None else str(ca_file)
