"""The back-fill: archive files and recordings, from this machine or the archive service, through one door."""

from scraper.backfill.door import ArchiveDoor
from scraper.backfill.json_lines import records_of
from scraper.backfill.unpacking import lines_of

__all__ = ["ArchiveDoor", "lines_of", "records_of"]
