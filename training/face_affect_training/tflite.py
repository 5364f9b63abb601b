# Copyright 2026 face_affect_ros maintainers
#
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at
#
#     http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.

"""Conversion to TFLite in four precisions, and comparison with Keras."""

from pathlib import Path
from typing import Any, get_args, Literal
import warnings

from face_affect_ros.affect.types import AffectError
import numpy as np
import numpy.typing as npt
import yaml

#: float16: float16 weights, float32 arithmetic. dynamic: 8-bit weights and inputs of convolutions,
#: ranges measured at inference. int8: 8-bit weights and activations, ranges from samples.
Precision = Literal['float32', 'float16', 'dynamic', 'int8']
PRECISIONS = get_args(Precision)
#: Precisions of the gradients for saliency.
GradientPrecision = Literal['float32', 'float16', 'dynamic']
#: Largest number of validation faces for the comparison with Keras.
PARITY_FACES = 1024


def convert(network: Any, precision: str = 'float32',
            samples: npt.NDArray[np.float32] | None = None) -> bytes:
    """
    Return the TFLite file of a Keras network, with any batch size and folded batch norm.

    Requires the TensorFlow backend.

    Args:
        network: Keras model.
        precision: one of PRECISIONS. Input and output are float32 in all of them.
        samples: inputs (N, S, S, C) float32 for the ranges of int8 (Jacob et al. 2018).

    Raises:
        AffectError: a layer cannot be converted.
    """
    import tensorflow as tf
    signature = tf.TensorSpec((None, *network.input_shape[1:]), tf.float32, name='image')
    function = tf.function(lambda image: network(image, training=False),
                           input_signature=[signature])
    return convert_function(function, f"network '{network.name}'", precision, samples)


def convert_function(function: Any, what: str, precision: str = 'float32',
                     samples: npt.NDArray[np.float32] | None = None, *,
                     int8_input: bool = False) -> bytes:
    """
    Return the TFLite file of a tf.function with a signature, with builtin operators only.

    Args:
        function: tf.function.
        what: its name in messages.
        precision: see convert.
        samples: see convert.
        int8_input: whether the input of int8 is 8-bit as well.
    """
    import tensorflow as tf
    from tensorflow.lite.python.convert_phase import ConverterError
    from tensorflow.python.framework.convert_to_constants import (
        convert_variables_to_constants_v2,
    )

    # Otherwise the weights of a Keras 3 network stay variables, which the runtime cannot read.
    frozen = convert_variables_to_constants_v2(function.get_concrete_function())
    converter = tf.lite.TFLiteConverter.from_concrete_functions([frozen])
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    if precision != 'float32':
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if precision == 'float16':
        converter.target_spec.supported_types = [tf.float16]
    elif precision == 'int8':
        assert samples is not None
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.representative_dataset = lambda: ([each[np.newaxis]] for each in samples)
        if int8_input:
            converter.inference_input_type = tf.int8
    try:
        with warnings.catch_warnings():
            # a warning about another method of quantisation
            warnings.filterwarnings('ignore', message='Statistics for quantized inputs')
            return bytes(converter.convert())
    except (ConverterError, RuntimeError, ValueError) as error:
        raise AffectError(f'{what} cannot be converted to TFLite as {precision}: '
                          f'{_reason(error)}') from error


def write_model(folder: Path, content: bytes, card: dict[str, Any]) -> None:
    """Write model.tflite and card.yaml to the folder of a model."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / 'model.tflite').write_bytes(content)
    text = yaml.safe_dump(card, sort_keys=False, width=99, allow_unicode=True)
    (folder / 'card.yaml').write_text(text, encoding='utf-8')


#: Largest difference of a probability, and smallest share of faces with the same label, by
#: precision. float32 changes only the order of operations; float16 rounds weights to 11 bits,
#: dynamic rounds weights and most activations to 8 bits, int8 all activations and probabilities.
TOLERANCES = {'float32': (1e-4, 0.99), 'float16': (0.05, 0.98), 'dynamic': (0.3, 0.95),
              'int8': (0.6, 0.9)}


def check_parity(ours: npt.NDArray[np.floating[Any]], theirs: npt.NDArray[np.floating[Any]],
                 labels: npt.NDArray[np.int64], precision: str) -> dict[str, Any]:
    """
    Compare the outputs of a file and of Keras, and return the entry of the card.

    Args:
        ours: probabilities (N, K) of the file.
        theirs: probabilities (N, K) of Keras.
        labels: (N,).
        precision: of the file.

    Raises:
        AffectError: the difference exceeds TOLERANCES.
    """
    difference = float(np.abs(ours - theirs).max())
    agreement = float((ours.argmax(1) == theirs.argmax(1)).mean())
    most, least = TOLERANCES[precision]
    # also fails for NaN
    if not (difference <= most and agreement >= least):
        raise AffectError(
            f'the {precision} file differs from Keras by up to {difference:.2g} and has the same '
            f'label for {agreement:.1%} of {len(ours)} faces; the limits are {most:g} and '
            f'{least:.0%}. It was not written. Leave out this precision, or check the network for '
            'layers with a large range of values')
    return {'faces': len(ours), 'max_difference': difference, 'label_agreement': agreement,
            'accuracy': float((ours.argmax(1) == labels).mean()),
            'keras_accuracy': float((theirs.argmax(1) == labels).mean())}


def _reason(error: Exception) -> str:
    """Return the line of a message that names the operators, or the first line."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return next((line for line in lines if line.startswith(('TF Select ops', 'Custom ops'))),
                lines[0])
