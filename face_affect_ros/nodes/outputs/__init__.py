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

"""The outputs beside ~/faces: those that the parameters and the installed packages allow."""

from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

from face_affect_ros.affect.pipeline import AffectPipeline
from face_affect_ros.nodes.outputs.annotated import AnnotatedOutput
from face_affect_ros.nodes.outputs.base import Output, Result
from face_affect_ros.nodes.outputs.events import EventsOutput
from face_affect_ros.nodes.outputs.markers import MarkersOutput
from face_affect_ros.nodes.outputs.observe import ObserveOutput
from face_affect_ros.nodes.outputs.saliency import load_saliency, SaliencyOutput
from rclpy.lifecycle import LifecycleNode

__all__ = ['Output', 'Result', 'make_outputs']

#: Topics by the modules that need an optional package.
TOPICS = {'detections': '~/detections', 'humans': '/humans/faces', 'transforms': '/tf'}


def make_outputs(node: LifecycleNode, pipeline: AffectPipeline,
                 values: dict[str, Any]) -> Iterator[Output]:
    """
    Yield the outputs of a configured node, each as soon as it is made.

    Args:
        node: Offers their topics.
        pipeline: Of the node.
        values: Of the node's parameters, by name.

    Raises:
        AffectError: A file that one of them needs is missing or damaged.
    """
    yield EventsOutput(node)
    yield ObserveOutput(node, pipeline.heads)
    models = [pipeline.detector.name, *(each.card.name for each in pipeline.classifiers)]
    yield from _optional(node, 'detections', 'vision_msgs', lambda module: module.DetectionsOutput(
        node, models=models, threshold=values['min_score']))
    if values['ros4hri']:
        yield from _optional(node, 'humans', 'hri_msgs', lambda module: module.HumansOutput(
            node, size=values['ros4hri_face_size']))
    if values['publish_tf']:
        yield from _optional(node, 'transforms', 'tf2_msgs', lambda module:
                             module.TransformsOutput(node))
    yield MarkersOutput(node)
    saliency = load_saliency(node, pipeline, values)
    annotated = AnnotatedOutput(node)
    yield annotated if saliency is None else SaliencyOutput(
        node, saliency, task=values['saliency_task'], annotated=annotated)


def _optional(node: LifecycleNode, module: str, package: str,
              make: Callable[[Any], Output]) -> list[Output]:
    """Return the output of a module, nothing where the package of its messages is missing."""
    try:
        return [make(import_module(f'{__name__}.{module}'))]
    except ModuleNotFoundError as error:
        if (error.name or '').split('.')[0] != package:
            raise
        node.get_logger().info(f'no {TOPICS[module]}: the package {package} is not installed')
        return []
