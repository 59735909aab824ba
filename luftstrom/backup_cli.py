"""`luftstrom backup`, `restore`: the whole system into a folder, and back."""

from pathlib import Path
from typing import Annotated

import typer

from luftstrom import screen


def backup(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that is not there yet.")],
) -> None:
    """Write a backup of the running system: InfluxDB's data, ids and totals, where the collector was.

    The system goes on meanwhile. The folder is there whole or not at all. Kafka's log and the tokens are
    not in it: a restore wants the operator token of the InfluxDB that it goes to.
    """
    from luftstrom.backup_folder import checked_manifest
    from luftstrom.backups import back_up
    from luftstrom.commands import settings_of_influx

    with screen.progress_bar("backup", unit="shards") as bar:
        manifest = back_up(settings_of_influx(), folder, on_progress=bar.update, tell=screen.show_line)
    files = checked_manifest(folder, lambda _done, _total: None).files
    size = sum(file.size for file in files.values())
    screen.show_line(f"{folder}: {len(files):,} files, {size:,} bytes")
    if manifest.on_the_way or manifest.came_in_meanwhile:
        screen.show_line(
            f"{manifest.on_the_way:,} values were on the way and {manifest.came_in_meanwhile:,} readings "
            "came in meanwhile: with this Kafka a restore reads them again; with a new one the sums of "
            "`luftstrom reconcile` stay open by those values"
        )


def restore(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder of a backup.")],
    replace: Annotated[
        bool, typer.Option("--replace", help="Delete what the buckets hold before the restore.")
    ] = False,
) -> None:
    """Put a backup back; the system is stopped, and its servers run only meanwhile.

    Checks every file first, and touches nothing if one is damaged. Stopped half way, run it again with
    --replace. Then start the system with `luftstrom up`.
    """
    from local_stack import stack
    from local_stack.settings import Settings
    from luftstrom import backups
    from luftstrom.backup_folder import checked_manifest
    from runtime.settings import read_settings

    settings = read_settings(Settings)
    with screen.progress_bar("checked", unit="bytes") as bar:
        checked_manifest(folder, bar.update)
    with (
        stack.servers_running(settings, screen.show_line),
        screen.progress_bar("restored", unit="shards") as bar,
    ):
        made_at = backups.restore(
            settings, folder, replace=replace, on_progress=bar.update, tell=screen.show_line
        ).made_at
    screen.show_line(f"as it was at {made_at}; start it with `luftstrom up`")
