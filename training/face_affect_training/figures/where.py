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

"""The bias reports on the results page: where the shipped models look."""

from pathlib import Path

from face_affect_training.figures import markdown, results
from face_affect_training.saliency import bias_files


def section(folder: Path) -> str:
    """Return the page's section; nothing where no report has been made."""
    reports = [results.read(folder, path.stem, '') for path in sorted(folder.glob('bias_*.json'))]
    if not reports:
        return ''
    rows = {f"{report['model']}, {report['data']}": report['all'] for report in reports}
    rows |= {f"the crop's pixels, {report['data']}": {'share': report['area']}
             for report in reports}
    parts = []
    for report in reports:
        parts += [f"`{report['model']}` on {report['data']} "
                  f"([all classes and groups]({report['page']})):",
                  bias_files.table('class', report['classes']),
                  *(f'![{picture}]({picture})' for picture in report['pictures'])]
        parts.append(markdown.commands(report['command']))
    return markdown.paragraphs(
        '### Where the networks look',
        'Share of guided back-propagation in each part of the crop. The parts are ellipses placed '
        "by the detector's landmarks; nobody has labelled glasses in these data sets, so that "
        'nothing is said of them here. What lies outside of the face should not matter:',
        bias_files.table('model, data', rows), *parts)
