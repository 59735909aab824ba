"""One class archive for every checkout: what it is named by, and where its jars lie."""

import os
import shutil

import pytest

from flink_jobs.class_path import beside_archive, fingerprint, java_executable

INSTALLED_AT_S = 1_767_225_600


@pytest.fixture
def a_checkout(tmp_path):
    """Makes the jars of a checkout, all of one content and time, as one package cache gives them."""

    def made(name, content=b"jar"):
        folder = tmp_path / name
        folder.mkdir()
        jars = [folder / "flink-dist.jar", folder / "flink-json.jar"]
        for jar in jars:
            jar.write_bytes(content)
            os.utime(jar, (INSTALLED_AT_S, INSTALLED_AT_S))
        return jars

    return made


def test_the_same_jars_elsewhere_have_the_same_archive_and_paths(a_checkout, tmp_path):
    here, there, java, archive = (
        a_checkout("here"),
        a_checkout("there"),
        java_executable(),
        tmp_path / "c.jsa",
    )

    assert fingerprint(java, here) == fingerprint(java, there)
    assert beside_archive(here, archive) == beside_archive(there, archive)


def test_other_jars_have_another_archive(a_checkout):
    java = java_executable()

    assert fingerprint(java, a_checkout("here")) != fingerprint(java, a_checkout("there", b"newer jar"))


def test_the_jars_of_an_archive_outlive_the_checkout(a_checkout, tmp_path):
    jars = a_checkout("here")
    linked = beside_archive(jars, tmp_path / "c.jsa")
    shutil.rmtree(jars[0].parent)

    assert [jar.read_bytes() for jar in linked] == [b"jar", b"jar"]


def test_on_another_disk_a_link_that_hangs_is_renewed(a_checkout, tmp_path, monkeypatch):
    def another_disk(*_given):
        raise OSError("Invalid cross-device link")

    monkeypatch.setattr("pathlib.Path.hardlink_to", another_disk)
    archive, gone = tmp_path / "c.jsa", a_checkout("here")
    beside_archive(gone, archive)
    shutil.rmtree(gone[0].parent)

    assert [jar.read_bytes() for jar in beside_archive(a_checkout("there"), archive)] == [b"jar", b"jar"]
