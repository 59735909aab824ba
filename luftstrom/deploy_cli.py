"""`luftstrom deploy`: the system on a cluster."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from contracts.errors import UnavailableError
from luftstrom import screen
from luftstrom.options import AsJson

if TYPE_CHECKING:
    from luftstrom.deploy.plan import Deployment
    from luftstrom.deploy.steps import Step

deploy_app = typer.Typer(
    no_args_is_help=True, help="The system on a cluster: a minikube of ours, or the one kubectl speaks to."
)

Profile = Annotated[
    Literal["small", "default", "prod"],
    typer.Option(help="small: one node of 8 GiB; default: three of 3 CPU and 6 GiB; prod: yours."),
]
Minikube = Annotated[bool, typer.Option("--minikube", help="On a minikube of ours, which is made first.")]
Plan = Annotated[bool, typer.Option("--plan", help="Print what would be done, and do nothing.")]
Platform = Annotated[
    bool, typer.Option("--platform/--no-platform", help="Also the operators; not where others keep them.")
]


@deploy_app.command()
def up(  # noqa: PLR0913, PLR0917 - each is an option of the command
    profile: Profile = "default",
    contact: Annotated[
        str, typer.Option(envvar="SCRAPER_CONTACT", help="Where sensor.community reaches you.")
    ] = "",
    source_url: Annotated[str, typer.Option(help="Another feed than sensor.community's.")] = "",
    minikube: Minikube = False,
    platform: Platform = True,
    values: Annotated[
        list[Path] | None, typer.Option("--values", "-f", exists=True, help="More values of the chart.")
    ] = None,
    sets: Annotated[list[str] | None, typer.Option("--set", help="One more value, name=value.")] = None,
    plan: Plan = False,
) -> None:
    """Bring everything up: operators, chart, topics, tokens, jobs; wait for each, and test it.

    Safe to run again: what is there is brought to what is wanted. Where a step fails, its pods' events and
    logs are shown.
    """
    from luftstrom.deploy.plan import Deployment, steps_up
    from luftstrom.deploy.platform import read_platform

    wanted = Deployment(
        profile=profile,
        contact=contact,
        source_url=source_url,
        is_minikube=minikube,
        has_platform=platform,
        values_files=tuple(str(each) for each in values or ()),
        sets=tuple(sets or ()),
    )
    pinned = read_platform()
    if plan:
        _show_plan(steps_up(pinned, wanted))
        return
    _require_fit(wanted)
    from luftstrom.deploy import outcome

    outcome.bring_up(pinned, wanted, screen.show_line)


@deploy_app.command()
def status(as_json: AsJson = False) -> None:
    """Show how each part on the cluster fares; exit code 1 if one is not well."""
    from luftstrom.deploy.status import parts_now

    parts = parts_now()
    if as_json:
        typer.echo(json.dumps([asdict(part) for part in parts], indent=2))
    else:
        screen.show_cluster(parts)
    raise typer.Exit(0 if all(part.is_well for part in parts) else 1)


@deploy_app.command()
def down(
    profile: Profile = "default",
    minikube: Minikube = False,
    platform: Platform = True,
    wipe: Annotated[
        bool, typer.Option("--wipe", help="Also the data, the operators, the namespaces; or the minikube.")
    ] = False,
    plan: Plan = False,
) -> None:
    """Take our release down; each Flink job writes a savepoint first, which the next `up` goes on from.

    Without --wipe all data stays: volumes, generated secrets, Kafka with its topics.
    """
    from luftstrom.deploy.plan import Deployment, steps_down
    from luftstrom.deploy.platform import read_platform
    from luftstrom.deploy.running import run_steps

    wanted = Deployment(profile=profile, is_minikube=minikube, has_platform=platform)
    steps = steps_down(read_platform(), wanted, wipe=wipe)
    if plan:
        _show_plan(steps)
        return
    run_steps(steps, screen.show_line)


def _require_fit(wanted: "Deployment") -> None:
    from luftstrom.deploy.platform import read_platform
    from luftstrom.deploy.preflight import findings

    found = findings(read_platform(), wanted)
    for each in found:
        mark = "well" if each.is_well else "NOT WELL"
        screen.show_line(f"{each.name}: {each.found} ({mark})")
    unwell = [f"{each.name}: {each.remedy}" for each in found if not each.is_well]
    if unwell:
        raise UnavailableError("nothing was changed. " + " ".join(unwell))


def _show_plan(steps: "list[Step]") -> None:
    for step in steps:
        typer.echo(f"# {step.name} (at most {step.limit_s} s)\n{step.shown}\n")
