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

"""Averaged weights (Polyak and Juditsky 1992), made fit to be judged."""

from typing import Any

from face_affect_ros.affect.types import ImageArray
import keras
import numpy as np


class Averaged:
    """
    Puts the running average of the weights in their place, and the weights back.

    The moving statistics of batch norm belong to the weights of the moment, and a network of
    averaged weights is badly wrong with them. So they are measured anew for the averaged weights,
    on some training views (Izmailov et al. 2018, section 3.2).

    model: compiled; without an averaging optimizer nothing is done. network: holds the layers.
    views: (N, S, S, C) uint8, one batch.
    """

    def __init__(self, model: keras.Model, network: keras.Model, views: ImageArray) -> None:
        self._model, self._views = model, views
        self._norms = [layer for layer in network.layers
                       if isinstance(layer, keras.layers.BatchNormalization)]
        self._kept: list[Any] = []

    def __enter__(self) -> bool:
        """Put the averages in; return whether there are any."""
        if not self._model.optimizer.use_ema:
            return False
        variables = self._variables()
        self._kept = [keras.ops.convert_to_numpy(variable.value).copy() for variable in variables]
        averages = self._model.optimizer._model_variables_moving_average
        for variable, average in zip(self._model.trainable_variables, averages):
            variable.assign(keras.ops.convert_to_numpy(average.value).copy())
        if self._norms:   # a large network's features of all these views take gigabytes
            self._measure_norms()
        return True

    def __exit__(self, *_: object) -> None:
        """Put the weights and statistics of the moment back."""
        if self._kept:
            for variable, value in zip(self._variables(), self._kept):
                variable.assign(np.asarray(value))
            self._kept = []

    def _measure_norms(self) -> None:
        momenta = [layer.momentum for layer in self._norms]
        for layer in self._norms:
            layer.momentum = 0.0   # what this batch shows, and nothing of before
        try:
            self._model(self._views, training=True)
        finally:
            for layer, momentum in zip(self._norms, momenta):
                layer.momentum = momentum

    def _variables(self) -> list[Any]:
        """Return all that the averaged weights replace, dropout's random state included."""
        return list(self._model.variables)
