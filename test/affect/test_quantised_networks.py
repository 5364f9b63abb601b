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

"""Networks whose inputs and outputs are 8-bit integers, written here tensor by tensor."""

from dataclasses import dataclass
import hashlib
from pathlib import Path
from typing import Any

from face_affect_ros.affect.classifier import Classifier
from face_affect_ros.affect.interpreter import Network, Port
from face_affect_ros.affect.model_store import load_card
from face_affect_ros.affect.types import AffectError, GENDERS
import numpy as np
import pytest
import yaml

schema = pytest.importorskip('ai_edge_litert.schema_py_generated',
                             reason='ai-edge-litert, which writes the test networks, is missing')
flatbuffers = pytest.importorskip('flatbuffers', reason='flatbuffers is not installed')

#: Weights (classes, pixels) of a network that compares the left and the right half of 2x2 pixels.
LEFT_OR_RIGHT = np.array([[1, -1, 1, -1], [-1, 1, -1, 1]], np.int8) * 100
INT8_INPUT = (2.0 / 255.0, -1)
#: Operators whose first version does not support 8-bit integers.
VERSIONS = {schema.BuiltinOperator.FULLY_CONNECTED: 4, schema.BuiltinOperator.SOFTMAX: 2}
NUMPY_OF = {schema.TensorType.INT8: np.int8, schema.TensorType.UINT8: np.uint8}


@dataclass
class Tensor:
    """A tensor to write: shape, type, scale and zero point, and content where it is constant."""

    shape: tuple[int, ...]
    kind: int
    scales: tuple[float, ...] = ()
    zero_points: tuple[int, ...] = ()
    content: Any = None


def write_network(path: Path, tensors: list[Tensor], operators: list[tuple[int, list[int], int]],
                  options: dict[int, Any], *, source: list[int], sink: int) -> Path:
    """Write a TFLite file; operators are (built-in operator, inputs, output)."""
    model = schema.ModelT()
    model.version, model.buffers = 3, [schema.BufferT()]
    graph = schema.SubGraphT()
    graph.inputs, graph.outputs, graph.tensors = source, [sink], []
    for index, tensor in enumerate(tensors):
        entry = schema.TensorT()
        entry.name, entry.type = f'tensor{index}', tensor.kind
        entry.shape, entry.buffer = list(tensor.shape), 0
        if tensor.scales:
            entry.quantization = schema.QuantizationParametersT()
            entry.quantization.scale = list(tensor.scales)
            entry.quantization.zeroPoint = list(tensor.zero_points)
        if tensor.content is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(tensor.content.tobytes(), np.uint8)
            model.buffers.append(buffer)
            entry.buffer = len(model.buffers) - 1
        graph.tensors.append(entry)
    model.operatorCodes, graph.operators = [], []
    for code, inputs, output in operators:
        kind = schema.OperatorCodeT()
        kind.builtinCode, kind.deprecatedBuiltinCode = code, code
        kind.version = VERSIONS.get(code, 1)
        model.operatorCodes.append(kind)
        operator = schema.OperatorT()
        operator.opcodeIndex = len(model.operatorCodes) - 1
        operator.inputs, operator.outputs = inputs, [output]
        operator.builtinOptionsType, operator.builtinOptions = options[code]
        graph.operators.append(operator)
    model.subgraphs = [graph]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b'TFL3')
    path.write_bytes(bytes(builder.Output()))
    return path


