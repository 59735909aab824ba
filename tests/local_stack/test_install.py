"""What is fetched or built is checked, whole or not there, and refused with a remedy."""

import hashlib
import http.server
import re
import subprocess
import sys
import threading
from contextlib import contextmanager

import pytest
from jgo.env._lockfile import LockedDependency, LockFile
from jgo.maven import MavenContext

from contracts.errors import UnavailableError
from local_stack.install import influxd, jars, java
from local_stack.install.cache import (
    SCRATCH,
    install_lock,
    put_in_place,
    require_space,
    scratch_beside,
)
from local_stack.java.lock import COORDINATES_BY_PART
from tests.local_stack.small_programs import wait_until


def silently(_line):
    return None


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("LUFTSTROM_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def bare_machine(tmp_path, monkeypatch):
    """No program on PATH, no network for uv."""
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
    (tmp_path / "bin").mkdir()
    return tmp_path / "bin"


def a_command(path, *, says, on="stdout"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{says}' {'>&2' if on == 'stderr' else ''}\n")
    path.chmod(0o755)
    return path


def test_a_second_install_waits_for_the_first_and_says_so(cache):
    told, entered = [], threading.Event()

    def install_too():
        with install_lock(told.append):
            entered.set()

    with install_lock(silently):
        second = threading.Thread(target=install_too)
        second.start()
        wait_until(lambda: told == ["another install is running; waiting for it"])
        assert not entered.is_set()
    second.join(10)
    assert entered.is_set()


def test_what_a_killed_install_left_is_removed_by_the_next(cache):
    left = cache / "influxd" / "2.9.1" / f"{SCRATCH}influxd-1234" / "go-modules"
    left.mkdir(parents=True)
    (left / "file").write_text("")
    left.chmod(0o500)

    with install_lock(silently):
        assert list((cache / "influxd" / "2.9.1").iterdir()) == []


def test_a_failed_making_leaves_nothing(cache):
    with pytest.raises(RuntimeError), scratch_beside(cache / "jars" / "kafka") as scratch:
        (scratch / "half").write_text("")
        raise RuntimeError

    assert list((cache / "jars").iterdir()) == []


def test_what_is_made_takes_the_place_of_an_older_one(cache):
    target = cache / "jdk"
    (target / "old").mkdir(parents=True)
    with scratch_beside(target) as scratch:
        (scratch / "made").mkdir()
        put_in_place(scratch / "made", target)

    assert list(target.iterdir()) == []


def test_a_full_disk_names_the_folder_the_need_and_the_setting(tmp_path):
    with pytest.raises(UnavailableError) as refused:
        require_space(tmp_path, needed_bytes=10**18, what="building InfluxDB")

    assert re.search(
        rf"needs \d+\.\d GiB in {tmp_path}, and [\d.]+ GiB are free.*LUFTSTROM_CACHE", str(refused.value)
    )


def test_a_cache_folder_that_cannot_be_written_names_its_setting(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LUFTSTROM_CACHE", str(tmp_path / "file" / "cache"))

    with pytest.raises(UnavailableError, match="LUFTSTROM_CACHE"), install_lock(silently):
        pass


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ('openjdk version "17.0.15" 2025-04-15', 17),
        ('openjdk version "21" 2023-09-19', 21),
        ('java version "1.8.0_402"', 1),
        ("nothing", 0),
    ],
)
def test_the_version_of_a_java(tmp_path, said, version):
    assert java.java_version(a_command(tmp_path / "java", says=said, on="stderr")) == version


def test_a_java_that_is_too_old_is_passed_over(bare_machine, monkeypatch, tmp_path):
    old = a_command(tmp_path / "jdk8" / "bin" / "java", says='java version "1.8.0_402"', on="stderr")
    monkeypatch.setenv("JAVA_HOME", str(old.parents[1]))
    good = a_command(bare_machine / "java", says='openjdk version "21"', on="stderr")

    assert java.install_java(tmp_path / "cache", silently) == good


def test_no_java_and_no_network_is_refused_with_the_remedy(bare_machine, tmp_path):
    with pytest.raises(UnavailableError, match="Install Java 17 or newer .* JAVA_HOME"):
        java.install_java(tmp_path / "cache", silently)

    assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file()] == []


def a_locked_jar(folder, *, sha256):
    """A jar that is in the repository folder already, so that no network is asked."""
    path = folder / "repository" / "org" / "example" / "air" / "1.0" / "air-1.0.jar"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"jar")
    return LockedDependency(groupId="org.example", artifactId="air", version="1.0", sha256=sha256)


