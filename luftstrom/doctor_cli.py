"""`luftstrom doctor`: what ails the system, and what to do next."""

import json
from typing import Annotated

import typer

from luftstrom import screen


def doctor(
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON for programs instead of a list.")
    ] = False,
    kubernetes: Annotated[
        bool, typer.Option("--kubernetes", help="The system on the cluster that kubectl speaks to.")
    ] = False,
) -> None:
    """Check tools, ports, memory, topics, lag, buckets, tokens, certificates, versions, and how fresh all is.

    Each failure says what to do next. Changes nothing. Exit code 1 if something is ill, for monitoring.
    Asks the system on this machine, or the one that LOCAL_STACK_KAFKA_BOOTSTRAP_SERVERS,
    LOCAL_STACK_REDIS_URL and LOCAL_STACK_INFLUX_URL name. With --kubernetes kubectl is asked: nodes, each
    part, topics' settings, volumes, tokens, certificates, the last poll, checkpoint, value and forecast.
    """
    from local_stack.settings import Settings
    from luftstrom.doctor.cluster import examine_cluster
    from luftstrom.doctor.examination import examine
    from luftstrom.doctor.findings import findings_as_json, is_well
    from runtime.clock import SystemClock
    from runtime.settings import read_settings

    clock, findings = SystemClock(), []
    for finding in examine_cluster(clock.now_s()) if kubernetes else examine(read_settings(Settings), clock):
        findings.append(finding)
        if not as_json:
            screen.show_finding(finding)
    if as_json:
        typer.echo(json.dumps(findings_as_json(findings), indent=2))
    raise typer.Exit(0 if is_well(findings) else 1)
