"""What the back-fill is told: the scraper's settings, of which it needs no feed."""

from pydantic import model_validator

from scraper.settings import Settings


class BackfillSettings(Settings):
    """Read once, at start, from the same SCRAPER_* environment variables."""

    @model_validator(mode="after")
    def _be_polite(self) -> "BackfillSettings":
        """The feed is not asked; what the archive service wants, `ArchiveService` sees to."""
        return self
