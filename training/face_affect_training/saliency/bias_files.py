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

"""The bias report as files: JSON, a page of Markdown, and pictures of mean faces."""

from pathlib import Path
from typing import Any

import cv2
from face_affect_ros.affect.saliency_view import overlay
from face_affect_training.figures import markdown, results
from face_affect_training.figures.sheets import draw, Picture, Sheet
from face_affect_training.saliency.bias import Floats, Looked, MANY, mean_pictures
from face_affect_training.saliency.regions import REGIONS
import numpy as np

#: A mean face is drawn thrice as large as it is, but not wider than this, pixels.
SIDE = 144


def write(report: dict[str, Any], looked: Looked, folder: Path, name: str,
          command: str) -> list[Path]:
    """Write NAME.json, NAME.md and a picture for the classes and for each kind of group."""
    kinds = {'classes': (report['classes'], looked.classes),
             **{group: (rows, looked.groups[group]) for group, rows in report['groups'].items()}}
    drawn = []
    for kind, (rows, values) in kinds.items():
        pictures = mean_pictures(looked, values, rows)
        if pictures:
            side = len(next(iter(pictures.values()))[0])
            drawn.append(draw(_sheet(pictures), folder / f'{name}_{kind}.png',
                              scale=max(1, min(3, SIDE // side)), colours=32))
    report = {'command': command, 'page': f'{name}.md', **report,
              'pictures': [path.name for path in drawn]}
    results.write(folder / f'{name}.json', report)
    (folder / f'{name}.md').write_text(text(report) + '\n', encoding='utf-8')
    return [folder / f'{name}.json', folder / f'{name}.md', *drawn]


def text(report: dict[str, Any]) -> str:
    """Return the report as Markdown; its pictures lie beside it."""
    inside = report['faces'] - report['left_out']
    kind = {'guided': 'guided back-propagation', 'gradient': 'the gradient'}[report['mode']]
    return markdown.paragraphs(
        f"# Where {report['model']} looks",
        f"{report['data']}: {inside:,} of {report['faces']:,} faces; the others were not found by "
        f"{report['detector']}, or are profiles. Shares of the absolute values of {kind}, of "
        'the class that the model takes for the most probable, in each part of the crop. '
        f"**{markdown.percent(report['all']['share']['outside'])} lie outside of the face**, on "
        f"{markdown.percent(report['area']['outside'])} of the pixels.",
        table('', {'all faces': report['all'], "the crop's pixels": {'share': report['area']}}),
        '## By class', table('class', report['classes']),
        *(part for group, rows in report['groups'].items()
          for part in (f'## By {group}', table(group, rows))),
        '## Mean faces', f'Mean heat over the mean of at least {MANY} faces.',
        *(f'![{name}]({name})' for name in report['pictures']))


def table(head: str, rows: dict[str, Any]) -> str:
    """Return rows with the share of each region as a Markdown table."""
    return markdown.table((head, 'faces', *REGIONS), [
        (name, markdown.count(row.get('faces')),
         *(markdown.percent(row['share'][region]) for region in REGIONS))
        for name, row in rows.items()])


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
                  table('class', report['classes']),
                  *(f'![{picture}]({picture})' for picture in report['pictures'])]
        parts.append(markdown.commands(report['command']))
    return markdown.paragraphs(
        '### Where the networks look',
        'Share of guided back-propagation in each part of the crop. The parts are ellipses placed '
        "by the detector's landmarks; nobody has labelled glasses in these data sets, so that "
        'nothing is said of them here. What lies outside of the face should not matter:',
        table('model, data', rows), *parts)


def on_face(mean: Floats, heat: Floats) -> Picture:
    """Return a mean heat over a mean face, (S, S, 3) RGB from 0 to 1."""
    low, high = np.percentile(mean, (1.0, 99.0))
    grey = np.rint(255.0 * ((mean - low) / max(high - low, 1e-3)).clip(0.0, 1.0)).astype(np.uint8)
    shown = ((heat - heat.min()) / max(float(np.ptp(heat)), 1e-6)).astype(np.float32)
    drawn = overlay(np.asarray(cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR), np.uint8), shown)
    return np.asarray(drawn[:, :, ::-1] / 255.0)


def _sheet(pictures: dict[str, tuple[Floats, Floats]]) -> Sheet:
    return Sheet([[np.repeat(mean[:, :, np.newaxis], 3, 2) for mean, _ in pictures.values()],
                  [on_face(*each) for each in pictures.values()]],
                 [[''] * len(pictures)] * 2, rows=('mean face', 'heat'), columns=list(pictures))
