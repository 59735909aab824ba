"""The network: an encoder over the last day, a decoder over the known future, quantiles around the blend.

Built-in layers only, so that its file loads in safe mode and no code of ours is needed to read it.
"""

from typing import Any

import keras
from keras import layers

from contracts.forecasts import HORIZON_H, QUANTILES
from forecasting.features import STATIC_CHANNELS, FeatureSpec
from model_training.design import NetworkDesign


def built(spec: FeatureSpec, design: NetworkDesign, *, members: int = 1) -> Any:
    """One network; inputs as `Features.inputs`, output (n, HORIZON_H, len(QUANTILES)), scaled."""
    past = keras.Input((spec.context_h, spec.past_channels), name="past")
    future = keras.Input((HORIZON_H, spec.future_channels), name="future")
    static = keras.Input((STATIC_CHANNELS,), name="static")
    anchor = keras.Input((HORIZON_H,), name="anchor")
    answers = [
        _member((past, future, static, anchor), spec, design, f"m{number}_") for number in range(members)
    ]
    answer = answers[0] if len(answers) == 1 else layers.Average(name="quantiles")(answers)
    return keras.Model([past, future, static, anchor], answer)


def _member(inputs: tuple[Any, ...], spec: FeatureSpec, design: NetworkDesign, name: str) -> Any:
    """One GRU pair; the blend passes through a gate that starts open."""
    (past, future, static, anchor), units = inputs, design.units
    seen = layers.Concatenate(name=f"{name}seen")([past, layers.RepeatVector(spec.context_h)(static)])
    if design.input_dropout:
        seen = layers.SpatialDropout1D(design.input_dropout)(seen)
    _, state = layers.GRU(units, return_state=True, name=f"{name}encoder")(seen)
    known = layers.Concatenate(name=f"{name}known")([future, layers.RepeatVector(HORIZON_H)(static)])
    ahead = layers.GRU(units, return_sequences=True, name=f"{name}decoder")(known, initial_state=state)
    mixed = layers.Dense(units, "relu", name=f"{name}mixed")(layers.Concatenate()([ahead, future]))
    if design.dropout:
        mixed = layers.Dropout(design.dropout)(mixed)
    change = layers.Dense(len(QUANTILES), name=f"{name}change")(mixed)
    gate = layers.Dense(1, kernel_initializer="zeros", bias_initializer="ones", name=f"{name}gate")(mixed)
    held = layers.Multiply(name=f"{name}held")([layers.Reshape((HORIZON_H, 1))(anchor), gate])
    return layers.Add(name=f"{name}quantiles")([change, held])
