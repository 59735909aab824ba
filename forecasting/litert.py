"""Runs an exported network: LiteRT, no TensorFlow."""

from typing import Any

import numpy as np

from contracts.errors import BadInputError
from forecasting.hourly_table import Floats

INPUTS = ("past", "future", "static", "anchor")
BATCH = 512  # larger ones fall out of the cache


class LiteRtNetwork:
    """One exported network, for any number of threads at once."""

    def __init__(self, model: bytes) -> None:
        """Raises BadInputError where the bytes are no such network."""
        self._model = model
        self._idle = [_Runner(model)]

    def __call__(self, inputs: tuple[Floats, ...]) -> Floats:
        """The answer (n, horizon, quantiles), scaled; inputs as `Features.inputs`."""
        try:
            runner = self._idle.pop()
        except IndexError:  # all are at work: each thread that calls has its own
            runner = _Runner(self._model)
        answer = runner(inputs)
        self._idle.append(runner)
        return answer


class _Runner:
    """The network for one thread; its inputs are told by name, its batch is of one size, the last padded.

    By one thread only: its operations are so short that two spend as much on waiting for each other.
    """

    def __init__(self, model: bytes) -> None:
        from ai_edge_litert.interpreter import Interpreter  # noqa: PLC0415 - only who predicts needs it

        try:
            self._interpreter: Any = Interpreter(model_content=model, num_threads=1)
            details = {_name(each): each for each in self._interpreter.get_input_details()}
            self._inputs = [details[name] for name in INPUTS]
        except (ValueError, RuntimeError, KeyError) as error:
            raise BadInputError("bad_network", f"cannot be run: {error}") from error
        self._output = self._interpreter.get_output_details()[0]["index"]
        self._batch = 0

    def __call__(self, inputs: tuple[Floats, ...]) -> Floats:
        count = len(inputs[0])
        batch = min(BATCH, count)
        return np.concatenate(
            [self._run(tuple(each[first : first + batch] for each in inputs), batch)
             for first in range(0, count, batch)]
        )  # fmt: skip

    def _run(self, inputs: tuple[Floats, ...], batch: int) -> Floats:
        self._resize(inputs, batch)
        count = len(inputs[0])
        for detail, values in zip(self._inputs, inputs, strict=True):
            padded = np.zeros((batch, *values.shape[1:]), dtype=np.float32)
            padded[:count] = values
            self._interpreter.set_tensor(detail["index"], padded)
        self._interpreter.invoke()
        return np.array(self._interpreter.get_tensor(self._output)[:count])

    def _resize(self, inputs: tuple[Floats, ...], batch: int) -> None:
        if batch == self._batch:
            return
        for detail, values in zip(self._inputs, inputs, strict=True):
            self._interpreter.resize_tensor_input(detail["index"], (batch, *values.shape[1:]))
        self._interpreter.allocate_tensors()
        self._batch = batch


def _name(detail: dict[str, Any]) -> str:
    """`past` of `serving_default_past:0`."""
    return str(detail["name"]).removeprefix("serving_default_").partition(":")[0]
