"""`luftstrom dead-letters`: what was set aside, and back through the door."""

import json
import time
from typing import TYPE_CHECKING, Annotated

import typer

from luftstrom.options import AsJson

if TYPE_CHECKING:
    from luftstrom.letters import Choice

letters_app = typer.Typer(
    no_args_is_help=True, help="What was set aside: list it, look at one, or put it through the door again."
)

Reason = Annotated[str | None, typer.Option(help="Only this reason, for example not_a_number.")]
Since = Annotated[str | None, typer.Option(help="From this time on: ISO (UTC), or an age like 2h, 3d.")]
Until = Annotated[str | None, typer.Option(help="Before this time, written as --since.")]
Source = Annotated[str | None, typer.Option(help="Only what was read from this topic, or by the scraper.")]
Sensor = Annotated[int | None, typer.Option("--sensor", help="Only of this sensor id, where it is known.")]
LetterId = Annotated[str, typer.Argument(help="PARTITION:OFFSET, as the list shows it.")]


@letters_app.command(name="list")
def list_letters(
    reason: Reason = None,
    since: Since = None,
    until: Until = None,
    source: Source = None,
    sensor: Sensor = None,
    limit: Annotated[int, typer.Option(min=1, help="Show at most so many; the count covers all.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List what was set aside: how many of each reason, then the newest.

    The time of a letter is when it was set aside; of one by the Flink job, when its reading was observed.
    """
    from luftstrom import commands, letters_screen

    choice = _choice(reason, since, until, source, sensor)
    listed = commands.letters_listed(choice, limit=limit, is_quiet=as_json)
    if as_json:
        typer.echo(json.dumps(letters_screen.listed_as_json(listed), indent=2))
    else:
        letters_screen.show_letters(listed)


@letters_app.command(name="show")
def show_letter(
    letter_id: LetterId,
    raw: Annotated[bool, typer.Option("--raw", help="Write the original bytes, and nothing else.")] = False,
) -> None:
    """Show all of one letter: reason, source, time, what helps, and the original bytes."""
    from luftstrom import commands, letters_screen

    letter = commands.letter_now(letter_id)
    if raw:
        typer.echo(letter.content.original, nl=False)
    else:
        letters_screen.show_letter(letter)


@letters_app.command()
def reinject(  # noqa: PLR0913, PLR0917 - each is an option of the command
    letter_ids: Annotated[list[str] | None, typer.Argument(help="Letters by id; else choose them.")] = None,
    reason: Reason = None,
    since: Since = None,
    until: Until = None,
    source: Source = None,
    sensor: Sensor = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would happen.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Put records that the scraper refused through its door again: parsed and published as in a poll.

    What still cannot be read is told and stays; what was reinjected is not again.
    Other letters lie in the log: they are told with what helps, mostly `luftstrom replay`.
    """
    from luftstrom import commands, letters_screen
    from luftstrom.letters import Choice

    choice = _choice(reason, since, until, source, sensor)
    if bool(letter_ids) == (choice != Choice()):
        raise typer.BadParameter("name letters, or choose them by --reason, --since, …; not both, not none")
    wanted = letter_ids or choice
    if dry_run or not yes:
        letters_screen.show_report(commands.reinject_letters(wanted, is_dry_run=True), is_dry_run=True)
    if dry_run or not (yes or typer.confirm("reinject them?")):
        return
    letters_screen.show_report(commands.reinject_letters(wanted, is_dry_run=False), is_dry_run=False)


def _choice(
    reason: str | None, since: str | None, until: str | None, source: str | None, sensor_id: int | None
) -> "Choice":
    from luftstrom.letters import Choice, moment_s

    now_s = time.time()
    since_s, until_s = (None if each is None else moment_s(each, now_s=now_s) for each in (since, until))
    return Choice(reason, since_s, until_s, source, sensor_id)
