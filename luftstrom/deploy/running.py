"""Runs steps one after the other, says what goes on, and shows what is wrong where one fails."""

import subprocess
import time
from collections.abc import Callable, Sequence

from contracts.errors import UnavailableError
from luftstrom.deploy.steps import Step

Tell = Callable[[str], None]

LINES_SHOWN = 30
LOOK_LIMIT_S = 30


def run_steps(steps: Sequence[Step], tell: Tell) -> None:
    """Do every step; raises UnavailableError with the trouble of the first that fails or takes too long.

    May be started again after that, and after Ctrl-C: each step may be done again.
    """
    for number, step in enumerate(steps, start=1):
        tell(f"[{number}/{len(steps)}] {step.name}")
        began_s = time.monotonic()
        try:
            run_step(step)
        except UnavailableError as error:
            if not step.is_optional:
                raise UnavailableError(f"{error}\n{_trouble(step)}") from error
            tell(f"    {error}; it goes on without")
        else:
            tell(f"    done in {time.monotonic() - began_s:.0f} s")


def run_step(step: Step) -> str:
    """Do one step; what it said. Raises UnavailableError where it fails or takes too long."""
    given = step.given
    if step.given_by is not None:
        given = _output(step.given_by, None, step.limit_s, step.name)
    return _output(step.command, given, step.limit_s, step.name)


def output(command: Sequence[str], *, given: str | None = None, limit_s: int = LOOK_LIMIT_S) -> str | None:
    """What a command says to what it is `given`; None where it fails."""
    try:
        return _output(command, given, limit_s, command[0])
    except UnavailableError:
        return None


def _output(command: Sequence[str], given: str | None, limit_s: int, name: str) -> str:
    try:
        ended = subprocess.run(
            command, input=given, capture_output=True, text=True, check=False, timeout=limit_s
        )
    except FileNotFoundError as error:
        raise UnavailableError(f"{name}: {command[0]} is not installed, or not on PATH") from error
    except subprocess.TimeoutExpired as error:
        raise UnavailableError(f"{name}: not done after {limit_s} s") from error
    if ended.returncode != 0:
        raise UnavailableError(f"{name}: {_end(ended.stderr or ended.stdout)}")
    return ended.stdout


def _trouble(step: Step) -> str:
    """Pods that are not well, the last events, and the logs of the first such pod."""
    if step.namespace is None:
        return f"It was: {step.shown}"
    kubectl = ("kubectl", "-n", step.namespace)
    events = output((*kubectl, "get", "events", "--sort-by=.lastTimestamp", "--field-selector=type=Warning"))
    pods = output((*kubectl, "get", "pods", "--no-headers")) or ""
    unwell = [line for line in pods.splitlines() if not _is_well(line)]
    parts = [f"It was: {step.shown}", "Pods that are not well:", *unwell]
    parts += ["Last warnings:", _end(events or "none")]
    if unwell:
        pod = unwell[0].split()[0]
        logs = output((*kubectl, "logs", pod, "--all-containers", f"--tail={LINES_SHOWN}"))
        parts += [f"Logs of {pod}:", logs or "none yet"]
    return "\n".join(parts)


def _is_well(line: str) -> bool:
    """Of a line of `kubectl get pods`: all containers ready, or a job that is done."""
    fields = line.split()
    ready, _, wanted = fields[1].partition("/") if len(fields) > 2 else ("", "", "x")
    return len(fields) > 2 and (fields[2] == "Completed" or (fields[2] == "Running" and ready == wanted))


def _end(text: str) -> str:
    return "\n".join(text.strip().splitlines()[-LINES_SHOWN:])
