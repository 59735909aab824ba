"""Hourly tables of other climates that come with us, to learn from beside a city of one's own.

README.md tells what they are and whose.
"""

from pathlib import Path

CLIMATES = Path(__file__).parent


def climates() -> list[str]:
    """Their names."""
    return sorted(each.parent.name for each in CLIMATES.glob("*/fingerprints.json"))


def climate_folder(named: Path) -> Path:
    """The folder itself if it is there, else that of the climate of this name, as `--also` takes both."""
    known = CLIMATES / named
    return known if not named.exists() and str(named) in climates() else named
