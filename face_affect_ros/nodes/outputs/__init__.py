"""What the node makes of the faces beside ~/faces, an output in a file of its own each."""

from face_affect_ros.nodes.outputs.base import Output, Result
from face_affect_ros.nodes.outputs.factory import make_outputs

__all__ = ['Output', 'Result', 'make_outputs']
