"""What the system takes of its machines: memory, CPU, disk, series, and how long what is kept."""

from typing import Any

from grafana_foundation_sdk.models.dashboard import Dashboard

from contracts.stored import AIR_VALUES, BUCKETS, DAY_S, MEASUREMENTS
from dashboards import variables
from dashboards.frame import Line, Section, board
from dashboards.panels import BYTES, COUNT, SHARE, lines, number, words
from dashboards.queries import INFLUX, PROMETHEUS, influx, promql, promql_now, stored

HEAP = "flink_jobmanager_Status_JVM_Memory_Heap"


def resources() -> Dashboard:
    """The dashboard."""
    return board(
        "resources",
        "Memory, CPU, disk and series of the pipeline's processes and of the store, and what is kept for how long.",
        [variables.data_source(INFLUX), variables.data_source(PROMETHEUS)],
        [
            Section("Now", [Line(5, [(panel, 6) for panel in _now()])]),
            Section("Processes", [Line(9, [(_memory(), 8), (_cpu(), 8), (_heap(), 8)])]),
            Section("Store", [Line(9, [(_disk(), 8), (_series(), 8), (_new_series(), 8)])]),
            Section("Kept", [Line(9, [(_refused_points(), 8), (_files(), 8), (_retention(), 8)])]),
        ],
        time=("now-24h", "now"),
    )


def _now() -> list[Any]:
    return [
        number(
            "Memory of our processes",
            "Resident memory of scraper, collector and predictor, together.",
            BYTES,
            promql_now("sum(process_resident_memory_bytes)", legend="memory"),
        ),
        number(
            "Disk of the store",
            "Of all buckets; the oldest pieces are dropped as the retention says.",
            BYTES,
            promql_now("sum(storage_shard_disk_size)", legend="disk"),
        ),
        number(
            "Series",
            "Series of all buckets, as the collector counts them; each costs memory in InfluxDB.",
            COUNT,
            promql_now("sum(collector_series)", legend="series"),
        ),
        number(
            "Readings in 15 minutes",
            "Stored readings with a position, observed in the last 15 minutes.",
            COUNT,
            influx(f'SELECT count("lat") AS "readings" FROM {stored(AIR_VALUES)} WHERE time > now() - 15m'),
        ),
    ]


def _memory() -> Any:
    return lines(
        "Memory by process",
        "Resident memory; of InfluxDB what Go took from the system.",
        BYTES,
        promql("sum by (job, instance) (process_resident_memory_bytes)", legend="{{job}} {{instance}}"),
        promql("sum by (job) (go_memstats_sys_bytes and on (instance) influxdb_info)", legend="{{job}}"),
    ).min(0)


def _cpu() -> Any:
    return lines(
        "CPU by process",
        "Share of one core.",
        SHARE,
        promql(
            "sum by (job, instance) (rate(process_cpu_seconds_total[$__rate_interval]))",
            legend="{{job}} {{instance}}",
        ),
        promql("max by (job) (flink_jobmanager_Status_JVM_CPU_Load)", legend="{{job}}, of all cores"),
    ).min(0)


def _heap() -> Any:
    return lines(
        "Flink's heap",
        "Used and largest heap of the job manager; on one machine it is that of the whole job.",
        BYTES,
        promql(f"max by (job) ({HEAP}_Used)", legend="used"),
        promql(f"max by (job) ({HEAP}_Max)", legend="largest"),
    ).min(0)


def _disk() -> Any:
    return lines(
        "Disk",
        "Of all buckets, as InfluxDB counts it: it knows buckets by their ids alone.",
        BYTES,
        promql("sum(storage_shard_disk_size)", legend="all buckets"),
    ).min(0)


def _series() -> Any:
    return lines(
        "Series by bucket",
        "As the collector counts them: a sensor is one. They grow with new sensors, and never shrink before retention.",
        COUNT,
        promql("max by (bucket) (collector_series)", legend="{{bucket}}"),
    ).min(0)


def _new_series() -> Any:
    return lines(
        "New series in the running hour",
        "Many at once are a sign of a broken tag: COLLECTOR_NEW_SERIES_PER_HOUR_MAX sets them aside.",
        COUNT,
        promql("max by (bucket) (collector_new_series)", legend="{{bucket}}"),
    ).min(0)


def _refused_points() -> Any:
    return lines(
        "Points that InfluxDB dropped",
        "Dropped while writing, since it started: 0 is meant; the collector sets them aside.",
        COUNT,
        promql("sum(storage_writer_dropped_points_sum)", legend="dropped"),
        promql("sum(storage_writer_err_points_sum)", legend="failed"),
    ).min(0)


def _files() -> Any:
    return lines(
        "Open files",
        "Share of what each process may open.",
        SHARE,
        promql("max by (job, instance) (process_open_fds / process_max_fds)", legend="{{job}} {{instance}}"),
    ).min(0)


def _retention() -> Any:
    names = {
        bucket.name: ", ".join(f"`{m.name}`" for m in MEASUREMENTS if m.bucket is bucket)
        for bucket in BUCKETS
    }
    kept = "\n".join(
        f"| `{bucket.name}` | {bucket.retention_s // DAY_S:,} days | {names[bucket.name]} |"
        for bucket in BUCKETS
    )
    return words(
        "What is kept for how long",
        "Buckets with their retention and measurements, as `contracts` says and the bootstrap sets.",
        f"| bucket | kept | measurements |\n| --- | --- | --- |\n{kept}",
    )
