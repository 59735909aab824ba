"""Tools that tests need and Debian has: installed where we may, else the test is skipped and says why."""

import os
import shutil
import subprocess

import pytest

from local_stack.install.cache import install_lock


def require_tools(package_by_command):
    """Have each command on PATH; under CI=true a machine without them fails."""
    missing = sorted({p for command, p in package_by_command.items() if shutil.which(command) is None})
    if not missing:
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        why = f"needs {', '.join(missing)}; installing it takes root and apt-get"
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(why)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    with install_lock(lambda _: None):
        for command in (["update"], ["install", "--yes", "--no-install-recommends", *missing]):
            subprocess.run(["apt-get", "-qq", *command], env=environment, check=True, capture_output=True)
