"""What a reader chooses: data sources; country → city → sensor type → sensor, each within the one before."""

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models.dashboard import (
    VariableHide,
    VariableOption,
    VariableRefresh,
    VariableSort,
)

from contracts.measures import Measure
from contracts.stored import AIR_VALUES, FORECAST_SKILLS, PLACE_HOURS, Measurement
from dashboards.queries import INFLUX, PROMETHEUS, VARIABLE_BY_KIND, source, stored
from dashboards.scales import title_of

ANY = ".*"
TIME_ZONES = (
    "UTC", "Europe/London", "Europe/Berlin", "Europe/Sofia", "Europe/Istanbul", "Asia/Kolkata", "Asia/Tokyo",
    "Australia/Sydney", "America/Sao_Paulo", "America/New_York", "America/Chicago", "America/Los_Angeles",
)  # fmt: skip


def data_source(kind: str = INFLUX) -> dashboard.DatasourceVariable:
    """The data source of a kind: the first that Grafana has, until another is chosen."""
    label = {INFLUX: "Store", PROMETHEUS: "Metrics"}[kind]
    return dashboard.DatasourceVariable(VARIABLE_BY_KIND[kind]).label(label).type(kind)


def country(*, of: Measurement = AIR_VALUES) -> dashboard.QueryVariable:
    """Countries, several or all."""
    return _many(_tag("country", "Country", of))


def city(*, of: Measurement = AIR_VALUES) -> dashboard.QueryVariable:
    """One city of the chosen countries."""
    return _tag("city", "City", of, within=("country",))


def sensor_type(*, of: Measurement = AIR_VALUES) -> dashboard.QueryVariable:
    """Types of the sensors there, several or all."""
    return _many(_tag("sensor_type", "Sensor type", of, within=("country", "city")))


def sensor(*, of: Measurement = AIR_VALUES) -> dashboard.QueryVariable:
    """One sensor of those types there."""
    chosen = _tag("sensor_id", "Sensor", of, within=("country", "city", "sensor_type")).name("sensor")
    return chosen.sort(VariableSort.NUMERICAL_ASC)


def position(field: str) -> dashboard.QueryVariable:
    """The chosen sensor's latitude or longitude, not shown: its mates stand at the same."""
    query = f'SELECT last("{field}") FROM {stored(AIR_VALUES)} WHERE "sensor_id" = \'$sensor\''
    return _query(field, field, query).hide(VariableHide.HIDE_VARIABLE)


def station() -> dashboard.QueryVariable:
    """All sensors at the chosen one's position, not shown: a box has one for dust, one for climate."""
    here = '"city" =~ /^${city:regex}$/ AND "lat" = $lat AND "lon" = $lon AND time > now() - 1d'
    each = f'SELECT last("lat") AS "at" FROM {stored(AIR_VALUES)} WHERE {here} GROUP BY "sensor_id"'
    everyone = VariableOption(selected=True, text="All", value="$__all")
    variable = _query("station", "station", f'SELECT "sensor_id", "at" FROM ({each})')
    return variable.hide(VariableHide.HIDE_VARIABLE).multi(True).include_all(True).current(everyone)


def measure(measures: tuple[Measure, ...]) -> dashboard.CustomVariable:
    """One measure, shown with its unit; the value is its name."""
    return _custom(
        "measure", "Measure", [(f"{title_of(each)} in {each.unit}", each.name) for each in measures]
    )


def forecast_measure() -> dashboard.QueryVariable:
    """One of the measures that were scored."""
    return _tag("measure", "Measure", FORECAST_SKILLS)


def method() -> dashboard.QueryVariable:
    """The methods that were scored, several or all."""
    return _many(_tag("method", "Method", FORECAST_SKILLS))


def time_zone() -> dashboard.CustomVariable:
    """Where day and night are told by."""
    return _custom("time_zone", "Day and night of", [(each, each) for each in TIME_ZONES])


def place_country() -> dashboard.QueryVariable:
    """Countries with hours of places."""
    return country(of=PLACE_HOURS)


def place_city() -> dashboard.QueryVariable:
    """One city with hours of places."""
    return city(of=PLACE_HOURS)


def chosen(*tags: str) -> str:
    """The condition that tags are as chosen; `all` gives every value, also none."""
    return " AND ".join(f'"{tag}" =~ /^${{{tag}:regex}}$/' for tag in tags)


def _tag(tag: str, label: str, of: Measurement, *, within: tuple[str, ...] = ()) -> dashboard.QueryVariable:
    where = f" WHERE {chosen(*within)}" if within else ""
    query = f'SHOW TAG VALUES ON "{of.bucket.name}" FROM "{of.name}" WITH KEY = "{tag}"{where}'
    return _query(tag, label, query)


def _query(name: str, label: str, query: str) -> dashboard.QueryVariable:
    return (
        dashboard.QueryVariable(name)
        .label(label)
        .datasource(source(INFLUX))
        .query(query)
        .definition(query)
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.ALPHABETICAL_CASE_INSENSITIVE_ASC)
        .multi(False)
        .include_all(False)
    )


def _many(variable: dashboard.QueryVariable) -> dashboard.QueryVariable:
    everything = VariableOption(selected=True, text="All", value="$__all")
    return variable.multi(True).include_all(True).all_value(ANY).current(everything)


def _custom(name: str, label: str, pairs: list[tuple[str, str]]) -> dashboard.CustomVariable:
    options = [
        VariableOption(selected=number == 0, text=text, value=value)
        for number, (text, value) in enumerate(pairs)
    ]
    query = ",".join(value if text == value else f"{text} : {value}" for text, value in pairs)
    return dashboard.CustomVariable(name).label(label).values(query).options(options).current(options[0])
