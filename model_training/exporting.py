"""From the trained network to a file that runs without TensorFlow, refused unless both say the same."""

import tempfile
from pathlib import Path
from typing import Any

import tensorflow as tf

from contracts.forecasts import HORIZON_H
from forecasting.features import STATIC_CHANNELS, FeatureSpec
from forecasting.litert import INPUTS
from model_training.twin import Twin


def exported(network: Any, spec: FeatureSpec, *, members: int) -> bytes:
    """The network as LiteRT, of built-in operations alone.

    By way of a twin that is written out hour by hour, for the recurrence itself does not convert, and what
    Keras unrolls takes 1.7 times as long.
    """
    shapes = (
        (spec.context_h, spec.past_channels), (HORIZON_H, spec.future_channels), (STATIC_CHANNELS,),
        (HORIZON_H,),
    )  # fmt: skip
    given = [
        tf.TensorSpec((None, *shape), tf.float32, name=name)
        for name, shape in zip(INPUTS, shapes, strict=True)
    ]
    twin = tf.function(Twin(network, members=members))
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [twin.get_concrete_function(*given)], tf.Module()
    )
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    return bytes(converter.convert())


def keras_bytes(network: Any) -> bytes:
    """The network as `.keras`, without its training."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        network.save(path)
        return path.read_bytes()
