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
from dashboards.preview.picture import chart_library, drawn, page
from dashboards.preview.tables import rows_of
from dashboards.scales import UNIT_BY_OURS, unit_of
from local_stack.settings import cache_dir
from local_stack.single import running_influxd
from tests.collector.collector_process import wait_until
from tests.dashboards.filled_metrics import asked_by_prometheus, has_answers
from tests.dashboards.filled_store import fill
from tests.debian_packages import require_tools

pytestmark = pytest.mark.integration

FILES = generated_files()
BOARDS = {path.stem: json.loads(text) for path, text in FILES.items() if path.parent.name == "generated"}
RULES = json.loads(FILES[ROOM / "provisioning" / "alerting" / "luftstrom-air.json"])["groups"][0]["rules"]
# The sensor that measures everything, where it stands; and a city whose name is hard to ask for.
WANTED = {"sensor": "100", "city": "Aberdeen", "measure": "pm25"}
HARD_CITIES = ("L'Aquila", "Halle (Saale)", "Woluwe/Wolu")
# Together they have every type of panel.
DRAWN = ("luftstrom-overview", "luftstrom-sensor", "luftstrom-forecast-skill")
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
        wait_until(lambda: has_answers(given))
        yield given


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


def is_of_rows(param):
    name, number = param.values
    return BOARDS[name]["panels"][number]["type"] in ("table", "geomap")


def names_in(answer):
    """What an override can match: columns, labels, and names that a target gives its series."""
    aliases = {target.get("alias", "") for target in answer.panel["targets"]}
    return aliases | {
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
            assert pattern in there | {"Time", "Value"}, pattern


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


@pytest.mark.parametrize(("name", "number"), [each for each in panels() if is_of_rows(each)])
def test_the_rows_of_a_table_or_map_are_whole(answered, name, number):
    """What is coloured, linked by, placed or ordered by stands in one row."""
    answer = answered[name][number]
    text = json.dumps(answer.panel)
    needed = set(re.findall(r"__data\.fields\.(\w+)", text))
    for each in answer.panel.get("transformations", []):
        needed |= set(each["options"].get("indexByName", {}))
    if answer.panel["type"] == "geomap":
        style = answer.panel["options"]["layers"][0]["config"]["style"]
        needed |= {"lat", "lon", style["color"]["field"]} | ({style["size"].get("field")} - {None})
    rows = rows_of(answer)

    assert rows
    assert all(row.get(column) is not None for row in rows for column in needed), needed


@pytest.mark.parametrize("name", DRAWN)
def test_every_panel_is_drawn_by_a_real_browser(answered, servers, name):
    require_tools({"chromium": "chromium"})
    html = page(
        BOARDS[name], answered[name], choices(BOARDS[name], servers, WANTED), chart_library(cache_dir())
    )
    shown = drawn(html)

    assert 'data-drawn="yes"' in shown
    assert "preview, not Grafana" in shown
    assert 'class="nothing"' not in shown


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