def test_a_jar_that_is_not_the_locked_one_is_refused(tmp_path):
    locked = a_locked_jar(tmp_path, sha256="0" * 64)
    maven = MavenContext(repo_cache=tmp_path / "repository")

    with pytest.raises(UnavailableError, match=r"air:1.0 is not the locked one \(sha256 differs\)"):
        jars._fetch(maven, locked, tmp_path)


def test_a_jar_that_is_the_locked_one_is_taken(tmp_path):
    locked = a_locked_jar(tmp_path, sha256=hashlib.sha256(b"jar").hexdigest())
    jars._fetch(MavenContext(repo_cache=tmp_path / "repository"), locked, tmp_path)

    assert (tmp_path / "air-1.0.jar").read_bytes() == b"jar"


@pytest.mark.parametrize("part", jars.PARTS)
def test_a_java_lock_has_a_hash_for_every_jar_and_no_address(part):
    path = jars.LOCKS / f"{part}.lock.toml"
    locked = LockFile.load(path).dependencies

    assert all(re.fullmatch(r"[0-9a-f]{64}", each.sha256) for each in locked)
    assert "://" not in path.read_text()
    names = {f"{each.groupId}:{each.artifactId}:{each.version}" for each in locked}
    assert names >= set(COORDINATES_BY_PART[part])


def test_the_go_module_builds_the_version_that_is_asked_for():
    required = (influxd.SOURCES / "go.mod").read_text()

    assert f"github.com/influxdata/influxdb/v2 v{influxd.VERSION}\n" in required


@pytest.mark.parametrize("said", ["InfluxDB v2.7.12 (git: 1)", "InfluxDB 2.9.1 (git: none)"])
def test_an_influxd_2_on_path_is_used(bare_machine, tmp_path, said):
    found = a_command(bare_machine / "influxd", says=said)

    assert influxd.install_influxd(tmp_path / "cache", silently) == found


@contextmanager
def a_vendor(monkeypatch, *, body):
    """A vendor on the loopback interface that answers everything with `body`."""

    class Answering(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Answering) as server:
        monkeypatch.setattr(influxd, "RELEASE_URL", f"http://127.0.0.1:{server.server_port}/influxd.tar.gz")
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("said", ["InfluxDB v1.8.10 (git: 1)", "InfluxDB v2.9.0 (git: 1)"])
def test_an_unfit_influxd_on_path_is_passed_over(bare_machine, tmp_path, monkeypatch, said):
    a_command(bare_machine / "influxd", says=said)
    with a_vendor(monkeypatch, body=b"no release"), pytest.raises(UnavailableError):
        influxd.install_influxd(tmp_path / "cache", silently)


def test_a_release_with_another_checksum_is_not_installed_and_every_other_way_is_named(
    bare_machine, tmp_path, monkeypatch
):
    told = []
    with a_vendor(monkeypatch, body=b"no release"), pytest.raises(UnavailableError) as refused:
        influxd.install_influxd(tmp_path / "cache", told.append)

    assert any("not the pinned one (sha256 differs)" in line for line in told)
    for remedy in ("on PATH", "influxdb2 package", "Go 1.25", "cargo", "C compiler", "pkg-config"):
        assert remedy in str(refused.value)
    assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file()] == []


def test_jars_without_a_network_are_refused_with_the_remedy_and_nothing_is_left(cache, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    with pytest.raises(UnavailableError, match="cannot be fetched .* Check the network"):
        jars.install_jars("kafka", cache, silently)

    assert [path for path in cache.rglob("*") if path.is_file()] == []


@pytest.mark.slow
def test_an_install_that_is_killed_leaves_no_half_made_part_and_no_lock(cache):
    code = (
        "import pathlib, signal, sys\n"
        "from local_stack.install.cache import install_lock, scratch_beside\n"
        "with install_lock(print) as cache, scratch_beside(cache / 'jars' / 'kafka') as scratch:\n"
        "    (scratch / 'half').write_text('')\n"
        "    print('making', flush=True)\n"
        "    signal.pause()\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as making:
        assert making.stdout.readline() == "making\n"
        making.kill()

    assert not (cache / "jars" / "kafka").exists()
    with install_lock(silently):
        assert list((cache / "jars").iterdir()) == []
