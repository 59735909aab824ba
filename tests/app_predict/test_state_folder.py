"""What outlives a restart."""

import numpy as np
import pytest

from app_predict.calibration import Calibration
from app_predict.standing import HourOfErrors, Standing
from app_predict.state_folder import ISSUES_KEPT_S, Record, StateFolder, without_old_models
from contracts.errors import UnavailableError
from contracts.forecasts import QUANTILES
from forecasting.calibration import GROUPS
from forecasting.hourly_table import HOUR_S
from tests.app_predict.builders import NOON_S, an_issue


@pytest.fixture
def folder(tmp_path):
    return StateFolder(tmp_path)


def a_record():
    calibration = Calibration()
    calibration.add(7, np.zeros((3, len(QUANTILES)), dtype=np.float32), np.ones(3, dtype=np.float32),
                    np.array([0, 1, 4]))  # fmt: skip
    standing = Standing("v1", (HourOfErrors(NOON_S, 1.0, 2.0),), below_h=3)
    return Record(NOON_S, standing, {"v1": calibration, "blend": Calibration()})


def test_an_issue_comes_back_as_it_was_kept(folder):
    issue = an_issue(factors_by_model={"v1": np.full((GROUPS, len(QUANTILES)), 1.25)})
    folder.keep_issue(issue)

    back = folder.issue("temperature", NOON_S)

    assert folder.issued_at("temperature") == [NOON_S]
    assert np.array_equal(back.published, issue.published)
    assert back.methods.tolist() == ["rnn", "rnn"]


def test_a_record_comes_back_as_it_was_kept(folder):
    folder.keep_record("pm10", a_record())

    back = folder.record("pm10")

    assert (back.scored_until_s, back.standing) == (NOON_S, a_record().standing)
    assert back.calibration_by_model["v1"].histogram_by_day[7].sum() == 3 * len(QUANTILES)
    assert list(back.calibration_by_model) == ["v1", "blend"]


def test_at_the_beginning_there_is_nothing(folder):
    assert folder.issued_at("pm10") == []
    assert folder.issue("pm10", NOON_S) is None
    assert folder.record("pm10") == Record()


@pytest.mark.parametrize("left", [b"", b"not a file of arrays", b"PK\x03\x04 cut short"])
def test_a_broken_file_is_as_none(folder, tmp_path, left):
    folder.keep_issue(an_issue())
    folder.keep_record("temperature", a_record())
    for path in tmp_path.glob("temperature/*.npz"):
        path.write_bytes(left)

    assert folder.issue("temperature", NOON_S) is None
    assert folder.record("temperature") == Record()


def test_issues_that_nothing_can_be_scored_by_are_forgotten(folder):
    for hours in (0, 1, ISSUES_KEPT_S // HOUR_S + 1):
        folder.keep_issue(an_issue(issued_at_s=NOON_S + hours * HOUR_S))

    assert folder.issued_at("temperature") == [NOON_S + HOUR_S, NOON_S + ISSUES_KEPT_S + HOUR_S]


def test_a_second_process_is_refused_the_folder(tmp_path):
    second = StateFolder(tmp_path).locked()

    with StateFolder(tmp_path).locked(), pytest.raises(UnavailableError, match="another app_predict"):
        second.__enter__()


def test_a_model_of_which_nothing_was_scored_for_long_is_forgotten():
    assert list(without_old_models(a_record(), day=8, days_kept=60).calibration_by_model) == ["v1"]
    assert not without_old_models(a_record(), day=100, days_kept=60).calibration_by_model
