"""`luftstrom places`: where positions are, and what is kept of that."""

import json
from typing import Annotated

import typer

from luftstrom import screen
from luftstrom.options import AsJson

places_app = typer.Typer(
    no_args_is_help=True, help="Places of positions: look one up, see or forget what is kept."
)


@places_app.command(context_settings={"ignore_unknown_options": True})  # a longitude may be negative
def lookup(
    latitude: Annotated[float, typer.Argument(min=-90.0, max=90.0, help="Degrees north.")],
    longitude: Annotated[
        float, typer.Argument(min=-180.0, max=180.0, help="Degrees east; west is negative.")
    ],
    as_json: AsJson = False,
) -> None:
    """Show the place of a position, from the offline gazetteer; needs no running stack."""
    from luftstrom.commands import place_of

    place = place_of(latitude, longitude)
    if as_json:
        typer.echo(json.dumps(screen.place_as_json(place)))
    else:
        screen.show_place(place)


@places_app.command(name="warm")
def warm_places(
    feed: Annotated[
        str | None,
        typer.Argument(
            help="A feed's JSON file, or a recording by its name or file; else the feed of the running stack."
        ),
    ] = None,
) -> None:
    """Look up and keep the place of every position that the feed shows; safe to stop at any moment."""
    from luftstrom import commands

    positions, added = commands.warm_places(feed)
    screen.show_line(
        f"{positions:,} positions: {added:,} places are new, {positions - added:,} were kept before"
    )


@places_app.command()
def stats() -> None:
    """Show how many places the running stack keeps."""
    from luftstrom.commands import kept_places

    screen.show_line(f"{kept_places():,} places kept")


@places_app.command()
def purge() -> None:
    """Forget all kept places; each is looked up again when it is next needed."""
    from luftstrom.commands import forget_places

    screen.show_line(f"{forget_places():,} places forgotten")
