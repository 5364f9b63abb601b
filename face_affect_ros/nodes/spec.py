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
The specification of a parameter: default, description and range, and the check of a value.

Without rclpy: the options of the command line have the same ranges as the parameters.
"""

from dataclasses import dataclass
import re
from typing import Any

from face_affect_ros.affect.types import hint


@dataclass(frozen=True)
class Spec:
    """
    One parameter.

    Attributes:
        default: Its type is that of the parameter.
        description: For `ros2 param describe`, the configuration file and the pages.
        bounds: Smallest and largest value.
        choices: Allowed values.
        form: Regular expression of allowed texts, and its description.
        live: Whether a change takes effect while the node runs.
        once: Whether it is read only when the process starts.
        dynamic_typing: Whether a whole number is converted to text, such as that of a camera.
    """

    default: bool | int | float | str | tuple[str, ...]
    description: str
    bounds: tuple[float, float] | None = None
    choices: tuple[str, ...] = ()
    form: tuple[str, str] | None = None
    live: bool = False
    once: bool = False
    dynamic_typing: bool = False

    @property
    def value(self) -> Any:
        """The default as a value of rclpy, with lists for tuples."""
        return list(self.default) if isinstance(self.default, tuple) else self.default

    def problem_with(self, value: Any) -> str:
        """Return why a value of the right type is refused, '' if it is not."""
        if self.dynamic_typing and type(value) not in (str, int):
            return (f'{value} is a {type(value).__name__}, because ROS reads parameters as YAML; '
                    "begin the name of a file with './', as in ./on or ./08")
        if self.choices and value not in self.choices:
            return (f"'{value}' is not one of {', '.join(self.choices)}"
                    f'{hint(str(value), self.choices)}')
        if self.form and not re.fullmatch(self.form[0], value):
            return f"'{value}' is not {self.form[1]}"
        if self.bounds and not self.bounds[0] <= value <= self.bounds[1]:
            return f'{value} is outside of {self.bounds[0]} to {self.bounds[1]}'
        return ''
