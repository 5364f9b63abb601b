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

"""Assignment of faces to cells, and loss of the detector, in PyTorch."""

from dataclasses import dataclass

from face_affect_ros.affect.detectors.residual_fpn import STRIDES
import torch
from torch import Tensor
import torch.nn.functional as functional

#: Task-aligned assignment (Feng et al. 2021, TOOD): cells per face, exponents of score and IoU.
CELLS_PER_FACE = 10
SCORE_POWER, IOU_POWER = 0.5, 6.0
#: Minimum radius in pixels within which cells are assigned to a face, for small faces.
LEAST_REACH = 6.0
#: Maximum distance from the centre of a face in strides (Tian et al. 2019, centre sampling).
CENTRE_RADIUS = 2.5
#: Minimum and maximum size of a face in pixels, the square root of its area, for each stride.
SIZES = {8: (0.0, 48.0), 16: (24.0, 112.0), 32: (56.0, 1e6)}
#: Weights of the losses of score, box and landmarks.
WEIGHTS = (1.0, 2.0, 5.0)


@dataclass(frozen=True)
class Targets:
    """
    Labels of a batch, padded with zeros to the same number of faces.

    Attributes:
        boxes: (N, M, 4) opposite corners in pixels.
        landmarks: (N, M, 5, 2) in pixels, NaN if unknown.
        certain: (N, M) whether a box is a face.
        ignored: (N, M) whether the cells of a box are ignored.
    """

    boxes: Tensor
    landmarks: Tensor
    certain: Tensor
    ignored: Tensor


@dataclass(frozen=True)
class Predictions:
    """
    Predictions of all cells A, and the cells.

    Attributes:
        logits: (N, A).
        boxes: (N, A, 4) opposite corners in pixels.
        landmarks: (N, A, 5, 2) in pixels.
        centres: (A, 2) in pixels.
        strides: (A,).
    """

    logits: Tensor
    boxes: Tensor
    landmarks: Tensor
    centres: Tensor
    strides: Tensor


def joined(outputs: list[Tensor]) -> Predictions:
    """Decode the nine outputs of residual_fpn."""
    logits, boxes, landmarks, centres, strides = [], [], [], [], []
    for index, stride in enumerate(STRIDES):
        score, box, points = (part.float() for part in outputs[3 * index:3 * index + 3])
        count, rows, columns = score.shape[:3]
        y, x = torch.meshgrid(torch.arange(rows) + 0.5, torch.arange(columns) + 0.5, indexing='ij')
        cells = (torch.stack([x, y], dim=-1) * stride).reshape(1, -1, 2)
        box = box.reshape(count, -1, 4)
        middle = cells + box[..., :2] * stride
        half = torch.exp(box[..., 2:].clamp(-4.0, 6.0)) * (stride / 2)
        logits.append(score.reshape(count, -1))
        boxes.append(torch.cat([middle - half, middle + half], dim=-1))
        landmarks.append(cells.unsqueeze(2) + points.reshape(count, -1, 5, 2) * stride)
        centres.append(cells[0])
        strides.append(torch.full((cells.shape[1],), float(stride)))
    return Predictions(torch.cat(logits, 1), torch.cat(boxes, 1), torch.cat(landmarks, 1),
                       torch.cat(centres), torch.cat(strides))


