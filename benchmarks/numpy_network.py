"""The network in plain NumPy, as a peer of LiteRT: the same weights, read from the `.keras` file."""

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

Floats = np.ndarray
BATCH = 512


@dataclass(frozen=True)
class Member:
    """Weights of one pair of GRUs and of what follows them."""

    encoder: list[Floats]
    decoder: list[Floats]
    mixed: list[Floats]
    gate: list[Floats]
    change: list[Floats]


class NumpyNetwork:
    """Says what the Keras network says; inputs as `Features.inputs`."""

    def __init__(self, keras_file: Path) -> None:
        with zipfile.ZipFile(keras_file) as archive:
            file = h5py.File(io.BytesIO(archive.read("model.weights.h5")))
        layers = file["layers"]
        count = sum(name.startswith("gru") for name in layers) // 2
        self._members = [_member(layers, number, count) for number in range(count)]

    def __call__(self, inputs: tuple[Floats, ...]) -> Floats:
        """The answer (n, horizon, quantiles), scaled."""
        parts = []
        for first in range(0, len(inputs[0]), BATCH):
            some = tuple(each[first : first + BATCH] for each in inputs)
            parts.append(np.mean([_answer(member, *some) for member in self._members], axis=0))
        return np.concatenate(parts)


def _member(layers: "h5py.Group", number: int, count: int) -> Member:
    def weights(kind: str, at: int) -> list[Floats]:
        name = kind if at == 0 else f"{kind}_{at}"
        found = layers[name]["cell"]["vars"] if kind == "gru" else layers[name]["vars"]
        return [np.array(found[key]) for key in sorted(found)]

    # Keras numbers layers of a kind by depth: all encoders, then all decoders; all mixed, gates, changes.
    gru, dense = (weights("gru", number + part * count) for part in (0, 1)), range(3)
    return Member(*gru, *(weights("dense", number + part * count) for part in dense))


def _answer(member: Member, past: Floats, future: Floats, static: Floats, anchor: Floats) -> Floats:
    state = np.zeros((len(past), member.encoder[1].shape[0]), np.float32)
    for hour in range(past.shape[1]):
        state = _step(member.encoder, np.concatenate([past[:, hour], static], axis=1), state)
    said = []
    for hour in range(future.shape[1]):
        state = _step(member.decoder, np.concatenate([future[:, hour], static], axis=1), state)
        seen = np.concatenate([state, future[:, hour]], axis=1)
        mixed = np.maximum(seen @ member.mixed[0] + member.mixed[1], 0)
        gate = mixed @ member.gate[0] + member.gate[1]
        said.append(mixed @ member.change[0] + member.change[1] + anchor[:, hour, None] * gate)
    return np.stack(said, axis=1)


def _step(weights: list[Floats], given: Floats, state: Floats) -> Floats:
    """One hour of a GRU that resets after the multiplication, as Keras' does."""
    kernel, recurrent, bias = weights
    units = len(recurrent)
    own, carried = given @ kernel + bias[0], state @ recurrent + bias[1]
    gates = 1 / (1 + np.exp(-(own[:, : 2 * units] + carried[:, : 2 * units])))
    update, reset = gates[:, :units], gates[:, units:]
    candidate = np.tanh(own[:, 2 * units :] + reset * carried[:, 2 * units :])
    return update * state + (1 - update) * candidate
