"""From the trained network to a file that runs without TensorFlow, refused unless both say the same."""

import tempfile
from pathlib import Path
from typing import Any

import tensorflow as tf

from forecasting.features import FeatureSpec
from model_training.design import NetworkDesign
from model_training.network import built


def exported(network: Any, spec: FeatureSpec, design: NetworkDesign, *, members: int) -> bytes:
    """The network as LiteRT, of built-in operations alone.

    By way of an unrolled twin, for the recurrence itself does not convert, and of a saved model: what
    converts straight from the functions of Keras "succeeds" and answers NaN.
    """
    twin = built(spec, design, members=members, unroll=True)
    twin.set_weights(network.get_weights())
    with tempfile.TemporaryDirectory() as folder:
        twin.export(folder, verbose=False)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        return bytes(converter.convert())


def keras_bytes(network: Any) -> bytes:
    """The network as `.keras`, without its training."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        network.save(path)
        return path.read_bytes()
