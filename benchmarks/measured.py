"""Runs a module as `python -m` does, and says at its end what the process took, as JSON on standard output.

`python -m benchmarks.measured MODULE [ARGUMENT…]`. CPU is of all threads and from the interpreter's start on.
"""

import json
import runpy
import sys
import time
from pathlib import Path


def main() -> None:
    """Run the module that the command line names; its exit code is ours."""
    sys.argv = sys.argv[1:]
    try:
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    finally:
        print(json.dumps({"cpu_s": time.process_time(), "peak_mib": _peak_mib()}))


def _peak_mib() -> float:
    """Resident memory at its highest. Not `ru_maxrss`: a child inherits that from its parent."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    (kib,) = (line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(kib) / 1024


if __name__ == "__main__":
    main()
