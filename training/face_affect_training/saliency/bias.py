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

"""Where a model looks: the share of its saliency in each part of the face, by class and group."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
from face_affect_ros.affect.crop import aligned_matrix, to_channels, warp
from face_affect_ros.affect.detectors import DEFAULT_DETECTOR
from face_affect_ros.affect.model_store import load_card
from face_affect_ros.affect.saliency import heat_of_gradient, overlay, Saliency
from face_affect_ros.affect.types import (
    AffectError,
    Detections,
    FloatArray,
    ImageArray,
    LEFT_EYE,
    MOUTH,
    RIGHT_EYE,
)
from face_affect_training.data.faces import FaceData
from face_affect_training.figures import pictures, results
from face_affect_training.robot_crops import find_faces
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
REGIONS = ('eyes and brows', 'nose', 'mouth', 'rest of the face', 'outside')
EYES, NOSE_REGION, MOUTH_REGION, REST, OUTSIDE = range(5)
#: Eyes nearer to each other than this share of the crop belong to a profile, which has no such
#: parts.
MIN_EYE_DISTANCE = 0.12
#: Mean pictures of fewer faces could show a person.
MANY = 20


@dataclass(frozen=True)
class Explained:
    """
    The explanation of each face that is not left out, N in all.

    Attributes:
        classes: (N,) name of the most probable class, which is explained.
        shares: (N, R) of the absolute gradient in each of REGIONS.
        areas: (N, R) of the crop's pixels.
        crops: (N, S, S, C) uint8.
        heats: (N, S, S) in [0, 1].
        groups: by name, (N,).
    """

    classes: npt.NDArray[np.str_]
    shares: Floats
    areas: Floats
    crops: ImageArray
    heats: FloatArray
    groups: dict[str, npt.NDArray[np.str_]]


def bias_report(model: str, faces: FaceData, *, limit: int = 0,
                detector: str = DEFAULT_DETECTOR) -> tuple[dict[str, Any], Explained]:
    """
    Explain a model's label of each face; return the report and the explanations.

    The robot's detector finds the face and its landmarks in the enlarged chip, and the crop is the
    robot's. Faces that it does not find, and profiles, are left out and counted.

    Args:
        model: name or folder.
        faces: chips.
        limit: this many faces, evenly spread; 0 for all.
        detector: see make_detector.

    Raises:
        AffectError: a model has no gradients, or no face is left.
    """
    card = load_card(model)
    saliency = Saliency(card)
    head = next((each for each in card.heads if each.task == faces.task), card.heads[0])
    found = find_faces(faces, detector, count=limit)
    rows, parts = [], []
    for row, image, face in zip(found.rows, found.images, found.faces):
        part = _explain(image, face, saliency, head.task)
        if part is not None:
            rows.append(row)
            parts.append(part)
    if not parts:
        raise AffectError(f'{faces.source}: no face is seen from the front')
    classes, shares, areas, crops, heats = (np.stack(each) for each in zip(*parts))
    explained = Explained(np.array(head.labels)[classes], shares, areas, crops, heats,
                          {name: values[rows] for name, values in faces.groups.items()})
    report = {'model': card.name, 'sha256': card.sha256, 'data': faces.source,
              'detector': detector, 'faces': found.looked_at,
              'left_out': found.looked_at - len(rows), 'area': _means(explained.areas),
              'all': _row(explained, np.full(len(rows), True)),
              'classes': _table(explained, explained.classes, head.labels),
              'groups': {name: _table(explained, values, sorted(set(values.tolist())))
                         for name, values in explained.groups.items()}}
    return report, explained


def _explain(image: ImageArray, face: Detections, saliency: Saliency, task: str) -> Any:
    """Return the explained class and the other fields of Explained; None for a profile."""
    points, spec = face.landmarks[0], saliency.card.crop
    matrix = aligned_matrix(face.boxes[0], points, spec)
    parts = regions(points @ matrix[:, :2].T + matrix[:, 2], spec.size)
    if parts is None:
        return None
    crop = to_channels(warp(image, matrix, spec.size), spec.channels)
    explanation = saliency(crop, task=task)
    strength = np.abs(explanation.gradient).max(axis=2).astype(np.float64)
    total = float(strength.sum())
    if total <= 0.0:
        return None
    shares = np.bincount(parts.ravel(), strength.ravel(), len(REGIONS)) / total
    areas = np.bincount(parts.ravel(), minlength=len(REGIONS)) / parts.size
    return (np.int64(explanation.label), shares, areas, crop,
            heat_of_gradient(explanation.gradient))


def _table(explained: Explained, values: npt.NDArray[np.str_], names: Any) -> dict[str, Any]:
    return {str(name): _row(explained, values == name) for name in names if (values == name).any()}


def _row(explained: Explained, which: npt.NDArray[np.bool_]) -> dict[str, Any]:
    return {'faces': int(which.sum()), 'share': _means(explained.shares[which])}


def _means(values: Floats) -> dict[str, float]:
    return {name: round(float(mean), 4) for name, mean in zip(REGIONS, values.mean(0))}


def regions(landmarks: FloatArray, size: int) -> npt.NDArray[np.int64] | None:
    """
    Return the region of each pixel of a crop, (size, size) rows of REGIONS.

    landmarks: (4, 2) in pixels of the crop, rows as in types.LANDMARKS. None for a profile or
    where eyes or mouth are unknown. All parts are ellipses. Across they are measured by the
    distance of the eyes, down by the way from the eyes to the mouth; their sizes follow an adult's
    mean face (eyes 63 mm apart, face about 140 mm wide and 190 mm high).
    """
    right, left, mouth = landmarks[[RIGHT_EYE, LEFT_EYE, MOUTH]].astype(np.float64)
    between = (right + left) / 2.0
    across, down = left - right, mouth - between
    width, height = float(np.hypot(*across)), float(np.hypot(*down))
    if not (width >= MIN_EYE_DISTANCE * size and height > 0.0):   # fails for NaN as well
        return None
    height = max(height, 0.6 * width)
    axis = across / width
    normal = np.array([-axis[1], axis[0]])
    if normal @ down < 0.0:
        normal = -normal
    columns, rows = np.meshgrid(np.arange(size), np.arange(size))
    away = np.stack([columns, rows], 2) - between
    u, v = away @ axis / width, away @ normal / height

    def ellipse(x: float, y: float, wide: float, high: float) -> npt.NDArray[np.bool_]:
        return np.asarray(((u - x) / wide) ** 2 + ((v - y) / high) ** 2 <= 1.0)

    found = np.full((size, size), OUTSIDE)
    found[ellipse(0.0, 0.36, 1.15, 1.45)] = REST
    found[ellipse(0.0, 0.55, 0.3, 0.38)] = NOSE_REGION
    found[ellipse(0.0, 1.0, 0.55, 0.36)] = MOUTH_REGION
    found[ellipse(-0.5, -0.1, 0.42, 0.34) | ellipse(0.5, -0.1, 0.42, 0.34)] = EYES
    return found


def write_report(report: dict[str, Any], explained: Explained, folder: Path,
                 command: str) -> list[Path]:
    """
    Write bias_MODEL.json, its page in Markdown, and pictures of mean faces.

    Args:
        report, explained: of bias_report.
        folder: for the files.
        command: that makes them.

    Returns:
        The paths.
    """
    name = f"bias_{report['model']}"
    kinds = {'classes': (report['classes'], explained.classes),
             **{group: (rows, explained.groups[group])
                for group, rows in report['groups'].items()}}
    drawn = []
    for kind, (rows, values) in kinds.items():
        chosen = {value: values == value for value in rows if (values == value).sum() >= MANY}
        if chosen:
            means = [explained.crops[which].mean((0, 3)) / 255.0 for which in chosen.values()]
            heats = [explained.heats[which].mean(0) for which in chosen.values()]
            drawn.append(pictures.sheet(
                [means, [on_face(*each) for each in zip(means, heats)]], folder / f'{name}_{kind}'
                '.png', rows=('mean face', 'heat'), columns=list(chosen)))
    report = {'command': command, **report, 'pictures': [path.name for path in drawn]}
    results.write(folder / f'{name}.json', report)
    (folder / f'{name}.md').write_text(text(report), encoding='utf-8')
    return [folder / f'{name}.json', folder / f'{name}.md', *drawn]


def text(report: dict[str, Any]) -> str:
    """Return the report as Markdown; its pictures lie beside it."""
    return results.wrapped(results.paragraphs(
        f"# Saliency of {report['model']} by region",
        f"{report['data']}: {report['faces'] - report['left_out']:,} of {report['faces']:,} "
        f"faces; in the others {report['detector']} found no face, or a profile. The tables show "
        'the fraction of the absolute values of guided back-propagation of the most probable '
        'class in each region of the crop.',
        region_table('', {'all faces': report['all'],
                          "the crop's pixels": {'share': report['area']}}),
        '## By class', region_table('class', report['classes']),
        *(part for group, rows in report['groups'].items()
          for part in (f'## By {group}', region_table(group, rows))),
        '## Mean faces', f'Mean saliency map over the mean of at least {MANY} faces.',
        *(f'![{name}]({name})' for name in report['pictures']),
        results.commands(report['command'])))


def region_table(head: str, rows: dict[str, Any]) -> str:
    """Return rows with the share of each region as a Markdown table."""
    return results.table((head, 'faces', *REGIONS), [
        (name, results.count(row.get('faces')),
         *(results.percent(row['share'][region]) for region in REGIONS))
        for name, row in rows.items()])


def section(folder: Path) -> str:
    """Return the table of the results page, a row for each report that has been made."""
    reports = [results.read(folder, path.stem, '') for path in sorted(folder.glob('bias_*.json'))]
    rows = {f"[{report['model']}](bias_{report['model']}.md), {report['data']}": report['all']
            for report in reports}
    rows |= {f"the crop's pixels, {report['data']}": {'share': report['area']}
             for report in reports}
    return region_table('model, data', rows)


def on_face(mean: Floats, heat: npt.NDArray[Any]) -> Floats:
    """Return a mean heat over a mean face, (S, S, 3) RGB from 0 to 1."""
    low, high = np.percentile(mean, (1.0, 99.0))
    grey = np.rint(255.0 * ((mean - low) / max(high - low, 1e-3)).clip(0.0, 1.0)).astype(np.uint8)
    shown = ((heat - heat.min()) / max(float(np.ptp(heat)), 1e-6)).astype(np.float32)
    drawn = overlay(np.asarray(cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR), np.uint8), shown)
    return np.asarray(drawn[:, :, ::-1] / 255.0)
