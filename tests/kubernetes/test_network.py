"""The graph of the rendered network policies: what each pod is told to reach it may reach, and nothing else.

Whether a CNI enforces them is not tried here: this is the text alone.
"""

import re

import pytest

from tests.kubernetes.rendering import (
    BUCKET_OF_OTHERS,
    BUCKET_OF_OURS,
    PROFILES,
    SERVERS_OF_OTHERS,
    of_kind,
    rendered,
)

pytestmark = pytest.mark.kubernetes

SERVICE = re.compile(r"//(?:[^@/]*@)?luftstrom-([a-z-]+):(\d+)|^luftstrom-([a-z-]+):(\d+)")
# A Service's port, where the pod listens on another one.
POD_PORT = {("live-page", 80): 8080}
FLOW = {
    ("scraper", "kafka", 9093), ("scraper", "valkey", 6379), ("scraper", "pushgateway", 9091),
    ("flink", "kafka", 9093), ("flink", "object-store", 8333),
    ("collector", "kafka", 9093), ("collector", "influxdb", 8086),
    ("predictor", "kafka", 9093), ("predictor", "influxdb", 8086),
    ("live-page", "influxdb", 8086), ("live-page", "collector", 9464), ("live-page", "predictor", 9464),
    ("bootstrap", "influxdb", 8086),
    ("test", "live-page", 8080), ("test", "live-page", 9464), ("test", "predictor", 9464),
    ("test", "collector", 9464), ("test", "influxdb", 8086),
}  # fmt: skip
AMONG_THEMSELVES = {("flink", "flink"), ("kafka", "kafka")}


def component(selector):
    labels = selector["matchLabels"]
    return "kafka" if "strimzi.io/cluster" in labels else labels.get("app.kubernetes.io/name", "everyone")


def edges(profile, direction, *sets):
    """(from, to, port) of each allowance between pods of ours."""
    found = set()
    for policy in of_kind(rendered(profile, *sets), "NetworkPolicy").values():
        spec = policy["spec"]
        if not spec["podSelector"]:
            continue
        own, other_key = component(spec["podSelector"]), "from" if direction == "ingress" else "to"
        for rule in spec.get(direction, []):
            others = [component(peer["podSelector"]) for peer in rule[other_key] if "podSelector" in peer]
            pairs = [(other, own) if direction == "ingress" else (own, other) for other in others]
            found |= {(*pair, port["port"]) for pair in pairs for port in rule["ports"]}
    return found


@pytest.mark.parametrize("profile", PROFILES)
def test_everything_is_denied_first(profile):
    deny = of_kind(rendered(profile), "NetworkPolicy")["luftstrom-deny-all"]["spec"]

    assert deny == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


@pytest.mark.parametrize("profile", PROFILES)
def test_whoever_may_send_is_also_let_in(profile):
    assert edges(profile, "egress") == edges(profile, "ingress")


def test_the_edges_are_those_of_the_data_flow():
    between = {edge for edge in edges("default", "egress") if edge[:2] not in AMONG_THEMSELVES}

    assert between == FLOW


@pytest.mark.parametrize("profile", PROFILES)
def test_each_address_that_a_pod_is_told_may_be_reached_by_it(profile):
    may = edges(profile, "egress")
    told = set(told_addresses(rendered(profile)))

    assert len(told) > 8
    for sender, service, port in told:
        name = "kafka" if service == "kafka-bootstrap" else service
        assert (sender, name, POD_PORT.get((name, port), port)) in may, (sender, service, port)


def told_addresses(documents):
    for each in documents:
        template = each.get("spec", {}).get("template") or each.get("spec", {}).get("podTemplate") or {}
        if each["kind"] == "CronJob":
            template = each["spec"]["jobTemplate"]["spec"]["template"]
        for container in template.get("spec", {}).get("containers", []):
            for variable in container.get("env", []):
                for address in variable.get("value", "").split(","):
                    found = SERVICE.search(address)
                    if found:
                        service, port = found[1] or found[3], int(found[2] or found[4])
                        yield template["metadata"]["labels"]["app.kubernetes.io/name"], service, port


def test_the_scraper_alone_goes_out_and_not_to_private_addresses():
    policies = of_kind(rendered("default"), "NetworkPolicy")
    outside = {
        name: each["spec"]["egress"][0]["to"][0]["ipBlock"]
        for name, each in policies.items()
        for rule in each["spec"].get("egress", [])
        if any("ipBlock" in peer for peer in rule["to"])
    }

    assert set(outside) == {
        "luftstrom-scraper-to-internet", "luftstrom-bootstrap-to-api-server", "luftstrom-flink-to-api-server",
        "luftstrom-kafka-to-api-server",
    }  # fmt: skip
    assert "10.0.0.0/8" in outside["luftstrom-scraper-to-internet"]["except"]


def test_servers_of_others_may_be_reached_by_whoever_uses_them():
    policies = of_kind(rendered("default", *SERVERS_OF_OTHERS), "NetworkPolicy")
    reached = {}
    for server in ("kafka", "influxdb", "valkey"):
        spec = policies[f"luftstrom-to-{server}-of-others"]["spec"]
        (expression,) = spec["podSelector"]["matchExpressions"]
        reached[server] = (set(expression["values"]), spec["egress"][0]["ports"][0]["port"])

    assert reached == {
        "kafka": ({"scraper", "flink", "collector", "predictor"}, 9093),
        "influxdb": ({"collector", "predictor", "live-page", "bootstrap"}, 8086),
        "valkey": ({"scraper"}, 6379),
    }


def test_models_in_our_own_object_store_are_reached_by_the_predictor():
    for direction in ("egress", "ingress"):
        assert edges("default", direction, *BUCKET_OF_OURS) - edges("default", direction) == {
            ("predictor", "object-store", 8333)
        }


@pytest.mark.parametrize(
    ("profile", "sets", "ports_by_name"),
    [
        ("default", (), {}),
        ("default", BUCKET_OF_OURS, {}),
        ("default", BUCKET_OF_OTHERS, {"predictor": 9000}),
        (
            "small",
            ("predictor.registryS3.url=s3://models", "predictor.registryS3.existingSecret=models"),
            {"predictor": 443},
        ),
        (
            "small",
            (*BUCKET_OF_OTHERS, "predictor.registryS3.endpoint=http://s3.example.org"),
            {"predictor": 80},
        ),
        ("prod", BUCKET_OF_OTHERS, {"predictor": 9000, "flink": 443}),
    ],
)
def test_a_bucket_of_others_is_reached_by_whoever_has_something_there(profile, sets, ports_by_name):
    policies = of_kind(rendered(profile, *sets), "NetworkPolicy")
    reached = {
        component(each["spec"]["podSelector"]): each["spec"]["egress"][0]["ports"][0]["port"]
        for name, each in policies.items()
        if name.endswith("-to-s3")
    }

    assert reached == ports_by_name
