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

"""Muon (Jordan et al. 2024) for the kernels of convolutions; PyTorch."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

#: Coefficients of the quintic Newton-Schulz iteration, and number of iterations.
COEFFICIENTS, ITERATIONS = (3.4445, -4.7750, 2.0315), 5


class Muon(torch.optim.Optimizer):
    """
    Gradient descent with momentum and orthogonalized updates.

    A kernel of Keras, (height, width, in, out), is a matrix of (height x width x in) rows and
    `out` columns. torch.optim.Muon supports only matrices.
    """

    def __init__(self, kernels: Iterable[Tensor], lr: float, *, momentum: float = 0.95,
                 weight_decay: float = 0.0) -> None:
        """Optimize 4-D kernels; lr is the spectral norm of the update of a square matrix."""
        super().__init__(kernels, {'lr': lr, 'momentum': momentum, 'weight_decay': weight_decay})

    def step(self, closure: None = None) -> None:
        """Update the kernels."""
        with torch.no_grad():
            for group in self.param_groups:
                for kernel in group['params']:
                    self._update(kernel, group)

    def _update(self, kernel: Tensor, group: dict[str, Any]) -> None:
        momentum = self.state[kernel].setdefault('momentum', torch.zeros_like(kernel))
        momentum.lerp_(kernel.grad, 1.0 - group['momentum'])
        matrix = kernel.grad.lerp(momentum, group['momentum']).reshape(-1, kernel.shape[-1])
        rows, columns = matrix.shape
        update = orthogonalized(matrix) * max(1.0, rows / columns) ** 0.5
        kernel.mul_(1.0 - group['lr'] * group['weight_decay'])
        kernel.sub_(update.reshape(kernel.shape), alpha=group['lr'])


def orthogonalized(matrix: Tensor) -> Tensor:
    """Return the matrix (R, C) with singular values close to 1."""
    first, second, third = COEFFICIENTS
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if tall else matrix
    x = x / (x.norm() + 1e-7)
    for _ in range(ITERATIONS):
        square = x @ x.T
        x = first * x + (second * square + third * square @ square) @ x
    return x.T if tall else x
