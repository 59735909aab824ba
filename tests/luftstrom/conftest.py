"""A machine on which the command finds no stack, and must not start or install anything."""

import pytest

from local_stack import stack
from local_stack.settings import Settings
from local_stack.supervision import leftovers
from luftstrom.__main__ import main


@pytest.fixture
def settings(tmp_path, monkeypatch):
    """A data folder of no stack, and a machine on which nothing is installed or started."""
    monkeypatch.setenv("LOCAL_STACK_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("LUFTSTROM_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("SCRAPER_CONTACT", raising=False)
    monkeypatch.setattr(stack, "install", not_to_be_called)
    return Settings()


def not_to_be_called(*_given):
    pytest.fail("something was installed or started")


@pytest.fixture
def refused(monkeypatch, capsys, settings):
    """What `luftstrom …` says on standard error when it refuses; nothing is left behind by it."""

    def said_by(*arguments):
        monkeypatch.setattr("sys.argv", ["luftstrom", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == 2
        assert leftovers(settings) == []
        return capsys.readouterr().err

    return said_by
