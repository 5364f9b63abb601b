"""Running a TFLite file, for parity checks and for judging exported models."""

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from face_affect_ros.affect.types import AffectError

RUNTIMES = ('ai_edge_litert.interpreter', 'tflite_runtime.interpreter', 'tensorflow.lite')


def interpreter(path: Path, threads: int = 1) -> Any:
    """Return an interpreter of the first runtime that is installed.

    Raises AffectError where none is, or where the file is no TFLite model.
    """
    for name in RUNTIMES:
        try:
            runtime = importlib.import_module(name)
        except ImportError:
            continue
        try:
            return runtime.Interpreter(model_path=str(path), num_threads=threads)
        except (ValueError, RuntimeError, OSError) as error:
            raise AffectError(f'{path}: cannot be run as a TFLite model: {error}') from error
    raise AffectError('no TFLite runtime is installed; install one: python3 -m pip install '
                      'ai-edge-litert')


def predict(path: Path, inputs: npt.NDArray[np.float32], *, output: int = 0,
            batch: int = 64) -> npt.NDArray[np.float32]:
    """Return one output for all inputs, (N, K) float32.

    inputs: (N, S, S, C) float32, scaled already. output: index of the output tensor.
    """
    network = interpreter(path)
    source = network.get_input_details()[0]['index']
    results = []
    for start in range(0, len(inputs), batch):
        part = inputs[start:start + batch]
        network.resize_tensor_input(source, part.shape)
        network.allocate_tensors()
        network.set_tensor(source, part)
        network.invoke()
        results.append(network.get_tensor(network.get_output_details()[output]['index']).copy())
    return np.concatenate(results)
