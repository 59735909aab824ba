"""What is generated is whole, current, and names only what there is."""

import json
import math
import re

import pytest

from contracts.air_quality_indices import (
    EUROPEAN_CATEGORIES,
    EUROPEAN_UPPER_UG_M3_BY_MEASURE,
    INDEX_MEASURES,
    LIMITS,
    US_CATEGORIES,
    european_level,
)
from contracts.measures import MEASURES
from contracts.stored import BUCKETS, MEASUREMENTS
from dashboards import scales
from dashboards.boards.forecast import FORECAST_MEASURES
from dashboards.generated_files import ROOM, generated_files
from dashboards.preview.expansion import Chosen, Span, UnknownVariableError, expanded

FILES = generated_files()
BOARDS = {path.stem: json.loads(text) for path, text in FILES.items() if path.parent.name == "generated"}
GRID_WIDTH = 24
BUILTIN = {"timeFilter", "__interval", "__rate_interval", "__range", "__url_time_range", "__data", "__from"}
ALIASES = {"col", "tag_flag", "tag_horizon_group", "tag_measure"}
DATA_LINK = re.compile(r"\$\{?(\w+)")


def panels_of(board):
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def shown_panels():
    for name, board in BOARDS.items():
        for panel in panels_of(board):
            yield pytest.param(panel, id=f"{name}: {panel['title'] or panel['type']}")


def targets():
    for name, board in BOARDS.items():
        for panel in panels_of(board):
            for target in panel.get("targets", []):
                yield pytest.param(target, id=f"{name}: {panel['title']} {target['refId']}")


def influx_queries():
    queries = [
        target.values[0]["query"]
        for target in targets()
        if target.values[0]["datasource"]["type"] == "influxdb"
    ]
    asked = [
        v["query"] for board in BOARDS.values() for v in board["templating"]["list"] if v["type"] == "query"
    ]
    return sorted({*queries, *asked})


def steps_of(panel):
    return panel["fieldConfig"]["defaults"]["thresholds"]["steps"]


def test_what_is_generated_lies_there_and_nothing_else():
    lying = {path: path.read_text() for path in (ROOM / "generated").iterdir()}

    assert lying == {path: text for path, text in FILES.items() if path.parent.name == "generated"}, (
        "stale: make dashboards"
    )


def test_the_eight_dashboards_are_there():
    assert {name.removeprefix("luftstrom-") for name in BOARDS} == {
        "overview", "place", "sensor", "forecast", "forecast-skill", "data-quality", "pipeline", "resources",
    }  # fmt: skip


@pytest.mark.parametrize("name", BOARDS)
def test_a_dashboard_is_of_the_v1_model_and_has_its_files_name(name):
    board = BOARDS[name]

    assert (board["uid"], board["schemaVersion"], board["editable"]) == (name, 42, False)
    assert board["description"]
    assert board["tags"] == ["luftstrom"]