def detection_loss(outputs: list[Tensor], targets: Targets) -> tuple[Tensor, dict[str, float]]:
    """
    Return the loss of a batch, a scalar, and its parts by name.

    Scores: varifocal loss (Zhang et al. 2021), whose target is the quality of the box. Boxes:
    distance-IoU (Zheng et al. 2020). Landmarks: smooth L1, relative to the size of the face.
    """
    found = joined(outputs)
    with torch.no_grad():
        face, quality, ignored = _assign(found, targets)
    positive = quality > 0
    total = quality.sum().clamp(min=1.0)
    probability = torch.sigmoid(found.logits)
    weight = torch.where(positive, quality, 0.75 * probability.detach() ** 2) * ~ignored
    score = (weight * functional.binary_cross_entropy_with_logits(
        found.logits, quality, reduction='none')).sum() / total
    batch, cell = positive.nonzero(as_tuple=True)
    chosen = face[batch, cell]
    share = quality[batch, cell]
    expected = targets.boxes[batch, chosen]
    box = (share * (1.0 - _iou(found.boxes[batch, cell], expected, distance=True))).sum() / total
    points = targets.landmarks[batch, chosen]
    known = torch.isfinite(points).all(dim=-1).all(dim=-1)
    size = (expected[:, 2:] - expected[:, :2]).prod(dim=-1).sqrt()[:, None, None]
    away = (found.landmarks[batch, cell] - torch.nan_to_num(points)) / size
    smooth = functional.smooth_l1_loss(away, torch.zeros_like(away), reduction='none', beta=0.05)
    landmark = (share * known * smooth.mean(dim=(1, 2))).sum() / total
    parts = (score, box, landmark)
    loss = sum(weight * part for weight, part in zip(WEIGHTS, parts))
    return loss, dict(zip(('score', 'box', 'landmarks'), (part.item() for part in parts)))


def _assign(found: Predictions, targets: Targets) -> tuple[Tensor, Tensor, Tensor]:
    """Return the face (N, A) of each cell, its quality (N, A), and whether it is ignored."""
    middle = (targets.boxes[..., :2] + targets.boxes[..., 2:]) / 2
    sides = targets.boxes[..., 2:] - targets.boxes[..., :2]
    away = (found.centres[None, None] - middle.unsqueeze(2)).abs()      # (N, M, A, 2)
    inside = (away < sides.unsqueeze(2) / 2).all(dim=-1)
    reach = torch.minimum((sides / 2).clamp(min=LEAST_REACH).unsqueeze(2),
                          CENTRE_RADIUS * found.strides[:, None])
    size = sides.prod(dim=-1).sqrt().unsqueeze(-1)
    near = (away < reach).all(dim=-1)
    for stride, (low, high) in SIZES.items():
        near &= (found.strides != stride) | (size >= low) & (size <= high)
    near &= targets.certain.unsqueeze(-1)
    overlap = _iou(found.boxes.unsqueeze(1), targets.boxes.unsqueeze(2)).clamp(min=1e-4) * near
    metric = (torch.sigmoid(found.logits).unsqueeze(1) ** SCORE_POWER) * overlap ** IOU_POWER
    count = min(CELLS_PER_FACE, metric.shape[-1])
    best = metric.topk(count, dim=-1)
    chosen = torch.zeros_like(metric, dtype=torch.bool)
    chosen.scatter_(-1, best.indices, best.values > 0)
    # A cell of several faces is assigned to the one with the largest IoU.
    overlap = overlap * chosen
    top, face = overlap.max(dim=1)                                      # (N, A)
    mine = chosen & (face.unsqueeze(1) == torch.arange(metric.shape[1])[None, :, None])
    metric, overlap = metric * mine, overlap * mine
    scale = overlap.amax(dim=-1) / metric.amax(dim=-1).clamp(min=1e-30)
    quality = (metric * scale.unsqueeze(-1)).amax(dim=1)
    ignored = (inside & targets.ignored.unsqueeze(-1)).any(dim=1) & (quality <= 0)
    return face, quality * (top > 0), ignored


def _iou(first: Tensor, second: Tensor, *, distance: bool = False) -> Tensor:
    """Return the IoU, or the distance-IoU, of boxes as corners, broadcast over (..., 4)."""
    start = torch.maximum(first[..., :2], second[..., :2])
    end = torch.minimum(first[..., 2:], second[..., 2:])
    overlap = (end - start).clamp(min=0).prod(dim=-1)
    areas = [(box[..., 2:] - box[..., :2]).prod(dim=-1) for box in (first, second)]
    iou = overlap / (areas[0] + areas[1] - overlap).clamp(min=1e-6)
    if not distance:
        return iou
    hull = (torch.maximum(first[..., 2:], second[..., 2:])
            - torch.minimum(first[..., :2], second[..., :2]))
    away = (first[..., :2] + first[..., 2:] - second[..., :2] - second[..., 2:]) / 2
    return iou - (away ** 2).sum(dim=-1) / (hull ** 2).sum(dim=-1).clamp(min=1e-6)
