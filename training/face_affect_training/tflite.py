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

"""Writing TFLite files of a network in four precisions, running and comparing them."""

from pathlib import Path
from typing import Any
import warnings

from face_affect_ros.affect.interpreter import Network
from face_affect_ros.affect.types import AffectError
import numpy as np
import numpy.typing as npt
import yaml

#: float16: weights are stored in half the bytes and computed with in float32. dynamic: weights
#: are 8-bit integers, and so are the activations that ordinary convolutions take in, whose range
#: is measured in every run. int8: all is, and the ranges are known beforehand.
PRECISIONS = ('float32', 'float16', 'dynamic', 'int8')
#: Validation faces on which the two are compared, at most.
PARITY_FACES = 1024


def convert(network: Any, precision: str = 'float32',
            samples: npt.NDArray[np.float32] | None = None) -> bytes:
    """
    Return the TFLite file of a Keras network, batch size free, batch norm folded.

    precision: one of PRECISIONS. Input and output stay float32 in all of them, so that one is as
    good as the other to its caller. samples: (N, S, S, C) float32 network inputs from which int8
    learns the range of each activation (Jacob et al. 2018). Needs Keras' TensorFlow backend.
    Raises AffectError where the converter has no such form of one of the network's layers.
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
    Return the TFLite file of a tf.function with a signature, builtin operators only.

    what: its name in messages. int8_input: whether an int8 network takes 8-bit integers. The rest
    is as in convert.
    """
    import tensorflow as tf
    from tensorflow.lite.python.convert_phase import ConverterError
    from tensorflow.python.framework.convert_to_constants import (
        convert_variables_to_constants_v2,
    )

    # The weights of a Keras 3 network would stay variables, which the robot cannot read.
    frozen = convert_variables_to_constants_v2(function.get_concrete_function())
    converter = tf.lite.TFLiteConverter.from_concrete_functions([frozen])
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    if precision == 'float16':
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_types = [tf.float16]
    elif precision == 'dynamic':
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    elif precision == 'int8':
        assert samples is not None
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.representative_dataset = lambda: ([each[np.newaxis]] for each in samples)
        if int8_input:
            converter.inference_input_type = tf.int8
    elif precision != 'float32':
        raise AffectError(f"precision '{precision}' is not one of {', '.join(PRECISIONS)}")
    try:
        with warnings.catch_warnings():
            # of statistics that another way of quantising would use
            warnings.filterwarnings('ignore', message='Statistics for quantized inputs')
            return bytes(converter.convert())
    except (ConverterError, RuntimeError, ValueError) as error:
        raise AffectError(f'{what} cannot be converted to TFLite as {precision}: '
                          f'{_reason(error)}') from error


def write_model(folder: Path, content: bytes, card: dict[str, Any]) -> None:
    """Write a model's folder: model.tflite with this content, and card.yaml."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / 'model.tflite').write_bytes(content)
    text = yaml.safe_dump(card, sort_keys=False, width=99, allow_unicode=True)
    (folder / 'card.yaml').write_text(text, encoding='utf-8')


def predict(path: Path, inputs: npt.NDArray[np.float32], *,
                batch: int = 64) -> tuple[npt.NDArray[np.float32], ...]:
    """
    Return each output for all inputs, (N, K) float32, by the robot's own interpreter.

    inputs: (N, S, S, C) float32, scaled already. Raises AffectError for a file that is no TFLite
    network.
    """
    network = Network(path)
    found = [network(inputs[start:start + batch]) for start in range(0, len(inputs), batch)]
    return tuple(np.concatenate(each) for each in zip(*found))


#: A float32 file is the same computation in another order. float16 rounds each weight to 11 bits,
#: dynamic to 8 and the activations as well, but for those that are added or pooled. int8 leaves
#: 1/256 between two probabilities and about as much between two activations; faces whose two best
#: classes are close change their label. More than this is a fault of the export: the largest
#: difference of a probability, and the least share of the faces that get the same label.
TOLERANCES = {'float32': (1e-4, 0.99), 'float16': (0.05, 0.98), 'dynamic': (0.3, 0.95),
              'int8': (0.6, 0.9)}


def check_parity(ours: npt.NDArray[np.floating[Any]], theirs: npt.NDArray[np.floating[Any]],
                 labels: npt.NDArray[np.int64], precision: str) -> dict[str, Any]:
    """
    Return how a file and its network compare on some faces, as plain values for the card.

    ours, theirs: (N, K) probabilities of the file and of Keras. labels: (N,), for both accuracies.
    Raises AffectError where the precision does not explain the difference.
    """
    difference = float(np.abs(ours - theirs).max())
    agreement = float((ours.argmax(1) == theirs.argmax(1)).mean())
    most, least = TOLERANCES[precision]
    # written so that NaN fails as well
    if not (difference <= most and agreement >= least):
        raise AffectError(
            f'the {precision} file differs from Keras by up to {difference:.2g} and gives '
            f'{agreement:.1%} of {len(ours)} faces the same label, allowed are '
            f'{most:g} and {least:.0%}; it was not written. Leave out this precision, or look for '
            'layers whose values reach far out')
    return {'faces': len(ours), 'max_difference': difference, 'label_agreement': agreement,
            'accuracy': float((ours.argmax(1) == labels).mean()),
            'keras_accuracy': float((theirs.argmax(1) == labels).mean())}


def _reason(error: Exception) -> str:
    """Return the line of the converter's many that names the operators, else the first."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return next((line for line in lines if line.startswith(('TF Select ops', 'Custom ops'))),
                lines[0])