@pytest.mark.parametrize("name", BOARDS)
def test_panels_lie_side_by_side_within_the_grid(name):
    taken = set()
    for panel in BOARDS[name]["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= GRID_WIDTH
        taken |= cells


@pytest.mark.parametrize("name", BOARDS)
def test_every_panel_has_a_number_of_its_own(name):
    numbers = [panel["id"] for panel in BOARDS[name]["panels"]]

    assert len(set(numbers)) == len(numbers)


@pytest.mark.parametrize("panel", list(shown_panels()))
def test_a_panel_says_what_it_shows_in_which_unit(panel):
    assert len(panel["description"]) > 10
    if panel["type"] != "text":
        assert panel["title"]
        assert panel["targets"]
        assert panel["fieldConfig"]["defaults"]["unit"]


@pytest.mark.parametrize("name", BOARDS)
def test_a_dashboard_tells_whose_data_they_are_and_that_sensors_are_indicative(name):
    notes = [panel["options"]["content"] for panel in panels_of(BOARDS[name]) if panel["type"] == "text"]

    assert any("sensor.community" in note and "Indicative sensors" in note for note in notes)


@pytest.mark.parametrize("name", BOARDS)
def test_every_variable_that_is_named_is_there_and_above_what_needs_it(name):
    board, known = BOARDS[name], set(BUILTIN)
    for variable in board["templating"]["list"]:
        if variable["type"] == "query":
            assert set(DATA_LINK.findall(variable["query"])) <= known
        known.add(variable["name"])

    assert set(DATA_LINK.findall(json.dumps([board["panels"], board["links"]]))) <= known | ALIASES


@pytest.mark.parametrize("name", BOARDS)
def test_no_data_source_is_fixed(name):
    uids = re.findall(r'"uid": "([^"]+)"', json.dumps([BOARDS[name]["panels"], BOARDS[name]["templating"]]))

    assert set(uids) <= {"${ds}", "${prom}"}


@pytest.mark.parametrize("name", BOARDS)
def test_a_link_leads_to_a_dashboard_that_is_there_and_sets_what_it_has(name):
    for target, query in re.findall(r"/d/([\w-]+)\?([^\"]*)", json.dumps(BOARDS[name])):
        variables = {each["name"] for each in BOARDS[target]["templating"]["list"]}
        assert set(re.findall(r"var-(\w+)=", query)) <= variables


def test_a_sensor_is_one_click_from_the_map_and_the_raw_archive_one_from_the_sensor():
    assert "/d/luftstrom-place?" in json.dumps(BOARDS["luftstrom-overview"])
    assert "/d/luftstrom-sensor?" in json.dumps(BOARDS["luftstrom-place"])
    assert "https://archive.sensor.community/" in json.dumps(BOARDS["luftstrom-sensor"]["links"])


@pytest.mark.parametrize("query", influx_queries())
def test_a_query_names_only_what_is_stored(query):
    measurements = {each.name: each for each in MEASUREMENTS}
    named = re.findall(r'(?:FROM|ON) "(\w+)"(?:\.\.| FROM )"(\w+)"', query)
    assert named
    for bucket, name in named:
        assert measurements[name].bucket.name == bucket

    fields = {field for _, name in named for field in (*measurements[name].fields, *measurements[name].tags)}
    made = set(re.findall(r'AS "([^"]+)"', query))
    buckets = {each.name for each in BUCKETS}
    unknown = set(re.findall(r'"([\w$]+)"', query)) - fields - made - set(measurements) - buckets
    assert {name for name in unknown if "$" not in name} == set()


@pytest.mark.parametrize("measure", INDEX_MEASURES)
def test_a_colour_changes_where_the_european_level_does(measure):
    colours = scales.european_thresholds(measure).build().steps
    for bound in EUROPEAN_UPPER_UG_M3_BY_MEASURE[measure]:
        for value in (bound, math.nextafter(bound, math.inf)):
            shown = [each.color for each in colours if each.value is None or each.value <= value][-1]
            assert shown == EUROPEAN_CATEGORIES[european_level(measure, value) - 1].colour


def test_the_us_index_is_coloured_and_named_as_its_categories():
    steps, names = scales.index_thresholds(US_CATEGORIES).build().steps, scales.us_names()

    for step, name, category in zip(steps, names, US_CATEGORIES, strict=True):
        assert step.color == name.options.result.color == category.colour
        assert name.options.result.text == category.name
        assert (step.value or 0, name.options.from_val) == (category.low, category.low)
        assert category.high in (500, name.options.to)


def test_a_level_is_named_as_the_agency_does():
    (names,) = scales.european_names()

    assert {level: each.text for level, each in names.options.items()} == {
        str(each.low): each.name for each in EUROPEAN_CATEGORIES
    }


@pytest.mark.parametrize("measure", INDEX_MEASURES)
def test_particles_are_shown_beside_every_limit_of_a_day(measure):
    text = json.dumps(BOARDS["luftstrom-place"], ensure_ascii=False)

    for limit in LIMITS:
        if limit.period == "day" and limit.measure == measure:
            assert f'* 0 + {limit.ug_m3:g} AS \\"{scales.limit_name(limit)}\\"' in text


def test_every_unit_has_a_name_in_grafana():
    assert {each.unit for each in MEASURES} == set(scales.UNIT_BY_OURS)


def test_every_measure_that_has_a_champion_has_a_forecast_on_show():
    champions = ROOM.parent / "model_training" / "champions"

    assert set(FORECAST_MEASURES) == {path.name for path in champions.iterdir() if path.is_dir()}


SPAN = Span(0, 3600, 10)


def test_a_value_that_has_signs_of_a_regular_expression_is_escaped():
    several = Chosen(("Halle (Saale)", "a/b"), "two")

    assert expanded("/^${city:regex}$/", {"city": several}, SPAN) == r"/^(Halle \(Saale\)|a\/b)$/"


def test_all_is_its_own_expression():
    assert expanded("${city:regex} $city", {"city": Chosen((), "All", ".*")}, SPAN) == ".* .*"


def test_a_variable_that_nobody_chose_is_an_error():
    with pytest.raises(UnknownVariableError, match=r"\$nobody"):
        expanded("$nobody", {}, SPAN)


def test_time_and_interval_are_put_in():
    query = expanded("$timeFilter GROUP BY time($__interval)", {}, SPAN)

    assert query == "time >= 0000ms AND time <= 3600000ms GROUP BY time(10s)"
