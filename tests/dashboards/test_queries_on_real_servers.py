"""Every query of every panel and alert on a real InfluxDB and Prometheus: columns, types, units, rows.

The store is filled with a small network's messages by the collector's code, the metrics are the rooms' own.
"""

import json
import re
import time

import pytest
import requests

from contracts.measures import MEASURES
from dashboards.generated_files import ROOM, generated_files
from dashboards.preview.answers import Servers, answers, choices
from dashboards.preview.expansion import Span
from dashboards.scales import UNIT_BY_OURS, unit_of
from local_stack.single import running_influxd
from tests.collector.collector_process import wait_until
from tests.dashboards.filled_metrics import asked_by_prometheus
from tests.dashboards.filled_store import fill

pytestmark = pytest.mark.integration

FILES = generated_files()
BOARDS = {path.stem: json.loads(text) for path, text in FILES.items() if path.parent.name == "generated"}
RULES = json.loads(FILES[ROOM / "provisioning" / "alerting" / "luftstrom-air.json"])["groups"][0]["rules"]
# The sensor that measures everything, where it stands; and a city whose name is hard to ask for.
WANTED = {"sensor": "100", "city": "Aberdeen", "measure": "pm25"}
HARD_CITIES = ("L'Aquila", "Halle (Saale)", "Woluwe/Wolu")
SCRAPE_S = 1
RULES_OF_PIPELINE = ROOM / "provisioning" / "prometheus" / "luftstrom.rules.yml"


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    with running_influxd(tmp_path_factory.mktemp("dashboards-influxd")) as influx:
        fill(influx)
        yield influx


@pytest.fixture(scope="module")
def servers(store, promtool, tmp_path_factory):
    folder = tmp_path_factory.mktemp("dashboards-prometheus")
    with asked_by_prometheus(store, folder, rules=RULES_OF_PIPELINE) as url:
        given = Servers(store.url, store.read_token, url, scrape_s=SCRAPE_S)
        wait_until(lambda: _is_asked(given))
        yield given


def _is_asked(servers):
    """Every job was asked, and what grows twice: a rate needs two points."""
    now_s = int(time.time())
    up = servers.promql("up == 1", Span(now_s, now_s, 1), is_instant=True)
    grown = servers.promql("rate(collector_writes_total[10s]) > 0", Span(now_s, now_s, 1), is_instant=True)
    return len(up) == 6 and bool(grown)


@pytest.fixture(scope="module")
def answered(servers):
    """What each panel of each dashboard shows, asked once."""
    now_s = int(time.time())
    return {
        name: answers(board, servers, choices(board, servers, WANTED), now_s=now_s)
        for name, board in BOARDS.items()
    }


def panels():
    for name, board in BOARDS.items():
        for number, panel in enumerate(board["panels"]):
            if panel.get("targets"):
                yield pytest.param(name, number, id=f"{name}: {panel['title']}")


def names_in(answer):
    """What an override can match: series by alias and column, columns of tables, labels."""
    return {
        name
        for series in answer.series
        for each in series
        for name in (*each.columns, *each.tags, *each.tags.values())
    }


@pytest.mark.parametrize(("name", "number"), list(panels()))
def test_a_panel_has_an_answer_of_the_promised_form(answered, name, number):
    answer = answered[name][number]

    for query, series in zip(answer.queries, answer.series, strict=True):
        values = [value for each in series for row in each.rows for value in row[1:] if value is not None]
        assert values, query
        kinds = {type(value) for value in values}
        assert kinds <= {int, float, str}, query
        if answer.panel["type"] not in ("table", "state-timeline"):
            assert kinds & {int, float}, query


@pytest.mark.parametrize(("name", "number"), list(panels()))
def test_an_override_matches_something_that_is_there(answered, name, number):
    answer = answered[name][number]
    there = names_in(answer)

    for override in answer.panel["fieldConfig"]["overrides"]:
        pattern = override["matcher"]["options"]
        if override["matcher"]["id"] == "byRegexp":
            assert any(re.search(pattern.strip("/"), each) for each in there), pattern
        else:
            assert pattern in there | {"Time"}, pattern


@pytest.mark.parametrize(("name", "number"), list(panels()))
def test_a_unit_is_that_of_the_measures_that_are_asked_for(answered, name, number):
    answer = answered[name][number]
    unit = answer.panel["fieldConfig"]["defaults"]["unit"]

    if unit in UNIT_BY_OURS.values():
        asked = " ".join(answer.queries)
        units = {
            unit_of(each)
            for each in MEASURES
            if re.search(rf'"{each.field}(_mean|_median|_min|_max)?"|\'{each.name}\'', asked)
        }
        assert units == {unit}


@pytest.mark.parametrize("name", ["luftstrom-overview", "luftstrom-data-quality"])
def test_a_table_of_places_or_sensors_has_the_columns_that_its_links_need(answered, name):
    for answer in answered[name]:
        for field in re.findall(r"__data\.fields\.(\w+)", json.dumps(answer.panel)):
            assert all(field in (*each.columns, *each.tags) for series in answer.series for each in series)


@pytest.mark.parametrize("city", HARD_CITIES)
def test_a_city_with_signs_in_its_name_is_found(servers, city):
    board = BOARDS["luftstrom-place"]
    chosen = choices(board, servers, {"city": city})
    shown = {each.panel["title"]: each for each in answers(board, servers, chosen, now_s=int(time.time()))}

    assert shown["European index"].series[0][0].rows


@pytest.mark.parametrize("variable", ["country", "city", "sensor_type", "sensor"])
def test_a_variable_has_options_within_what_was_chosen_before_it(servers, variable):
    board = BOARDS["luftstrom-sensor"]
    chosen = choices(board, servers, {"country": "IT"})

    assert chosen["city"].values == ("L'Aquila",)
    assert chosen["sensor"].values == ("240",)
    assert chosen[variable].values or chosen[variable].all_value


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["uid"])
def test_an_alert_of_the_air_gets_a_number_of_each_city(servers, rule):
    for query in (each["model"]["query"] for each in rule["data"] if "query" in each["model"]):
        series = servers.influxql(query)
        assert len(series) >= 5
        assert {"city", "country"} == set(series[0].tags)
        assert all(
            isinstance(value, float | int) for each in series for row in each.rows for value in row[1:]
        )


def test_prometheus_evaluates_every_rule_of_the_pipeline(servers):
    wait_until(lambda: all(state == "ok" for state in _health_of_rules(servers)))

    assert len(_health_of_rules(servers)) == RULES_OF_PIPELINE.read_text().count("- alert:")


def _health_of_rules(servers):
    found = requests.get(f"{servers.prometheus_url}/api/v1/rules", timeout=10).json()
    return [rule["health"] for group in found["data"]["groups"] for rule in group["rules"]]
