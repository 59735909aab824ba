"""The whole stack on this machine: start, back-fill, memory, stop.

`python -m benchmarks.whole_stack`: on free ports, in a temporary folder, on the recordings of the repository.
Wall times are of a machine that does other things too; repeat before you believe a difference.
"""

import tempfile
import time
from pathlib import Path

from local_stack import stack
from local_stack.ports import free_ports
from local_stack.programs import recording_starts_at_s
from local_stack.settings import Settings
from luftstrom.connections import connections
from luftstrom.demo import play_history, settled

MIB = 1024 * 1024
LIVE_S = 60.0
PORTS = [name for name in Settings.model_fields if name.endswith("_port")]


def main() -> None:
    """Start a stack, play the history, let it live for a minute, stop it, print the figures."""
    with tempfile.TemporaryDirectory() as folder:
        ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
        settings = Settings(data_dir=Path(folder) / "data", source="recording", **ports)
        began_s = time.monotonic()
        stack.up(settings, lambda _line: None)
        try:
            print(f"up to ready           {time.monotonic() - began_s:8.1f} s")
            _measure_history(settings)
            time.sleep(LIVE_S)
            _measure_memory(settings)
        finally:
            began_s = time.monotonic()
            stack.down(settings)
            print(f"down                  {time.monotonic() - began_s:8.1f} s")


def _measure_history(settings: Settings) -> None:
    began_s = time.monotonic()
    play_history(settings, anchor_s=recording_starts_at_s(settings), on_progress=lambda _done, _total: None)
    published_s = time.monotonic() - began_s
    with connections(settings) as connected:
        reconciliation = settled(connected.ledger, on_progress=lambda _done, _total: None)
    stored_s = time.monotonic() - began_s
    readings, values = reconciliation.door.published, reconciliation.stored
    print(f"history published     {published_s:8.1f} s   {readings / published_s:9,.0f} readings/s")
    print(f"history stored        {stored_s:8.1f} s   {values / stored_s:9,.0f} values/s")
    print(f"arithmetic closes     {reconciliation.closes!s:>8}     {readings:9,} readings, {values:,} values")


def _measure_memory(settings: Settings) -> None:
    processes = stack.status(settings)
    for process in processes:
        print(f"memory (PSS) {process.name:<10}{(process.pss_bytes or 0) / MIB:7.0f} MiB")
    total = sum(process.pss_bytes or 0 for process in processes)
    print(f"memory (PSS) in all   {total / MIB:8.0f} MiB")


if __name__ == "__main__":
    main()
