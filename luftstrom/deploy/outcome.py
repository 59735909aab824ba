"""Brings the system up by the plan, and says where it is then and how to read its passwords."""

from collections.abc import Callable
from dataclasses import replace

from luftstrom.deploy.chart_files import take_dashboards
from luftstrom.deploy.plan import SAVEPOINTS, Deployment, steps_up
from luftstrom.deploy.platform import NAMESPACE, Platform
from luftstrom.deploy.running import output, run_steps
from luftstrom.deploy.steps import reading

Tell = Callable[[str], None]


def bring_up(platform: Platform, wanted: Deployment, tell: Tell) -> None:
    """Do the plan; raises UnavailableError with the trouble of the step that fails."""
    take_dashboards()
    wanted = replace(wanted, savepoint_by_job=kept_savepoints(wanted.jobs))
    run_steps(steps_up(platform, wanted), tell)
    for line in where_it_is(platform, wanted):
        tell(line)


def kept_savepoints(jobs: tuple[str, ...]) -> dict[str, str]:
    """Where `down` left a job's state, for those that no resource knows any more."""
    paths = {}
    for job in jobs:
        if output(reading(f"flinkdeployment/{NAMESPACE}-{job}", "name")) is not None:
            continue  # the operator knows more than we kept
        path = output(reading(f"configmap/{SAVEPOINTS}-{job}", "jsonpath={.data.path}"))
        if path and path.startswith(("s3://", "file://")):
            paths[job] = path
    return paths


def where_it_is(platform: Platform, wanted: Deployment) -> list[str]:
    """Addresses, and the commands that show passwords; no password itself."""
    ours = f"kubectl -n {NAMESPACE}"
    lines = [
        "",
        "It runs. The page, and the air as JSON at /api/stations:",
        f"  {ours} port-forward svc/luftstrom-live-page 8080:80, then http://127.0.0.1:8080/",
        "InfluxDB, and its operator token:",
        f"  {ours} port-forward svc/luftstrom-influxdb 8086:8086, then http://127.0.0.1:8086",
        f"  {_secret(NAMESPACE, 'luftstrom-influxdb-operator', 'operator-token')}",
    ]
    if any(each.name == "prometheus" for each in platform.releases_of(wanted.profile)):
        lines += [
            "Grafana, and the password of its user admin:",
            "  kubectl -n monitoring port-forward svc/prometheus-grafana 3000:80, then http://127.0.0.1:3000",
            f"  {_secret('monitoring', 'prometheus-grafana', 'admin-password')}",
        ]
    return [*lines, "How it fares: luftstrom deploy status"]


def _secret(namespace: str, name: str, key: str) -> str:
    template = f'{{{{index .data "{key}" | base64decode}}}}'
    return f"kubectl -n {namespace} get secret {name} -o go-template='{template}'"
