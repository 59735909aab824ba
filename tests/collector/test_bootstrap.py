"""InfluxDB is made ready: buckets, retention, names for InfluxQL, tokens that may do what they should."""

import base64
import json
import os
import re
import stat
import subprocess
import sys
import threading
import time
import uuid
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import requests

from collector.bootstrap import TokenFolder, bootstrap, rotate_tokens
from collector.bootstrap.kubernetes_secret import KubernetesSecret
from collector.bootstrap.settings import BootstrapSettings
from collector.bootstrap.tokens import SCOPES
from collector.influx_api import InfluxApi
from contracts.errors import BadInputError, UnavailableError
from contracts.stored import BUCKETS, LIVE, LIVE_BUCKET, ORG, RETENTION_S_BY_BUCKET
from local_stack.single import running_influxd
from runtime.settings import environment_name
from tests.collector.builders import a_body
from tests.collector.collector_process import CollectorProcess, Servers, wait_until

NAMES = {scope.name for scope in SCOPES}


@pytest.fixture(scope="module")
def own_influx(tmp_path_factory):
    """One of our own: rotating ends the tokens of everybody else."""
    with running_influxd(tmp_path_factory.mktemp("influxd")) as server:
        yield server


@pytest.fixture
def made_ready(own_influx):
    def make(tokens, **given):
        access = {"url": own_influx.url, "org": ORG, "operator_token": own_influx.operator_token}
        bootstrap(**access, tokens=tokens, **given)

    return make


@pytest.fixture
def tokens(own_influx, tmp_path, made_ready):
    store = TokenFolder(tmp_path / "secrets")
    made_ready(store)
    return store


def status_of_write(influx, token, bucket):
    answer = requests.post(
        f"{influx.url}/api/v2/write",
        params={"org": ORG, "bucket": bucket, "precision": "s"},
        headers={"Authorization": f"Token {token}"},
        data=f"probe a=1.0 {int(time.time())}",
        timeout=10,
    )
    return answer.status_code


def may_read(influx, token, bucket):
    answer = requests.get(
        f"{influx.url}/query",
        params={"db": bucket, "q": "SELECT * FROM probe"},
        headers={"Authorization": f"Token {token}"},
        timeout=10,
    )
    return answer.ok and "probe" in answer.text and "error" not in answer.text


@pytest.mark.integration
@pytest.mark.parametrize("scope", SCOPES, ids=lambda scope: scope.name)
def test_a_token_may_do_what_its_scope_says_and_nothing_else(own_influx, tokens, scope):
    token = tokens.read(scope.name)
    for bucket in RETENTION_S_BY_BUCKET:
        assert status_of_write(own_influx, tokens.read("collector"), bucket) == 204
        is_in_scope = bucket in scope.buckets
        assert may_read(own_influx, token, bucket) is (is_in_scope and "read" in scope.actions)
        assert (status_of_write(own_influx, token, bucket) == 204) is (
            is_in_scope and "write" in scope.actions
        )
    authorizations = requests.get(
        f"{own_influx.url}/api/v2/authorizations", headers={"Authorization": f"Token {token}"}, timeout=10
    )
    assert authorizations.json().get("authorizations", []) == []


@pytest.mark.integration
def test_influxql_finds_every_bucket_by_a_mapping_of_ours(own_influx, tokens):
    influx = InfluxApi(own_influx.url, own_influx.operator_token)
    org_id = influx.get("/api/v2/orgs")["orgs"][0]["id"]
    mappings = influx.get("/api/v2/dbrps", orgID=org_id)["content"]

    ours = {each["database"] for each in mappings if not each.get("virtual", False)}
    assert ours == set(RETENTION_S_BY_BUCKET)


@pytest.mark.integration
def test_a_retention_that_changed_in_the_contracts_is_set_and_told(own_influx, tokens, made_ready):
    told = []
    made_ready(tokens, tell=told.append, buckets=(replace(LIVE, retention_s=86_400), *BUCKETS[1:]))
    made_ready(tokens, tell=told.append)

    kept = f"{RETENTION_S_BY_BUCKET[LIVE_BUCKET] / 86_400:g} days"
    assert told == [
        f"bucket {LIVE_BUCKET} keeps 1 days from now on, it kept {kept}",
        f"bucket {LIVE_BUCKET} keeps {kept} from now on, it kept 1 days",
    ]


