"""Each hour is issued once, each forecast scored once, on the twins in memory."""

import threading

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from app_predict.metrics import Metrics
from app_predict.predicting import Predictor, StoppedError, Surroundings
from app_predict.settings import Settings
from app_predict.standing import DEMOTED_BELOW_H, WINDOW_H
from app_predict.state_folder import StateFolder
from contracts.errors import UnavailableError
from contracts.topics import FORECAST_SKILL, FORECASTS
from forecasting.bundle import ModelBundle
from forecasting.hourly_table import HOUR_S
from runtime.clock import SettableClock
from runtime.health import Health
from runtime.memory_log import MemoryLog, MemoryPublisher
from tests.app_predict.hours import HOURS, MemorySource, joined, rows_of
from tests.forecasting.builders import a_card, a_daily_wave, an_anchored_network

SENSORS = 10
DAYS_AFTER = 4
FIRST_ISSUE_S = HOURS * HOUR_S
DUE_MIN = 20


class GivenChampions:
    """The champions that a test names."""

    def __init__(self, **by_measure):
        self.by_measure = by_measure

    def of(self, measure):
        return self.by_measure.get(measure)


class System:
    """A predictor on the twins; the hours go on after the first issue."""

    def __init__(self, tmp_path, *, champions=None, values=None, measures="pm25", source=None):
        self.log, self.clock, self.stopping = MemoryLog(), SettableClock(), threading.Event()
        self.registry = CollectorRegistry()
        wave = a_daily_wave(SENSORS, HOURS + 24 * DAYS_AFTER) if values is None else values
        self.source = source or MemorySource(rows_of(wave))
        self.settings = Settings(
            kafka_bootstrap_servers="-", influx_url="-", influx_token_file="-", registry="-",
            state_dir=str(tmp_path), metrics_port=0, measures=measures,
        )  # fmt: skip
        self.around = Surroundings(
            source=self.source,
            champions=champions or GivenChampions(),
            state=StateFolder(tmp_path),
            metrics=Metrics(self.registry),
            health=Health(clock=self.clock),
            clock=self.clock,
            stopping=self.stopping,
        )
        self.restart()

    def restart(self):
        self.predictor = Predictor(self.settings, self.around)
        self.publisher = MemoryPublisher(self.log)

    def at(self, hour, minute=DUE_MIN):
        """Look for what is due at so many hours after the first issue; what was published."""
        self.clock.advance(FIRST_ISSUE_S + hour * HOUR_S + minute * 60 - self.clock.now_s())
        issued_at_s = self.predictor.due()
        return 0 if issued_at_s is None else self.predictor.work(issued_at_s, self.publisher)

    @property
    def forecasts(self):
        return [FORECASTS.decode(value) for value in self.log.values(FORECASTS.name)]

    @property
    def skills(self):
        return [FORECAST_SKILL.decode(value) for value in self.log.values(FORECAST_SKILL.name)]

    def metric(self, name, **labels):
        return self.registry.get_sample_value(f"app_predict_{name}", labels)


@pytest.fixture
def system(tmp_path):
    return System(tmp_path)


def a_champion(network=an_anchored_network):
    return ModelBundle(a_card(), network)


def a_bad_network(inputs):
    return an_anchored_network(inputs) + 3.0


def test_an_hour_is_issued_once_whatever_restarts(system):
    assert system.at(0) == SENSORS
    assert system.at(0, minute=50) == 0
    system.restart()
    assert system.at(1, minute=DUE_MIN - 1) == 0
    assert system.at(1) == SENSORS

    assert sorted({each.issued_at_s for each in system.forecasts}) == [FIRST_ISSUE_S, FIRST_ISSUE_S + HOUR_S]
    assert len(system.forecasts) == 2 * SENSORS


def test_an_issue_that_kafka_did_not_take_is_made_again(system):
    system.log.is_available = False
    with pytest.raises(UnavailableError):
        system.at(0)
    system.log.is_available = True
    system.restart()

    assert system.at(0, minute=30) == SENSORS


def test_a_process_told_to_stop_leaves_the_issue_to_the_next(system):
    system.stopping.set()
    with pytest.raises(StoppedError):
        system.at(0)
    system.stopping.clear()

    assert system.at(0) == SENSORS


