"""The pinned list of what a cluster needs before us (`kubernetes/platform.yaml`), read and checked."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from contracts.errors import BadInputError

ROOT = Path(__file__).parents[2]
KUBERNETES = ROOT / "kubernetes"
PLATFORM_FILE = KUBERNETES / "platform.yaml"
NAMESPACE = "luftstrom"
PROFILES = ("small", "default", "prod")


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """One operator: its chart, pinned, and when it is ready.

    `crds` says who keeps its definitions current: `values` (its chart does), or `apply` (we do, for Helm
    never upgrades a chart's folder `crds`). `requests` is what its pods ask for, for the preflight.
    """

    name: str
    about: str
    namespace: str
    chart: str
    version: str
    digest: str
    profiles: tuple[str, ...]
    limit_s: int
    crds: str
    waits: tuple[str, ...]
    requests: Mapping[str, Any]
    repository: str = ""

    @property
    def values_file(self) -> Path:
        """What it is told."""
        return KUBERNETES / "values" / f"{self.name}.yaml"

    @property
    def chart_arguments(self) -> list[str]:
        """How helm names the chart; of a registry its digest is the version, too."""
        if self.repository:
            return [self.chart, "--repo", self.repository, "--version", self.version]
        if self.digest:
            return [f"{self.chart}@{self.digest}"]
        return [self.chart, "--version", self.version]


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """Nodes of a minikube."""

    nodes: int
    cpus: int
    memory_mib: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Minikube:
    """How the minikube is made."""

    profile: str
    kubernetes_version: str
    container_runtime: str
    cni: str
    addons_on: tuple[str, ...]
    addons_off: tuple[str, ...]
    storage_class: str
    size_by_profile: Mapping[str, Size]
    disk_gib: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """The whole list; `security_by_namespace` is each namespace's level of Pod Security."""

    releases: tuple[Release, ...]
    security_by_namespace: Mapping[str, str]
    minikube: Minikube

    def releases_of(self, profile: str) -> tuple[Release, ...]:
        """The releases that a profile needs, in order."""
        return tuple(each for each in self.releases if profile in each.profiles)

    def namespaces_of(self, profile: str) -> dict[str, str]:
        """Our namespace and those of the profile's releases, with their levels."""
        needed = {NAMESPACE, *(each.namespace for each in self.releases_of(profile))}
        return {name: level for name, level in self.security_by_namespace.items() if name in needed}


def read_platform(path: Path = PLATFORM_FILE) -> Platform:
    """The list; raises BadInputError, naming what is wrong in it."""
    try:
        content = yaml.safe_load(path.read_text())
        return Platform(
            releases=tuple(_release(each) for each in content["releases"]),
            security_by_namespace=content["namespaces"],
            minikube=_minikube(content["minikube"]),
        )
    except OSError as error:
        raise BadInputError(
            "no_platform", f"{path} cannot be read ({error.strerror}): deploy from a checkout of Luftstrom"
        ) from error
    except (yaml.YAMLError, KeyError, TypeError) as error:
        raise BadInputError("bad_platform", f"{path}: {error!r}") from error


def _release(entry: dict[str, Any]) -> Release:
    renamed = {"limit_s" if name == "limitS" else name: value for name, value in entry.items()}
    lists = {name: tuple(renamed[name]) for name in ("profiles", "waits")}
    return Release(**{**renamed, **lists, "version": str(renamed["version"])})


def _minikube(entry: dict[str, Any]) -> Minikube:
    return Minikube(
        profile=entry["profile"],
        kubernetes_version=entry["kubernetesVersion"],
        container_runtime=entry["containerRuntime"],
        cni=entry["cni"],
        addons_on=tuple(entry["addonsOn"]),
        addons_off=tuple(entry["addonsOff"]),
        storage_class=entry["storageClass"],
        size_by_profile={
            profile: Size(nodes=size["nodes"], cpus=size["cpus"], memory_mib=size["memoryMiB"])
            for profile, size in entry["sizes"].items()
        },
        disk_gib=entry["diskGiB"],
    )
