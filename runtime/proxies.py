"""Proxies are for the way out: what is on this machine is never asked for through one."""

from collections.abc import MutableMapping

LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "::1")
NAMES = ("no_proxy", "NO_PROXY")


def spare_loopback(environment: MutableMapping[str, str]) -> None:
    """Add the loopback hosts to those that clients ask directly, whatever HTTP_PROXY says."""
    given = next((environment[name] for name in NAMES if environment.get(name)), "")
    hosts = [host.strip() for host in given.split(",") if host.strip()]
    spared = ",".join([*hosts, *(host for host in LOOPBACK_HOSTS if host not in hosts)])
    for name in NAMES:
        environment[name] = spared
