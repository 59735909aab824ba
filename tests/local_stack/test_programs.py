"""What the stack tells its processes."""

from pathlib import Path

import pytest

from flink_jobs.settings import Settings as FlinkSettings
from local_stack.install import Installed
from local_stack.programs import services
from local_stack.settings import Settings

INSTALLED = Installed(*[Path("/nowhere")] * 7)


@pytest.mark.parametrize("exactly_once", [True, False])
def test_the_flink_job_keeps_to_the_guarantee_of_the_stack(tmp_path, monkeypatch, exactly_once):
    settings = Settings(data_dir=tmp_path, exactly_once=exactly_once)
    [flink] = [each for each in services(INSTALLED, settings) if each.name == "flink"]
    for name, value in flink.environment.items():
        monkeypatch.setenv(name, value)

    assert FlinkSettings().exactly_once is exactly_once
