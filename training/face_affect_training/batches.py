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

"""Training batches: shuffled, mixed, with soft targets, and reproducible after resuming."""

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
    Batches of one task: images (B, S, S, C) uint8 and targets (B, K) float32.

    An incomplete last batch is omitted.

    Args:
        views: augmented samples of N faces.
        targets: (N, K) float32.
        seed: of the order and of the mixing.
        batch: batch size.
        teachers: their soft targets are mixed into the targets.
    """

    def __init__(self, views: Views, targets: Targets, training: Training, *, seed: int,
                 batch: int, teachers: Teachers | None = None) -> None:
        self.views, self._targets, self._training = views, targets, training
        self._seed, self._batch, self._teachers = seed, min(batch, len(targets)), teachers
        self._soft: dict[int, Targets] = {}
        self.steps = len(targets) // self._batch   # batches in an epoch

    def epoch(self, epoch: int) -> Iterator[Batch]:
        """Yield the batches of one epoch."""
        views, targets = self.views.epoch(epoch), self._targets
        if self._teachers is not None:
            first = self.views.first_epoch(epoch)
            soft = self._soft.get(first)
            if soft is None:
                soft = self._teachers.soft_targets(views)
            if self.views.rounds:   # the samples are used again
                self._soft[first] = soft
            targets = self._teachers.mixed(targets, soft)
        order = _generator(self._seed ^ SHUFFLE, epoch).permutation(len(targets))
        random = _generator(self._seed ^ MIX, epoch)
        plain = epoch >= self._training.epochs - self._training.plain_epochs
        for rows in order[:self.steps * self._batch].reshape(self.steps, self._batch):
            batch = views[rows], targets[rows]
            yield batch if plain else self._blended(*batch, random)

    def _blended(self, views: ImageArray, targets: Targets, random: np.random.Generator) -> Batch:
        """Return the batch, possibly mixed with itself in reverse order by mixup or cutmix."""
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


def stream(parts: Sequence[Batches], widths: Sequence[int],
           epochs: range) -> Iterator[Batch]:
    """
    Yield batches with faces of all tasks.

    The targets (B, K) of a face are zero in the columns of the tasks that it has no label for.

    Args:
        parts: batches of each task.
        widths: number of classes of each task.
        epochs: indices of the epochs.
    """
    ends = np.cumsum(widths)
    for epoch in epochs:
        for batches in zip(*(part.epoch(epoch) for part in parts)):
            views, targets = zip(*batches)
            yield np.concatenate(views), np.concatenate([
                np.pad(own, ((0, 0), (end - width, ends[-1] - end)))
                for own, end, width in zip(targets, ends, widths)])


def _generator(seed: int, epoch: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=[seed, epoch]))
