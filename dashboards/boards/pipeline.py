"""Whether the pipeline does its work: the arithmetic, freshness and lag of each stage, errors."""

from typing import Any

from grafana_foundation_sdk.models.dashboard import Dashboard

from contracts.stored import THROUGHPUT
from dashboards import scales, variables
from dashboards.frame import Line, Section, board
from dashboards.panels import COUNT, SECONDS, bars, gauges, lines, number
from dashboards.queries import INFLUX, PROMETHEUS, influx, promql, promql_now, stored

NOT_RECKONED = "luftstrom reconcile --metrics-to …"
FLINK_JOB, FLINK_TASK = "flink_jobmanager_job", "flink_taskmanager_job_task"
FLINK_LAG = f"{FLINK_TASK}_operator_KafkaSourceReader_KafkaConsumer_records_lag_max"
PER_SECOND = "suffix: /s"
AGE_STEPS = ((None, scales.GREEN), (300, scales.YELLOW), (900, scales.RED))


def pipeline() -> Dashboard:
    """The dashboard."""
    return board(
        "pipeline",
        "Whether everything that was fetched is stored, how fresh it is, and where it waits or fails.",
        [variables.data_source(INFLUX), variables.data_source(PROMETHEUS)],
        [
            Section(
                "The arithmetic",
                [Line(7, [(_closes(), 4), (_reconciled(), 4), (_readings(), 8), (_values(), 8)])],
            ),
            Section(
                "Freshness",
                [Line(5, [(panel, 6) for panel in _ages()]), Line(9, [(_age_of_values(), 12), (_age(), 12)])],
            ),
            Section(
                "Lag and checkpoints",
                [Line(9, [(_lag_seconds(), 8), (_lag_records(), 8), (_checkpoints(), 8)])],
            ),
            Section(
                "Throughput",
                [Line(9, [(_throughput(), 8), (_points(), 8), (_through_flink(), 8)])],
            ),
            Section("Errors", [Line(9, [(_writes(), 8), (_polls(), 8), (_failures(), 8)])]),
        ],
        time=("now-3h", "now"),
        refresh="30s",
    )


def _closes() -> Any:
    panel = number(
        "Nothing lost",
        "1 where fetched = published + repeated + refused and published = stored + set aside, at the last "
        "`luftstrom reconcile --metrics-to`.",
        COUNT,
        promql_now("min(reconciliation_closes)", legend="closes"),
    )
    return (
        panel.mappings(scales.yes_or_no("it closes", "it does not close"))
        .thresholds(scales.steps((None, scales.RED), (1, scales.GREEN)))
        .no_value(NOT_RECKONED)
    )


def _reconciled() -> Any:
    return number(
        "Reconciled",
        "How long ago the arithmetic was last done.",
        SECONDS,
        promql_now("time() - max(reconciliation_timestamp_seconds)", legend="ago"),
    ).thresholds(scales.steps((None, scales.GREEN), (7200, scales.YELLOW), (86_400, scales.RED)))


def _readings() -> Any:
    return gauges(
        "Readings by stage",
        "At the last reconciliation: fetched = published + repeated + refused + left out.",
        COUNT,
        promql_now("sum by (stage) (reconciliation_readings)", legend="{{stage}}"),
    )


def _values() -> Any:
    return gauges(
        "Values by stage",
        "At the last reconciliation: published = stored + dead + ignored + on the way.",
        COUNT,
        promql_now("sum by (stage) (reconciliation_values)", legend="{{stage}}"),
    )


def _ages() -> list[Any]:
    return [
        _age_of(
            "Feed",
            "Since the last poll that worked.",
            "time() - max(scraper_last_poll_timestamp_seconds)",
            AGE_STEPS,
        ),
        _age_of(
            "Collector",
            "How long ago the next record to read was written.",
            "max(collector_lag_seconds)",
            AGE_STEPS,
        ),
        _age_of(
            "Value to store, 95 of 100",
            "From the observation to the store's acknowledgement, of values of the last ten minutes; a poll and a "
            "checkpoint are in it.",
            "histogram_quantile(0.95, sum by (le) (rate(collector_value_age_seconds_bucket[10m])))",
            ((None, scales.GREEN), (600, scales.YELLOW), (1800, scales.RED)),
        ),
        _age_of(
            "Forecast",
            "Since the hour of the newest issue; a new one comes about 20 minutes after each hour.",
            "time() - min(app_predict_issued_at_s)",
            ((None, scales.GREEN), (5400, scales.YELLOW), (7200, scales.RED)),
        ),
    ]


