"""`luftstrom tokens`: see which there are, give them successors."""

import json
from typing import Annotated

import typer

from luftstrom import screen
from luftstrom.options import AsJson

tokens_app = typer.Typer(
    no_args_is_help=True, help="InfluxDB's scoped tokens: what each may do, and new ones in their place."
)


@tokens_app.command(name="list")
def list_tokens(as_json: AsJson = False) -> None:
    """Show each token's scope and its file; never the token itself."""
    from luftstrom.commands import settings_of_influx
    from luftstrom.tokens import held_tokens

    held = held_tokens(settings_of_influx())
    if as_json:
        typer.echo(json.dumps([screen.token_as_json(each) for each in held], indent=2))
    else:
        screen.show_tokens(held)


@tokens_app.command()
def rotate(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME]...", help="For example collector; all where none is named."),
    ] = None,
) -> None:
    """Make new tokens, put them into their files, and end the older ones, lost ones too.

    The collector reads its file again by itself when InfluxDB refuses the old token, and loses nothing.
    """
    from luftstrom.commands import settings_of_influx
    from luftstrom.tokens import rotated

    for name in rotated(names or [], settings_of_influx()):
        screen.show_line(f"{name}: a new token is in its file, the older ones are ended")
