"""Tools that tests need and Debian has: installed where we may, else the test is skipped and says why."""

import os
import shutil
import subprocess

import pytest

from local_stack.install.cache import install_lock

LOCK_LIMIT_S = 300  # another install may be under way


def require_tools(package_by_command, *, as_root=False):
    """Have each command on PATH, and root if they want it; under CI=true a machine without them fails."""
    missing = sorted(
        {package for command, package in package_by_command.items() if shutil.which(command) is None}
    )
    if os.geteuid() == 0 and (not missing or shutil.which("apt-get")):
        _install(missing)
    elif missing or as_root:
        why = f"needs root and {', '.join(package_by_command.values())} (or apt-get, to install them)"
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(why)


def _install(packages):
    if not packages:
        return
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    with install_lock(lambda _: None):
        for command in (["update"], ["install", "--yes", "--no-install-recommends", *packages]):
            subprocess.run(
                ["apt-get", "-qq", "-o", f"DPkg::Lock::Timeout={LOCK_LIMIT_S}", *command],
                env=environment, check=True, capture_output=True,
            )  # fmt: skip