def _age_of(title: str, about: str, expr: str, limits: Any) -> Any:
    return number(f"{title}: age", about, SECONDS, promql_now(expr, legend="age")).thresholds(
        scales.steps(*limits)
    )


def _age_of_values() -> Any:
    queries = [
        promql(
            f"histogram_quantile({share}, sum by (le) (rate(collector_value_age_seconds_bucket[10m])))",
            legend=f"{share:.0%}",
        )
        for share in (0.5, 0.95, 0.99)
    ]
    return lines(
        "From observation to the store",
        "Age of values when they could be queried, over ten minutes.",
        SECONDS,
        *queries,
    )


def _age() -> Any:
    return lines(
        "Age of each stage's newest",
        "Poll, issue of forecasts by measure.",
        SECONDS,
        promql("time() - max(scraper_last_poll_timestamp_seconds)", legend="poll"),
        promql("time() - max by (measure) (app_predict_issued_at_s)", legend="forecast {{measure}}"),
    )


def _lag_seconds() -> Any:
    return lines(
        "Collector behind, in time",
        "How long ago the next record to read was written.",
        SECONDS,
        promql("max(collector_lag_seconds)", legend="collector"),
        fill=10,
    ).min(0)


def _lag_records() -> Any:
    return lines(
        "Behind, in records",
        "Records between what was read and the end of the topics.",
        COUNT,
        promql("sum(collector_lag_records)", legend="collector"),
        promql(f"max by (job_name) ({FLINK_LAG})", legend="flink {{job_name}}"),
    ).min(0)


def _checkpoints() -> Any:
    return lines(
        "Checkpoints in ten minutes",
        "Completed and failed, by job; values become visible at each. Without any, nothing new is stored.",
        COUNT,
        promql(
            f"sum by (job_name) (increase({FLINK_JOB}_numberOfCompletedCheckpoints[10m]))",
            legend="{{job_name}}",
        ),
        promql(
            f"sum by (job_name) (increase({FLINK_JOB}_numberOfFailedCheckpoints[10m]))",
            legend="{{job_name}} failed",
        ),
    ).min(0)


def _throughput() -> Any:
    query = (
        f'SELECT sum("readings") / 10 AS "readings" FROM {stored(THROUGHPUT)} WHERE $timeFilter '
        "GROUP BY time(10s) fill(none)"
    )
    return bars(
        "Readings a second, by ten-second window",
        "By the time of observation, of all countries; a window is whole 15 minutes after its end.",
        PER_SECOND,
        influx(query),
    )


def _points() -> Any:
    return lines(
        "Lines stored a second",
        "Acknowledged by InfluxDB, by bucket, repeats included.",
        PER_SECOND,
        promql(
            "sum by (bucket) (rate(collector_points_written_total[$__rate_interval]))", legend="{{bucket}}"
        ),
    ).min(0)


def _through_flink() -> Any:
    return lines(
        "Records a second through Flink",
        "Handed on by all steps of each job together.",
        PER_SECOND,
        promql(
            f"sum by (job_name) (rate({FLINK_TASK}_numRecordsOut[$__rate_interval]))", legend="{{job_name}}"
        ),
    ).min(0)


def _writes() -> Any:
    return bars(
        "Requests to InfluxDB by answer",
        "In ten minutes; 204 is well, `none` no answer. What was not acknowledged is sent again.",
        COUNT,
        promql("sum by (status) (increase(collector_writes_total[10m]))", legend="{{status}}"),
    )


def _polls() -> Any:
    return bars(
        "Polls by result",
        "In ten minutes: done, unchanged, failed, left to another.",
        COUNT,
        promql("sum by (result) (increase(scraper_polls_total[10m]))", legend="{{result}}"),
    )


def _failures() -> Any:
    return lines(
        "Restarts and failures",
        "Since the processes started: restarts of the Flink jobs, polls that Redis could not remember, champions that "
        "could not be loaded.",
        COUNT,
        promql(f"max by (job_name) ({FLINK_JOB}_numRestarts)", legend="restarts {{job_name}}"),
        promql("sum(scraper_unremembered_polls_total)", legend="polls not remembered"),
        promql("sum(app_predict_model_load_failures_total) or vector(0)", legend="models not loaded"),
    ).min(0)
