"""Everything that is generated, by the path below `dashboards/`: so that it can be written, or compared."""

from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboards.air_alerts import air_alerts_text
from dashboards.boards.data_quality import data_quality
from dashboards.boards.forecast import forecast
from dashboards.boards.forecast_skill import forecast_skill
from dashboards.boards.overview import overview
from dashboards.boards.pipeline import pipeline
from dashboards.boards.place import place
from dashboards.boards.resources import resources
from dashboards.boards.sensor import sensor

ROOM = Path(__file__).parent
BOARDS = (overview, place, sensor, forecast, forecast_skill, data_quality, pipeline, resources)


def generated_files() -> dict[Path, str]:
    """The text of each generated file."""
    boards = [board() for board in BOARDS]
    files = {ROOM / "generated" / f"{made.uid}.json": dashboard_text(made) for made in boards}
    return {**files, ROOM / "provisioning" / "alerting" / "luftstrom-air.json": air_alerts_text()}


def dashboard_text(made: Dashboard) -> str:
    """A dashboard as Grafana's v1 JSON."""
    return JSONEncoder(sort_keys=True, indent=1).encode(made) + "\n"
