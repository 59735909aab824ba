"""A panel's queries: InfluxQL and PromQL targets, and the names of what is stored.

The data sources are variables of every dashboard, so that no dashboard knows an address or a uid.
"""

from typing import Any

from grafana_foundation_sdk.builders import prometheus
from grafana_foundation_sdk.cog import builder, variants
from grafana_foundation_sdk.models.common import DataSourceRef
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from contracts.stored import Measurement

INFLUX, PROMETHEUS = "influxdb", "prometheus"
VARIABLE_BY_KIND = {INFLUX: "ds", PROMETHEUS: "prom"}
TABLE, TIME_SERIES = "table", "time_series"


def source(kind: str) -> DataSourceRef:
    """The data source that the dashboard's variable chooses."""
    return DataSourceRef(type_val=kind, uid=f"${{{VARIABLE_BY_KIND[kind]}}}")


def stored(measurement: Measurement) -> str:
    """A measurement by its full name, so that one data source reaches all buckets: `"hourly".."air_1h"`."""
    return f'"{measurement.bucket.name}".."{measurement.name}"'


class InfluxQuery(variants.Dataquery):
    """One raw InfluxQL target; the SDK has no model of it. `alias` names a series in its legend."""

    def __init__(self, ref_id: str, query: str, result_format: str, alias: str) -> None:
        self.ref_id, self.query, self.result_format, self.alias = ref_id, query, result_format, alias

    def to_json(self) -> dict[str, object]:
        """The target as Grafana's InfluxDB data source reads it."""
        return {
            "refId": self.ref_id,
            "query": self.query,
            "rawQuery": True,
            "alias": self.alias,
            "resultFormat": self.result_format,
            "datasource": source(INFLUX),
        }

    def dataquery_type(self) -> str:
        """The kind of data source that answers it."""
        return INFLUX


class InfluxTarget(builder.Builder[InfluxQuery]):
    """Builds the one query that it was given."""

    def __init__(self, ref_id: str, query: str, result_format: str, alias: str) -> None:
        self._query = InfluxQuery(ref_id, query, result_format, alias)

    def build(self) -> InfluxQuery:
        """The query."""
        return self._query


Target = InfluxTarget | prometheus.Dataquery


def influx(query: str, *, alias: str = "$col", ref_id: str = "A") -> InfluxTarget:
    """InfluxQL as series; `$col` in the alias is the column's name, `$tag_country` a tag's value."""
    return InfluxTarget(ref_id, query, TIME_SERIES, alias)


def influx_table(query: str, *, ref_id: str = "A") -> InfluxTarget:
    """InfluxQL as a table: a column a tag and a field."""
    return InfluxTarget(ref_id, query, TABLE, "")


def promql(expr: str, *, legend: str, ref_id: str = "A") -> prometheus.Dataquery:
    """PromQL over the time of the dashboard."""
    return _promql(expr, legend, ref_id).range()


def promql_now(expr: str, *, legend: str, ref_id: str = "A") -> prometheus.Dataquery:
    """PromQL as it is now."""
    return _promql(expr, legend, ref_id).instant()


def promql_table(expr: str, *, ref_id: str = "A") -> prometheus.Dataquery:
    """PromQL as it is now, as a table: a column a label, and the value."""
    return _promql(expr, "", ref_id).instant().format(PromQueryFormat.TABLE)


def targets(*given: Any) -> list[Any]:
    """Targets of one panel, each with a letter of its own."""
    for number, target in enumerate(given):
        query = target.build()
        query.ref_id = chr(ord("A") + number)
    return list(given)


def _promql(expr: str, legend: str, ref_id: str) -> prometheus.Dataquery:
    return (
        prometheus.Dataquery().ref_id(ref_id).expr(expr).legend_format(legend).datasource(source(PROMETHEUS))
    )
