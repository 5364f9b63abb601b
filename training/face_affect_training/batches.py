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

"""The stream of training batches: shuffled, mixed, with soft targets, the same after a resume."""

from collections.abc import Iterator, Sequence

from face_affect_ros.affect.types import ImageArray
from face_affect_training.data.faces import Targets
from face_affect_training.distillation import Teachers
from face_affect_training.experiment import Training
from face_affect_training.views import Views
import numpy as np

Batch = tuple[ImageArray, Targets]
SHUFFLE, MIX = 0xA11, 0xB22


class Batches:
    """
    Batches of one task, (views uint8 (B, S, S, C), targets float32 (B, K)) by epoch.

    Batches that would not be full are left out; the faces in them change with every epoch.
    """

    def __init__(self, views: Views, targets: Targets, training: Training, *, seed: int,
                 batch: int, teachers: Teachers | None = None) -> None:
        """
        Take the faces.

        Args:
            views: of N faces.
            targets: (N, K) float32.
            training: mixing and number of epochs.
            seed: of order and mixing.
            batch: faces of each batch.
            teachers: whose soft targets are mixed in, None for none.
        """
        self._views, self._targets, self._training = views, targets, training
        self._seed, self._batch, self._teachers = seed, batch, teachers
        self._soft: dict[int, Targets] = {}

    @property
    def steps(self) -> int:
        """Return the number of batches of an epoch."""
        return max(1, len(self._targets) // self._batch)

    def close(self) -> None:
        """Stop the workers."""
        self._views.close()

    def epoch(self, epoch: int) -> Iterator[Batch]:
        """Yield the batches of one epoch."""
        views = self._views.epoch(epoch)
        targets = self._targets
        if self._teachers is not None:   # those of views that come again are kept
            first = self._views.first_shown(epoch)
            soft = self._soft.get(first)
            if soft is None:
                soft = self._teachers.soft_targets(views)
            if self._views.rounds:
                self._soft[first] = soft
            targets = self._teachers.mixed(targets, soft)
        order = _generator(self._seed ^ SHUFFLE, epoch).permutation(len(targets))
        random = _generator(self._seed ^ MIX, epoch)
        gentle = epoch >= self._training.epochs - self._training.plain_epochs
        size = min(self._batch, len(targets))
        for start in range(0, self.steps * size, size):
            rows = order[start:start + size]
            batch = views[rows], targets[rows]
            yield batch if gentle else self._blended(*batch, random)

    def _blended(self, views: ImageArray, targets: Targets, random: np.random.Generator) -> Batch:
        """Return the batch mixed with itself in reverse, or as it is."""
        alphas = {kind: getattr(self._training, kind) for kind in ('mixup', 'cutmix')}
        kinds = [kind for kind, alpha in alphas.items() if alpha > 0.0]
        if not kinds or random.uniform() >= self._training.blend_share:
            return views, targets
        kind = kinds[int(random.integers(len(kinds)))]
        share = float(random.beta(alphas[kind], alphas[kind]))
        if kind == 'mixup':
            mixed = np.rint(views * np.float32(share) + views[::-1] * np.float32(1.0 - share))
            views = mixed.astype(np.uint8)
        else:
            size = views.shape[1]
            side = int(round(size * np.sqrt(1.0 - share)))
            y, x = random.integers(0, size + 1 - side, 2)
            mixed = views.copy()
            mixed[:, y:y + side, x:x + side] = views[::-1, y:y + side, x:x + side]
            views, share = mixed, 1.0 - (side / size) ** 2
        return views, (targets * share + targets[::-1] * (1.0 - share)).astype(np.float32)


def steps_of(parts: Sequence[Batches]) -> int:
    """Return the number of batches of an epoch of several tasks."""
    return min(part.steps for part in parts)


def stream(parts: Sequence[Batches], widths: Sequence[int],
           epochs: range) -> Iterator[Batch]:
    """
    Yield the batches of one or several tasks, epoch after epoch.

    Each batch holds faces of all tasks, in proportion to their numbers. The targets (B, K) are
    zero in the columns of the tasks that a face has no label of.

    Args:
        parts: of each task.
        widths: number of classes of each task.
        epochs: to train.
    """
    ends = np.cumsum(widths)
    for epoch in epochs:
        streams = zip(*(part.epoch(epoch) for part in parts))
        for _, batches in zip(range(steps_of(parts)), streams):
            views, targets = zip(*batches)
            yield np.concatenate(views), np.concatenate([
                np.pad(own, ((0, 0), (end - width, ends[-1] - end)))
                for own, end, width in zip(targets, ends, widths)])


def _generator(seed: int, epoch: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=[seed, epoch]))
