"""The trained network written out hour by hour, in as few and small operations as LiteRT can do with.

An hour of a GRU is mostly sums of small matrices: each gate reads input and state side by side, so that no
sum of two products is left; nothing is split; the heads of all members are one.
"""

from typing import Any

import numpy as np
import tensorflow as tf

from forecasting.hourly_table import Floats


class Twin:
    """Says what the network says, to the same inputs."""

    def __init__(self, network: Any, *, members: int) -> None:
        self._members = [_Member(network, f"m{number}_") for number in range(members)]
        # Change and gate in one, and the mean of the members in it.
        heads = [np.concatenate([member.change, member.gate], axis=1) for member in self._members]
        biases = [np.concatenate([member.change_bias, member.gate_bias]) for member in self._members]
        self._head, self._bias = np.concatenate(heads) / members, np.mean(biases, axis=0)
        self._quantiles = self._members[0].change.shape[1]

    def __call__(self, past: Any, future: Any, static: Any, anchor: Any) -> Any:
        """The answer (n, horizon, quantiles), scaled; inputs as `Features.inputs`."""
        before, ahead = (tf.unstack(each, axis=1) for each in (past, future))
        mixed = [member.mixed(before, ahead, static) for member in self._members]
        said = [_dense(tf.concat(hour, axis=1), self._head, self._bias) for hour in zip(*mixed, strict=True)]
        answer = tf.stack(said, axis=1)
        change, gate = answer[..., : self._quantiles], answer[..., self._quantiles :]
        return change + gate * anchor[:, :, None]


class _Member:
    """The weights of one GRU pair, and of what follows it."""

    def __init__(self, network: Any, name: str) -> None:
        def weights(layer: str) -> list[Floats]:
            return [np.asarray(each) for each in network.get_layer(name + layer).get_weights()]

        self._encoder, self._decoder = _Gru(*weights("encoder")), _Gru(*weights("decoder"))
        self._mixed = weights("mixed")
        self.change, self.change_bias = weights("change")
        self.gate, self.gate_bias = weights("gate")

    def mixed(self, before: list[Any], ahead: list[Any], static: Any) -> list[Any]:
        """What the heads read of each hour to come."""
        # Zeros in as many rows as there are: said like this, all stays in one piece for XNNPACK.
        state = static[:, :1] * np.zeros((1, self._encoder.units), np.float32)
        for hour in before:
            state = self._encoder.next(tf.concat([hour, static], axis=1), state)
        found = []
        for hour in ahead:
            state = self._decoder.next(tf.concat([hour, static], axis=1), state)
            found.append(tf.nn.relu(_dense(tf.concat([state, hour], axis=1), *self._mixed)))
        return found


class _Gru:
    """A GRU that resets after the multiplication, as Keras' does: Cho et al. (2014), in Keras' order."""

    def __init__(self, kernel: Floats, recurrent: Floats, bias: Floats) -> None:
        self.units = len(recurrent)
        update, reset, candidate = (slice(at * self.units, (at + 1) * self.units) for at in range(3))
        both = np.concatenate([kernel, recurrent])
        self._update = both[:, update], bias.sum(axis=0)[update]
        self._reset = both[:, reset], bias.sum(axis=0)[reset]
        self._given = kernel[:, candidate], bias[0, candidate]
        self._carried = recurrent[:, candidate], bias[1, candidate]

    def next(self, given: Any, state: Any) -> Any:
        """The state after one more hour."""
        both = tf.concat([given, state], axis=1)
        update, reset = (tf.sigmoid(_dense(both, *gate)) for gate in (self._update, self._reset))
        candidate = tf.tanh(_dense(given, *self._given) + reset * _dense(state, *self._carried))
        return candidate + update * (state - candidate)


def _dense(given: Any, kernel: Floats, bias: Floats) -> Any:
    return tf.matmul(given, kernel) + bias
