"""How far behind in time."""

from collector.lag_seconds import LagSeconds


def test_the_lag_is_how_long_ago_the_log_ended_where_we_stand():
    lag = LagSeconds()

    assert lag.lag_s(now_s=0.0, consumed=0, behind=0) == 0.0
    assert lag.lag_s(now_s=10.0, consumed=0, behind=100) == 0.0
    assert lag.lag_s(now_s=20.0, consumed=0, behind=200) == 10.0
    assert lag.lag_s(now_s=30.0, consumed=150, behind=150) == 10.0
    assert lag.lag_s(now_s=40.0, consumed=300, behind=0) == 0.0


def test_what_was_there_at_the_start_is_at_least_so_old():
    lag = LagSeconds()
    lag.lag_s(now_s=100.0, consumed=0, behind=50)

    assert lag.lag_s(now_s=160.0, consumed=10, behind=40) == 60.0
