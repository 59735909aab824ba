"""`luftstrom transactions`: see the open ones, end one."""

import json
from typing import Annotated

import typer

from luftstrom import screen
from luftstrom.options import AsJson

transactions_app = typer.Typer(
    no_args_is_help=True, help="Open transactions on Kafka, behind which readers wait: list them, end one."
)

HangingAfter = Annotated[
    float | None,
    typer.Option(
        "--hanging-after",
        min=0.0,
        help="Seconds; by default a minute, or four checkpoints where those are longer.",
    ),
]


@transactions_app.command(name="list")
def list_transactions(
    hanging_after_s: HangingAfter = None,
    as_json: AsJson = False,
) -> None:
    """Show every open transaction and what it holds back; exit code 1 if one hangs.

    One hangs that is open for too long, or that no coordinator knows.
    """
    from luftstrom.commands import transactions_now

    found = transactions_now(hanging_after_s)
    if as_json:
        typer.echo(json.dumps([each.as_json() for each in found], indent=2))
    else:
        screen.show_transactions(found)
    raise typer.Exit(1 if any(each.is_hanging for each in found) else 0)


@transactions_app.command()
def abort(
    name: Annotated[
        str | None,
        typer.Argument(
            help="Transactional id, or producer id where it has none. All that hang if not given."
        ),
    ] = None,
    hanging_after_s: HangingAfter = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """End one open transaction, or all that hang, so that readers go on; its records are lost to them.

    A split that starts again commits or aborts its own: start it first.
    """
    from luftstrom.commands import abort_transactions, transactions_to_abort

    chosen = transactions_to_abort(name, hanging_after_s)
    screen.show_transactions(chosen)
    if chosen and (yes or typer.confirm("Abort? Readers will never see the records of these transactions.")):
        abort_transactions(chosen)
