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

"""The fraction of the saliency of a model in each region of the face, by class and group."""

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
#: A face with a smaller eye distance, relative to the side of the crop, is a profile.
MIN_EYE_DISTANCE = 0.12
#: Minimum number of faces of a mean image, so that nobody can be recognised.
MANY = 20


@dataclass(frozen=True)
class Explained:
    """Saliency of N faces in R regions."""

    classes: npt.NDArray[np.str_]   # (N,), the most probable ones, which the saliency explains
    shares: Floats   # (N, R) fraction of the absolute gradient in each of REGIONS
    areas: Floats   # (N, R) fraction of the pixels of the crop in each of REGIONS
    crops: ImageArray   # (N, S, S, C) uint8
    heats: FloatArray   # (N, S, S) saliency map from 0 to 1
    groups: dict[str, npt.NDArray[np.str_]]   # (N,) by the name of the grouping


def bias_report(model: str, faces: FaceData, *, limit: int = 0,
                detector: str = DEFAULT_DETECTOR) -> tuple[dict[str, Any], Explained]:
    """
    Compute the saliency of the most probable class of each face.

    The faces are detected in the enlarged images and cropped like on the robot. Faces that are not
    detected, and profiles, are excluded and counted.

    Args:
        model: name or folder.
        limit: maximum number of faces, evenly spaced; 0 for all.

    Returns:
        The content of the report file, and the saliency of each face.

    Raises:
        AffectError: the model has no gradients, or no face remains.
    """
    card = load_card(model)
    saliency = Saliency(card)
    head = next((each for each in card.heads if each.task == faces.task), card.heads[0])
    found = find_faces(faces, detector, count=limit)
    rows, parts = [], []
    for row, image, face in zip(found.rows, found.images, found.faces):
        if (part := _explain(image, face, saliency, head.task)) is not None:
            rows.append(row)
            parts.append(part)
    if not parts:
        raise AffectError(f'{faces.source}: contains no frontal face')
    classes, shares, areas, crops, heats = (np.stack(each) for each in zip(*parts))
    explained = Explained(np.array(head.labels)[classes], shares, areas, crops, heats,
                          {name: values[rows] for name, values in faces.groups.items()})
    report = {'model': card.name, 'sha256': card.sha256, 'data': faces.source,
              'detector': detector, 'faces': found.total,
              'left_out': found.total - len(rows), 'area': _means(explained.areas),
              'all': _row(explained, np.full(len(rows), True)),
              'classes': _table(explained, explained.classes, head.labels),
              'groups': {name: _table(explained, values, sorted(set(values.tolist())))
                         for name, values in explained.groups.items()}}
    return report, explained


def _explain(image: ImageArray, face: Detections, saliency: Saliency, task: str) -> Any:
    """Return the class and the other fields of Explained but groups; None for a profile."""
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
    Return the index in REGIONS of each pixel of a crop, (size, size).

    The regions are ellipses with the proportions of the mean adult face (eye distance 63 mm, width
    140 mm, height 190 mm). Their widths are relative to the eye distance, their heights to the
    distance from the eyes to the mouth.

    Args:
        landmarks: (4, 2) in pixels of the crop, in the order of types.LANDMARKS.
        size: side of the crop in pixels.

    Returns:
        None for a profile, or if the eyes or the mouth are unknown.
    """
    right, left, mouth = landmarks[[RIGHT_EYE, LEFT_EYE, MOUTH]].astype(np.float64)
    between = (right + left) / 2.0
    across, down = left - right, mouth - between
    width, height = float(np.hypot(*across)), float(np.hypot(*down))
    if not (width >= MIN_EYE_DISTANCE * size and height > 0.0):   # also false for NaN
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
    Write the results of bias_report: bias_MODEL.json, bias_MODEL.md and figures of mean faces.

    command: command line for the page. Returns the paths.
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
                '.png', rows=('mean face', 'heat'), columns=list(chosen), colours=32))
    report = {'command': command, **report, 'pictures': [path.name for path in drawn]}
    results.write(folder / f'{name}.json', report)
    (folder / f'{name}.md').write_text(text(report), encoding='utf-8')
    return [folder / f'{name}.json', folder / f'{name}.md', *drawn]


def text(report: dict[str, Any]) -> str:
    """Return the report as Markdown; its figures are in the same folder."""
    return results.wrapped(
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
        results.command(report['command']))


def region_table(head: str, rows: dict[str, Any]) -> str:
    """Return a Markdown table with the fraction in each region."""
    return results.table((head, 'faces', *REGIONS), [
        (name, row.get('faces'), *(row['share'][region] for region in REGIONS))
        for name, row in rows.items()])


def section(folder: Path) -> str:
    """Return the table of the results page, with a row for each report in the folder."""
    reports = [results.read(folder, path.stem, '') for path in sorted(folder.glob('bias_*.json'))]
    rows = {f"[{report['model']}](bias_{report['model']}.md), {report['data']}": report['all']
            for report in reports}
    rows |= {f"the crop's pixels, {report['data']}": {'share': report['area']}
             for report in reports}
    return region_table('model, data', rows)


def on_face(mean: Floats, heat: npt.NDArray[Any]) -> Floats:
    """Draw a saliency map over a grey face, both (S, S); return (S, S, 3) RGB from 0 to 1."""
    low, high = np.percentile(mean, (1.0, 99.0))
    grey = np.rint(255.0 * ((mean - low) / max(high - low, 1e-3)).clip(0.0, 1.0)).astype(np.uint8)
    shown = ((heat - heat.min()) / max(float(np.ptp(heat)), 1e-6)).astype(np.float32)
    drawn = overlay(np.asarray(cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR), np.uint8), shown)
    return np.asarray(drawn[:, :, ::-1] / 255.0)
