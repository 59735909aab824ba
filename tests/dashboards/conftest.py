"""Prometheus for these tests: installed where it is missing; only in CI it must not be missing."""

import os

import pytest

from contracts.errors import UnavailableError
from local_stack.install.prometheus import install_prometheus


@pytest.fixture(scope="session")
def promtool():
    try:
        return install_prometheus(lambda _line: None).promtool
    except UnavailableError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(error))
