"""What a process and its children take, and their end."""

import sys
from pathlib import Path
from subprocess import Popen

import psutil

ROOT = Path(__file__).parents[1]


def family(process: Popen[bytes]) -> list[psutil.Process]:
    """The process and all that it started; none once it has ended."""
    try:
        first = psutil.Process(process.pid)
        return [first, *first.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def cpu_s(processes: list[psutil.Process]) -> float:
    """CPU seconds that they have taken."""
    total = 0.0
    for each in processes:
        try:
            used = each.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += used.user + used.system
    return total


def pss_mib(processes: list[psutil.Process]) -> float:
    """Memory that they take now, what is shared divided."""
    total = 0
    for each in processes:
        try:
            total += each.memory_full_info().pss
        except psutil.NoSuchProcess:
            continue
    return total / 1024**2


def end(process: Popen[bytes]) -> None:
    """Kill it and all that it started."""
    for each in family(process):
        try:
            each.kill()
        except psutil.NoSuchProcess:
            continue
    process.wait()


def tail(log: Path) -> str:
    """The end of a log."""
    return log.read_text(errors="replace")[-2000:]


def python(*arguments: str) -> list[str]:
    """A command of the interpreter that we run in."""
    return [sys.executable, *arguments]
