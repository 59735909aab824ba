"""The house: rooms, their READMEs, their settings, the direction of imports."""

import importlib
import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from runtime.settings import RoomSettings, environment_name

ROOT = Path(__file__).parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
ROOMS = PYPROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
ROOMS_WITH_SETTINGS = [room for room in ROOMS if room != "runtime" and (ROOT / room / "settings.py").exists()]
GIVEN_FOLDERS = (
    "helm", "kubernetes", "docker", "scraper", "flink_jobs", "collector", "model_training",
    "app_predict", "dashboards", "tests",
)  # fmt: skip
FORBIDDEN_NAMES = {
    "utils",
    "helpers",
    "common",
    "misc",
    "manager",
    "handler",
    "processor",
    "base",
    "info",
    "tmp",
}


def tracked_files():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / name for name in listed.stdout.split("\n") if name and (ROOT / name).is_file()]


def settings_of(room):
    module = importlib.import_module(f"{room}.settings")
    assert issubclass(module.Settings, RoomSettings)
    return module.Settings


@pytest.mark.parametrize("folder", GIVEN_FOLDERS)
def test_a_given_folder_stands_at_the_top_and_explains_itself(folder):
    assert (ROOT / folder / "README.md").is_file()


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_explains_itself_in_one_screen(room):
    lines = (ROOT / room / "README.md").read_text().splitlines()

    assert lines[0] == f"# {room}"
    assert len(lines) <= 90


@pytest.mark.parametrize("room", ["scraper", "flink_jobs", "collector", "app_predict"])
def test_a_service_says_what_it_reads_writes_and_what_happens_when_it_fails(room):
    readme = (ROOT / room / "README.md").read_text()

    for heading in ("Reads", "Writes", "Settings", "Run it alone", "When it fails"):
        assert re.search(rf"^## {heading}$", readme, re.MULTILINE), heading


@pytest.mark.parametrize("room", ROOMS_WITH_SETTINGS)
def test_every_setting_is_in_the_readme_and_no_other(room):
    settings = settings_of(room)
    readme = (ROOT / room / "README.md").read_text()
    named = set(re.findall(rf"`({settings.model_config['env_prefix']}[A-Z0-9_]+)`", readme))

    assert named == {environment_name(settings, field) for field in settings.model_fields}


@pytest.mark.parametrize("room", ROOMS_WITH_SETTINGS)
def test_every_setting_says_what_it_means(room):
    for name, field in settings_of(room).model_fields.items():
        assert field.description, name


def test_a_service_has_one_extra_and_one_lock():
    extras = set(PYPROJECT["project"]["optional-dependencies"])

    for room in ("scraper", "flink-jobs", "collector", "app-predict"):
        assert room in extras
        assert (ROOT / "locks" / f"{room}.txt").is_file()


def test_locks_carry_hashes_and_no_address():
    for lock in (ROOT / "locks").glob("*.txt"):
        text = lock.read_text()
        pins = re.findall(r"^[a-z0-9].*==", text, re.MULTILINE)
        assert pins
        assert text.count("--hash=sha256:") >= len(pins)
        assert "://" not in text


def test_no_module_has_a_name_that_says_nothing():
    names = {path.stem for path in tracked_files() if path.suffix == ".py"}

    assert not names & FORBIDDEN_NAMES


def test_the_environment_is_read_in_settings_alone():
    # Java's own convention JAVA_HOME, and what must be put into the environment of a child process.
    allowed = {"settings.py", "java.py", "class_path.py", "java_process.py"}
    readers = [
        path.relative_to(ROOT)
        for path in tracked_files()
        if path.suffix == ".py"
        and path.relative_to(ROOT).parts[0] in ROOMS
        and path.name not in allowed
        and re.search(r"os\.(environ\.get|getenv|environ\[)", path.read_text())
    ]

    assert readers == []


def test_no_file_names_a_machine_or_a_registry():
    names = ("/" + "root/", "/" + "work/", "pypi." + "org", "repo.maven." + "apache", "proxy.golang." + "org")
    named = [
        (path.relative_to(ROOT), name)
        for path in tracked_files()
        if path.suffix not in {".xz", ".gz", ".png"}
        for name in names
        if name in path.read_text(errors="ignore")
    ]

    assert named == []


def test_make_lets_python_keep_what_it_compiled():
    command = ["make", "--silent", "--eval", "kept: ; @printenv PYTHONDONTWRITEBYTECODE || echo kept", "kept"]
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    made = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)

    assert made.stdout == "kept\n"
