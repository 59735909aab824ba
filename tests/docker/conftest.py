"""The tools, a base and the images of this checkout."""

import pytest

from tests.docker.builder import install_tools, shared_builder
from tests.docker.container import Containers


@pytest.fixture(scope="session")
def builder():
    install_tools()
    with shared_builder() as builder:
        yield builder


@pytest.fixture(scope="session")
def containers(builder, tmp_path_factory):
    return Containers(builder, tmp_path_factory.mktemp("containers"))


@pytest.fixture(scope="session")
def image(builder):
    """The image of a service, built at its first use."""
    names = {}

    def named(service):
        if service not in names:
            names[service] = builder.build_service(service)
        return names[service]

    return named
