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

"""
Networks that begin as ones with fewer residual blocks, and answer the same at first.

A block that is new gets a last norm of zeros, so that it hands on what came in (Chen et al. 2016,
"Net2Net"; the norm of zeros is that of Goyal et al. 2017) until it has learned something.
"""

import re

import keras
import numpy as np

#: A layer of one of small_resnet's residual blocks, and the last norm of it.
OF_BLOCK = re.compile(r'_block\d+_(?:a|b|a_bn|b_bn)$')
LAST = '_b_bn'


def is_deeper(network: keras.Model, other: keras.Model) -> bool:
    """Return whether a network has all layers of another one, and residual blocks beyond them."""
    own, theirs = set(_with_weights(network)), set(_with_weights(other))
    return theirs < own and all(OF_BLOCK.search(name) for name in own - theirs)


def deepen(network: keras.Model, other: keras.Model) -> None:
    """
    Put another network's weights into one with more residual blocks, see is_deeper.

    Both answer the same then. Raises ValueError where layers of one name differ in shape.
    """
    theirs = _with_weights(other)
    for name, layer in _with_weights(network).items():
        if name in theirs:
            layer.set_weights(theirs[name].get_weights())
        elif name.endswith(LAST):
            gamma, beta, *measured = layer.get_weights()
            layer.set_weights([np.zeros_like(gamma), np.zeros_like(beta), *measured])


def _with_weights(network: keras.Model) -> dict[str, keras.layers.Layer]:
    return {layer.name: layer for layer in network.layers if layer.weights}
