"""Names of nodes in launch files."""

from launch import LaunchContext
from launch_ros.utilities import make_namespace_absolute, prefix_namespace

from face_affect_ros.launch_support.arguments import text


def full_name(context: LaunchContext, name: str) -> str:
    """Return a node's name with the argument `namespace`, also inside of a PushRosNamespace."""
    namespace = make_namespace_absolute(prefix_namespace(
        context.launch_configurations.get('ros_namespace'), text(context, 'namespace')))
    return str(prefix_namespace(namespace, name))
