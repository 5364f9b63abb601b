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

"""The outputs that the parameters ask for and the installed packages allow."""

from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

from face_affect_ros.affect.pipeline import AffectPipeline
from face_affect_ros.nodes.outputs.annotated import AnnotatedOutput
from face_affect_ros.nodes.outputs.base import Output
from face_affect_ros.nodes.outputs.events import EventsOutput
from face_affect_ros.nodes.outputs.markers import MarkersOutput
from face_affect_ros.nodes.outputs.observe import ObserveOutput
from face_affect_ros.nodes.outputs.saliency import make_saliency
from rclpy.lifecycle import LifecycleNode


def make_outputs(node: LifecycleNode, pipeline: AffectPipeline,
                 values: dict[str, Any]) -> Iterator[Output]:
    """
    Yield the outputs of a configured node, each as soon as it is made; values: its parameters.

    Raises AffectError where a file that one of them needs is missing or damaged.
    """
    yield EventsOutput(node)
    yield ObserveOutput(node, pipeline.heads)
    models = [pipeline.detector.name, *(each.card.name for each in pipeline.classifiers)]
    yield from _where_installed(node, '~/detections', 'vision_msgs', lambda: _module(
        'detections').DetectionsOutput(node, models=models, threshold=values['min_score']))
    yield from _where_installed(node, '~/detections_3d', 'vision_msgs', lambda: _module(
        'detections_3d').Detections3DOutput(node))
    if values['ros4hri']:
        yield from _where_installed(node, '/humans/faces', 'hri_msgs', lambda: _module(
            'humans').HumansOutput(node, size=values['ros4hri_face_size']))
    if values['publish_tf']:
        yield from _where_installed(node, '/tf', 'tf2_msgs', lambda: _module(
            'transforms').TransformsOutput(node))
    yield MarkersOutput(node)
    annotated = AnnotatedOutput(node)
    yield annotated
    saliency = make_saliency(node, pipeline, values, annotated)
    if saliency is not None:
        yield saliency


def _module(name: str) -> Any:
    return import_module(f'face_affect_ros.nodes.outputs.{name}')


def _where_installed(node: LifecycleNode, what: str, package: str,
                     make: Callable[[], Output]) -> list[Output]:
    """Return an output whose messages are of an optional package, nothing where that lacks."""
    try:
        return [make()]
    except ModuleNotFoundError as error:
        if (error.name or '').split('.')[0] != package:
            raise
        node.get_logger().info(f'no {what}: the package {package} is not installed')
        return []