def left_or_right(path: Path, *, kind: int = schema.TensorType.INT8) -> Path:
    """Write the network: (N, 2, 2, 1) to two probabilities, all in 8-bit integers."""
    middle = 128 if kind == schema.TensorType.UINT8 else 0
    weights = (LEFT_OR_RIGHT.astype(np.int16) + middle).astype(NUMPY_OF[kind])
    scale, zero_point = INT8_INPUT
    tensors = [Tensor((1, 2, 2, 1), kind, (scale,), (zero_point + middle,)),
               Tensor((2, 4), kind, (0.01,), (middle,), weights),
               Tensor((2,), schema.TensorType.INT32, (0.01 * scale,), (0,),
                      np.zeros(2, np.int32)),
               Tensor((1, 2), kind, (8.0 / 255.0,), (middle,)),
               Tensor((1, 2), kind, (1.0 / 256.0,), (middle - 128,))]
    connected, softmax = schema.FullyConnectedOptionsT(), schema.SoftmaxOptionsT()
    softmax.beta = 1.0
    builtin, form = schema.BuiltinOperator, schema.BuiltinOptions
    return write_network(
        path, tensors, [(builtin.FULLY_CONNECTED, [0, 1, 2], 3), (builtin.SOFTMAX, [3], 4)],
        {builtin.FULLY_CONNECTED: (form.FullyConnectedOptions, connected),
         builtin.SOFTMAX: (form.SoftmaxOptions, softmax)}, source=[0], sink=4)


def in_floats(pixels: np.ndarray) -> np.ndarray:
    """Return the outputs of the network, computed in float64."""
    values = pixels.reshape(len(pixels), 4) * 2.0 / 255.0 - 1.0
    logits = values @ (LEFT_OR_RIGHT.T * 0.01)
    powers = np.exp(logits - logits.max(1, keepdims=True))
    return np.asarray(powers / powers.sum(1, keepdims=True))


def some_pixels(count: int) -> np.ndarray:
    return np.random.default_rng(4).integers(0, 256, (count, 2, 2, 1), np.uint8)


@pytest.mark.parametrize('kind', [schema.TensorType.INT8, schema.TensorType.UINT8])
def test_a_network_with_8_bit_inputs_and_outputs_runs(tmp_path: Path, kind: int) -> None:
    network = Network(left_or_right(tmp_path / 'model.tflite', kind=kind))
    assert network.input_shape == (1, 2, 2, 1)
    pixels = some_pixels(50)
    batch = pixels.astype(np.float32) * np.float32(2 / 255) - 1
    (together,) = network(batch)
    assert together.dtype == np.float32 and together.shape == (50, 2)
    # the logits are rounded to 8/255, the softmax to 1/256
    np.testing.assert_allclose(together, in_floats(pixels), atol=0.02)
    alone = np.concatenate([network(each[np.newaxis])[0] for each in batch])
    np.testing.assert_array_equal(together, alone)


def card_of(network: Path) -> str:
    """Write the card of a network; return the name to load it by."""
    metadata = {'name': 'small', 'kind': 'classifier', 'file': network.name,
             'sha256': hashlib.sha256(network.read_bytes()).hexdigest(),
             'input': {'size': 2, 'channels': 1, 'scale': 2 / 255, 'offset': -1.0},
             'heads': [{'task': 'gender', 'output': 0, 'labels': list(GENDERS),
                        'threshold': 0.5}]}
    (network.parent / 'card.yaml').write_text(yaml.safe_dump(metadata))
    return str(network.parent)


def test_the_classifier_normalises_8_bit_probabilities(tmp_path: Path) -> None:
    classifier = Classifier(load_card(card_of(left_or_right(tmp_path / 'model.tflite'))))
    pixels = some_pixels(200)
    answer = classifier(pixels)['gender']
    np.testing.assert_allclose(answer.sum(1), 1.0, atol=1e-6)
    np.testing.assert_allclose(answer, in_floats(pixels), atol=0.02)
    clear = np.abs(in_floats(pixels)[:, 0] - 0.5) > 0.02
    assert clear.sum() > 150
    assert (answer.argmax(1) == in_floats(pixels).argmax(1))[clear].all()


