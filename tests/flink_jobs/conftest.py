"""One Java process with Flink for all tests of the job's meaning."""

import shutil

import pytest

from flink_jobs.class_archive import class_archive
from flink_jobs.class_path import plans_dir
from flink_jobs.connectors import FolderConnectors
from flink_jobs.environment import planner_configuration, table_environment
from flink_jobs.java_process import JavaOptions, running_java
from flink_jobs.job import Job, job_text
from flink_jobs.planning import submit
from local_stack.install.cache import install_lock
from local_stack.install.jars import install_jars
from local_stack.settings import cache_dir
from tests.flink_jobs.bounded import Outcome

BOUNDED = {"parallelism.default": "1", "restart-strategy.type": "none"}


@pytest.fixture(scope="session")
def connector_jars_dir():
    with install_lock(lambda _: None) as cache:
        return install_jars("flink-connector", cache, lambda _: None)


@pytest.fixture(scope="session")
def flink_cache_dir():
    """Where the class archive lies: beside what else is fetched or built once."""
    return cache_dir() / "flink"


@pytest.fixture(scope="session")
def jars_and_archive(connector_jars_dir, flink_cache_dir):
    """The class path of Java, and the class archive that fits it."""
    return class_archive(connector_jars_dir, flink_cache_dir)


@pytest.fixture(scope="session")
def flink(jars_and_archive, tmp_path_factory):
    """A function that gives table environments, all in one Java process."""
    jars, archive = jars_and_archive
    folder = tmp_path_factory.mktemp("flink")
    flags = ("-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", f"-XX:SharedArchiveFile={archive}")
    with running_java(JavaOptions(jars, flags, folder / "logs", folder / "tmp")):
        # PyFlink's Java ends itself where nobody has come to it within ten seconds; servers start slower.
        table_environment(planner_configuration())
        yield lambda: table_environment(planner_configuration() | BOUNDED)


@pytest.fixture(scope="session")
def run_job(flink, jars_and_archive, tmp_path_factory):
    """Run a whole job on lines (bytes), those of an archive beside them, and return its Outcome."""
    plans = plans_dir(jars_and_archive[1])

    def run(job, lines, *, history=(), **options):
        root = tmp_path_factory.mktemp(job)
        for name, given in (("readings", lines), ("history", history)):
            if given:
                (root / name).mkdir()
                (root / name / "lines").write_bytes(b"".join(line + b"\n" for line in given))
        text = job_text(FolderConnectors(root), job=job, **options)
        submit(flink(), text, plans_dir=plans).wait()
        outcome = Outcome(root)
        shutil.rmtree(root)
        return outcome

    return run


@pytest.fixture(scope="session")
def run_split(run_job):
    """Run `split` on lines."""
    return lambda lines, **options: run_job(Job.SPLIT, lines, **options)
