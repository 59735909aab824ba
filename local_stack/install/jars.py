"""The Java parts, from a lock file with the sha256 of every jar; no Maven needed."""

import hashlib
from pathlib import Path

import requests
from jgo.env._lockfile import LockedDependency, LockFile
from jgo.maven import MavenContext

from contracts.errors import UnavailableError
from local_stack.install.cache import Tell, put_in_place, scratch_beside

LOCKS = Path(__file__).parents[1] / "java"
PARTS = ("kafka", "flink-connector")
TIMEOUT_S = 30


def install_jars(part: str, cache: Path, tell: Tell, *, locks: Path = LOCKS) -> Path:
    """The folder of the part's jars (`kafka`, `flink-connector`), fetched where it is not there yet.

    Raises UnavailableError where a jar cannot be had or is not the locked one.
    """
    dependencies = LockFile.load(locks / f"{part}.lock.toml").dependencies
    digest = hashlib.sha256("".join(sorted(each.sha256 for each in dependencies)).encode()).hexdigest()[:12]
    target = cache / "jars" / f"{part}-{digest}"
    if target.is_dir():
        return target
    tell(f"fetching {len(dependencies)} jars of {part}")
    with scratch_beside(target) as scratch:
        made = scratch / part
        made.mkdir()
        maven = MavenContext(repo_cache=scratch / "repository", timeout=TIMEOUT_S)
        for dependency in dependencies:
            _fetch(maven, dependency, made)
        put_in_place(made, target)
    return target


def _fetch(maven: MavenContext, dependency: LockedDependency, folder: Path) -> None:
    name = f"{dependency.groupId}:{dependency.artifactId}:{dependency.version}"
    component = maven.project(dependency.groupId, dependency.artifactId).at_version(dependency.version)
    try:
        path = component.artifact(dependency.classifier or "", dependency.packaging).resolve()
    except (requests.RequestException, OSError, RuntimeError) as error:
        raise UnavailableError(
            f"the jar {name} cannot be fetched ({error}). Check the network, then run it again; "
            "what is fetched once is kept."
        ) from error
    if hashlib.sha256(path.read_bytes()).hexdigest() != dependency.sha256:
        raise UnavailableError(f"the jar {name} is not the locked one (sha256 differs); it was not installed")
    path.replace(folder / path.name)
