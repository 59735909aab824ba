"""`python jars.py LOCK FOLDER`: fetches the jars of a Java lock, each checked against its sha256.

For the build of an image, where only `jgo` is there (locks/jgo.txt); `local_stack` has its own.
"""

import hashlib
import sys
import tomllib
from pathlib import Path

from jgo.maven import MavenContext


def main() -> None:
    """Fetch them all, or fail."""
    lock, folder = Path(sys.argv[1]), Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    maven = MavenContext(repo_cache=Path("/tmp/repository"), timeout=60)  # noqa: S108 - of a build's stage
    for jar in tomllib.loads(lock.read_text())["dependencies"]:
        component = maven.project(jar["groupId"], jar["artifactId"]).at_version(jar["version"])
        path = component.artifact(jar.get("classifier", ""), jar["packaging"]).resolve()
        if hashlib.sha256(path.read_bytes()).hexdigest() != jar["sha256"]:
            raise SystemExit(f"{path.name} is not the locked one (sha256 differs)")
        path.replace(folder / path.name)


if __name__ == "__main__":
    main()
