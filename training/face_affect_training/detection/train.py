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

"""Training of the face detector with the PyTorch backend of Keras."""

from collections.abc import Iterator, Sequence
import csv
import dataclasses
import math
import os
from pathlib import Path
import time
from typing import Any

from face_affect_ros.affect.detectors.residual_fpn import decode, fit_image
from face_affect_ros.affect.types import AffectError, Detections, ImageArray
from face_affect_training.detection.evaluation import (
    evaluate,
    LEAST_SCORE,
    Outcome,
    read_labelled,
)
from face_affect_training.detection.experiment import DetectorExperiment
from face_affect_training.detection.losses import detection_loss, Targets
from face_affect_training.detection.mining import with_look_alikes
from face_affect_training.detection.muon import Muon
from face_affect_training.detection.network import NMS_OVERLAP, OUTPUTS, residual_fpn, SCALE
from face_affect_training.detection.pictures import Faces, Picture, read_chips, read_pictures
from face_affect_training.detection.views import Views
from face_affect_training.networks.head import lowered
import keras
import numpy as np
import torch
import yaml

STATE, NETWORK, LOG = 'state.pt', 'network.keras', 'log.csv'
#: Maximum number of faces per sample; the other faces are not used.
MOST_FACES = 40
#: Longer side of the input during the search for false detections, in pixels.
MINING_SIZE = 416


def train(experiment: DetectorExperiment, out: Path, *, max_minutes: float = 0.0,
          workers: int = 1) -> bool:
    """
    Train, or resume the training.

    Args:
        out: folder of the run.
        max_minutes: save the state and stop after this time; 0 for no limit.
        workers: number of processes that compute the samples.

    Returns:
        Whether the training is finished.

    Raises:
        AffectError: data cannot be read, or the loss is not finite.
    """
    deadline = time.monotonic() + 60.0 * max_minutes if max_minutes else math.inf
    out.mkdir(parents=True, exist_ok=True)
    (out / 'experiment.yaml').write_text(yaml.safe_dump(dataclasses.asdict(experiment)))
    keras.utils.set_random_seed(experiment.seed)
    saved = residual_fpn(**experiment.network)
    policy = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_dtype_policy(experiment.precision)
    network = lowered(residual_fpn(**experiment.network))
    keras.mixed_precision.set_dtype_policy(policy)
    average = lowered(saved)
    average.set_weights(network.get_weights())
    kernels, others = _parameters(network)
    optimizers = {
        'kernels': Muon(kernels, experiment.rate, weight_decay=experiment.weight_decay),
        'others': torch.optim.AdamW(others, experiment.rate_others, weight_decay=0.0)}
    highest = {'kernels': experiment.rate, 'others': experiment.rate_others}
    step = 0
    if (out / STATE).is_file():
        state = torch.load(out / STATE, weights_only=False)
        network.load_state_dict(state['network'])
        average.load_state_dict(state['average'])
        for name, optimizer in optimizers.items():
            optimizer.load_state_dict(state[name])
        step = state['step']
    labelled = read_labelled(experiment.folder('pictures'))[::experiment.evaluation_part]
    pictures = read_pictures(experiment.folder('pictures'))
    chips = read_chips(experiment.folder('chips_folder'), experiment.folder('teacher'),
                       experiment.chips, experiment.seed) if experiment.chips else []
    losses: list[dict[str, float]] = []
    while step < experiment.steps and time.monotonic() < deadline:
        mined_at = experiment.mined_at(step)
        shown = pictures if mined_at is None else with_look_alikes(
            pictures, _detector_of(average, MINING_SIZE), out / f'look_alikes_{mined_at}.csv')
        for images, targets in _batches(experiment, step, workers, shown, chips):
            loss, parts = detection_loss(network(images.float() * SCALE, training=True), targets)
            if not math.isfinite(loss.item()):
                raise AffectError(f'{out}: the loss is {loss.item()} at step {step}; lower rate')
            network.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(others, 10.0)
            for name, optimizer in optimizers.items():
                optimizer.param_groups[0]['lr'] = highest[name] * _share_of_rate(experiment, step)
                optimizer.step()
            step += 1
            _update(average, network, min(experiment.averaging, (1 + step) / (10 + step)))
            losses.append(parts)
            if step % 100 == 0:
                print(f'{out.name}: step {step} of {experiment.steps}, '
                      + ', '.join(f'{key} {np.mean([each[key] for each in losses[-100:]]):.4f}'
                                  for key in parts), flush=True)
            last = step >= experiment.steps or time.monotonic() > deadline
            if step % experiment.evaluation_every == 0 or last:
                outcome = evaluate(_detector_of(average, experiment.evaluation_size), labelled)
                _log(out / LOG, step, losses, outcome)
                losses = []
                saved.set_weights(average.get_weights())
                saved.save(out / NETWORK)
            if step % 200 == 0 or last:
                torch.save({'network': network.state_dict(), 'average': average.state_dict(),
                            'step': step, **{name: optimizer.state_dict()
                                             for name, optimizer in optimizers.items()}},
                           out / f'{STATE}.new')
                os.replace(out / f'{STATE}.new', out / STATE)
            if last:
                break
    return step >= experiment.steps


