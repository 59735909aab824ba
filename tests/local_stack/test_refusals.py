"""`up` refuses clearly, names the remedy, and leaves nothing half-started behind."""

import fcntl
import os
import socket
import subprocess
import sys

import pytest

from contracts.errors import UnavailableError
from local_stack import checks, stack
from local_stack.checks import starting_alone
from local_stack.ports import free_ports
from local_stack.settings import Settings
from runtime.settings import SettingsError, read_settings
from tests.local_stack.small_programs import a_program, processes_marked, supervised

pytestmark = pytest.mark.integration

PORTS = [name for name in Settings.model_fields if name.endswith("_port")]


def settings_on_free_ports(folder, **given):
    ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
    return Settings(data_dir=folder, source="recording", **{**ports, **given})


def refusal(settings):
    with pytest.raises(UnavailableError) as refused:
        stack.up(settings, lambda _line: None)
    return str(refused.value)


def test_a_busy_port_is_named_with_its_holder_and_its_setting(tmp_path):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        said = refusal(settings_on_free_ports(tmp_path, influxd_port=port))

    assert f"port {port} for influxd is in use" in said
    assert f"pid {os.getpid()}" in said
    assert "LOCAL_STACK_INFLUXD_PORT" in said
    assert processes_marked(tmp_path) == []


def test_a_second_stack_on_the_same_folder_is_refused_and_the_first_goes_on(tmp_path):
    with supervised(tmp_path, a_program("collector")) as (_, supervisor):
        said = refusal(settings_on_free_ports(tmp_path))

        assert f"pid {supervisor.pid()}" in said
        assert "luftstrom down" in said
        assert "LOCAL_STACK_DATA_DIR" in said
        assert supervisor.programs()["collector"]["pid"]


def test_two_starts_at_once_on_the_same_folder_do_not_disturb_each_other(tmp_path):
    settings = settings_on_free_ports(tmp_path)
    with starting_alone(settings):
        said = refusal(settings)

    assert "just being started" in said
    assert "LOCAL_STACK_DATA_DIR" in said


def test_the_right_to_start_ends_with_the_process_that_held_it(tmp_path):
    settings = settings_on_free_ports(tmp_path)
    code = "import sys, fcntl; fcntl.flock(open(sys.argv[1], 'w'), fcntl.LOCK_EX)"
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "start.lock")], check=True)

    with (
        starting_alone(settings),
        (tmp_path / "start.lock").open() as lock,
        pytest.raises(BlockingIOError),
    ):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_data_folder_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "a-file").write_text("")
    said = refusal(settings_on_free_ports(tmp_path / "a-file" / "data"))

    assert "cannot be written" in said
    assert "LOCAL_STACK_DATA_DIR" in said


def test_a_full_disk_is_refused_with_what_is_free_and_needed(tmp_path, monkeypatch):
    # No test can fill a disk: the need is raised above what any has.
    monkeypatch.setattr(checks, "DATA_BYTES", 10**18)
    said = refusal(settings_on_free_ports(tmp_path))

    assert "GiB free and needs" in said
    assert "LOCAL_STACK_DATA_DIR" in said


def test_a_part_that_does_not_get_ready_stops_all_the_others(tmp_path):
    settings = settings_on_free_ports(tmp_path)
    (tmp_path / "kafka" / "log").mkdir(parents=True)
    (tmp_path / "kafka" / "log" / "meta.properties").write_text("version=1\ncluster.id=broken\n")
    said = refusal(settings)

    assert said.startswith("kafka did not get ready")
    assert str(settings.logs_dir / "kafka.log") in said
    assert processes_marked(tmp_path) == []
    assert not stack.is_running(settings)


@pytest.mark.parametrize("name", ["50%", "a;b", "a #b", "a,b", 'a"b', "a\\b"])
def test_a_folder_that_the_configuration_files_cannot_name_is_refused(tmp_path, name):
    with pytest.raises(SettingsError, match="LOCAL_STACK_DATA_DIR is wrong"):
        read_settings(Settings, data_dir=tmp_path / name)


def test_a_relative_folder_is_the_same_from_everywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    assert Settings(data_dir="data").data_dir == tmp_path / "data"


def test_an_influxdb_of_somebody_else_needs_its_token(tmp_path):
    with pytest.raises(ValueError, match="LOCAL_STACK_INFLUX_OPERATOR_TOKEN_FILE"):
        Settings(data_dir=tmp_path, influx_url="http://127.0.0.1:8086")
