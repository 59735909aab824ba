"""The command, run in this process."""

from typer.testing import CliRunner

from luftstrom.__main__ import app


def invoked(*arguments, answer=""):
    """What it says and its exit code; `answer` is typed in."""
    return CliRunner().invoke(app, list(arguments), env={"COLUMNS": "300"}, input=answer)
