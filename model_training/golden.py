"""The golden batch: inputs and the network's answer to them, which every copy of it must give."""

import io

import numpy as np

from contracts.errors import BadInputError
from forecasting.hourly_table import Floats
from forecasting.litert import INPUTS, LiteRtNetwork

GOLDEN_FILE = "golden.npz"
GOLDEN_WINDOWS = 32
DIFFERENCE_MAX = 1e-4


def require_agreement(litert: bytes, golden: dict[str, Floats]) -> None:
    """Raise BadInputError unless the file gives the golden answer to the golden inputs."""
    said = LiteRtNetwork(litert)(tuple(golden[name] for name in INPUTS))
    if not np.isfinite(said).all():
        raise BadInputError("bad_export", "the exported network answers NaN")
    difference = float(np.abs(said - golden["answer"]).max())
    if difference > DIFFERENCE_MAX:
        raise BadInputError(
            "bad_export", f"the exported network differs by {difference:.2g}; {DIFFERENCE_MAX:g} is allowed"
        )


def npz(arrays: dict[str, Floats]) -> bytes:
    """Arrays as a compressed file, without pickle."""
    held = io.BytesIO()
    np.savez_compressed(held, **arrays)  # type: ignore[arg-type]
    return held.getvalue()


def arrays_of(npz_file: bytes) -> dict[str, Floats]:
    """What `npz` packed."""
    with np.load(io.BytesIO(npz_file), allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}
