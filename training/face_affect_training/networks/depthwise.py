"""A depth-wise convolution that can be written as a sum of shifted products."""

from typing import Any

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package='face_affect_training')
class DepthwiseConv(layers.DepthwiseConv2D):
    """Keras' DepthwiseConv2D with a second way to compute itself.

    shifted: sum the nine shifted products of a 3x3 kernel instead of calling the backend's
    grouped convolution, whose gradient XLA runs slowly on GPUs. Stride 1, same padding, one
    filter a channel, channels last.
    """

    def __init__(self, kernel_size: int, *, shifted: bool = False, **options: Any) -> None:
        super().__init__(kernel_size, **options)
        self.shifted = shifted

    def call(self, inputs: Any) -> Any:
        """Return (N, H, W, C) for (N, H, W, C)."""
        if not self.shifted:
            return super().call(inputs)
        rows, columns = self.kernel_size
        height, width = inputs.shape[1:3]
        padded = ops.pad(inputs, [[0, 0], [rows // 2, rows // 2], [columns // 2, columns // 2],
                                  [0, 0]])
        total = 0.0
        for i in range(rows):
            for j in range(columns):
                part = padded[:, i:i + height, j:j + width, :]
                total = total + part * self.kernel[i, j, :, 0]
        return total

    def get_config(self) -> dict[str, Any]:
        """Return the layer's configuration; the way to compute is no property of the network."""
        return super().get_config()
