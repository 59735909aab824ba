"""The alerts on the air: whole, with their limits from `contracts`, and without a secret."""

import json
import re

import pytest

from contracts.air_quality_indices import INDEX_MEASURES, LIMITS
from contracts.measures import MEASURE_BY_NAME
from dashboards.air_alerts import limit_of
from dashboards.generated_files import ROOM, generated_files

PROVISIONING = ROOM / "provisioning"
ALERTING = PROVISIONING / "alerting"
RULES = [
    rule
    for group in json.loads(generated_files()[ALERTING / "luftstrom-air.json"])["groups"]
    for rule in group["rules"]
]


def math_of(rule):
    (model,) = [each["model"] for each in rule["data"] if each["model"].get("type") == "math"]
    return model["expression"]


def test_the_rules_lie_there_as_they_are_generated():
    path = ALERTING / "luftstrom-air.json"

    assert path.read_text() == generated_files()[path], "stale: make dashboards"


def test_each_particle_measure_has_its_four_alerts():
    assert {rule["uid"] for rule in RULES} == {
        f"luftstrom-{measure}-{name}"
        for measure in INDEX_MEASURES
        for name in ("limit-exceeded", "limit-forecast", "many-at-once", "one-alone")
    }


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["uid"])
def test_a_rule_says_what_it_means_and_where_to_read_on(rule):
    page = ROOM.parent / rule["annotations"]["runbook"]

    assert "## What to do" in page.read_text()
    assert "$labels.city" in rule["annotations"]["summary"]
    assert rule["labels"]["severity"] in ("info", "warning")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["uid"])
def test_a_condition_is_over_letters_that_are_there(rule):
    letters = {each["refId"] for each in rule["data"]}
    reduced = {each["model"]["expression"] for each in rule["data"] if each["model"].get("type") == "reduce"}

    assert set(re.findall(r"\$([A-Z])", math_of(rule))) <= letters
    assert reduced <= letters
    assert rule["condition"] in letters


@pytest.mark.parametrize("measure", INDEX_MEASURES)
def test_an_alert_waits_for_the_laxest_limit_of_a_day(measure):
    limits = [each.ug_m3 for each in LIMITS if each.measure == measure and each.period == "day"]
    (exceeded,) = [rule for rule in RULES if rule["uid"] == f"luftstrom-{measure}-limit-exceeded"]

    assert limit_of(MEASURE_BY_NAME[measure]) == max(limits)
    assert math_of(exceeded) == f"$A > {max(limits):g}"
    assert exceeded["for"] == "1h"


@pytest.mark.parametrize("path", sorted(PROVISIONING.glob("*/*.yaml")), ids=lambda path: path.name)
def test_no_file_has_a_secret_or_an_address(path):
    lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]

    for line in lines:
        for setting, value in re.findall(r"(url|addresses|password|token|httpHeaderValue1): *([^,}]+)", line):
            assert value.startswith(("$", "Token $__file{")), setting


def test_every_variable_of_the_environment_is_in_the_readme():
    named = {
        name
        for path in PROVISIONING.glob("*/*.yaml")
        for name in re.findall(r"\$\{?(LUFTSTROM_\w+)", path.read_text())
    }
    readme = (ROOM / "README.md").read_text()

    assert named
    assert all(f"`{name}`" in readme for name in named)


def test_rules_ask_the_data_source_that_is_provisioned():
    sources = (PROVISIONING / "datasources" / "luftstrom.yaml").read_text()
    uids = {each["datasourceUid"] for rule in RULES for each in rule["data"]} - {"__expr__"}

    assert all(f"uid: {uid}\n" in sources for uid in uids)
