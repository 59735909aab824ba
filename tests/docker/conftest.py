"""The tools, a base and the images of this run; removed at its end."""

import shutil

import pytest

from tests.docker.builder import Builder, install_tools
from tests.docker.container import Containers


@pytest.fixture(scope="session")
def builder(tmp_path_factory):
    install_tools()
    folder = tmp_path_factory.mktemp("images")
    builder = Builder(folder)
    try:
        builder.make_base()
        yield builder
    finally:
        builder.close()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def containers(builder, tmp_path_factory):
    return Containers(builder, tmp_path_factory.mktemp("containers"))


@pytest.fixture(scope="session")
def image(builder):
    """The image of a service, built at its first use."""
    names = {}

    def named(service):
        if service not in names:
            dockerfile = "flink.Dockerfile" if service == "flink-jobs" else "Dockerfile"
            names[service] = builder.build(dockerfile, service)
        return names[service]

    return named
