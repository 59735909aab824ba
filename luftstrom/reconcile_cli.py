"""`luftstrom reconcile`: the number that proves it."""

import json
from typing import Annotated

import typer

from luftstrom import screen

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs instead of a table.")]


def reconcile(as_json: AsJson = False) -> None:
    """Compare what came in with what is stored; exit code 1 if the arithmetic does not close.

    Values on the way make it open for the few seconds between a poll and the store.
    """
    from luftstrom.commands import reconciliation_now

    reconciliation = reconciliation_now()
    if as_json:
        typer.echo(json.dumps(screen.reconciliation_as_json(reconciliation), indent=2))
    else:
        screen.show_reconciliation(reconciliation)
    raise typer.Exit(0 if reconciliation.closes else 1)