@pytest.mark.integration
@pytest.mark.parametrize("bucket", BUCKETS, ids=lambda bucket: bucket.name)
def test_a_bucket_keeps_what_it_should_in_pieces_as_it_should(own_influx, tokens, bucket):
    influx = InfluxApi(own_influx.url, own_influx.operator_token)
    (found,) = influx.get("/api/v2/buckets", name=bucket.name)["buckets"]

    assert found["retentionRules"] == [
        {
            "type": "expire",
            "everySeconds": bucket.retention_s,
            "shardGroupDurationSeconds": bucket.shard_s,
        }
    ]


@pytest.mark.integration
def test_a_second_run_keeps_the_tokens_and_tells_nothing(tokens, made_ready):
    before, told = {name: tokens.read(name) for name in NAMES}, []
    made_ready(tokens, tell=told.append)

    assert {name: tokens.read(name) for name in NAMES} == before
    assert told == []


@pytest.mark.integration
def test_a_token_of_buckets_that_were_made_anew_is_replaced(own_influx, tokens, made_ready):
    before = tokens.read("reader")
    influx = InfluxApi(own_influx.url, own_influx.operator_token)
    (bucket,) = influx.get("/api/v2/buckets", name=LIVE_BUCKET)["buckets"]
    influx.delete(f"/api/v2/buckets/{bucket['id']}")
    made_ready(tokens)

    assert tokens.read("reader") != before
    assert status_of_write(own_influx, tokens.read("collector"), LIVE_BUCKET) == 204
    assert may_read(own_influx, tokens.read("reader"), LIVE_BUCKET)
    assert status_of_write(own_influx, before, LIVE_BUCKET) == 401


@pytest.mark.integration
def test_rotation_replaces_one_token_ends_the_older_ones_and_leaves_the_others(
    own_influx, tokens, made_ready, tmp_path
):
    lost = TokenFolder(tmp_path / "lost")
    made_ready(lost)
    before = {name: tokens.read(name) for name in NAMES}
    access = {"url": own_influx.url, "org": ORG, "operator_token": own_influx.operator_token}

    assert rotate_tokens(["reader"], **access, tokens=tokens) == ["reader"]

    after = {name: tokens.read(name) for name in NAMES}
    assert {name for name in NAMES if after[name] != before[name]} == {"reader"}
    assert status_of_write(own_influx, after["collector"], LIVE_BUCKET) == 204
    assert may_read(own_influx, after["reader"], LIVE_BUCKET)
    for ended in (before["reader"], lost.read("reader")):
        assert status_of_write(own_influx, ended, LIVE_BUCKET) == 401
    path = tmp_path / "secrets" / "reader.token"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    made_ready(tokens)
    assert {name: tokens.read(name) for name in NAMES} == after


@pytest.mark.integration
def test_a_running_collector_goes_on_with_a_rotated_token_and_loses_nothing(
    kafka, own_influx, made_ready, tmp_path
):
    tokens = TokenFolder(own_influx.secrets_dir)
    made_ready(tokens)
    servers = Servers(kafka, own_influx, kind=f"T{uuid.uuid4().hex}")
    servers.create_topics()
    group_id = f"test-{uuid.uuid4().hex}"
    collector = CollectorProcess(kafka=kafka, influx=own_influx, group_id=group_id, folder=tmp_path)
    collector.environment["COLLECTOR_INFLUX_TOKEN_FILE"] = str(tokens.path("collector"))
    now_s = int(time.time())

    def publish(number):
        body = a_body(sensor_id=number, observed_at_s=now_s, sensor_type=servers.kind)
        servers.publish({"pm10": [(str(number), body)]})

    collector.start()
    try:
        publish(1)
        wait_until(lambda: servers.stored("pm10_ug_m3") == 1)
        access = {"url": own_influx.url, "org": ORG, "operator_token": own_influx.operator_token}
        rotate_tokens(["collector"], **access, tokens=tokens)
        publish(2)
        wait_until(lambda: servers.stored("pm10_ug_m3") == 2)
        assert collector.is_running
    finally:
        collector.kill()


def test_an_unknown_token_is_refused_before_anything_is_done(tmp_path):
    with pytest.raises(BadInputError, match=r"nobody.*collector, predictor"):
        rotate_tokens(
            ["reader", "nobody"],
            url="http://127.0.0.1:1",
            org=ORG,
            operator_token="any",
            tokens=TokenFolder(tmp_path),
        )


