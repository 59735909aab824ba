"""Whether this machine and cluster are fit, before anything is changed."""

import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from luftstrom.deploy.plan import Deployment
from luftstrom.deploy.platform import Platform, Size
from luftstrom.deploy.running import output

GIB = 1024**3
MIB = 1024**2
MEMINFO = Path("/proc/meminfo")
# Helm 4 applies on the server's side; kubectl waits for conditions of any resource.
OLDEST = {"helm": (4, 0), "kubectl": (1, 30), "minikube": (1, 38)}
ASKED_BY = {
    "helm": ("helm", "version", "--short"),
    "kubectl": ("kubectl", "version", "--client"),
    "minikube": ("minikube", "version", "--short"),
    "docker": ("docker", "version", "--format", "{{.Server.Version}}"),
}

Ask = Callable[[tuple[str, ...]], str | None]


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: what was looked at, what was found, and what to do where it is not well."""

    name: str
    found: str
    remedy: str = ""

    @property
    def is_well(self) -> bool:
        """Whether nothing is to be done."""
        return not self.remedy


def findings(platform: Platform, wanted: Deployment, ask: Ask = output) -> list[Finding]:
    """Every check of the way that is wanted."""
    tools = ("helm", "kubectl", *(("minikube", "docker") if wanted.is_minikube else ()))
    found = [_tool(name, ask) for name in tools]
    if wanted.is_minikube:
        size = platform.minikube.size_by_profile[wanted.profile]
        return [*found, _memory(size), _cores(size), _disk(platform.minikube.disk_gib), *_contact(wanted)]
    return [*found, _cluster(ask), _storage(ask), *_contact(wanted)]


def version_in(text: str) -> tuple[int, int] | None:
    """`(4, 3)` of `v4.3.1+gc0d08d0`, wherever it stands; None where there is none."""
    found = re.search(r"v?(\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2])) if found else None


def _tool(name: str, ask: Ask) -> Finding:
    said = ask(ASKED_BY[name])
    if said is None:
        return Finding(
            name, "not there", f"Install {name}, and start it if it is a service; then run it again."
        )
    there, oldest = version_in(said), OLDEST.get(name)
    shown = said.strip().splitlines()[0] if said.strip() else "?"
    if oldest is not None and (there is None or there < oldest):
        return Finding(name, shown, f"Install {name} {oldest[0]}.{oldest[1]} or newer.")
    return Finding(name, shown)


def _memory(size: Size) -> Finding:
    needed = size.nodes * size.memory_mib * MIB
    found = re.search(r"MemTotal:\s+(\d+) kB", MEMINFO.read_text()) if MEMINFO.exists() else None
    if found is None:
        return Finding("memory", "unknown")
    there = int(found[1]) * 1024
    shown = f"{there / GIB:.1f} GiB, {needed / GIB:.1f} GiB needed"
    return Finding("memory", shown, "" if there >= needed else "Take a smaller profile: --profile small.")


def _cores(size: Size) -> Finding:
    there = len(_cpus())
    shown = f"{there}, {size.cpus} for each of {size.nodes} nodes"
    return Finding(
        "cores", shown, "" if there >= size.cpus else "Take a smaller profile, or a larger machine."
    )


def _cpus() -> list[str]:
    info = Path("/proc/cpuinfo")
    return re.findall(r"^processor", info.read_text(), re.MULTILINE) if info.exists() else []


def _disk(needed_gib: int) -> Finding:
    free = shutil.disk_usage(Path.home()).free
    shown = f"{free / GIB:.0f} GiB free, {needed_gib} GiB needed"
    return Finding("disk", shown, "" if free >= needed_gib * GIB else f"Free some of {Path.home()}'s disk.")


def _cluster(ask: Ask) -> Finding:
    said = ask(("kubectl", "get", "--raw", "/readyz"))
    context = (ask(("kubectl", "config", "current-context")) or "none").strip()
    if said is None:
        return Finding(
            "cluster", context, "kubectl reaches no cluster: choose one by `kubectl config use-context`."
        )
    return Finding("cluster", context)


def _storage(ask: Ask) -> Finding:
    is_default = r'@.metadata.annotations.storageclass\.kubernetes\.io/is-default-class=="true"'
    names = f"jsonpath={{.items[?({is_default})].metadata.name}}"
    said = (ask(("kubectl", "get", "storageclass", "-o", names)) or "").strip()
    if not said:
        return Finding(
            "storage", "no default class", "Make one the default, or name one by --set …className=…"
        )
    return Finding("storage", said)


def _contact(wanted: Deployment) -> list[Finding]:
    if wanted.contact or wanted.source_url:
        return []
    remedy = "Set SCRAPER_CONTACT to a mail or web address where sensor.community reaches you."
    return [Finding("contact", "not set", remedy)]
