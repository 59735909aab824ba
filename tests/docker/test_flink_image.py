"""The image of the Flink jobs, as Flink's Kubernetes operator runs it: PythonDriver, `-pym flink_jobs`."""

import pytest

from contracts.topics import TOPICS
from local_stack.ports import free_ports
from runtime.topic_setup import create_topics
from tests.docker.builder import MB

pytestmark = [pytest.mark.kubernetes, pytest.mark.flink, pytest.mark.timeout(1500)]

BUDGET_MB = 1200
UID = 9999
FLINK = "/opt/flink"


def test_it_is_within_its_budget_and_runs_as_nobody(image, builder):
    name = image("flink-jobs")

    assert builder.size(name) <= BUDGET_MB * MB
    assert builder.configuration(name)["User"] == f"{UID}:{UID}"


def test_everything_that_the_operator_starts_is_there(image, containers):
    started = ("kubernetes-jobmanager.sh", "kubernetes-taskmanager.sh", "flink")
    jars = (
        "opt/flink-python",
        "lib/flink-sql-connector-kafka",
        "plugins/s3/flink",
        "plugins/metrics-prometheus/flink",
    )
    looked = " && ".join(f"ls {FLINK}/{jar}-*.jar" for jar in jars)
    command = f"{looked} && command -v {' '.join(started)}"
    ended = containers.run(image("flink-jobs"), "bash", "-c", command, uid=UID)

    assert ended.returncode == 0, ended.stderr


def test_the_python_driver_plans_the_job_and_hands_it_over(image, containers, kafka):
    create_topics(kafka.bootstrap_servers, TOPICS, lambda _line: None)
    rest_port, metrics_port = free_ports(2)
    environment = {"FLINK_JOBS_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers, "_JAVA_OPTIONS": "-Xmx768m"}
    options = {
        "execution.target": "local",  # a cluster that ends with its client
        "rest.port": rest_port,
        "metrics.reporter.prom.port": metrics_port,
    }
    ended = containers.run(
        image("flink-jobs"), "flink", "run", *(f"-D{name}={value}" for name, value in options.items()),
        "-pym", "flink_jobs", "split", environment=environment, uid=UID,
    )  # fmt: skip

    assert "Job has been submitted with JobID" in ended.stdout, ended.stderr[-3000:]
