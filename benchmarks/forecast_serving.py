"""10,000 sensors, 24 hours, all quantiles, in one issue: as served, and the network alone beside Keras.

`python -m benchmarks.forecast_serving VERSION_FOLDER [sensors]`, a folder of the registry with a network.
Each way runs in a process of its own, for its memory; times are the best of five, after a first call.
Each network answers the golden batch first, so that all say the same.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

from forecasting.bundle import CHUNK, ModelBundle, Network
from forecasting.hourly_table import HourlyTable
from forecasting.litert import INPUTS

SENSORS = 10_000
HOURS = 192
CALLS = 5
THREADS = 2
WAYS = (
    "litert, table to quantiles",
    "litert, network alone",
    "numpy, network alone",
    "keras model.predict",
)
KERAS_BATCH = 1024
DIFFERENCE_MAX = 1e-4


def main(folder: Path, sensors: int) -> None:
    """Run each way in its own process and print the table."""
    print(f"{sensors:,} sensors x 24 h x quantiles, {folder.name}")
    print(f"  {'way':<30}{'first call, s':>14}{'s':>8}{'CPU s':>8}{'peak MB':>9}")
    for way in WAYS:
        command = [sys.executable, "-m", "benchmarks.forecast_serving", str(folder), str(sensors), way]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            print(f"  {way:<30} not run: {done.stderr.strip().splitlines()[-1][:80]}")
            continue
        found = json.loads(done.stdout.splitlines()[-1])
        print(
            f"  {way:<30}{found['first_s']:>14.2f}{found['s']:>8.2f}{found['cpu_s']:>8.2f}{found['mb']:>9.0f}"
        )


def measure(folder: Path, sensors: int, way: str) -> None:
    """Time one way; print its figures as JSON."""
    call = _call(folder, sensors, way)
    first_s, _ = _timed(call)
    times = [_timed(call) for _ in range(CALLS)]
    s, cpu_s = min(times)
    print(json.dumps({"first_s": first_s, "s": s, "cpu_s": cpu_s, "mb": _peak_mb()}))


def _call(folder: Path, sensors: int, way: str) -> Callable[[], object]:
    bundle = ModelBundle.of({each.name: each.read_bytes() for each in folder.iterdir()}, threads=THREADS)
    if way == WAYS[0]:
        table = _table(bundle, sensors)
        return lambda: bundle.predict(table)
    network = _network(bundle, folder, way)
    with np.load(folder / "golden.npz") as golden:
        answer = network(tuple(golden[name] for name in INPUTS))
        if not np.abs(answer - golden["answer"]).max() < DIFFERENCE_MAX:
            raise SystemExit(f"{way} does not give the golden answers")
        inputs = tuple(np.resize(golden[name], (sensors, *golden[name].shape[1:])) for name in INPUTS)
    return lambda: network(inputs)


def _network(bundle: ModelBundle, folder: Path, way: str) -> Network:
    if way == WAYS[1] and bundle.network is not None:
        return partial(_in_shares, bundle.network)
    if way == WAYS[2]:
        from benchmarks.numpy_network import NumpyNetwork  # noqa: PLC0415 - its h5py is no part of serving

        return NumpyNetwork(folder / "model.keras")
    import keras  # noqa: PLC0415 - half a gigabyte that the other ways shall not carry

    model = keras.models.load_model(folder / "model.keras", compile=False)
    return lambda inputs: model.predict(
        dict(zip(INPUTS, inputs, strict=True)), batch_size=KERAS_BATCH, verbose=0
    )


def _in_shares(network: Network, inputs: tuple[np.ndarray, ...]) -> np.ndarray:
    """The answer as several threads give it, as in serving."""
    starts = range(0, len(inputs[0]), CHUNK)
    with ThreadPoolExecutor(THREADS) as pool:
        return np.concatenate(
            list(pool.map(lambda at: network(tuple(each[at : at + CHUNK] for each in inputs)), starts))
        )


def _table(bundle: ModelBundle, sensors: int) -> HourlyTable:
    """Waves of a day with noise, at places all over a country."""
    numbers = np.random.default_rng(1)
    wave = 15 + 5 * np.sin(2 * np.pi * np.arange(HOURS) / 24)
    values = (wave + numbers.normal(0, 1, (sensors, HOURS))).clip(0).astype(np.float32)
    return HourlyTable(
        bundle.card.measure,
        1_557_705_600,
        np.arange(sensors),
        numbers.uniform(47, 55, sensors),
        numbers.uniform(6, 15, sensors),
        values,
        {each.name: values / 2 for each in bundle.card.features.covariates},
    )


def _timed(call: Callable[[], object]) -> tuple[float, float]:
    began_s, cpu_s = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - began_s, time.process_time() - cpu_s


def _peak_mb() -> float:
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    (kib,) = (line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(kib) / 1024


if __name__ == "__main__":
    arguments = sys.argv[1:]
    if len(arguments) == 3:
        measure(Path(arguments[0]), int(arguments[1]), arguments[2])
    else:
        main(Path(arguments[0]), int(arguments[1]) if len(arguments) > 1 else SENSORS)