def run_bootstrap(*arguments, **environment):
    given = {f"BOOTSTRAP_{name}": str(value) for name, value in environment.items()}
    return subprocess.run(
        [sys.executable, "-m", "collector.bootstrap", *arguments],
        env={"PATH": os.environ["PATH"], **given},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.integration
def test_the_command_makes_ready_and_rotates(own_influx, tmp_path):
    operator_file = tmp_path / "operator"
    operator_file.write_text(own_influx.operator_token)
    given = {
        "INFLUX_URL": own_influx.url,
        "OPERATOR_TOKEN_FILE": operator_file,
        "SECRETS_DIR": tmp_path / "made",
    }
    first = run_bootstrap(**given)
    before = TokenFolder(tmp_path / "made").read("grafana")
    second = run_bootstrap("--rotate", "grafana", **given)
    after = TokenFolder(tmp_path / "made").read("grafana")

    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert before != after
    said = first.stdout + first.stderr + second.stdout + second.stderr
    assert all(secret not in said for secret in (before, after, own_influx.operator_token))


@pytest.mark.slow
def test_the_commands_help_names_every_setting_and_token():
    shown = run_bootstrap("--help").stdout

    for field in BootstrapSettings.model_fields:
        assert environment_name(BootstrapSettings, field) in shown
    for name in NAMES:
        assert name in shown


@pytest.mark.slow
@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "BOOTSTRAP_INFLUX_URL is not set"),
        ({"SECRETS_DIR": "a", "KUBERNETES_SECRET": "b"}, "not both"),
        ({"OPERATOR_TOKEN_FILE": "nowhere", "SECRETS_DIR": "a"}, "BOOTSTRAP_OPERATOR_TOKEN_FILE=nowhere"),
    ],
)
def test_a_wrong_setting_is_named(given, said):
    full = {"INFLUX_URL": "http://127.0.0.1:1", "OPERATOR_TOKEN_FILE": "x", **given} if given else {}
    ended = run_bootstrap(**full)

    assert ended.returncode == 2
    assert said in ended.stderr


class KubernetesTwin(BaseHTTPRequestHandler):
    """The part of the API of Secrets that we use, as its reference describes it."""

    secrets: dict

    def do_GET(self):
        self._answer(self.secrets.get(self.path.rpartition("/")[2]))

    def do_PATCH(self):
        secret = self.secrets.get(self.path.rpartition("/")[2])
        if secret is not None:
            assert self.headers["Content-Type"] == "application/merge-patch+json"
            secret["data"].update(self._coded(self._body()))
        self._answer(secret)

    def do_POST(self):
        body = self._body()
        self.secrets[body["metadata"]["name"]] = {"data": self._coded(body)}
        self._answer(self.secrets[body["metadata"]["name"]])

    def _body(self):
        assert self.headers["Authorization"] == "Bearer the-account"
        assert self.path.startswith("/api/v1/namespaces/luftstrom/secrets")
        return json.loads(self.rfile.read(int(self.headers["Content-Length"])))

    @staticmethod
    def _coded(body):
        return {name: base64.b64encode(text.encode()).decode() for name, text in body["stringData"].items()}

    def _answer(self, found):
        self.send_response(404 if found is None else 200)
        self.end_headers()
        self.wfile.write(json.dumps(found or {"code": 404}).encode())

    def log_message(self, *_given):
        """Say nothing."""


@pytest.fixture
def account_dir(tmp_path):
    for name, text in (("token", "the-account"), ("namespace", "luftstrom"), ("ca.crt", "")):
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.fixture
def kubernetes():
    handler = type("Handler", (KubernetesTwin,), {"secrets": {}})
    server = HTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", handler.secrets
    server.shutdown()
    thread.join()
    server.server_close()


def test_tokens_go_to_a_secret_of_kubernetes_and_come_back(kubernetes, account_dir):
    url, secrets = kubernetes
    store = KubernetesSecret("influx-tokens", url=url, account_dir=account_dir)

    assert store.read("reader") is None
    store.store("reader", "first")
    store.store("collector", "second")
    store.store("reader", "third")

    assert {name: store.read(name) for name in ("reader", "collector")} == {
        "reader": "third",
        "collector": "second",
    }
    assert list(secrets) == ["influx-tokens"]


def test_outside_a_cluster_the_remedy_is_named(tmp_path):
    with pytest.raises(UnavailableError, match="BOOTSTRAP_SECRETS_DIR"):
        KubernetesSecret("influx-tokens", url="http://127.0.0.1:1", account_dir=tmp_path / "nowhere")


def test_the_readme_has_every_setting_and_every_token():
    readme = (Path(__file__).parents[2] / "collector" / "bootstrap" / "README.md").read_text()

    named = set(re.findall(r"`(BOOTSTRAP_[A-Z0-9_]+)`", readme))
    assert named == {environment_name(BootstrapSettings, field) for field in BootstrapSettings.model_fields}
    for scope in SCOPES:
        assert f"| `{scope.name}` | {' and '.join(scope.actions)} all buckets | " in readme
