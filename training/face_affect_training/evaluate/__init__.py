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

"""Judging models on labelled faces, through the robot's own crop, scale and classifier."""

from face_affect_training.evaluate.contestants import Contestant, open_contestant
from face_affect_training.evaluate.crops import whole_crops
from face_affect_training.evaluate.faces import faces_of_npz, faces_of_reader
from face_affect_training.evaluate.judging import evaluate
from face_affect_training.evaluate.report_files import make_folder, write_report

__all__ = ['Contestant', 'evaluate', 'faces_of_npz', 'faces_of_reader', 'make_folder',
           'open_contestant', 'whole_crops', 'write_report']