def test_integers_without_a_scale_are_an_error(tmp_path: Path) -> None:
    kind, code = schema.TensorType.INT8, schema.BuiltinOperator.RESHAPE
    options = schema.ReshapeOptionsT()
    options.newShape = [-1, 4]
    path = write_network(tmp_path / 'model.tflite',
                         [Tensor((1, 2, 2, 1), kind), Tensor((1, 4), kind)], [(code, [0], 1)],
                         {code: (schema.BuiltinOptions.ReshapeOptions, options)},
                         source=[0], sink=1)
    with pytest.raises(AffectError, match="model.tflite: the tensor 'tensor0' is int8 with 0 sc"):
        Network(path)


def detail(**changes: Any) -> dict[str, Any]:
    """Return the details of a tensor, as the runtime gives them."""
    scales = np.atleast_1d(np.array(changes.pop('scale', 0.5), np.float32))
    quantization = {'scales': scales,
             'zero_points': np.full(len(scales), changes.pop('zero_point', 3), np.int32)}
    return {'name': 'image', 'index': 7, 'dtype': np.int8, 'quantization_parameters': quantization,
            **changes}


@pytest.mark.parametrize(('changes', 'complaint'), [
    ({'dtype': np.int16}, 'is int16; the inputs and outputs of a network must be float32, int8'),
    ({'dtype': np.float16}, 'is float16'),
    ({'scale': [0.1, 0.2]}, 'is int8 with 2 scales; it needs one scale and one zero point'),
    ({'scale': 0.0}, 'has the scale 0 and the zero point 3; the scale must be above 0'),
    ({'scale': np.nan}, 'has the scale nan'),
    ({'zero_point': 200}, r'the zero point in \[-128, 127\]'),
    ({'zero_point': -1, 'dtype': np.uint8}, r'the zero point in \[0, 255\]'),
])
def test_tensors_of_other_types_are_an_error(changes: dict[str, Any],
                                             complaint: str) -> None:
    with pytest.raises(AffectError, match=f"x.tflite: the tensor 'image' .*{complaint}"):
        Port.of(detail(**changes), Path('x.tflite'))


def test_values_are_clipped_to_the_range_of_the_integers() -> None:
    port = Port.of(detail(), Path('x.tflite'))
    values = np.array([[-1000.0, 0.0, 1.2, 1000.0]], np.float32)
    stored = port.encode(values)
    assert stored.dtype == np.int8 and stored.tolist() == [[-128, 3, 5, 127]]
    np.testing.assert_array_equal(port.decode(stored), [[-65.5, 0.0, 1.0, 62.0]])


def test_outputs_that_are_not_probabilities_are_an_error(tmp_path: Path) -> None:
    path = tmp_path / 'model.tflite'
    kind, form = schema.TensorType.FLOAT32, schema.BuiltinOptions
    weights = np.array([[1, 1, 1, 1], [5, 5, 5, 5]], np.float32)
    code = schema.BuiltinOperator.FULLY_CONNECTED
    write_network(path, [Tensor((1, 2, 2, 1), kind), Tensor((2, 4), kind, content=weights),
                         Tensor((2,), kind, content=np.zeros(2, np.float32)),
                         Tensor((1, 2), kind)], [(code, [0, 1, 2], 3)],
                  {code: (form.FullyConnectedOptions, schema.FullyConnectedOptionsT())},
                  source=[0], sink=3)
    with pytest.raises(AffectError, match='output 0 is not a probability .* sum is 0; end '
                                          'the network with a'):
        Classifier(load_card(card_of(path)))


def test_a_network_with_two_inputs_is_an_error(tmp_path: Path) -> None:
    kind, code = schema.TensorType.FLOAT32, schema.BuiltinOperator.ADD
    path = write_network(tmp_path / 'model.tflite', [Tensor((1, 4), kind)] * 3,
                         [(code, [0, 1], 2)],
                         {code: (schema.BuiltinOptions.AddOptions, schema.AddOptionsT())},
                         source=[0, 1], sink=2)
    with pytest.raises(AffectError, match='must have one input, it has 2'):
        Network(path)
