"""Judging a shipped model on labelled faces, through the robot's own crop and scale."""

import zipfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from face_affect_ros.affect.crop import CropSpec, box_of_chip, extract_crops
from face_affect_ros.affect.model_store import Head, ModelCard, load_card
from face_affect_ros.affect.types import LANDMARKS, AffectError, ImageArray
from face_affect_training import tflite
from face_affect_training.data import read
from face_affect_training.data.types import FaceData
from face_affect_training.metrics import calibrate, report


def evaluate(model: str, faces: FaceData, *, task: str | None = None) -> dict[str, Any]:
    """Return the figures of a model on some faces, see metrics.report.

    model: name or folder. task: which head, where there are several. Raises AffectError for a
    model that cannot be run, and for labels the head does not have.
    """
    card = load_card(model)
    head = _head(card, task)
    labels = faces.labels
    if len(labels) == 0 or labels.min() < 0 or labels.max() >= len(head.labels):
        raise AffectError(f'{faces.source}: labels must be 0 to {len(head.labels) - 1} for '
                          f"'{head.task}'")
    inputs = whole_crops(faces.images, card.crop).astype(np.float32)
    inputs = inputs * np.float32(card.scale) + np.float32(card.offset)
    raw = tflite.predict(card.path, inputs, output=head.output)
    probabilities = calibrate(raw, head.temperature)
    known = probabilities.max(1) >= head.threshold
    right = probabilities.argmax(1) == labels
    return {'model': card.name, 'sha256': card.sha256, 'task': head.task, 'data': faces.source,
            **report(probabilities, labels, head.labels, faces.groups),
            'known_share': float(known.mean()),
            'accuracy_where_known': float(right[known].mean()) if known.any() else None}


def whole_crops(images: ImageArray, spec: CropSpec) -> ImageArray:
    """Return the crops whose edges are the pictures' own, (N, size, size, channels) uint8.

    images: (N, H, W) grey or (N, H, W, 3) BGR.
    """
    height, width = images.shape[1:3]
    box = box_of_chip(width, height, spec.margin)[np.newaxis]
    nowhere = np.full((1, len(LANDMARKS), 2), np.nan, np.float32)
    return np.concatenate([extract_crops(image, box, nowhere, spec) for image in images])


def faces_of_npz(path: Path) -> FaceData:
    """Return faces of an .npz of `images` (N,H,W or N,H,W,3 RGB uint8), `labels`, `groups`.

    groups, optional: (N,) names, or (N, G). Raises AffectError for anything else.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {key: file[key] for key in file.files}
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise AffectError(f'{path}: cannot be read as an .npz file: {error}') from error
    missing = [key for key in ('images', 'labels') if key not in arrays]
    if missing:
        raise AffectError(f"{path}: the array {', '.join(missing)} is missing")
    images, labels = arrays['images'], arrays['labels']
    fits = images.dtype == np.uint8 and (images.ndim == 3 or
                                         images.ndim == 4 and images.shape[3] in (1, 3))
    if not fits or labels.shape != (len(images),) or labels.dtype.kind not in 'iu':
        raise AffectError(f'{path}: images must be uint8 (N,H,W) or (N,H,W,3), labels integers '
                          f'(N,); they are {images.dtype} {images.shape}, {labels.dtype} '
                          f'{labels.shape}')
    images = images[..., 0] if images.ndim == 4 and images.shape[3] == 1 else images
    if images.ndim == 4:
        images = np.stack([cv2.cvtColor(image, cv2.COLOR_RGB2BGR) for image in images])
    names = np.arange(len(labels)).astype(str)
    return FaceData(source=path.name, task='', images=images, labels=labels.astype(np.int64),
                    names=names, groups=_groups(arrays.get('groups'), len(labels), path))


def faces_of_reader(reader: str, path: Path, split: str) -> FaceData:
    """Return one split of a data set."""
    return read(reader, path, split)


def _groups(values: npt.NDArray[Any] | None, count: int,
            path: Path) -> dict[str, npt.NDArray[np.str_]]:
    if values is None:
        return {}
    columns = values[:, np.newaxis] if values.ndim == 1 else values
    if columns.ndim != 2 or len(columns) != count:
        raise AffectError(f'{path}: groups must be (N,) or (N, G), they are {values.shape}')
    names = ['group'] if columns.shape[1] == 1 else [f'group{i}' for i in range(columns.shape[1])]
    return {name: columns[:, index].astype(str) for index, name in enumerate(names)}


def _head(card: ModelCard, task: str | None) -> Head:
    heads = [head for head in card.heads if task in (None, head.task)]
    if len(heads) != 1:
        known = ', '.join(head.task for head in card.heads) or 'none'
        raise AffectError(f"model '{card.name}' has the tasks {known}; choose one with --task")
    return heads[0]
