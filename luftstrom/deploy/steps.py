"""A step of a deployment: a command, what goes into it, how long it may take, where its trouble shows."""

import shlex
from dataclasses import dataclass

from luftstrom.deploy.platform import NAMESPACE

# As the only owner of what is applied.
APPLY = ("kubectl", "apply", "--server-side", "--force-conflicts", "-f", "-")


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One command, tried once.

    `given` is what it reads, or else `given_by`, the output of another command. `namespace` is where pods
    are looked at if it fails. `is_optional`: a failure is told, and the rest goes on.
    """

    name: str
    command: tuple[str, ...]
    limit_s: int
    given: str | None = None
    given_by: tuple[str, ...] | None = None
    namespace: str | None = None
    is_optional: bool = False

    @property
    def shown(self) -> str:
        """The step as somebody would type it."""
        command = shlex.join(self.command)
        if self.given_by is not None:
            return f"{shlex.join(self.given_by)} | {command}"
        if self.given is not None:
            return f"{command} <<'EOF'\n{self.given.rstrip()}\nEOF"
        return command


def waiting(name: str, what: str, condition: str, *, namespace: str, limit_s: int) -> Step:
    """Wait until a resource says so; it must be there within the limit, too."""
    return Step(
        name=name,
        command=(
            "kubectl",
            "-n",
            namespace,
            "wait",
            *what.split(),
            f"--for={condition}",
            f"--timeout={limit_s}s",
        ),
        limit_s=limit_s + 30,
        namespace=namespace,
    )


def applying(name: str, manifest: str, *, limit_s: int = 60, namespace: str | None = None) -> Step:
    """Apply a manifest."""
    return Step(name=name, command=APPLY, given=manifest, limit_s=limit_s, namespace=namespace)


def reading(what: str, output: str) -> tuple[str, ...]:
    """The command that reads a resource of ours in that form."""
    return ("kubectl", "-n", NAMESPACE, "get", what, "-o", output)