def test_of_hours_missed_only_the_newest_is_issued_and_all_are_scored(system):
    system.at(0)
    system.at(5)

    assert sorted({each.issued_at_s for each in system.forecasts}) == [
        FIRST_ISSUE_S, FIRST_ISSUE_S + 5 * HOUR_S,
    ]  # fmt: skip
    assert sorted({each.valid_at_s for each in system.skills}) == [
        FIRST_ISSUE_S + hour * HOUR_S for hour in range(5)
    ]


def test_each_hour_is_scored_once_by_all_issues_that_spoke_of_it(system):
    for hour in range(4):
        system.at(hour)
        system.restart()

    counts = {(each.valid_at_s, each.horizon_group): each.count for each in system.skills}
    assert len(counts) == len(system.skills)
    assert counts[FIRST_ISSUE_S + 2 * HOUR_S, "h01"] == SENSORS
    assert counts[FIRST_ISSUE_S + 2 * HOUR_S, "h02-03"] == 2 * SENSORS
    assert system.metric("forecasts_scored_total", measure="pm25", method="blend") == (1 + 2 + 3) * SENSORS


def test_the_last_hour_is_waited_for_and_after_the_patience_it_goes_without(tmp_path):
    values = a_daily_wave(SENSORS, HOURS)
    values[1:, -1] = np.nan
    system = System(tmp_path, values=values)

    assert system.at(0) == 0
    assert system.at(0, minute=DUE_MIN + 26) == SENSORS


def test_nothing_is_issued_from_an_empty_store(tmp_path):
    system = System(tmp_path, source=MemorySource(rows_of(np.empty((0, 0)))))

    assert system.at(0, minute=59) == 0
    assert system.source.reads == 0


def test_a_measure_that_nobody_measures_costs_the_others_nothing(tmp_path):
    system = System(tmp_path, measures="co2,pm25")

    assert system.at(0) == SENSORS
    assert system.at(0, minute=40) == 0


def test_sensors_of_a_measure_without_model_are_counted(tmp_path):
    few = rows_of(a_daily_wave(2, 10), measure="temperature", starts_at_s=FIRST_ISSUE_S - 10 * HOUR_S)
    source = MemorySource(joined(rows_of(a_daily_wave(SENSORS, HOURS)), few))
    system = System(tmp_path, measures="temperature,pm25", source=source)

    assert system.at(0) == SENSORS
    assert system.metric("sensors_skipped_total", measure="temperature", reason="no_model") == 2


@pytest.mark.slow
def test_a_champion_is_served_and_judged_against_the_blend(tmp_path):
    system = System(tmp_path, champions=GivenChampions(pm25=a_champion()))
    for hour in range(WINDOW_H + 2):
        system.at(hour)

    assert {each.method for each in system.forecasts} == {"rnn"}
    assert system.metric("skill_24h_ratio", measure="pm25") == pytest.approx(0.0, abs=0.05)
    assert {each.skill_blend is not None for each in system.skills} == {True}


@pytest.mark.slow
def test_a_champion_below_the_blend_for_two_days_is_demoted_until_the_next_promotion(tmp_path):
    system = System(tmp_path, champions=GivenChampions(pm25=a_champion(a_bad_network)))
    demoted_at_h = WINDOW_H + DEMOTED_BELOW_H - 1
    for hour in range(demoted_at_h):
        system.at(hour)
        system.restart()
    assert system.forecasts[-1].method == "rnn"
    assert system.metric("below_blend_hours", measure="pm25") == DEMOTED_BELOW_H - 1

    system.at(demoted_at_h)
    assert system.forecasts[-1].method == "blend"
    assert system.metric("champion_demoted", measure="pm25") == 1

    system.around.champions.by_measure["pm25"] = ModelBundle(a_card(version="another"), an_anchored_network)
    system.at(demoted_at_h + 1)
    assert system.forecasts[-1].model == "another"
    assert system.metric("champion_demoted", measure="pm25") == 0


@pytest.mark.slow
def test_bands_that_hold_too_few_truths_are_widened_as_truths_come(tmp_path):
    def too_narrow(inputs):
        answer = an_anchored_network(inputs)
        middle = answer[..., 5:6]
        return (middle + (answer - middle) * 0.02).astype(np.float32)

    system = System(tmp_path, champions=GivenChampions(pm25=a_champion(too_narrow)))

    def width():
        newest = system.forecasts[-1].quantiles[0]
        return newest[-1] - newest[0]

    system.at(0)
    before = width()
    for hour in range(1, 3 * 24):
        system.at(hour)

    assert width() > 1.3 * before
    assert system.metric("band_factor_ratio", measure="pm25", horizon_group="h01") > 1.3
