"""`check`: champions as they are, on a city that they never saw; nothing is trained."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from contracts.errors import BadInputError
from forecasting.registry import ModelRegistry
from model_training.backtesting import Backtest, backtest
from model_training.designs import design_of
from model_training.fetching import hours_in_files, write_tables
from model_training.protocols import of_any_span
from model_training.tables import measures_in, read_data
from model_training.training import prepared

FORECASTS_MAX = 5000
DAY_H = 24


@contextmanager
def fetched(paths: list[Path], *, tell: Callable[[str], None]) -> Iterator[Path]:
    """A folder with the hourly tables of files of readings, for as long as it is needed."""
    with tempfile.TemporaryDirectory() as folder:
        write_tables(hours_in_files(paths, tell=tell), Path(folder), tell=tell)
        yield Path(folder)


def checks(
    folder: Path, registry: ModelRegistry, *, tell: Callable[[str], None]
) -> Iterator[tuple[str, Backtest]]:
    """Each champion's version and back-test on the tables of a folder; what cannot be judged is told.

    Raises BadInputError where nothing can be.
    """
    found = 0
    for measure in measures_in(folder):
        try:
            version, tested = checked(folder, registry, measure)
        except BadInputError as error:
            tell(f"{measure} is left out: {error}")
            continue
        found += 1
        yield version, tested
    if not found:
        raise BadInputError("nothing_checked", f"no measure of {folder} could be checked")


def checked(folder: Path, registry: ModelRegistry, measure: str) -> tuple[str, Backtest]:
    """The champion's version, and its back-test beside baselines that are fitted to the same hours.

    So it stands beside what the city itself teaches. Raises BadInputError where the hours are too few.
    """
    champion = registry.load_champion(measure)
    if champion is None:
        raise BadInputError("no_champion", f"there is none in {registry.place}")
    known = {each.name for each in champion.card.features.covariates} & set(measures_in(folder))
    data = read_data(folder, measure, covariates=tuple(sorted(known)))
    protocol = of_any_span(data.table)
    # So many test origins are enough, at all hours of the day.
    while len(protocol.test(data)) > FORECASTS_MAX:
        protocol = replace(protocol, test_step=protocol.test_step + DAY_H)
    ready = prepared(data, protocol, design_of(measure, available=frozenset(known)))
    return champion.card.version, backtest(ready, {champion.card.version: champion})