def _detector_of(network: Any, size: int) -> Any:
    """Return a function from an image to the Detections of a network."""
    def detect(image: ImageArray) -> Detections:
        pixels, scale = fit_image(image, size)
        with torch.no_grad():
            outputs = network(torch.from_numpy(pixels)[None].float() * SCALE,
                              training=False)
        return decode([each[0].float().numpy() for each in outputs], scale,
                      min_score=LEAST_SCORE, nms_overlap=NMS_OVERLAP)
    return detect


class _ViewSet(torch.utils.data.Dataset[tuple[ImageArray, Faces]]):
    def __init__(self, views: Views, last: Views, last_from: int) -> None:
        self._views, self._last, self._last_from = views, last, last_from

    def __getitem__(self, number: int) -> tuple[ImageArray, Faces]:
        return (self._views if number < self._last_from else self._last)(number)


def _batches(experiment: DetectorExperiment, step: int, workers: int,
             pictures: Sequence[Picture], chips: Sequence[Picture]
             ) -> Iterator[tuple[torch.Tensor, Targets]]:
    """Yield the batches from a step to the end of its round or to the next mining."""
    views, last = (Views(pictures, chips, settings, experiment.seed)
                   for settings in (experiment.views, experiment.last_views))
    first, steps, _ = experiment.round_of(step)
    last_from = round((first + experiment.last_from * steps) * experiment.batch)
    mined_at = experiment.mined_at(step)
    end = min(first + steps, math.inf if mined_at is None else mined_at + experiment.mine_every)
    numbers = range(step * experiment.batch, int(end) * experiment.batch)
    yield from torch.utils.data.DataLoader(
        _ViewSet(views, last, last_from), batch_size=experiment.batch, sampler=numbers,
        num_workers=workers, collate_fn=_collated, prefetch_factor=8 if workers else None)


def _collated(rows: Sequence[tuple[ImageArray, Faces]]) -> tuple[torch.Tensor, Targets]:
    most = max(1, min(MOST_FACES, max(len(faces) for _, faces in rows)))
    boxes = np.zeros((len(rows), most, 4), np.float32)
    points = np.full((len(rows), most, 5, 2), np.nan, np.float32)
    certain, ignored = (np.zeros((len(rows), most), bool) for _ in range(2))
    for index, (_, faces) in enumerate(rows):
        order = np.argsort(~faces.certain, kind='stable')[:most]
        count = len(order)
        corners = faces.boxes[order]
        corners[:, 2:] += corners[:, :2]
        boxes[index, :count] = corners
        points[index, :count] = faces.landmarks[order]
        certain[index, :count] = faces.certain[order]
        ignored[index, :count] = ~faces.certain[order]
    images = np.stack([pixels for pixels, _ in rows])
    return torch.from_numpy(images), Targets(*map(torch.from_numpy,
                                                  (boxes, points, certain, ignored)))


def _parameters(network: Any) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """Return the kernels of all convolutions but the outputs, and all other parameters."""
    kernels: list[torch.Tensor] = []
    others: list[torch.Tensor] = []
    for variable in network.trainable_variables:
        hidden = variable.value.ndim == 4 and not variable.path.startswith(tuple(OUTPUTS))
        (kernels if hidden else others).append(variable.value)
    return kernels, others


def _share_of_rate(experiment: DetectorExperiment, step: int) -> float:
    first, steps, rate = experiment.round_of(step)
    warm = min(1.0, (step - first + 1) / max(1, experiment.warmup))
    return rate * warm * 0.5 * (1 + math.cos(math.pi * (step - first) / steps))


def _update(average: Any, network: Any, decay: float) -> None:
    with torch.no_grad():
        for kept, new in zip(average.state_dict().values(), network.state_dict().values()):
            if kept.dtype.is_floating_point:
                kept.lerp_(new, 1.0 - decay)
            else:
                kept.copy_(new)


def _log(path: Path, step: int, losses: Sequence[dict[str, float]], outcome: Outcome) -> None:
    score = outcome.score_for(outcome.pictures_without // 16)
    means = {f'{key}_loss': round(float(np.mean([each[key] for each in losses])), 5)
             for key in (losses[0] if losses else ())}
    row = {'step': step, **means, 'average_precision': round(outcome.average_precision(), 4),
           'min_score': round(score, 4), 'recall_16': round(outcome.recall(16, score), 4),
           'recall_32': round(outcome.recall(32, score), 4)}
    print(row, flush=True)
    new = not path.is_file()
    with path.open('a', newline='') as file:
        writer = csv.DictWriter(file, row)
        if new:
            writer.writeheader()
        writer.writerow(row)
